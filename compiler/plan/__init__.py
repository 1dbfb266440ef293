"""Program and its Resolutions -> Plan: what is to be made, called what; and what has no place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.names import cleaned
from gitopsc.model.plan import OBJECT_LIMIT, Claim, EnvironmentPlan, Plan
from gitopsc.model.program import Program
from gitopsc.model.resolution import Resolution
from gitopsc.plan import sentences
from gitopsc.plan.builds import build_problems, cluster_builds, image_of, sidecar_image
from gitopsc.plan.controllers import controller_problems
from gitopsc.plan.knative import knative_problems
from gitopsc.plan.limits import (
    SETTINGS_LIMIT,
    is_too_large,
    is_too_large_for_a_cluster,
    limit_problems,
    output_problems,
    quantity_problems,
    schedule_problems,
)
from gitopsc.plan.names import name_problems
from gitopsc.plan.network import network_problems
from gitopsc.plan.policies import policy_problems
from gitopsc.plan.secrets import secret_problems
from gitopsc.plan.storage import claims, mount_problems
from gitopsc.plan.stores import path_problems, store_problems
from gitopsc.plan.workloads import workload_of

__all__ = ("plan",)


def plan(
    program: Program, resolutions: Sequence[Resolution], *, sound: bool
) -> tuple[Plan | None, tuple[Diagnostic, ...]]:
    """Checks a program against the limits of where it will run, and lowers a `sound` one.

    A program that has errors lacks runs that others refer to: it is only checked.
    """
    waves = _waves(program)
    problems = list(_problems(program, resolutions))
    claimed = {}
    for resolution in resolutions:
        found, conflicts = claims(resolution, waves)
        claimed[resolution.environment.name] = found
        problems += conflicts
    if not sound:
        return None, tuple(problems)
    result = _lowered(program, resolutions, waves, claimed)
    problems += _size_problems(program, result)
    return result, tuple(problems)


def _problems(program: Program, resolutions: Sequence[Resolution]) -> Iterator[Diagnostic]:
    project = program.project
    yield from name_problems(program)
    for resolution in resolutions:
        for resolved in resolution.cluster_runs:
            yield from limit_problems(project, resolved)
            yield from mount_problems(resolution.environment, resolved)
            yield from schedule_problems(resolution.environment, resolved.run)
        yield from build_problems(resolution)
        yield from store_problems(resolution)
        yield from policy_problems(resolution)
        yield from knative_problems(resolution)
        yield from network_problems(resolution)
    for run in program.runs:
        if not run.local:
            yield from quantity_problems(run)
            yield from path_problems(run)
    for resolution in resolutions:
        for resolved in resolution.cluster_runs:
            if resolved.run.merged.override is not None:
                yield from quantity_problems(resolved.run)
    yield from output_problems(program)
    yield from secret_problems(program, resolutions)
    yield from controller_problems(project)
    if project.is_sound and any(function.image is None for function in program.functions):
        for environment in project.environments:
            if environment.registry is None:
                yield sentences.no_registry(environment.name, project)


def _lowered(
    program: Program,
    resolutions: Sequence[Resolution],
    waves: Mapping[str, int],
    claimed: Mapping[str, tuple[Claim, ...]],
) -> Plan:
    project = program.project
    environments = []
    for resolution in resolutions:
        runs = sorted(resolution.cluster_runs, key=lambda each: cleaned(each.name))
        environment = resolution.environment
        planned = EnvironmentPlan(
            environment,
            workloads=tuple(workload_of(project, each, waves[each.name]) for each in runs),
            claims=claimed[environment.name],
            builds=tuple(cluster_builds(resolution)),
        )
        environments.append(planned)
    images = [image_of(each) for each in program.functions if each.image is None]
    if any(each.sidecar for planned in environments for each in planned.workloads):
        images.append(sidecar_image(project))
    return Plan(
        project=project.name,
        schemes=project.schemes,
        prefix=project.prefix,
        output=project.output,
        images=tuple(images),
        environments=tuple(environments),
        lineage=program.lineage,
    )


def _waves(program: Program) -> Mapping[str, int]:
    """The generation of each run."""
    return {
        name: wave
        for wave, generation in enumerate(program.lineage.generations)
        for name in generation
    }


def _size_problems(program: Program, result: Plan) -> Iterator[Diagnostic]:
    runs = {run.name: run for run in program.runs}
    for environment in result.environments:
        for workload in environment.workloads:
            if is_too_large(workload):
                yield sentences.large_settings(runs[workload.run], SETTINGS_LIMIT)
            elif is_too_large_for_a_cluster(workload):
                yield sentences.large_values(runs[workload.run], OBJECT_LIMIT)
            elif workload.needs_server_side:
                yield sentences.server_side(runs[workload.run])
