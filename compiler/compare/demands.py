"""Consequences -> what the pods of jobs that start together ask for, and what the budget is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from gitopsc.compare.runs import ClusterRun, Where
from gitopsc.model.consequence import Consequence, Demand
from gitopsc.model.program import SIDECAR_REQUESTS
from gitopsc.model.quantity import amount, canonical

_STARTED = ("runs", "new job")
"""A Job that will find its work done has a pod, too, for as long as it takes to see that."""

_RESOURCES = ("cpu", "mem", "gpu")


def demands(found: Sequence[Consequence], after: Mapping[Where, ClusterRun]) -> tuple[Demand, ...]:
    """One for each environment in which a job starts, sorted.

    All Jobs of a commit start together, for each waits for its data by itself; with sync waves,
    those of one wave do.
    """
    jobs: dict[tuple[str, str], list[ClusterRun]] = {}
    for each in found:
        if each.verb in _STARTED and each.kind == "job":
            for environment in each.environments:
                where = each.project, environment
                jobs.setdefault(where, []).append(after[where[0], where[1], each.subject])
    return tuple(_demand(*where, runs) for where, runs in sorted(jobs.items()))


def _demand(project: str, environment: str, runs: Sequence[ClusterRun]) -> Demand:
    groups = [*_together(runs)]
    sums = [{name: _sum(group, name) for name in _RESOURCES} for group in groups]
    most = {name: max(each[name] for each in sums) for name in _RESOURCES}
    budget = runs[0].environment.budget
    return Demand(
        project,
        environment,
        jobs=max(map(len, groups)),
        asked={name: canonical(str(number)) for name, number in most.items()},
        budget={name: canonical(text) for name, text in budget.items()},
        over=tuple(name for name, text in sorted(budget.items()) if most[name] > amount(text)),
    )


def _together(runs: Sequence[ClusterRun]) -> Iterator[Sequence[ClusterRun]]:
    if not runs[0].environment.sync_waves:
        yield runs
        return
    for generation in runs[0].program.lineage.generations:
        if wave := [run for run in runs if run.name in generation]:
            yield wave


def _sum(runs: Sequence[ClusterRun], resource: str) -> Decimal:
    return sum((_of_pod(run, resource) * run.pods_at_once for run in runs), Decimal())


def _of_pod(run: ClusterRun, resource: str) -> Decimal:
    """Of all its containers."""
    asked = amount(run.resolved.requests.get(resource, "0"))
    if run.resolved.run.has_sidecar:
        asked += amount(SIDECAR_REQUESTS.get(resource, "0"))
    return asked
