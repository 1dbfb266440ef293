"""Who can write to a bucket can neither write to a pod's disk nor have it read other files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fsspec
import pytest
from gitopsc_runner.entities import Artifact
from gitopsc_runner.outcome import Unusable
from gitopsc_runner.project import Project
from gitopsc_runner.settings import Settings, StoreAddress
from gitopsc_runner.store import Entity, Place, Store, StoreFailed, is_below, is_inside

COMPUTE = "1" * 64
OUTSIDE = (
    *("../secret", "data/../../secret", "/etc/passwd", "a//b", "a/./b", "", ".", "a\\..\\b"),
    *(
        "file:///etc/passwd",
        "s3://other/key",
        "https://files.example.com/x",
        "memory://elsewhere/x",
    ),
)


def store(folder: Path, path: str) -> Store:
    """With one record, which says that the data of a run is at a path."""
    entity = {"type": "artifact", "kind": "artifact", "name": "x", "version": COMPUTE, "path": path}
    record = {
        "project": "demo",
        "environment": "default",
        "run": "make",
        "function": "make",
        "compute": COMPUTE,
        "outputs": {"x": entity},
    }
    place = folder / "demo" / "default" / "records" / "make" / f"{COMPUTE}.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(record))
    return Store(StoreAddress(f"file://{folder}", {}), "demo", "default", ["s3://declared/data"])


@pytest.mark.parametrize("path", [*OUTSIDE, "s3://declared/data/../x", "s3://declared/database/x"])
def test_a_record_names_nothing_outside_of_the_declared_stores(tmp_path: Path, path: str) -> None:
    with pytest.raises(StoreFailed, match="outside of the declared stores"):
        store(tmp_path, path).record("make", COMPUTE)


def test_a_record_names_data_in_a_store(tmp_path: Path) -> None:
    for number, path in enumerate(("data/artifact/x/1/x", "s3://declared/data/x", "a..b/c")):
        record = store(tmp_path / str(number), path).record("make", COMPUTE)
        assert record is not None
        assert record.outputs["x"].path == path


def test_a_version_is_no_pattern_and_no_path(tmp_path: Path) -> None:
    found = store(tmp_path, "data/x")
    record = found.record("make", COMPUTE)
    assert record is not None
    found.keep_record(record, COMPUTE, again=True)
    assert found.version("artifact", "x", COMPUTE) == record.outputs["x"]
    for version in ("*", "../x/" + COMPUTE, "..", ".", "", "[1]*"):
        assert found.version("artifact", "x", version) is None


class Evil(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """A bucket with a key of one's choice."""

    protocol = "evil"
    key = ""

    def isfile(self, path: str) -> bool:
        return False

    def exists(self, path: str, **_: Any) -> bool:
        return True

    def find(self, path: str, **_: Any) -> list[str]:
        return [f"{path}/good.txt", f"{path}/{self.key}"]

    def get_file(self, source: str, target: str, **_: Any) -> None:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text("written")


@pytest.mark.parametrize("key", ["../evil", "../../../evil", "/tmp/evil", "a/../../evil", "a//b"])
def test_a_key_writes_nothing_outside_of_its_folder(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = Evil(skip_instance_cache=True)
    system.key = key
    monkeypatch.chdir(tmp_path)
    material = Artifact(
        "demo", Entity("artifact", "artifact", "x", None, "data/x"), Place(system, "bucket/x")
    )
    for fetch in (material.as_file, material.download):
        with pytest.raises(Unusable, match="leads out of its folder"):
            fetch()
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


def test_a_run_declares_no_data_that_its_readers_would_refuse(tmp_path: Path) -> None:
    settings = Settings(
        project="demo",
        environment="default",
        run="r",
        action="job",
        function="f",
        module="main.py",
        handler="f",
        compute=COMPUTE,
        stores={"default": {"url": f"file://{tmp_path}"}},
    )
    project = Project(settings, None)
    with pytest.raises(Unusable, match="no declared store has"):
        project.new_artifact("x", path="https://files.example.com/x")
    assert project.new_artifact("x", path=f"file://{tmp_path}/x").name == "x"


def test_what_is_inside() -> None:
    assert not any(is_inside(each) for each in OUTSIDE if "://" not in each)
    assert is_inside("a/b.csv")
    assert is_below("s3://a/b", ["s3://a/"])
    assert not is_below("s3://ab/b", ["s3://a"])
