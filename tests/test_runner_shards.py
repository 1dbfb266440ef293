"""A job in shards: one process for each, as pods are, and all in one, as on a laptop."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gitopsc_runner.settings import StoreAddress
from gitopsc_runner.store import Store
from test_runner import RUNNER

pytestmark = pytest.mark.slow

COUNT = 5
COMPUTE = "c" * 64
SOURCE = """
import os
import pandas as pd
from digitalhub_runtime_python import handler

@handler(outputs=["table", "note", "number"])
def part(project, context, run):
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(f"{context.index} of {context.count}\\n")
    if os.environ.get("FAILING") == str(context.index):
        raise RuntimeError("on purpose")
    name = f"note-{context.index}.txt"
    with open(name, "w") as file:
        file.write(f"from {context.index}")
    note = project.log_artifact(name="note", kind="artifact", source=name)
    frame = pd.DataFrame({"index": [context.index] * 2, "row": [0, 1], "code": ["007", "NA"]})
    run.log_metric("rows", 2) if hasattr(run, "log_metric") else None
    return frame, note, context.index * 10

@handler(outputs=["rows", "notes"])
def whole(table, note):
    frame = table.as_df()
    folder = note.as_file()
    names = sorted(os.listdir(folder))
    return ([list(map(int, frame["index"])), list(frame["code"])].__repr__(), ",".join(names))
"""
BASE: Mapping[str, Any] = {
    "action": "job",
    "compute": COMPUTE,
    "environment": "default",
    "function": "f",
    "handler": "part",
    "module": "main.py",
    "project": "demo",
    "run": "parts",
    "count": COUNT,
    "outputs": {
        "table": "store://demo/dataitem/table/table",
        "note": "store://demo/artifact/artifact/note",
    },
}


class Cluster:
    """A store, and pods that are started by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "source").mkdir()
        (folder / "source" / "main.py").write_text(SOURCE)
        self.address = {"url": f"file://{folder}/store"}
        self.store = Store(StoreAddress(self.address["url"], {}), "demo", "default")

    def pod(self, index: int | None = None, *arguments: str, **more: Any) -> int:
        environment = more.pop("env", {})
        settings = {**BASE, "stores": {"default": self.address}, **more}
        name = f"{settings['run']}-{index}"
        (self.folder / f"{name}.json").write_text(json.dumps(settings))
        place = self.folder / "work" / name
        place.mkdir(parents=True, exist_ok=True)
        known = {**os.environ, "CALLS": str(self.folder / "calls"), **environment}
        if index is not None:
            known["JOB_COMPLETION_INDEX"] = str(index)
        command = [sys.executable, str(RUNNER), "--settings", str(self.folder / f"{name}.json")]
        done = subprocess.run(
            [*command, "--source", str(self.folder / "source"), *arguments],
            cwd=place,
            env=known,
            check=False,
            capture_output=True,
            text=True,
        )
        self.said = done.stdout + done.stderr
        return done.returncode

    def pods(self, indexes: Sequence[int]) -> None:
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(self.pod, indexes)) == {0}, self.said

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def check_whole(self) -> None:
        """The record of the run, and what a job downstream reads of it."""
        record = self.store.record("parts", COMPUTE)
        assert record is not None
        assert record.results == {"number": [0, 10, 20, 30, 40]}
        assert {name: each.version for name, each in record.outputs.items()} == {
            "table": COMPUTE,
            "note": COMPUTE,
        }
        assert self.store.version("artifact", "note", COMPUTE) is not None
        reader = {"count": None, "run": "reader", "compute": "d" * 64, "handler": "whole"}
        keys: Mapping[str, str] = BASE["outputs"]
        inputs = {
            name: {"key": key, "producer": "parts", "version": COMPUTE}
            for name, key in keys.items()
        }
        assert self.pod(None, outputs={}, inputs=inputs, **reader) == 0, self.said
        read = self.store.record("reader", "d" * 64)
        assert read is not None
        indexes = [index for index in range(COUNT) for _ in range(2)]
        assert read.results == {
            "rows": repr([indexes, ["007", "NA"] * COUNT]),
            "notes": ",".join(f"{index:05}-note-{index}.txt" for index in range(COUNT)),
        }


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


@pytest.mark.parametrize("seed", range(3))
def test_each_pod_makes_its_shard(cluster: Cluster, seed: int) -> None:
    indexes = random.Random(seed).sample(range(COUNT), COUNT)
    cluster.pods(indexes)
    assert sorted(cluster.calls) == [f"{index} of {COUNT}" for index in range(COUNT)]
    cluster.check_whole()


def test_a_laptop_makes_all_of_them(cluster: Cluster) -> None:
    assert cluster.pod() == 0, cluster.said
    assert cluster.calls == [f"{index} of {COUNT}" for index in range(COUNT)]
    cluster.check_whole()


def test_what_is_done_is_not_done_again(cluster: Cluster) -> None:
    """A shard that fails; the Job that is created again; and again when all is done."""
    assert cluster.pod(3, env={"FAILING": "3"}) == 1
    cluster.pods([0, 1, 2, 4])
    assert cluster.store.record("parts", COMPUTE) is None
    cluster.pods(range(COUNT))
    assert sorted(cluster.calls) == sorted([f"{index} of {COUNT}" for index in (0, 1, 2, 3, 3, 4)])
    cluster.check_whole()
    done = len(cluster.calls)
    cluster.pods(range(COUNT))
    assert len(cluster.calls) == done


@pytest.mark.parametrize(("gone", "calls"), [("of the run", COUNT), ("all", 2 * COUNT)])
def test_data_that_is_gone_is_made_again(cluster: Cluster, gone: str, calls: int) -> None:
    cluster.pods(range(COUNT))
    record = cluster.store.record("parts", COMPUTE)
    assert record is not None
    path = "data" if gone == "all" else record.outputs["table"].path
    place = cluster.store.place(path)
    place.system.rm(place.path, recursive=True)
    cluster.pods(range(COUNT))
    assert len(cluster.calls) == calls
    cluster.check_whole()


def test_a_last_shard_that_was_killed_before_it_gathered(cluster: Cluster) -> None:
    cluster.pods(range(COUNT))
    (cluster.folder / "store/demo/default/records/parts" / f"{COMPUTE}.json").unlink()
    cluster.pods([2])
    assert len(cluster.calls) == COUNT
    cluster.check_whole()


def test_without_a_store_each_does_its_own(cluster: Cluster) -> None:
    assert cluster.pod(1, stores={}, outputs={}, handler="whole") == 76
    assert not (cluster.folder / "calls").exists()
    (cluster.folder / "source" / "main.py").write_text("def part(context): print(context.index)")
    assert cluster.pod(1, stores={}, outputs={}) == 0
    assert '"shard done"' in cluster.said
    assert not (cluster.folder / "store").exists()


def test_shards_are_gathered_in_any_store(tmp_path: Path) -> None:
    """File systems that write in two steps, too; the same shards give the same path."""
    store = Store(StoreAddress("memory://gathered", {}), "demo", "default")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("one")
    (tmp_path / "b.txt").write_text("two")
    paths = [
        (0, store.keep_data(tmp_path / "folder", "artifact", "x")),
        (7, store.keep_data(tmp_path / "b.txt", "artifact", "x")),
    ]
    path = store.gather(paths, "artifact", "x")
    place = store.place(path)
    found = {
        each.removeprefix(f"{place.path}/"): place.system.cat_file(each)
        for each in place.system.find(place.path)
    }
    assert found == {"00000/a.txt": b"one", "00007-b.txt": b"two"}
    assert store.gather(paths, "artifact", "x") == path
