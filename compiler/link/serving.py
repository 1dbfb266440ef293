"""Runs in environments -> what is wrong with how services are reached and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitopsc.link import sentences
from gitopsc.model.descriptor import Environment, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.pod import Expose, Scale
from gitopsc.model.program import Run


def serving_problems(project: Project, runs: Mapping[str, Run]) -> Iterator[Diagnostic]:
    """What is the same in several environments is told for each; only the first is kept."""
    for environment in project.environments:
        here = [run.within(environment) for run in runs.values() if run.is_in(environment.name)]
        for run in here:
            gitops = run.spec.gitops
            if gitops is not None and gitops.expose is not None:
                yield from _expose_problems(run, gitops.expose)
            if gitops is not None and gitops.scale is not None:
                yield from _scale_problems(run, gitops.scale)
        yield from _one_address(environment, here)
    for run in runs.values():
        for name in sorted(run.calls):
            yield from _call_problems(project, runs, run, name)


def _call_problems(
    project: Project, runs: Mapping[str, Run], run: Run, name: str
) -> Iterator[Diagnostic]:
    """`${service:<run>}` is of a service that is where the run is."""
    called = runs.get(name)
    if called is None or not called.has_address:
        services = [each.name for each in runs.values() if each.has_address]
        yield sentences.not_a_service(name, called is not None, services, run)
        return
    lacking = [
        each.name
        for each in project.environments
        if run.is_in(each.name) and not called.is_in(each.name)
    ]
    if lacking:
        yield sentences.service_not_here(run, called, lacking)


def _expose_problems(run: Run, expose: Expose) -> Iterator[Diagnostic]:
    if not run.has_address:
        yield sentences.only_of_services("expose", run)
    if expose.gateway is not None:
        for key, value in (("class", expose.class_name), ("tls", expose.tls)):
            if value is not None:
                yield sentences.not_with_a_gateway(key, run)


def _scale_problems(run: Run, scale: Scale) -> Iterator[Diagnostic]:
    if run.action != "serve":
        yield sentences.only_of_services("scale", run)
    elif run.spec.replicas is not None:
        yield sentences.replicas_and_scale(run)
    if scale.least > scale.most:
        yield sentences.more_than_most(scale.least, scale.most, run)


def _one_address(environment: Environment, runs: list[Run]) -> Iterator[Diagnostic]:
    """Two services at one host and path: a controller sends requests to either."""
    seen: dict[tuple[str, str], Run] = {}
    for run in runs:
        expose = run.spec.gitops.expose if run.spec.gitops is not None else None
        if expose is not None and run.has_address:
            address = expose.host, expose.path.rstrip("/") or "/"
            first = seen.setdefault(address, run)
            if first is not run:
                yield sentences.one_address("".join(address), run, first, environment.name)
