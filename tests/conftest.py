"""What the tests share: `--update`, trees made of text, and the folders of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from gitopsc.model.source import SourceFile, Tree

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "cases"
SAMPLE = ROOT / "sample-project"
SAMPLES = Path(os.environ.get("GITOPSC_SAMPLES", ROOT.parent / "shared" / "samples"))
"""Genuine descriptors, which are not everywhere."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as processors: many tests wait for a server, a timeout or Git."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden files")


@pytest.fixture(autouse=True)
def no_run_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that a test runs in this process says there which run it is."""
    monkeypatch.delenv("RUN_ID", raising=False)


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of the tests, so that nobody's own is used."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def update(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--update"))


def tree_of(files: Mapping[str, str | bytes], folder: str = "demo") -> Tree:
    """A tree out of texts, as scan would give it."""
    contents = {
        path: content.encode() if isinstance(content, str) else content
        for path, content in files.items()
    }
    sources = {
        path: SourceFile(path, lambda content=contents[path]: content) for path in sorted(contents)
    }
    return Tree(folder, sources)


def tree_from(folder: Path, without: str = "\0") -> Tree:
    """A tree out of a folder of the tests; paths that hold `without` are left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and without not in f"/{name}" and "__pycache__" not in name:
            found[name] = SourceFile(name, path.read_bytes, os.access(path, os.X_OK))
    return Tree(folder.name, dict(sorted(found.items())))


def texts_from(folder: Path, without: str = "\0") -> dict[str, str]:
    """The same as texts, for a test that changes one of them."""
    tree = tree_from(folder, without)
    return {path: file.content.decode() for path, file in tree.files.items()}


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working tree as a commit of another repository."""
    copy = tmp_path_factory.mktemp("repository")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if name and ((ROOT / name).is_file() or (ROOT / name).is_symlink()):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "all"],
    ):
        subprocess.run(["git", *command], cwd=copy, check=True)
    return copy
