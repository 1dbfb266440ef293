"""A repository that somebody else wrote runs no program, whatever command is started on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE

pytestmark = pytest.mark.slow

COMMANDS = (
    ("compile",),
    ("compile", "--fail-on-change"),
    ("compile", "--check"),
    ("compile", "--no-cache"),
    ("validate",),
    ("lock", "--check"),
    ("lock",),
    ("graph",),
    ("import",),
    ("init",),
    ("run", "announce"),
)


def git(folder: Path, *command: str) -> None:
    subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


def program(folder: Path, name: str) -> tuple[Path, Path]:
    """A program that leaves a trace, and the trace."""
    trace = folder / "traces" / name
    place = folder / name
    place.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{trace}'\n")
    place.chmod(0o755)
    trace.parent.mkdir(exist_ok=True)
    return place, trace


@pytest.fixture
def attacked(tmp_path: Path) -> Path:
    """A clone of a project with every trap that a commit, or a whole archive of one, can hold.

    `outside` has the programs; a file there is a program that ran.
    """
    outside = tmp_path / "outside"
    outside.mkdir()
    monitor, _ = program(outside, "monitor")
    hook, _ = program(outside, "hook")
    clean, _ = program(outside, "clean")
    config = (
        "[core]\n\trepositoryformatversion = 0\n\tbare = {bare}\n"
        f"\tfsmonitor = {monitor}\n\thooksPath = {outside / 'hooks'}\n\tpager = {monitor}\n"
        f'[filter "a=b.c"]\n\tclean = {clean}\n\tsmudge = {clean}\n\trequired = true\n'
        f'[filter "long"]\n\tprocess = {clean}\n'
        f"[diff]\n\texternal = {monitor}\n"
    )
    (outside / "hooks").mkdir()
    for name in ("post-index-change", "pre-commit", "reference-transaction", "post-checkout"):
        shutil.copy(hook, outside / "hooks" / name)
    project = tmp_path / "clone" / "project"
    shutil.copytree(SAMPLE, project)
    clone = project.parent
    git(clone, "init", "-q")
    for bare in (clone, project, project / "deploy", project / "runs"):
        (bare / "objects").mkdir()
        (bare / "objects" / ".gitkeep").write_text("")
        (bare / "refs").mkdir()
        (bare / "refs" / ".gitkeep").write_text("")
        (bare / "HEAD").write_text("ref: refs/heads/main\n")
        (bare / "config").write_text(config.format(bare="true"))
    git(clone, "add", "-A")
    git(clone, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "all")
    with (clone / ".git" / "config").open("a") as file:
        file.write(config.format(bare="false"))
    (clone / ".gitattributes").write_text("*.yaml filter=a=b.c\n*.json filter=long\n")
    for path in (project / "deploy").rglob("*"):
        if path.is_file():
            os.utime(path, (1_000_000_000, 1_000_000_000))  # Git has to look at the content
    return project


@pytest.mark.parametrize("place", ["project", "clone", "inside", "output"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_program_of_the_repository_runs(
    command: tuple[str, ...], place: str, attacked: Path, tmp_path: Path
) -> None:
    path = {
        "project": attacked,
        "clone": attacked.parent,
        "inside": attacked / "runs",
        "output": attacked / "deploy",
    }[place]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "UV_OFFLINE": "1"}
    for arguments, folder in (([*command, "."], path), ([*command, str(path)], tmp_path)):
        if command[0] == "import":
            arguments.append(str(tmp_path / f"tidy-{len(arguments[-1])}"))
        done = subprocess.run(
            [sys.executable, "-m", "gitopsc", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 1, 2)
    assert os.listdir(tmp_path / "outside" / "traces") == []


def test_the_traps_are_real(attacked: Path, tmp_path: Path) -> None:
    """Git itself, asked in these folders, runs what is planted there."""
    subprocess.run(["git", "status"], cwd=attacked / "runs", capture_output=True, check=False)
    subprocess.run(["git", "add", "-A"], cwd=attacked.parent, capture_output=True, check=False)
    traces = set(os.listdir(tmp_path / "outside" / "traces"))
    assert {"monitor", "clean"} <= traces


def test_what_git_does_not_answer_stops_a_commit(attacked: Path) -> None:
    from gitopsc.adapters.git import has_unstaged

    clone = attacked.parent
    assert not has_unstaged(str(clone.parent), {"x"})
    (clone / ".git" / "index").write_text("damaged")
    assert has_unstaged(str(attacked / "deploy"), set())


def test_a_git_without_protection_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 2.31, an option that this needs is unknown."""
    from gitopsc.adapters.git import GitRefused, start_listing

    (tmp_path / ".git").mkdir()
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text(
        '#!/bin/sh\ncase "$*" in *--config-env*)\n'
        "  echo 'unknown option: --config-env=gitopsc.empty=GITOPSC_EMPTY' >&2; exit 129;;\nesac\n"
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)
    with pytest.raises(GitRefused, match=r"older than 2\.31"):
        start_listing(str(tmp_path))()


def test_a_repository_of_another_user_is_as_git_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    from gitopsc.adapters.git import GitRefused, start_listing

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    git(theirs, "init", "-q")
    (theirs / "a.yaml").write_text("x: 1\n")
    for path in (theirs, *theirs.rglob("*")):
        os.chown(path, 4711, 4711)
    with pytest.raises(GitRefused, match="dubious ownership"):
        start_listing(str(theirs))()
    (tmp_path / "home" / ".gitconfig").write_text(f"[safe]\n\tdirectory = {theirs}\n")
    assert start_listing(str(theirs))() == {"a.yaml": None}
