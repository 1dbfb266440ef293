"""Resolved runs and stores -> what pods share, and whether there is a place for it."""

from __future__ import annotations

from collections.abc import Iterator

from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import Reference, Run
from gitopsc.model.reference import StoreKey
from gitopsc.model.resolution import Resolution
from gitopsc.model.source import Span
from gitopsc.model.store import DEFAULT, KNOWN_SCHEMES, LOCAL_SCHEMES, scheme_of
from gitopsc.plan import sentences


def store_problems(resolution: Resolution) -> Iterator[Diagnostic]:
    """Pods share what one of them makes only in a store; records of what is done are there, too."""
    yield from _container_problems(resolution)
    environment = resolution.environment
    store = environment.stores.get(DEFAULT)
    if (store is not None and store.is_shared) or _has_a_broken_store(resolution):
        return
    own = [resolved.run for resolved in resolution.cluster_runs]
    runs = [run for run in own if run.has_runner]
    for run in runs:
        shared = next(_shared_data(run), None)
        if shared is not None:
            verb, key, place = shared
            yield sentences.needs_store(run, verb, key, environment, place)
    if any(run.action == "job" for run in runs):
        yield sentences.no_record(environment, resolution.program.project)


def _has_a_broken_store(resolution: Resolution) -> bool:
    """Whether the settings have some that validate refuses: nothing is known of what is meant."""
    settings = resolution.program.project.settings
    ways = ("stores",), ("environments", resolution.environment.name, "stores")
    if settings is None or resolution.environment.stores:
        return False
    return any(settings.has(*way) and settings.part(*way).data != {} for way in ways)


def _container_problems(resolution: Resolution) -> Iterator[Diagnostic]:
    """Nothing in a container of its own writes a record."""
    jobs = [
        each.run
        for each in resolution.cluster_runs
        if each.run.action == "job" and not each.run.has_runner and not each.run.is_scheduled
    ]
    if jobs:
        yield sentences.no_record_of_containers(sorted(run.name for run in jobs), jobs[0])


def path_problems(run: Run) -> Iterator[Diagnostic]:
    """A laptop's path means nothing in a pod."""
    for read in run.reads:
        path = _declared_path(read) if read.producer is None else None
        if path is None or read.declared is None:
            continue
        span = read.declared.span("spec", "path")
        if scheme_of(path) in LOCAL_SCHEMES and not path.startswith("/"):
            yield sentences.local_data(run, path, span)
        elif scheme_of(path) not in KNOWN_SCHEMES:
            yield sentences.unknown_scheme(run, path, scheme_of(path), span)


def _shared_data(run: Run) -> Iterator[tuple[str, StoreKey, Span]]:
    """What a run reads from a store or writes to one. Data at a declared path needs none."""
    for output in run.outputs:
        yield "makes", output.key, output.span
    for read in run.reads:
        if read.producer is not None or _declared_path(read) is None:
            yield "reads", read.key, read.span


def _declared_path(read: Reference) -> str | None:
    return read.declared.spec.path if read.declared is not None else None
