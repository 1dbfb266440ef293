"""Merges, rebases and cherry-picks, and checkouts with other line ends: one compile makes the
output right, whatever Git has left in it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import SAMPLE
from gitopsc.cli import main

WHO = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")


def git(root: Path, *command: str, fails: bool = False) -> str:
    done = subprocess.run(
        ["git", *WHO, *command], cwd=root, capture_output=True, text=True, check=False
    )
    assert bool(done.returncode) == fails, done.stderr
    return done.stdout


def commit(root: Path, message: str) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)


def output(root: Path) -> Mapping[str, bytes]:
    """By path, with the line ends of what is stored."""
    folder = root / "deploy"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().replace(b"\r\n", b"\n")
        for path in folder.rglob("*")
        if path.is_file()
    }


def compiled_elsewhere(root: Path, tmp_path: Path) -> Mapping[str, bytes]:
    """The output that a fresh copy without any gets."""
    copy = tmp_path / "copy" / "repository"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".git", "deploy"))
    for path in (each for each in copy.rglob("*") if each.is_file()):
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
    git(copy, "init", "--quiet")
    assert main(["compile", str(copy), "--no-cache"]) == 0
    return output(copy)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two branches: `change` has a run more, `main` one less."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    root = tmp_path / "repository"
    shutil.copytree(SAMPLE, root)
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root, "sample")
    git(root, "checkout", "--quiet", "-b", "change")
    (root / "runs" / "more.yaml").write_text(
        "kind: python+job:run\nname: aaa-more\n"
        "spec: {function: download-cities, parameters: {min_population: 1}}\n"
    )
    assert main(["compile", str(root)]) == 0
    commit(root, "one more")
    git(root, "checkout", "--quiet", "main")
    (root / "runs" / "other.yaml").write_text(
        "kind: python+job:run\nname: aaa-other\n"
        "spec: {function: download-cities, parameters: {min_population: 2}}\n"
    )
    assert main(["compile", str(root)]) == 0
    commit(root, "another one")
    return root


MERGES: Mapping[str, tuple[str, ...]] = {
    "merge": ("merge", "change"),
    "rebase": ("rebase", "change"),
    "cherry-pick": ("cherry-pick", "change"),
}


@pytest.mark.parametrize("side", ["--ours", "--theirs", ""])
@pytest.mark.parametrize("how", MERGES)
def test_one_compile_resolves_a_conflict(
    how: str, side: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the other side's run is deleted on the way: its files were owned by that side."""
    git(root, *MERGES[how], fails=True)
    conflicts = git(root, "diff", "--name-only", "--diff-filter=U").split()
    assert "deploy/.gitopsc-files" in conflicts
    assert all(path.startswith("deploy/") for path in conflicts)
    if side:
        git(root, "checkout", side, "--", *conflicts)
    (root / "runs" / "more.yaml").unlink()
    capsys.readouterr()
    assert main(["compile", str(root)]) == 0, capsys.readouterr().err
    assert main(["compile", str(root), "--check"]) == 0
    assert output(root) == compiled_elsewhere(root, tmp_path)


@pytest.mark.parametrize("how", ["autocrlf", "attribute"])
def test_line_ends_never_matter(how: str, root: Path, tmp_path: Path) -> None:
    if how == "attribute":
        (root / ".gitattributes").write_text("* text=auto eol=crlf\n")
        commit(root, "line ends")
    clone = tmp_path / "clone" / "repository"
    options = ("-c", "core.autocrlf=true") if how == "autocrlf" else ()
    git(tmp_path, *options, "clone", "--quiet", str(root), str(clone))
    git(clone, "config", "core.autocrlf", "true" if how == "autocrlf" else "false")
    assert b"\r\n" in next((clone / "runs").glob("*.yaml")).read_bytes()
    assert main(["compile", str(clone), "--check"]) == 0
    assert main(["compile", str(clone), "--check", "--no-cache"]) == 0
    sources = [each for each in clone.rglob("*.py") if "deploy" not in each.parts]
    source = min(sources)
    source.write_bytes(source.read_bytes() + b"\r\n\r\nMORE = 1\r\n")
    (clone / "runs" / "other.yaml").unlink()
    assert main(["compile", str(clone)]) == 0
    assert output(clone) == compiled_elsewhere(clone, tmp_path)
    changed = git(clone, "status", "--porcelain").splitlines()
    assert all("runner" not in line for line in changed)
