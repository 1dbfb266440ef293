"""Drafts -> Runs, each with its function, its data and the arguments of its calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gitopsc.link import sentences
from gitopsc.link.arguments import misfits
from gitopsc.link.builds import overruled_keys
from gitopsc.link.data import Data, code_inputs, written_inputs, written_references
from gitopsc.link.drafts import Draft
from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.document import Pointer
from gitopsc.model.program import RESERVED_VARIABLES, Action, Function, Reference, Run, output_names


def make_run(
    project: Project, draft: Draft, action: Action, function: Function, data: Data
) -> tuple[Run, list[Diagnostic]]:
    inputs, input_problems = written_inputs(data.symbols, draft)
    references, reference_problems = written_references(data.symbols, draft)
    if draft.watched is not None and not _reads(draft.watched, (*inputs, *references)):
        references.append(draft.watched)
    written = (*inputs, *references)
    resolved = {reference: data.resolved(reference, draft.name) for reference in written}
    spec = draft.merged.spec
    parameters: Mapping[str, Any] = spec.parameters or {}
    init_parameters: Mapping[str, Any] = spec.init_parameters or {}
    init_key = "init_parameters"
    if action == "serve" and parameters:
        if not init_parameters:
            init_key, init_parameters = "parameters", parameters
        parameters = {}
    run = Run(
        name=draft.name,
        action=action,
        merged=draft.merged,
        function=function,
        local=draft.is_local,
        parameters=parameters,
        init_parameters=init_parameters,
        inputs=_found(inputs, resolved, data),
        references=_found(references, resolved, data),
        outputs=data.outputs.get(draft.name, ()),
        code_inputs=tuple(_code_inputs(data, draft, function, written)),
    )
    problems = [*input_problems, *reference_problems]
    for reference, found in resolved.items():
        problems += data.problems(reference, found, draft.name)
    if action == "serve" and spec.parameters:
        is_used = init_key == "parameters"
        problems.append(sentences.parameters_to_init(draft.merged, is_used=is_used))
    problems += overruled_keys(draft.merged, function)
    problems += _profile_problems(project, draft)
    problems += _repeated_names(draft)
    problems += _gpu_problems(draft)
    problems += misfits(run, init_key)
    return run, problems


def _code_inputs(
    data: Data, draft: Draft, function: Function, written: Sequence[Reference]
) -> Iterator[Reference]:
    """What the code asks for and nothing else says, where somebody here is known to have it."""
    own = {*output_names(data.outputs.get(draft.name, ()))}
    own |= {use.name for use in function.made if use.name is not None}
    seen: set[tuple[str, str]] = set()
    for reference in code_inputs(data.symbols, function):
        entity = (reference.key.type, reference.key.name)
        if entity in seen or reference.key.name in own or _reads(reference, written):
            continue
        seen.add(entity)
        found = data.resolved(reference, draft.name)
        if found is None or reference.key.project != data.symbols.project:
            continue
        is_there = found.declared is not None and found.declared.spec.path is not None
        is_reachable = draft.is_local or found.producer not in data.local
        if (found.producer is not None and is_reachable) or is_there:
            yield found


def _reads(watched: Reference, references: Iterable[Reference]) -> bool:
    """Whether a run reads the data that starts it."""
    entity = (watched.key.type, watched.key.name)
    return any((read.key.type, read.key.name) == entity for read in references)


def _found(
    written: list[Reference], resolved: Mapping[Reference, Reference | None], data: Data
) -> tuple[Reference, ...]:
    """What a job that has errors may make stays: whoever asks for this run needs that job."""
    found = (resolved[each] or (each if data.may_lack else None) for each in written)
    return tuple(reference for reference in found if reference is not None)


def _profile_problems(project: Project, draft: Draft) -> Iterator[Diagnostic]:
    name = draft.merged.spec.profile
    if name is None or draft.is_local or not project.is_sound:
        return
    for environment in project.environments:
        known = environment.profiles
        if name not in known:
            span = draft.merged.span("profile")
            yield sentences.unknown_profile(name, environment.name, known, span)


def _repeated_names(draft: Draft) -> Iterator[Diagnostic]:
    """A cluster refuses a pod that sets a variable twice; some are the runner's."""
    merged = draft.merged
    variables: list[tuple[str, str, Pointer]] = [
        (variable.name, "envs", (index, "name"))
        for index, variable in enumerate(merged.spec.envs or ())
    ]
    variables += [
        (name, "secrets", (index,)) for index, name in enumerate(merged.spec.secrets or ())
    ]
    names: set[str] = set()
    for name, key, way in variables:
        if name in RESERVED_VARIABLES:
            yield sentences.variable_of_the_runner(name, merged.span(key, *way))
        elif name in names:
            yield sentences.set_twice(name, merged.span(key, *way))
        names.add(name)


def _gpu_problems(draft: Draft) -> Iterator[Diagnostic]:
    gpu = (draft.merged.spec.resources or {}).get("gpu")
    if gpu is not None and gpu.limit not in (None, gpu.request):
        yield sentences.gpu_limit(str(gpu.limit), draft.merged)
