"""Merges, rebases and cherry-picks, and checkouts with other line ends: one compile makes the
output right, whatever Git has left in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

import pytest
from conftest import SAMPLE
from gitopsc.cli import main

pytestmark = pytest.mark.slow

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


def test_a_squash(root: Path, tmp_path: Path) -> None:
    """Git does not say that it is under way; the index has both lists."""
    git(root, "merge", "--squash", "change", fails=True)
    conflicts = git(root, "diff", "--name-only", "--diff-filter=U").split()
    ours = git(root, "show", "HEAD:deploy/.gitopsc-files")
    assert "deploy/.gitopsc-files" in conflicts
    (root / "deploy" / ".gitopsc-files").write_text(ours)
    (root / "runs" / "more.yaml").unlink()
    assert main(["compile", str(root)]) == 0
    assert output(root) == compiled_elsewhere(root, tmp_path)


def test_three_branches(root: Path, tmp_path: Path) -> None:
    git(root, "checkout", "--quiet", "-b", "third", "main~1")
    (root / "runs" / "third.yaml").write_text(
        "kind: python+job:run\nname: zzz-third\nspec: {function: download-cities}\n"
    )
    assert main(["compile", str(root)]) == 0
    commit(root, "third")
    git(root, "checkout", "--quiet", "main")
    heads = [git(root, "rev-parse", each) for each in ("change", "third")]
    (root / ".git" / "MERGE_HEAD").write_text("".join(heads))  # as `git merge change third` has it
    for branch in ("change", "third"):
        for path in git(root, "ls-tree", "-r", "--name-only", branch, "deploy").split():
            if not (root / path).exists():
                git(root, "checkout", "--quiet", branch, "--", path)
    assert main(["compile", str(root)]) == 0
    assert output(root) == compiled_elsewhere(root, tmp_path)


def test_line_ends_that_are_committed_are_stale(root: Path) -> None:
    place = root / "deploy" / "images" / "announce" / "Dockerfile"
    place.write_bytes(place.read_bytes().replace(b"\n", b"\r\n"))
    commit(root, "by hand")
    assert main(["compile", str(root), "--check"]) == 1


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


# Random branches


def _replaced(path: str, old: str, new: str) -> Edit:
    def edit(root: Path) -> None:
        file = root / path
        if file.exists():
            file.write_text(file.read_text().replace(old, new, 1))

    return edit


def _added(name: str) -> Edit:
    def edit(root: Path) -> None:
        (root / "runs" / f"{name}.yaml").write_text(
            f"kind: python+job:run\nname: {name}\n"
            f"spec: {{function: download-cities, parameters: {{min_population: {len(name)}}}}}\n"
        )

    return edit


def _deleted(path: str) -> Edit:
    return lambda root: (root / path).unlink(missing_ok=True)


def _moved(path: str, target: str) -> Edit:
    return lambda root: (root / path).rename(root / target) if (root / path).exists() else None


Edit = Callable[[Path], object]
EDITS: Sequence[Edit] = (
    _replaced("functions/cities.yaml", "pandas==2.2.3]", "pandas==2.3.1]"),
    _replaced("functions/cities-api.yaml", "pandas==2.2.3", "pandas==2.3.1"),
    _replaced("functions/announce.yaml", "Ciao", "Hello"),
    _replaced("functions/announce.yaml", "PYTHON3_11", "PYTHON3_12"),
    _replaced("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi"),
    _replaced("runs/jobs.yaml", "min_population: 100000", "min_population: 50000"),
    _replaced("runs/jobs.yaml", "channel: geo", "channel: maps"),
    _replaced("runs/cities-api.json", '"replicas": 2', '"replicas": 3'),
    _replaced("src/etl.py", "min_population=15000", "min_population=20000"),
    _replaced("gitopsc.yaml", "namespace: cities-staging", "namespace: cities-test"),
    _replaced("gitopsc.yaml", "mem: 512Mi", "mem: 640Mi"),
    _replaced("gitopsc.yaml", "world-cities-data", "world-cities-store"),
    _replaced("gitopsc.yaml", "environments:", "environments:\n  test: {namespace: a-test}"),
    _added("aaa"),
    _added("zzzzz"),
    _added("download-cities-again"),
    _deleted("runs/cities-api.json"),
    _moved("runs/cities-api.json", "runs/an-api.json"),
)
PAIRS = int(os.environ.get("GITOPSC_PAIRS", "12"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("merges") / "repository"
    shutil.copytree(SAMPLE, root)
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root, "sample")
    return root


@pytest.mark.parametrize("pair", range(PAIRS))
def test_random_branches_are_never_silently_stale(
    pair: int, sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What merges clean is right, or `--check` says that it is not; one compile makes it right,
    however its conflicts were resolved before. `make merges` takes 200 pairs."""
    random = Random(pair)
    root = tmp_path / "repository"
    git(tmp_path, "clone", "--quiet", str(sample), str(root))
    for branch in ("one", "other"):
        git(root, "checkout", "--quiet", "-b", branch, "main")
        for edit in random.sample(EDITS, random.randint(1, 3)):
            edit(root)
        assert main(["compile", str(root)]) == 0, capsys.readouterr().err
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--allow-empty", "--message", branch)
    how = random.choice(["merge", "rebase", "cherry-pick"])
    merging = subprocess.run(
        ["git", *WHO, how, "one"], cwd=root, capture_output=True, text=True, check=False
    )
    conflicts = git(root, "diff", "--name-only", "--diff-filter=U").split()
    if any(not path.startswith("deploy/") for path in conflicts):
        return  # people resolve what people wrote
    assert merging.returncode == 0 or conflicts or how == "cherry-pick", merging.stderr
    right = compiled_elsewhere(root, tmp_path)
    if not conflicts:
        assert main(["compile", str(root), "--check"]) == int(output(root) != right)
    side = random.choice(["--ours", "--theirs", ""])
    for path in conflicts if side else ():  # of a side that has deleted it there is none
        subprocess.run(["git", "checkout", side, "--", path], cwd=root, check=False)
    assert main(["compile", str(root)]) == 0, capsys.readouterr().err
    assert main(["compile", str(root), "--check"]) == 0
    assert output(root) == right


def test_what_init_writes_for_git(root: Path, tmp_path: Path) -> None:
    """The list never conflicts, and generated files have one line end everywhere."""
    assert main(["init", str(tmp_path / "new")]) == 0
    attributes = (tmp_path / "new" / ".gitattributes").read_text()
    git(root, "checkout", "--quiet", "change")
    for branch in ("change", "main"):
        git(root, "checkout", "--quiet", branch)
        (root / ".gitattributes").write_text(attributes)
        commit(root, "attributes")
    git(root, "merge", "change", fails=True)
    conflicts = git(root, "diff", "--name-only", "--diff-filter=U").split()
    assert conflicts
    assert "deploy/.gitopsc-files" not in conflicts
    assert main(["compile", str(root)]) == 0
    assert output(root) == compiled_elsewhere(root, tmp_path)
    commit(root, "merged")
    clone = tmp_path / "clone"
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "--quiet", str(root), str(clone))
    for path in output(clone):
        assert b"\r" not in (clone / "deploy" / path).read_bytes()
    shown = git(
        clone, "check-attr", "linguist-generated", *(f"deploy/{each}" for each in output(clone))
    )
    unset = {line.split(": ")[0] for line in shown.splitlines() if line.endswith("unspecified")}
    assert "deploy/manifests/staging/announce.yaml" in unset
    assert not any("/runner/" in path or "/reports/" in path for path in unset)
