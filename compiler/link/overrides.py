"""Runs and environments -> what is wrong with where a run is, and with what it has otherwise there.

What an environment says of a run is checked as if the run had said it, at its own line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitopsc.link import sentences
from gitopsc.link.arguments import misfits
from gitopsc.model.descriptor import Environment, Override, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import RESERVED_VARIABLES, Run
from gitopsc.model.reference import StoreKey
from gitopsc.model.specification import ACTIONS_OF, KEYS_OF_JOBS


def override_problems(
    project: Project, runs: Mapping[str, Run], *, is_whole: bool
) -> Iterator[Diagnostic]:
    """`is_whole` says that no run is missing for an error of its own."""
    if not project.is_sound:
        return
    triggers = tuple(trigger.name for trigger in project.entities.triggers)
    for environment in project.environments:
        for name, override in environment.overrides.items():
            run = runs.get(name)
            if run is not None:
                yield from _problems(environment, run, override)
            elif is_whole and name not in triggers:  # of which is told that they start nothing
                yield sentences.unknown_run(name, runs, override)
    for run in runs.values():
        yield from _place_problems(project, runs, run)


def _place_problems(project: Project, runs: Mapping[str, Run], run: Run) -> Iterator[Diagnostic]:
    """An environment that is not there, or that lacks what the run waits for."""
    known = [each.name for each in project.environments]
    only = run.spec.gitops.only if run.spec.gitops is not None else None
    for index, name in enumerate(only or ()):
        if name not in known:
            span = run.span("gitops", "only", index)
            yield sentences.unknown_environment(name, known, span)
    for read in run.reads:
        producer = runs.get(read.producer or "")
        if producer is None or producer.local:
            continue
        lacking = [
            each.name
            for each in project.environments
            if run.is_in(each.name) and not producer.is_in(each.name)
        ]
        if lacking:
            yield sentences.not_here(run, producer, lacking, read)


def _problems(environment: Environment, run: Run, override: Override) -> Iterator[Diagnostic]:
    if not run.is_in(environment.name):
        yield sentences.never_there(run, environment.name, override)
        return
    keys = [key for key in ACTIONS_OF if override.has(key)]
    for key in keys:
        if run.action not in ACTIONS_OF[key]:
            yield sentences.key_of_another_action(key, run, override)
    for key in KEYS_OF_JOBS:
        if run.action != "job" and override.has("gitops", key):
            yield sentences.key_of_another_action(key, run, override, "gitops", key)
    if override.has("schedule") and run.action == "job" and not run.is_scheduled:
        yield sentences.not_scheduled(run, override)
    if run.function.is_container:
        for key in ("parameters", "init_parameters"):
            if override.has(key):
                yield sentences.key_of_python(key, run, override)
    elif run.action == "serve" and override.has("parameters"):
        yield sentences.parameters_of_a_service(run, override)
    if override.spec.service_type == "ExternalName":
        yield sentences.external_name(run.merged.overridden(override))
    yield from _data_problems(override)
    yield from _variable_problems(run, override)
    yield from _profile_problems(environment, override)
    before = {*misfits(run, "init_parameters")}
    after = misfits(run.overridden(override), "init_parameters")
    yield from (problem for problem in after if problem not in before)


def _data_problems(override: Override) -> Iterator[Diagnostic]:
    """Lineage is the same in all environments."""
    for key in ("parameters", "init_parameters", "envs"):
        for text, span in override.strings(key):
            if StoreKey.parse(text) is not None:
                yield sentences.data_of_an_environment(text, span)


def _variable_problems(run: Run, override: Override) -> Iterator[Diagnostic]:
    secrets = {*(run.spec.secrets or ())}
    for index, variable in enumerate(override.spec.envs or ()):
        span = override.span("envs", index, "name")
        if variable.name in RESERVED_VARIABLES:
            yield sentences.variable_of_the_runner(variable.name, span)
        elif variable.name in secrets:
            yield sentences.set_twice(variable.name, span)


def _profile_problems(environment: Environment, override: Override) -> Iterator[Diagnostic]:
    name = override.spec.profile
    if name is not None and name not in environment.profiles:
        span = override.span("profile")
        yield sentences.unknown_profile(name, environment.name, environment.profiles, span)
