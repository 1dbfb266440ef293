"""A cluster, a controller and a store in one process: which Jobs work through a history of commits.

Manifests are compiled, images are snapshots of the sources, and Jobs are done by the real runner
over a real store. Of Kubernetes, Argo CD and Flux it has the rules that decide what is created,
refused, pruned and held up (kubernetes.md sections 2, 7 and 8): no time passes but what is said.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

import yaml
from conftest import tree_of
from gitopsc.model.diagnostic import Severity
from gitopsc.pipeline import compile_tree
from gitopsc_runner.job import Attempt, run_job
from gitopsc_runner.log import Masks, make_logger
from gitopsc_runner.outcome import Waiting
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import Store, open_store
from gitopsc_runner.upstream import find_upstream, tick_of

Key = tuple[str, str]
"""Kind and name: there is one namespace."""

Objects = Mapping[Key, dict[str, Any]]

_IMMUTABLE = ("template", "completions", "completionMode", "podFailurePolicy", "selector")
_KEPT = "Prune=false"
_WAVE = "argocd.argoproj.io/sync-wave"
MINUTE = 60


@dataclass
class Live:
    """An object of the cluster. Of a Job, `state` is `waiting`, `running`, `done` or `failed`; of a
    Deployment, the template that its pods were started from."""

    manifest: dict[str, Any]
    state: str = "waiting"
    started: object = None
    tick: int | None = None


@dataclass
class World:
    """Everything. `log` has what was done since it was looked at. Images that are `unpushed` are in
    no registry yet, runs that are `held` take long, and the handlers of those that are `failing`
    raise."""

    folder: Path
    live: dict[Key, Live] = field(default_factory=dict)
    unpushed: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    now: float = 1_795_651_200.0

    def apply(self, key: Key, manifest: dict[str, Any]) -> bool:
        """As the API server does; whether it takes it."""
        there = self.live.get(key)
        if there is None:
            self.live[key] = Live(manifest)
            return True
        if key[0] == "Job" and any(
            there.manifest["spec"].get(name) != manifest["spec"].get(name) for name in _IMMUTABLE
        ):
            self.log.append(f"refused {key[1]}")
            return False
        there.manifest = manifest
        return True

    def prune(self, keys: set[Key]) -> None:
        for key in sorted(keys):
            live = self.live.pop(key)
            if live.state == "running":
                self.log.append(f"stopped {run_of(live.manifest)}")

    def settle(self) -> None:
        """Pods run until nothing more happens."""
        while sum(self._progress(key, live) for key, live in sorted(self.live.items())):
            pass

    def _progress(self, key: Key, live: Live) -> bool:
        if key[0] == "Job" and live.state in ("waiting", "running"):
            return self._try(live)
        if key[0] == "Deployment" and live.started != live.manifest["spec"]["template"]:
            return self._start(live)
        return False

    def _try(self, live: Live) -> bool:
        """One pod of a Job; whether that has changed anything."""
        template = live.manifest["spec"]["template"]
        run, image = run_of(live.manifest), template["spec"]["containers"][0]["image"]
        if image in self.unpushed:
            return False
        settings, store = self.settings(template)
        source = self.folder / "images" / image.rpartition(":")[2]
        os.environ["SIMULATED_FAILURES"] = " ".join(self.failing)
        done = StringIO()
        attempt = Attempt(
            replace(settings, wait=0),
            store,
            live.tick,
            make_logger(done, Masks()),
            Event(),
            now=lambda: self.now,
        )
        if run in self.held and not _is_done(store, settings):
            was, live.state = live.state, "running"
            return was != "running"
        try:
            with patch.dict(os.environ):  # which a job names itself in
                run_job(attempt, source)
        except Waiting:
            return False
        except RuntimeError:
            self.log.append(f"failed {run}")
            live.state = "failed"
            return True
        if '"calling"' in done.getvalue():
            self.log.append(run)
        live.state = "done"
        return True

    def _start(self, live: Live) -> bool:
        """The pods of a new template, once what they read is there."""
        template = live.manifest["spec"]["template"]
        settings, store = self.settings(template)
        if template["spec"]["containers"][0]["image"] in self.unpushed:
            return False
        try:
            find_upstream(settings, store, self.now, None)
        except Waiting:
            return False
        live.started = template
        self.log.append(run_of(live.manifest))
        return True

    def settings(self, template: Mapping[str, Any]) -> tuple[Settings, Store]:
        text = template["metadata"]["annotations"]["gitopsc/run.json"]
        stores = {"default": {"url": f"file://{self.folder}/store"}}
        settings = Settings(**{**json.loads(text), "stores": stores})
        store = open_store(settings)
        assert store is not None
        return settings, store

    def tick(self, run: str) -> None:
        """What the CronJob controller does when it is time: in the name is the minute."""
        self.now += 24 * 60 * MINUTE
        spec = self.live["CronJob", run].manifest["spec"]
        minute = int(self.now // MINUTE)
        name = f"{run}-{minute}"
        os.environ["GITOPSC_JOB"], os.environ["GITOPSC_JOB_ID"] = name, name
        manifest = {**spec["jobTemplate"], "metadata": {"name": name}}
        settings, store = self.settings(manifest["spec"]["template"])
        live = Live(manifest, tick=tick_of(settings, store, self.now))
        self.live["Job", name] = live


def _is_done(store: Store, settings: Settings) -> bool:
    return store.record(settings.run, settings.compute) is not None


def run_of(manifest: Mapping[str, Any]) -> str:
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    return str(labels["gitopsc/run"])


class Flux:
    """A dry run of all: with one object refused, nothing is applied. Then apply, then prune."""

    def __init__(self) -> None:
        self.owned: set[Key] = set()

    def reconcile(self, world: World, desired: Objects) -> None:
        trial = World(world.folder, dict(world.live))
        for key, manifest in desired.items():
            there = world.live.get(key)
            if there is not None and key[0] == "Job":
                trial.live[key] = replace(there)
                if not trial.apply(key, manifest):
                    world.log += trial.log
                    return
        for key, manifest in desired.items():
            world.apply(key, manifest)
        gone = {key for key in self.owned - desired.keys() if key in world.live}
        world.prune({key for key in gone if not _is_kept(world.live[key])})
        self.owned = set(desired)
        world.settle()


class ArgoCD:
    """Wave by wave: prune, then apply. Of several, each waits for the Jobs of the one before, and
    no other commit is synced meanwhile; after a failed one, the rest is left out."""

    def __init__(self) -> None:
        self.owned: set[Key] = set()
        self.rest: list[Objects] | None = None

    def reconcile(self, world: World, desired: Objects) -> None:
        if self.rest is None:
            gone = {key for key in self.owned - desired.keys() if key in world.live}
            world.prune({key for key in gone if not _is_kept(world.live[key])})
            self.owned = set(desired)
            self.rest = [*_waves(desired)]
        while self.rest:
            for key, manifest in self.rest[0].items():
                world.apply(key, manifest)
            world.settle()
            states = {world.live[key].state for key in self.rest[0] if key[0] == "Job"}
            if "failed" in states and len(self.rest) > 1:
                break
            if states & {"waiting", "running"} and len(self.rest) > 1:
                return  # the operation goes on
            self.rest = self.rest[1:]
        self.rest = None


def _waves(desired: Objects) -> Iterator[Objects]:
    numbers = {
        key: int(manifest["metadata"].get("annotations", {}).get(_WAVE, 0))
        for key, manifest in desired.items()
    }
    for number in sorted({*numbers.values()}):
        yield {key: each for key, each in desired.items() if numbers[key] == number}


def _is_kept(live: Live) -> bool:
    annotations = live.manifest["metadata"].get("annotations", {})
    return _KEPT in annotations.get("argocd.argoproj.io/sync-options", "")


CONTROLLERS: Mapping[str, Callable[[], ArgoCD | Flux]] = {"Argo CD": ArgoCD, "Flux": Flux}


def compiled(world: World, files: Mapping[str, str]) -> Objects:
    """What a commit has the controller apply; its images are built from its sources."""
    found = compile_tree(tree_of(files, "sim"))
    errors = [each for each in found.diagnostics if each.severity is Severity.ERROR]
    assert not errors, errors
    ((_, written),) = found.outputs
    objects: dict[Key, dict[str, Any]] = {}
    for file in written:
        if file.path.startswith("manifests/") and not file.path.endswith("kustomization.yaml"):
            for each in yaml.safe_load_all(file.content.decode()):
                objects[each["kind"], each["metadata"]["name"]] = each
    for (kind, _), manifest in objects.items():
        if kind in ("Deployment", "Job"):
            image = manifest["spec"]["template"]["spec"]["containers"][0]["image"]
        elif kind == "CronJob":
            template = manifest["spec"]["jobTemplate"]["spec"]["template"]
            image = template["spec"]["containers"][0]["image"]
        else:
            continue
        folder = world.folder / "images" / image.rpartition(":")[2]
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            place = folder / path.rpartition("/")[2]
            if path.endswith(".py") and not place.exists():
                place.write_text(text)
    return objects
