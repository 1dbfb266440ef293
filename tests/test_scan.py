"""Which files of a folder are read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from gitopsc.model.diagnostic import (
    BROKEN_LINK,
    GIT_REFUSED,
    INSIDE_PROJECT,
    LINK_OUTSIDE,
    NO_PROJECT,
    NO_REPOSITORY,
    NOT_YAML,
    ORPHANED_OUTPUT,
    SOURCE_OUTSIDE,
    UNKNOWN_FUNCTION,
)
from gitopsc.model.source import Unreadable
from gitopsc.pipeline import compile_tree
from gitopsc.scan import scan


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    for path in ("a.yaml", "sub/b.yaml", "ignored/c.yaml", "out/.gitopsc-files", "out/d.yaml"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x: 1\n")
    (tmp_path / ".gitignore").write_text("ignored/\n")
    return tmp_path


def test_git_says_what_is_read(repository: Path) -> None:
    git(repository, "add", "a.yaml")
    tree, problems = scan(str(repository))
    assert list(tree.files) == [".gitignore", "a.yaml", "sub/b.yaml"]
    assert problems == ()
    assert tree.files["a.yaml"].content == b"x: 1\n"
    tree, _ = scan(str(repository / "sub"))
    assert list(tree.files) == ["b.yaml"]
    assert tree.folder == "sub"


def test_a_deleted_file_is_not_there(repository: Path) -> None:
    git(repository, "add", "a.yaml")
    (repository / "a.yaml").unlink()
    tree, _ = scan(str(repository))
    assert list(tree.files) == [".gitignore", "sub/b.yaml"]


def test_a_hook_s_variables_do_not_mislead(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent")
    tree, problems = scan(str(repository))
    assert "a.yaml" in tree.files
    assert problems == ()


def test_without_a_repository_everything_is_read_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.yaml").write_text("x: 1\n")
    tree, problems = scan(str(tmp_path))
    assert list(tree.files) == ["deep/a.yaml"]
    assert [each.code for each in problems] == [NO_REPOSITORY]


@pytest.mark.parametrize("is_repository", [True, False])
def test_virtual_environments_are_not_read(tmp_path: Path, is_repository: bool) -> None:
    """Not every Python has Git ignore them, and libraries bring YAML of their own; Jupyter keeps
    copies of what it edits."""
    for path in (
        "a.yaml",
        "env/pyvenv.cfg",
        "env/lib/b.yaml",
        "deep/x/pyvenv.cfg",
        "deep/x/c.yaml",
        ".ipynb_checkpoints/d-checkpoint.yaml",
        "deep/.ipynb_checkpoints/e-checkpoint.yaml",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("kind: python\nname: x\nspec: 3\n")
    if is_repository:
        git(tmp_path, "init", "-q")
    tree, _ = scan(str(tmp_path))
    assert [*tree.files] == ["a.yaml"]


def test_links(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text("kind: secret\n")
    (repository / "inside.yaml").symlink_to("a.yaml")
    (repository / "leads-out.yaml").symlink_to(outside)
    (repository / "nowhere.yaml").symlink_to("nothing")
    (repository / "folder").symlink_to(outside.parent)
    tree, _ = scan(str(repository))
    assert tree.files["inside.yaml"].content == b"x: 1\n"
    for name in ("leads-out.yaml", "nowhere.yaml", "folder"):
        with pytest.raises(Unreadable):
            _ = tree.files[name].content


def test_a_source_that_is_a_link_out_is_refused(repository: Path) -> None:
    (repository / "x.yaml").write_text(
        "kind: python\nname: x\nspec:\n  python_version: PYTHON3_11\n"
        "  source: {source: link.py, handler: run}\n"
    )
    (repository / "gitopsc.yaml").write_text("project: demo\n")
    (repository / "link.py").symlink_to("/etc/hostname")
    compilation = compile_tree(scan(str(repository))[0])
    problem = next(each for each in compilation.diagnostics if each.code is SOURCE_OUTSIDE)
    assert problem.span.line == 5


def test_the_executable_bit(repository: Path) -> None:
    os.chmod(repository / "a.yaml", 0o755)
    tree, _ = scan(str(repository))
    assert tree.files["a.yaml"].executable
    assert not tree.files["sub/b.yaml"].executable


def test_links_to_no_descriptor_are_a_warning(repository: Path) -> None:
    os.mkfifo(repository / "pipe")
    (repository / "waits.yaml").symlink_to("pipe")
    (repository / "nowhere.yaml").symlink_to("nothing")
    compilation = compile_tree(scan(str(repository))[0])
    codes = {each.code for each in compilation.diagnostics}
    assert codes == {BROKEN_LINK, NO_PROJECT, ORPHANED_OUTPUT}


def test_a_link_out_is_an_error_for_others_do_not_have_that_file(repository: Path) -> None:
    (repository / "x.yaml").symlink_to("/etc/hostname")
    compilation = compile_tree(scan(str(repository))[0])
    assert LINK_OUTSIDE in [each.code for each in compilation.diagnostics]
    (repository / "gitopsc.yaml").write_text("exclude: [x.yaml]\n")
    compilation = compile_tree(scan(str(repository))[0])
    assert LINK_OUTSIDE not in [each.code for each in compilation.diagnostics]


def test_an_output_that_nobody_writes(repository: Path) -> None:
    compilation = compile_tree(scan(str(repository))[0])
    orphans = [each for each in compilation.diagnostics if each.code is ORPHANED_OUTPUT]
    assert [each.span.path for each in orphans] == ["out"]


def test_git_that_refuses_is_an_error(repository: Path) -> None:
    """As when a container's user is not the owner: without Git, ignored files would be read."""
    (repository / ".git" / "index").write_text("damaged")
    tree, problems = scan(str(repository))
    assert [each.code for each in problems] == [GIT_REFUSED]
    assert not tree.files


