"""A commit compiles as the working tree that it was made of."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import CASES, SAMPLE
from gitopsc.adapters.git import GitRefused
from gitopsc.cli import main
from gitopsc.pipeline import compile_tree
from gitopsc.scan import scan, scan_revision

NAMES = sorted(path.name for path in CASES.iterdir())


def git(root: Path, *arguments: str) -> None:
    author = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *author, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path


def commit(root: Path) -> None:
    git(root, "add", "-A", "--force")
    git(root, "commit", "-qm", "all")


@pytest.mark.parametrize("name", NAMES)
def test_a_commit_gives_what_its_working_tree_gives(name: str, repository: Path) -> None:
    folder = repository / "some" / name
    shutil.copytree(CASES / name / "repo", folder, symlinks=True)
    commit(repository)
    from_disk = compile_tree(scan(str(folder))[0])
    shutil.rmtree(folder)
    folder.mkdir()
    with scan_revision(str(folder), "HEAD") as (tree, _):
        from_commit = compile_tree(tree)
    assert from_commit.outputs == from_disk.outputs
    assert from_commit.diagnostics == from_disk.diagnostics


def test_the_committed_output_is_there(repository: Path) -> None:
    shutil.copytree(SAMPLE, repository / "sample")
    commit(repository)
    assert main(["compile", str(repository / "sample"), "--check"]) == 0
    shutil.rmtree(repository / "sample" / "deploy")
    with scan_revision(str(repository), "HEAD") as (tree, written):
        ((project, files),) = compile_tree(tree).outputs
        assert written == {f"{project.prefix}deploy": {file.path: file.content for file in files}}


def test_links_and_what_is_not_there(repository: Path) -> None:
    sample = repository / "sample"
    shutil.copytree(SAMPLE, sample)
    for name, target in (("a", "../etl.py"), ("b", "nothing"), ("c", "/etc/passwd")):
        (sample / "src" / "links").mkdir(exist_ok=True)
        (sample / "src" / "links" / f"{name}.py").symlink_to(target)
    commit(repository)
    disk, _ = scan(str(sample))
    with scan_revision(str(sample), "HEAD") as (tree, _):
        for path, file in disk.files.items():
            same = tree.files[path]
            assert (same.is_link, same.leads_outside) == (file.is_link, file.leads_outside), path
            if not file.is_link or path.endswith("a.py"):
                assert same.content == file.content
    for revision in ("nowhere", "--all", "HEAD:sample"):
        with pytest.raises(GitRefused, match="it has no commit"):
            scan_revision(str(sample), revision).__enter__()
    outside = repository.parent / f"{repository.name}-outside"
    outside.mkdir()
    with pytest.raises(GitRefused):
        scan_revision(str(outside), "HEAD").__enter__()


def test_only_so_much_of_a_large_file_is_read(repository: Path) -> None:
    (repository / "large.yaml").write_bytes(b"x: " + b"y" * 3_000_000)
    (repository / "small.yaml").write_text("x: 1\n")
    commit(repository)
    with scan_revision(str(repository), "HEAD") as (tree, _):
        large = tree.files["large.yaml"]
        assert (large.size, large.head(10)) == (3_000_003, b"x: " + b"y" * 7)
        assert tree.files["small.yaml"].content == b"x: 1\n", "the rest was skipped"
        assert len(large.content) == 3_000_003
