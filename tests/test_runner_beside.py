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
        self, script: str, patience: int = 60, **variables: str
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
            | {"GITOPSC_ROOT": str(root)}
            | variables,
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

    def run(self, script: str, **variables: str) -> Ended:
        """With what Kubernetes or the manifest adds to the variables of the runner."""
        container, runner = self.start(script, **variables)
        log, _ = runner.communicate(timeout=60)
        return Ended(container.wait(timeout=30), runner.returncode, log)


SOURCE = Path(runner_program()).parents[2] / "container"


def pods(folder: Path, runs: str = RUNS) -> Mapping[str, Pod]:
    compilation = compile_tree(tree_of({"gitopsc.yaml": PROJECT, "runs.yaml": runs}))
    assert not has_errors(compilation.diagnostics), compilation.diagnostics
    ((_, written),) = compilation.outputs
    found = {}
    for name in ("first", "second"):
        (text,) = (each.content for each in written if each.path.endswith(f"/{name}.yaml"))
        (job,) = (each for each in yaml.safe_load_all(text) if each["kind"].endswith("Job"))
        template = job["spec"].get("jobTemplate", job)["spec"]["template"]
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


def await_file(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def stored(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in (folder / "store").rglob("*") if path.is_file()}


def test_data_goes_through_two_containers(tmp_path: Path) -> None:
    found = pods(tmp_path)
    first = found["first"].run("echo one > outputs/tiles; cat gitopsc/none 2> /dev/null; true")
    assert (first.container, first.runner) == (0, 0), first.log
    second = found["second"].run("cat inputs/before inputs/before > outputs/after")
    assert (second.container, second.runner) == (0, 0), second.log
    assert b"one\none\n" in stored(tmp_path)


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
    await_file(exchange / "beat")
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
    await_file(tmp_path / "second" / "root" / "gitopsc" / "alive")
    runner.kill()
    assert container.wait(timeout=30) == 1
    assert not [*(tmp_path / "second" / "root" / "outputs").iterdir()]
    runner.communicate()


def test_a_runner_that_is_killed_while_its_container_works(tmp_path: Path) -> None:
    """Nobody would store what the container makes: it is stopped."""
    container, runner = pods(tmp_path)["first"].start("sleep 100", patience=2)
    await_file(tmp_path / "first" / "root" / "gitopsc" / "beat")
    runner.kill()
    assert container.wait(timeout=30) == 128 + 15
    runner.communicate()


def test_a_runner_that_ends_while_its_container_works(tmp_path: Path) -> None:
    container, runner = pods(tmp_path)["first"].start("sleep 100")
    await_file(tmp_path / "first" / "root" / "gitopsc" / "beat")
    runner.terminate()
    assert container.wait(timeout=30) == 128 + 15
    log, _ = runner.communicate()
    assert runner.returncode == 75, log


def test_shards_have_data_of_their_own(tmp_path: Path) -> None:
    """Each pod has one; what they make of an output is one folder."""
    found = pods(
        tmp_path, RUNS.replace("outputs: {tiles", "gitops: {completions: 2}, outputs: {tiles")
    )
    for index in ("1", "0"):
        pod = again(found["first"], f"shard{index}")
        made = pod.run(f"echo {index} > outputs/tiles", JOB_COMPLETION_INDEX=index)
        assert (made.container, made.runner) == (0, 0), made.log
    once_more = again(found["first"], "again").run(
        "touch outputs/started", JOB_COMPLETION_INDEX="1"
    )
    assert (once_more.container, once_more.runner) == (0, 0), once_more.log
    assert not (tmp_path / "again" / "root" / "outputs" / "started").exists()
    read = found["second"].run("cat inputs/before/* > outputs/after")
    assert (read.container, read.runner) == (0, 0), read.log
    assert b"0\n1\n" in stored(tmp_path)


def test_each_tick_of_a_schedule_has_data_of_its_own(tmp_path: Path) -> None:
    run = """kind: container+job:run
name: first
spec: {function: tiler, args: [-c, SCRIPT], outputs: {tiles: store://demo/artifact/artifact/tiles}}
"""
    assert run in RUNS
    schedule = """kind: scheduler
name: first
spec:
  function: tiler
  schedule: 0 3 * * *
  template: {args: [-c, SCRIPT], outputs: {tiles: store://demo/artifact/artifact/tiles}}
"""
    found = pods(tmp_path, RUNS.replace(run, schedule))
    tick = int(time.time()) // 86_400 * 1_440 + 180 - 1_440  # minutes, as in the name of a Job
    for number, minutes in enumerate((tick - 1_440, tick, tick)):
        pod = again(found["first"], f"tick{number}")
        text = f"echo {number} > outputs/tiles; touch outputs/started"
        made = pod.run(text, GITOPSC_JOB=f"first-{minutes}", GITOPSC_JOB_ID=str(number))
        assert (made.container, made.runner) == (0, 0), made.log
    assert (tmp_path / "tick1" / "root" / "outputs" / "started").exists()
    assert not (tmp_path / "tick2" / "root" / "outputs" / "started").exists()
    assert {b"0\n", b"1\n"} <= stored(tmp_path)
    assert b"2\n" not in stored(tmp_path)


def test_a_pod_that_is_asked_to_end(tmp_path: Path) -> None:
    pod = pods(tmp_path)["first"]
    container, runner = pod.start("trap 'exit 5' TERM; while :; do sleep 0.1; done")
    await_file(tmp_path / "first" / "root" / "gitopsc" / "beat")
    time.sleep(0.5)
    container.terminate()
    log, _ = runner.communicate(timeout=30)
    assert container.wait(timeout=30) == 5
    assert runner.returncode == 1, log
