"""Data of containers: the shell of a manifest and the runner beside it, as two real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from conftest import tree_of
from gitopsc.adapters.packaged import runner_program
from gitopsc.model.diagnostic import has_errors
from gitopsc.pipeline import compile_tree

pytestmark = pytest.mark.slow

PROJECT = """
project: demo
stores: {default: s3://bucket}
registry: registry.example.com/team
"""
RUNS = """
kind: container
name: tiler
spec: {image: registry.example.com/tiler:1, command: sh}
---
kind: container+job:run
name: first
spec: {function: tiler, args: [-c, SCRIPT], outputs: {tiles: store://demo/artifact/artifact/tiles}}
---
kind: container+job:run
name: second
spec:
  function: tiler
  args: [-c, SCRIPT]
  inputs: {before: store://demo/artifact/artifact/tiles}
  outputs: {after: store://demo/artifact/artifact/after}
"""


class Ended(NamedTuple):
    """Exit codes of both containers, and the log of the runner."""

    container: int
    runner: int
    log: str


class Pod(NamedTuple):
    """A pod of the manifests, with a folder as the root of its volumes."""

    folder: Path
    spec: dict[str, Any]
    settings: dict[str, Any]

    def start(
        self, script: str, patience: int = 60
    ) -> tuple[subprocess.Popen[str], subprocess.Popen[str]]:
        root = self.folder / "root"
        for name in ("gitopsc", "inputs", "outputs", "shared"):
            (root / name).mkdir(parents=True)
        function, data = self.spec["containers"]
        ends = {each["name"]: each["value"] for each in data["env"] if "value" in each}
        settings = self.folder / "run.json"
        settings.write_text(json.dumps(self.settings))
        runner = subprocess.Popen(
            [
                *(sys.executable, runner_program(), "--settings", str(settings)),
                *("--no-wait", "--source", str(SOURCE)),
            ],
            cwd=root / "shared",
            env={**os.environ, "GITOPSC_END": f"{root}{ends['GITOPSC_END']}"}
            | {"GITOPSC_ROOT": str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        shell, option, enter, *rest = function["command"]
        assert "-gt 60 ]" in enter
        enter = enter.replace("-gt 60 ]", f"-gt {patience} ]")
        arguments = [each.replace("SCRIPT", script) for each in function["args"]]
        container = subprocess.Popen(
            [shell, option, enter.replace("/gitopsc", f"{root}/gitopsc"), *rest, *arguments],
            cwd=root,
            start_new_session=True,
        )
        return container, runner

    def run(self, script: str) -> Ended:
        container, runner = self.start(script)
        log, _ = runner.communicate(timeout=60)
        return Ended(container.wait(timeout=30), runner.returncode, log)


SOURCE = Path(runner_program()).parents[2] / "container"


def pods(folder: Path) -> Mapping[str, Pod]:
    compilation = compile_tree(tree_of({"gitopsc.yaml": PROJECT, "runs.yaml": RUNS}))
    assert not has_errors(compilation.diagnostics), compilation.diagnostics
    ((_, written),) = compilation.outputs
    found = {}
    for name in ("first", "second"):
        (text,) = (each.content for each in written if each.path.endswith(f"/{name}.yaml"))
        (job,) = (each for each in yaml.safe_load_all(text) if each["kind"] == "Job")
        template = job["spec"]["template"]
        settings = json.loads(template["metadata"]["annotations"]["gitopsc/run.json"])
        settings["stores"] = {"default": {"url": f"file://{folder}/store"}}
        settings["wait"] = 1
        (folder / name).mkdir(exist_ok=True)
        found[name] = Pod(folder / name, template["spec"], settings)
    return found


def again(pod: Pod, name: str) -> Pod:
    """The same Job, created once more."""
    folder = pod.folder.with_name(name)
    folder.mkdir()
    return pod._replace(folder=folder)


def test_data_goes_through_two_containers(tmp_path: Path) -> None:
    found = pods(tmp_path)
    first = found["first"].run("echo one > outputs/tiles; cat gitopsc/none 2> /dev/null; true")
    assert (first.container, first.runner) == (0, 0), first.log
    second = found["second"].run("cat inputs/before inputs/before > outputs/after")
    assert (second.container, second.runner) == (0, 0), second.log
    stored = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert any(path.read_bytes() == b"one\none\n" for path in stored), stored


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    pod = pods(tmp_path)["first"]
    assert pod.run("echo one > outputs/tiles").runner == 0
    once_more = again(pod, "again")
    ended = once_more.run("echo two > outputs/tiles; touch outputs/started")
    assert (ended.container, ended.runner) == (0, 0), ended.log
    assert not (once_more.folder / "root" / "outputs" / "started").exists()


def test_a_folder_is_data(tmp_path: Path) -> None:
    found = pods(tmp_path)
    made = found["first"].run(
        "mkdir outputs/tiles; echo a > outputs/tiles/a; echo b > outputs/tiles/b"
    )
    assert made.runner == 0, made.log
    read = found["second"].run("cat inputs/before/a inputs/before/b > outputs/after")
    assert (read.container, read.runner) == (0, 0), read.log


ENDINGS = {
    "the container fails": ("first", "exit 3", Ended(3, 1, "exit code 3")),
    "the container asks for another try": ("first", "exit 75", Ended(75, 75, "exit code 75")),
    "no other try would help": ("first", "exit 76", Ended(76, 76, "exit code 76")),
    "an output is missing": ("first", "true", Ended(0, 76, "has left nothing at")),
    "what it reads is not there": ("second", "touch outputs/after", Ended(75, 75, "waiting")),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_endings(case: str, tmp_path: Path) -> None:
    name, script, expected = ENDINGS[case]
    ended = pods(tmp_path)[name].run(script)
    assert ended[:2] == expected[:2], ended.log
    assert expected.log in ended.log
    assert not [*(tmp_path / "store").rglob("*.parquet"), *(tmp_path / "store").rglob("tiles")]


def test_a_killed_container(tmp_path: Path) -> None:
    pod = pods(tmp_path)["first"]
    container, runner = pod.start("sleep 100")
    exchange = tmp_path / "first" / "root" / "gitopsc"
    deadline = time.monotonic() + 30
    while not (exchange / "beat").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(container.pid, 9)
    container.wait()
    os.utime(exchange / "beat", (0, 0))
    log, _ = runner.communicate(timeout=30)
    assert runner.returncode == 1
    assert "was killed" in log


def test_a_killed_runner(tmp_path: Path) -> None:
    """Before it has brought what the container reads: the pod ends long before its deadline."""
    pod = pods(tmp_path)["second"]
    pod.settings["wait"] = 600
    container, runner = pod.start("touch outputs/started", patience=2)
    alive = tmp_path / "second" / "root" / "gitopsc" / "alive"
    deadline = time.monotonic() + 30
    while not alive.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    runner.kill()
    assert container.wait(timeout=30) == 1
    assert not [*(tmp_path / "second" / "root" / "outputs").iterdir()]
    runner.communicate()


def test_a_pod_that_is_asked_to_end(tmp_path: Path) -> None:
    pod = pods(tmp_path)["first"]
    container, runner = pod.start("trap 'exit 5' TERM; while :; do sleep 0.1; done")
    while not (tmp_path / "first" / "root" / "gitopsc" / "beat").exists():
        time.sleep(0.1)
    time.sleep(0.5)
    container.terminate()
    log, _ = runner.communicate(timeout=30)
    assert container.wait(timeout=30) == 5
    assert runner.returncode == 1, log
