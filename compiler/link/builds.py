"""Loaded functions and runs that build -> the functions that are used, each with its build."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from gitopsc.link import sentences
from gitopsc.link.drafts import Draft
from gitopsc.link.symbols import Symbols
from gitopsc.model.descriptor import FUNCTION_KEYS
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import Build, Function, FunctionVersion, Merged

_OF_A_POD = ("profile", "resources", "volumes")


def used_functions(
    symbols: Symbols, loaded: Mapping[FunctionVersion, Function], drafts: Sequence[Draft]
) -> tuple[Mapping[FunctionVersion, Function], list[Diagnostic]]:
    """The newest version of each function and those that runs name, with how they are built."""
    wanted = {draft.function for draft in drafts}
    builders: dict[FunctionVersion, list[Draft]] = {}
    for draft in drafts:
        if draft.action is None and not draft.is_local:
            builders.setdefault(draft.function, []).append(draft)
    problems: list[Diagnostic] = []
    used = {}
    for version, function in loaded.items():
        is_newest = symbols.functions[function.name][-1] is function.descriptor
        if is_newest or version in wanted:
            runs = builders.get(version, ())
            task = symbols.task_of("python+build", version)
            of_task = Merged.of(task, None) if task is not None else None
            problems += _build_problems(function, runs, of_task)
            build = _build(runs, of_task)
            used[version] = replace(function, build=build, is_newest=is_newest)
    return used, problems


def overruled_keys(merged: Merged, function: Function) -> Iterator[Diagnostic]:
    """On the platform the function's keys win over the run's (digitalhub.md section 3.1)."""
    own, its = merged.descriptor.spec.function_copy, function.descriptor.spec
    for key in FUNCTION_KEYS:
        copied, meant = getattr(own, key), getattr(its, key)
        is_same = copied == meant
        if key == "source" and own.source is not None and its.source is not None:
            is_same = own.source.says_same(its.source)
        if copied is not None and not is_same:
            yield sentences.overruled(key, function, merged.descriptor)


def _build_problems(
    function: Function, runs: Sequence[Draft], of_task: Merged | None
) -> Iterator[Diagnostic]:
    for run in runs:
        yield from overruled_keys(run.merged, function)
        yield from _lost_in_a_build(run.merged, function)
        if _build_of(run.merged) != _build_of(runs[0].merged):
            first = (runs[0].name, runs[0].merged)
            yield sentences.built_in_two_ways(function.name, first, (run.name, run.merged))
    if of_task is not None and not runs:
        yield from _lost_in_a_build(of_task, function)


def _lost_in_a_build(merged: Merged, function: Function) -> Iterator[Diagnostic]:
    """What a build says that does not become a part of the image."""
    for key in _OF_A_POD:
        if getattr(merged.spec, key) is not None:
            yield sentences.not_in_the_image(key, merged)
    names = [variable.name for variable in merged.spec.envs or ()]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield sentences.set_twice(name, merged.span("envs", index, "name"))
    if function.image is not None:
        yield sentences.ready_image(function, merged)


def _build(runs: Sequence[Draft], of_task: Merged | None) -> Build:
    """What the build run of a function says, else its build task."""
    first: Iterable[Merged] = (run.merged for run in runs)
    merged = next(iter(first), of_task)
    return _build_of(merged) if merged is not None else Build()


def _build_of(merged: Merged) -> Build:
    spec = merged.spec
    return Build(
        spec.instructions or (),
        tuple((variable.name, variable.value) for variable in spec.envs or ()),
        tuple(sorted(set(spec.secrets or ()))),
    )
