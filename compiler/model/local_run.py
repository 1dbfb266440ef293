"""What running on a laptop is told, and what it tells."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from gitopsc.model.resolution import ResolvedRun
from gitopsc.model.store import DEFAULT, LOCAL_SCHEMES, scheme_of

Status = Literal["done", "done before", "failed", "waiting", "not started", "stopped"]


class LocalRuns(NamedTuple):
    """Runs to do here, each after those it waits for.

    `folder` is the project's on disk, and `prefix` how its paths begin in the tree; `again` names
    those that are done whatever the records say. `schemes` are those of the URLs that the runner
    opens. A service listens on `port`.
    """

    runs: tuple[ResolvedRun, ...]
    folder: str
    prefix: str
    store: str
    schemes: tuple[str, ...]
    again: frozenset[str]
    port: int


class Preparing(NamedTuple):
    """An environment is being made, for the first time."""

    run: str
    python_version: str
    requirements: tuple[str, ...]


class Printed(NamedTuple):
    """A line that a function printed."""

    run: str
    text: str


class Logged(NamedTuple):
    """A line that the runner, or a function's logger, wrote."""

    run: str
    level: str
    message: str
    details: Mapping[str, Any]


class Ended(NamedTuple):
    """How a run ended. `made` is the runner's summary: outputs with their paths, results and
    metrics."""

    run: str
    status: Status
    seconds: float
    made: Mapping[str, Mapping[str, Any]]
    reason: str | None = None


Event = Preparing | Printed | Logged | Ended


def made_of(record: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The runner's summary of a record, which it keeps as JSON."""
    outputs, paths, metrics = {}, {}, {}
    for name, entity in sorted(record["outputs"].items()):
        key = f"store://{record['project']}/{entity['type']}/{entity['kind']}/{entity['name']}"
        outputs[name] = f"{key}:{entity['version']}"
        paths[name] = entity["path"]
        if entity["metrics"]:
            metrics[entity["name"]] = entity["metrics"]
    metrics |= record["metrics"]
    results = record["results"]
    return {"outputs": outputs, "paths": paths, "results": results, "metrics": metrics}


def settings_here(resolved: ResolvedRun, store: str, folder: str) -> Mapping[str, Any]:
    """Those of a pod, with the store of this machine, and with paths of it.

    `store` is its URL, `folder` the project's on disk.
    """
    settings = dict(resolved.settings)
    stores = dict(settings.get("stores", {}))
    if DEFAULT in stores:
        stores["configured"] = stores[DEFAULT]  # data that is declared there opens as ever
    stores[DEFAULT] = {"url": store}
    # None that a cluster has: what is missing here was asked for before.
    settings["secrets"] = dict.fromkeys((*resolved.secrets, *settings.get("secrets", ())), "")
    if resolved.spec.gitops is not None and resolved.spec.gitops.deadline is not None:
        settings["deadline"] = resolved.spec.gitops.deadline
    settings.pop("wait", None)  # what is upstream has run, or is not asked for
    settings["stores"] = stores
    for key in ("inputs", "references"):
        read = settings.get(key, {})
        settings[key] = {name: _here(each, folder) for name, each in read.items()}
    return settings


def _here(read: Mapping[str, str], folder: str) -> Mapping[str, str]:
    path = read.get("path", "")
    if not path or scheme_of(path):
        return read
    return {**read, "path": posixpath.join(folder, path)}


def schemes_of(settings: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Of the URLs that runs with these settings open on this machine."""
    urls = set()
    for each in settings:
        urls.add(each["stores"][DEFAULT]["url"])
        for key in ("inputs", "references"):
            urls |= {read.get("path", "") for read in each.get(key, {}).values()}
    return tuple(sorted({scheme_of(url) for url in urls} - {*LOCAL_SCHEMES}))
