"""What another user of the machine may have written into a cache is not believed."""

from __future__ import annotations

import asyncio
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SAMPLE
from gitopsc.adapters import cache, source_cache
from gitopsc.adapters.virtual_environment import NotPrepared, prepared
from gitopsc.cli import main
from gitopsc.model.lock import files_digest
from gitopsc.model.source import FunctionFile

Change = Callable[[Path], None]


def open_to_all(place: Path) -> None:
    place.chmod(0o777 if place.is_dir() else 0o666)


def give_away(place: Path) -> None:
    os.chown(place, 4711, 4711)


CHANGES = [open_to_all, *([give_away] if os.geteuid() == 0 else [])]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(SAMPLE, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    assert main(["compile"]) == 0
    assert main(["compile", "--check"]) == 0
    return tmp_path / "cache" / "gitopsc"


def memories(cache: Path) -> list[Path]:
    return [each for each in cache.rglob("*") if each.is_file()]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("what", ["folder", "files"])
def test_a_memory_of_somebody_else_is_not_read(
    project: Path, change: Change, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in [project] if what == "folder" else memories(project):
        change(place)
    read: list[bytes] = []
    genuine = cache.marshal.loads
    monkeypatch.setattr(cache.marshal, "loads", lambda text: read.append(text) or genuine(text))
    assert main(["compile", "--check"]) == 0
    assert read == []


def test_a_weakened_manifest_is_stale_whatever_a_cache_says(project: Path) -> None:
    manifest = Path("deploy/manifests/staging/announce.yaml")
    manifest.write_text(manifest.read_text().replace("runAsNonRoot: true", "runAsNonRoot: false"))
    open_to_all(project)
    assert main(["compile", "--check"]) == 1


@pytest.mark.parametrize("damage", [b"", b"x" * 100, None])
def test_a_damaged_memory_is_ignored(project: Path, damage: bytes | None) -> None:
    for place in memories(project):
        whole = place.read_bytes()
        other = cache.marshal.dumps(("of", "another", "gitopsc"))
        place.write_bytes(checked(other) if damage is None else damage)
        assert main(["compile", "--check"]) == 0
        place.write_bytes(checked(whole[4:50]))
        assert main(["compile", "--check"]) == 0


def checked(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "big") + content


@pytest.mark.parametrize("change", CHANGES)
def test_a_source_of_somebody_else_is_not_taken(project: Path, change: Change) -> None:
    files = (FunctionFile("etl.py", b"def run(): ..."),)
    assert source_cache.keep(files)
    assert source_cache.recall(files_digest(files)) == files
    change(project / "sources")
    assert source_cache.recall(files_digest(files)) is None


@pytest.mark.parametrize("change", CHANGES)
def test_an_environment_of_somebody_else_is_not_run(project: Path, change: Change) -> None:
    environments = project / "environments"
    environments.mkdir()
    change(environments)
    with pytest.raises(NotPrepared, match="another user may write there"):
        asyncio.run(prepared("3.11", [], lambda: None))
