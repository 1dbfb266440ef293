"""`init --git`: merges in a clone compile the output again, and nothing that others made is
rewritten."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest
from conftest import SAMPLE
from gitopsc.cli import main
from test_merges import EDITS, PAIRS, compiled_elsewhere, output, root

pytestmark = pytest.mark.slow

__all__ = ("root",)


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody with a name, for Git's hooks run Git by themselves."""
    configuration = tmp_path / "gitconfig"
    configuration.write_text(
        "[user]\nname = Ada\nemail = ada@example.com\n[init]\ndefaultBranch = main\n"
    )
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER")):
            monkeypatch.delenv(name)
    return configuration


@pytest.fixture
def clone(root: Path, user: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With both branches of `root`, and set up."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user))
    assert main(["init", "--git", str(root)]) == 0
    return root


def git(folder: Path, *command: str, status: int | None = 0) -> str:
    done = subprocess.run(
        ["git", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert status is None or done.returncode == status, said
    return said


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD").strip()


def is_right(folder: Path, tmp_path: Path) -> bool:
    is_clean = git(folder, "status", "--porcelain").strip() == ""
    return is_clean and output(folder) == compiled_elsewhere(folder, tmp_path)


def attributes(folder: Path) -> None:
    """As they are once somebody has committed them: they have to be there on both sides."""
    for branch in ("change", "main"):
        git(folder, "checkout", "--quiet", branch)
        main(["init", "--git", str(folder)])
        git(folder, "add", ".gitattributes")
        git(folder, "commit", "--quiet", "--no-verify", "--message", "attributes")


def test_a_merge_has_the_output_of_both_sides(clone: Path, tmp_path: Path) -> None:
    attributes(clone)
    date = "2020-02-02T02:02:02 +0200"
    said = subprocess.run(
        ["git", "merge", "change", "--message", "Mérge it\n\nbecause", "--quiet"],
        cwd=clone,
        env={**os.environ, "GIT_AUTHOR_NAME": "Zoë", "GIT_AUTHOR_DATE": date},
        capture_output=True,
        check=True,
    ).stderr.decode()
    assert "the merge's commit has the output of both sides now" in said
    assert is_right(clone, tmp_path)
    shown = git(clone, "show", "--no-patch", "--format=%an|%aI|%B|%P")
    parents = f"{git(clone, 'rev-parse', 'HEAD^1').strip()} {git(clone, 'rev-parse', 'change')}"
    assert shown.split("|")[:2] == ["Zoë", "2020-02-02T02:02:02+02:00"]
    assert shown.split("|")[2].strip() == "Mérge it\n\nbecause"
    assert shown.split("|")[3].strip() == parents.strip()
    assert not (clone / ".git" / "MERGE_HEAD").exists()
    assert git(clone, "fsck", "--strict").count("error") == 0


def test_setting_up_twice_does_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (clone / ".git" / "config").read_text(), (clone / ".gitattributes").read_text()
    capsys.readouterr()
    assert main(["init", "--git", str(clone)]) == 0
    assert capsys.readouterr().err.startswith("gitopsc: set up already")
    assert before == (
        (clone / ".git" / "config").read_text(),
        (clone / ".gitattributes").read_text(),
    )


def test_a_merge_with_conflicts_of_people(clone: Path, tmp_path: Path) -> None:
    """Who has resolved them commits, and the commit has the output of what was resolved."""
    attributes(clone)
    for branch, memory in (("change", "2Gi"), ("main", "3Gi")):
        git(clone, "checkout", "--quiet", branch)
        file = clone / "runs" / "jobs.yaml"
        file.write_text(file.read_text().replace("mem: 1Gi", f"mem: {memory}"))
        assert main(["compile", str(clone)]) == 0
        git(clone, "commit", "--quiet", "--all", "--message", memory)
    git(clone, "merge", "change", status=1)
    conflicts = git(clone, "diff", "--name-only", "--diff-filter=U").split()
    assert conflicts == ["runs/jobs.yaml"]
    text = git(clone, "show", "main:runs/jobs.yaml")
    (clone / "runs" / "jobs.yaml").write_text(text.replace("mem: 3Gi", "mem: 4Gi"))
    refused = git(clone, "commit", "--message", "merged", status=None)
    assert "runs/jobs.yaml" in refused
    git(clone, "add", "runs/jobs.yaml")
    git(clone, "commit", "--message", "merged")
    assert is_right(clone, tmp_path)
    assert len(git(clone, "rev-list", "--parents", "--max-count=1", "HEAD").split()) == 3


def test_an_error_stops_the_commit_of_a_merge(clone: Path) -> None:
    attributes(clone)
    for branch, function in (("change", "one"), ("main", "two")):
        git(clone, "checkout", "--quiet", branch)
        (clone / "notes.txt").write_text(branch)
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "--message", function)
    git(clone, "merge", "change", status=1)
    file = clone / "runs" / "more.yaml"
    file.write_text(file.read_text().replace("download-cities", "nothing"))
    git(clone, "add", "--all")
    assert "error[C401]" in git(clone, "commit", "--message", "merged", status=1)


@pytest.mark.parametrize("option", ["--squash", "--no-commit"])
def test_a_merge_that_waits_for_its_commit(clone: Path, option: str, tmp_path: Path) -> None:
    attributes(clone)
    before = head(clone)
    said = git(clone, "merge", "change", option)
    assert head(clone) == before
    assert ("its commit will have the output" in said) == (option == "--squash")
    git(clone, "commit", "--message", "later")
    assert is_right(clone, tmp_path)


@pytest.mark.parametrize("how", ["rebase", "cherry-pick"])
def test_what_no_hook_follows_conflicts_as_ever(clone: Path, how: str, tmp_path: Path) -> None:
    attributes(clone)
    git(clone, how, "change~1" if how == "cherry-pick" else "change", status=1)
    assert git(clone, "diff", "--name-only", "--diff-filter=U").split()
    assert main(["compile", str(clone)]) == 0
    git(clone, "add", "--all")
    git(clone, "-c", "core.editor=true", how, "--continue")
    assert is_right(clone, tmp_path)


def test_a_merge_of_a_server_is_not_rewritten(clone: Path, tmp_path: Path) -> None:
    """Pulled by a branch, and by a URL, of which no branch here tells."""
    attributes(clone)
    server = tmp_path / "server"
    git(tmp_path, "clone", "--quiet", str(clone), str(server))
    git(server, "merge", "origin/change", "--strategy-option=ours", "--message", "by the server")
    merged = head(server)
    assert main(["compile", str(server), "--check"]) == 1
    for number, source in enumerate((("origin", "main"), (str(server), "main"))):
        other = tmp_path / f"other-{number}"
        git(tmp_path, "clone", "--quiet", str(clone), str(other))
        git(other, "remote", "set-url", "origin", str(server))
        assert main(["init", "--git", str(other)]) == 0
        said = git(other, "pull", "--ff-only", *source)
        assert head(other) == merged
        assert "run `gitopsc compile`, and commit what it writes" in said
        assert git(other, "status", "--porcelain") == ""


def test_a_pull_with_a_rebase(clone: Path, tmp_path: Path) -> None:
    """What others have made stays as it is; the own commit is upon it, and right."""
    attributes(clone)
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(clone), str(other))
    assert main(["init", "--git", str(other)]) == 0
    (other / "notes.txt").write_text("mine")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "--message", "notes")
    git(clone, "merge", "--quiet", "change", "--message", "theirs")
    theirs = head(clone)
    git(other, "pull", "--quiet", "--rebase")
    assert git(other, "rev-parse", "HEAD^1").strip() == theirs
    assert is_right(other, tmp_path)