def test_the_executable_bit_of_a_tracked_file_is_git_s(repository: Path) -> None:
    git(repository, "add", "a.yaml")
    os.chmod(repository / "a.yaml", 0o755)
    assert not scan(str(repository))[0].files["a.yaml"].executable
    git(repository, "add", "a.yaml")
    assert scan(str(repository))[0].files["a.yaml"].executable


def test_a_folder_of_a_project(repository: Path) -> None:
    (repository / "gitopsc.yaml").write_text("project: demo\n")
    (repository / "sub" / "b.yaml").write_text("kind: artifact\nname: b\nspec: {}\n")
    tree, _ = scan(str(repository / "sub"))
    assert tree.enclosing == "../gitopsc.yaml"
    assert INSIDE_PROJECT in [each.code for each in compile_tree(tree).diagnostics]


def test_folders_nested_deeper_than_a_stack(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(200):
        folder = folder / "d"
        folder.mkdir()
    (folder / "a.yaml").write_text("x: 1\n")
    assert len(scan(str(tmp_path))[0].files) == 1


def test_a_broken_link_leaves_nothing_out(repository: Path) -> None:
    """A warning about one file is no reason to compile less of a project."""
    (repository / "gitopsc.yaml").write_text("project: demo\nregistry: r.example.com\n")
    (repository / "f.yaml").write_text(
        "kind: python\nname: f\nspec:\n  python_version: PYTHON3_11\n"
        '  source: {code: "def f(): ...", handler: f}\n'
    )
    (repository / "nowhere.yaml").symlink_to("nothing")
    compilation = compile_tree(scan(str(repository))[0])
    assert BROKEN_LINK in {each.code for each in compilation.diagnostics}
    ((_, files),) = compilation.outputs
    assert "images/f/Dockerfile" in {file.path for file in files}


def test_a_broken_file_hides_only_its_own_project(repository: Path) -> None:
    (repository / "gitopsc.yaml").write_text("project: demo\n")
    (repository / "sub" / "gitopsc.yaml").write_text("project: sub-demo\n")
    (repository / "sub" / "b.yaml").write_text("kind: python\nspec: [")
    (repository / "r.yaml").write_text("kind: python+job:run\nname: r\nspec: {function: nope}\n")
    compilation = compile_tree(scan(str(repository))[0])
    assert {each.code for each in compilation.diagnostics} >= {NOT_YAML, UNKNOWN_FUNCTION}


def test_a_neighbours_descriptors_are_no_source(repository: Path) -> None:
    """Neither a name above the project nor a label beside it is the project's affair."""
    inner = repository / "a (b)" / "inner"
    (inner / "nested").mkdir(parents=True)
    (inner / "gitopsc.yaml").write_text("project: inner\nregistry: r.example.com\n")
    (inner / "nested" / "gitopsc.yaml").write_text("project: nested\nregistry: r.example.com\n")
    (inner / "nested" / "x.yaml").write_text("kind: artifact\nname: x\nspec: {}\n")
    (inner / "m.py").write_text("def run(): ...\n")
    (inner / "f.yaml").write_text(
        "kind: python\nname: f\nspec:\n  python_version: PYTHON3_11\n"
        "  source: {source: ., handler: 'm:run'}\n"
    )
    found = {}
    for place in (repository, inner):
        for project, files in compile_tree(scan(str(place))[0]).outputs:
            found[place, project.name] = files
    assert found[repository, "inner"] == found[inner, "inner"]
    dockerfile = next(f for f in found[inner, "inner"] if f.path == "images/f/Dockerfile")
    assert b"m.py" in dockerfile.content
    assert b".yaml" not in dockerfile.content


def test_files_of_a_folder_that_may_not_be_read_are_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what Git knows and nobody may look at, no run is taken for gone."""
    git(tmp_path, "init", "-q")
    (tmp_path / "runs").mkdir()
    for path in ("gitopsc.yaml", "runs/a.yaml"):
        (tmp_path / path).write_text("project: demo\n")
    git(tmp_path, "add", "-A")
    lstat = os.lstat

    def refused(path: str | os.PathLike[str]) -> os.stat_result:
        if "/runs/" in os.fspath(path):
            raise PermissionError(13, "Permission denied", path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", refused)
    tree, _ = scan(str(tmp_path))
    problems = compile_tree(tree).diagnostics
    assert [(each.code.id, each.span.path) for each in problems] == [("C101", "runs/a.yaml")]
