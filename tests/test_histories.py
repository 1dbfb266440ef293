"""Which Jobs do work through a history of commits, deletions and failures: `histories.yaml`, under
the rules of Argo CD and of Flux. Nothing does its work twice by accident."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from gitopsc.adapters.template import render_yaml
from gitopsc.emit import images
from gitopsc.model.lock import BasePin, FunctionPin, block_of
from simulator import CONTROLLERS, Objects, World, compiled, run_of

DATA: Mapping[str, Any] = yaml.safe_load((ROOT / "tests" / "histories.yaml").read_text())
HISTORIES: Mapping[str, list[dict[str, Any]]] = DATA["histories"]


class History:
    """The files of the last commit, all commits before it, and what a controller makes of them."""

    def __init__(self, folder: Path, controller: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = World(folder)
        self.controller = CONTROLLERS[controller]()
        self.files: dict[str, str] = dict(DATA["files"])
        self.commits: list[dict[str, str]] = []
        self.desired: Objects = {}
        self.monkeypatch = monkeypatch

    def take(self, step: Mapping[str, Any]) -> None:
        """All that a step says; what it does not name stays as it was."""
        before = dict(self.files)
        for key, value in step.items():
            if key != "does":
                getattr(self, key.replace(" ", "_"))(value)
        if "stale" not in step and (self.files != before or {"commit", "upgrade"} & step.keys()):
            self._compile()
        self.controller.reconcile(self.world, self.desired)

    def commit(self, edits: Mapping[str, tuple[str, str]]) -> None:
        self.commits.append(dict(self.files))
        for path, (old, new) in edits.items():
            assert old in self.files[path], (path, old)
            self.files[path] = self.files[path].replace(old, new)

    stale = commit
    """Descriptors are merged, and the output is that of before."""

    def move(self, names: Mapping[str, str]) -> None:
        for old, new in names.items():
            self.files[new] = self.files.pop(old)

    def revert(self, count: int) -> None:
        before = self.commits[-count]
        self.commits.append(dict(self.files))
        self.files = dict(before)

    def _compile(self) -> None:
        self.desired = compiled(self.world, self.files)
        if self.is_holding:
            self.world.unpushed |= {
                each["spec"]["template"]["spec"]["containers"][0]["image"]
                for (kind, _), each in self.desired.items()
                if kind in ("Deployment", "Job")
            }

    is_holding = False

    def hold_images(self, held: bool) -> None:
        self.is_holding = held
        if not held:
            self.world.unpushed.clear()

    def sync(self, _: str) -> None:
        """Another look of the controller, with nothing new."""

    def hold(self, runs: list[str]) -> None:
        self.world.held = set(runs)

    def fail(self, runs: list[str]) -> None:
        self.world.failing = set(runs)

    def delete(self, runs: list[str]) -> None:
        live = self.world.live
        self.world.prune({key for key in live if key[0] == "Job" and _of(live[key]) in runs})

    def disrupt(self, runs: list[str]) -> None:
        """The pod is gone with its node, and the Job makes another, which counts for nothing."""
        for key, live in self.world.live.items():
            if key[0] == "Job" and _of(live) in runs:
                assert live.state == "running"
                live.state = "waiting"

    def rebuild(self, what: str) -> None:
        self.world.live.clear()
        self.controller = type(self.controller)()
        if what == "all":
            shutil.rmtree(self.world.folder / "store")

    def tick(self, run: str) -> None:
        self.world.tick(run)

    def upgrade(self, _: str) -> None:
        """Another gitopsc has another runner."""
        known = images.runner_files

        def newer(runtime: str, schemes: tuple[str, ...] = ()) -> Any:
            return (*known(runtime, schemes), ("gitopsc_runner/newer.py", b"# newer"))

        self.monkeypatch.setattr(images, "runner_files", newer)
        self._forget()

    @staticmethod
    def _forget() -> None:
        images.runner_key.cache_clear()
        images._runner_parts.cache_clear()

    def base(self, digit: str) -> None:
        """`gitopsc lock --images --upgrade`, after the base image has changed."""
        pin = FunctionPin(base=BasePin("python:3.11-slim", f"sha256:{digit * 64}"))
        blocks = [(name, block_of(pin)) for name in ("api", "clean", "jobs", "report")]
        self.files["gitopsc.lock"] = str(render_yaml("lock.yaml.j2", blocks=blocks))


def _of(live: Any) -> str:
    return run_of(live.manifest)


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The runner does its work in the working directory, and stands in for packages."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITOPSC_JOB", "GITOPSC_JOB_ID", "RUN_ID", "SIMULATED_FAILURES"):
        monkeypatch.setenv(name, "")
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in [each for each in sys.modules if each not in modules]:
        if name in ("jobs", "serve") or name.startswith("digitalhub"):
            del sys.modules[name]
    sys.path[:] = path
    History._forget()


@pytest.mark.parametrize("controller", CONTROLLERS)
@pytest.mark.parametrize("name", HISTORIES)
def test_what_does_work(
    name: str, controller: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(tmp_path, controller, monkeypatch)
    for number, step in enumerate(HISTORIES[name], start=1):
        history.world.log.clear()
        history.take(step)
        expected = step["does"]
        if isinstance(expected, dict):
            expected = expected[controller]
        assert sorted(history.world.log) == sorted(expected), f"step {number}: {step}"


def test_there_are_histories_enough() -> None:
    assert len(HISTORIES) >= 30