def test_what_is_not_committed_stays_out(clone: Path, tmp_path: Path) -> None:
    attributes(clone)
    run = clone / "runs" / "mine.yaml"
    run.write_text("kind: python+job:run\nname: mine\nspec: {function: download-cities}\n")
    said = git(clone, "merge", "change", "--message", "x")
    assert "`runs/mine.yaml` is not committed, so the merge stays as it is" in said
    assert "mine" not in git(clone, "show", "--stat", "--format=", "--first-parent")
    assert git(clone, "status", "--porcelain").split() == ["??", "runs/mine.yaml"]


def test_a_signature_stays(clone: Path, user: Path, tmp_path: Path) -> None:
    attributes(clone)
    key = tmp_path / "key"
    keygen = shutil.which("ssh-keygen")
    if keygen is None:
        pytest.skip("there is no ssh-keygen")
    made = [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
    signers = tmp_path / "signers"
    signers.write_text(f"ada@example.com {key.with_suffix('.pub').read_text()}")
    with user.open("a") as file:
        file.write(
            f'[gpg]\nformat = ssh\n[gpg "ssh"]\nallowedSignersFile = {signers}\n'
            f"[user]\nsigningKey = {key}\n[commit]\ngpgSign = true\n"
        )
    git(clone, "merge", "--quiet", "change", "--message", "signed")
    assert "the output of both sides" in git(clone, "reflog", "show", "--max-count=1")
    git(clone, "verify-commit", "HEAD")
    assert is_right(clone, tmp_path)
    assert git(clone, "show", "--no-patch", "--format=%B").strip() == "signed"


@pytest.mark.parametrize("name", ["post-merge", "pre-commit"])
def test_a_hook_of_somebody_else_stays(
    root: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And there is no driver without its hooks: it would leave the output stale."""
    hook = root / ".git" / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    capsys.readouterr()
    assert main(["init", "--git", str(root)]) == 1
    said = capsys.readouterr().err
    assert "is another tool's hook: add the line `gitopsc finish-merge" in said
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"
    assert "merge.gitopsc.driver" not in git(root, "config", "--list", "--local")
    hook.write_text("#!/bin/sh\ngitopsc finish-merge --before-commit\n")
    assert main(["init", "--git", str(root)]) == 0


def test_hooks_that_lie_elsewhere(root: Path, tmp_path: Path) -> None:
    git(root, "config", "core.hooksPath", "my hooks")
    assert main(["init", "--git", str(root)]) == 0
    assert {each.name for each in (root / "my hooks").iterdir()} == {"post-merge", "pre-commit"}
    assert not (root / ".git" / "hooks" / "post-merge").exists()
    text = (root / "my hooks" / "post-merge").read_text()
    assert str(Path.home()) not in text
    assert str(tmp_path) not in text


def test_hooks_of_the_framework_count(root: Path) -> None:
    script = "#!/usr/bin/env bash\nARGS=(hook-impl --hook-type={})\nexec pre-commit\n"
    for name in ("post-merge", "pre-commit"):
        hook = root / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(script.format(name))
    before = (root / ".git" / "config").read_text(), git(root, "status", "--short")
    assert main(["init", "--git", str(root)]) == 1
    assert ((root / ".git" / "config").read_text(), git(root, "status", "--short")) == before
    ids = ("gitopsc-finish-merge", "gitopsc-compile")
    (root / ".pre-commit-config.yaml").write_text("".join(f"- id: {each}\n" for each in ids))
    assert main(["init", "--git", str(root)]) == 0


def test_where_there_is_no_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--git", str(tmp_path)]) == 1
    assert "run `git init` first" in capsys.readouterr().err
    assert not (tmp_path / "gitopsc.yaml").exists()


def test_a_new_project_with_all_of_it(
    tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user))
    git(tmp_path, "init", "--quiet", "mine")
    assert main(["init", "--git", str(tmp_path / "mine")]) == 0
    assert main(["compile", str(tmp_path / "mine")]) == 0
    assert (tmp_path / "mine" / ".git" / "hooks" / "post-merge").exists()


def test_projects_in_folders(tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has attributes of its own, and what is written there stays."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user))
    git(tmp_path, "init", "--quiet")
    for name in ("one", "two"):
        shutil.copytree(SAMPLE, tmp_path / name)
        settings = tmp_path / name / "gitopsc.yaml"
        settings.write_text(settings.read_text().replace("world-cities", name) + "output: out\n")
    (tmp_path / "two" / ".gitattributes").write_text("*.md text")
    assert main(["init", "--git", str(tmp_path)]) == 0
    assert not (tmp_path / "gitopsc.yaml").exists()
    for name in ("one", "two"):
        paths = (f"{name}/out/x", f"{name}/a.md")
        shown = git(tmp_path, "check-attr", "merge", "text", "--", *paths)
        assert f"{name}/out/x: merge: gitopsc\n{name}/out/x: text: unset" in shown
        assert (f"{name}/a.md: text: set" in shown) == (name == "two")


@pytest.mark.parametrize("pair", range(PAIRS))
def test_random_branches_merge_by_themselves(
    pair: int,
    tmp_path: Path,
    user: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What people wrote merges, or they resolve it; the rest is right without a hand."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user))
    random = Random(f"driver {pair}")
    root = tmp_path / "repository"
    shutil.copytree(SAMPLE, root)
    git(root, "init", "--quiet")
    assert main(["init", "--git", str(root)]) == 0
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--no-verify", "--message", "sample")
    for branch in ("one", "other"):
        git(root, "checkout", "--quiet", "-b", branch, "main")
        for edit in random.sample(EDITS, random.randint(1, 3)):
            edit(root)
        assert main(["compile", str(root)]) == 0, capsys.readouterr().err
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--allow-empty", "--message", branch)
    git(root, "merge", "--quiet", "one", "--message", "merged", status=None)
    conflicts = git(root, "diff", "--name-only", "--diff-filter=U").split()
    if any(not path.startswith("deploy/") for path in conflicts):
        return
    if conflicts:  # deleted on one side and changed on the other, of which no driver is asked
        assert main(["compile", str(root)]) == 0
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", "merged")
    assert is_right(root, tmp_path)
