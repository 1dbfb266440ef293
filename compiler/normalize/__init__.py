"""Project -> Project in one dialect, the newest: what older platforms and other writers meant.

digitalhub.md sections 0 to 4. What comes after knows runs of `python+job:run` and its like only,
tasks that name their function, and each descriptor once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import TypeVar

from gitopsc.model.descriptor import (
    DATA_TYPES,
    FUNCTION_KINDS,
    RUN_KINDS,
    TASK_KINDS,
    TRIGGER_KINDS,
    DataDescriptor,
    Descriptor,
    Entities,
    FunctionDescriptor,
    Project,
    RunDescriptor,
    TriggerDescriptor,
)
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.names import RUN_NAME_LIMIT, cleaned
from gitopsc.model.reference import TaskKey
from gitopsc.model.runtime import action_of
from gitopsc.model.source import Tree
from gitopsc.model.specification import DataSpec, FunctionSpec, RunSpec, TriggerSpec
from gitopsc.normalize import sentences
from gitopsc.normalize.functions import merged_functions, with_listed
from gitopsc.normalize.keys import Older, one_spelling, without_strangers
from gitopsc.normalize.project_files import copies_of_files, inline_entities, ref_problems
from gitopsc.normalize.schedules import committed, scheduled
from gitopsc.normalize.triggers import other_runtime, started_by_data, triggered

__all__ = ("normalize",)

Problems = list[Diagnostic]


def normalize(project: Project, tree: Tree) -> tuple[Project, tuple[Diagnostic, ...]]:
    """The same project; what cannot be understood is not valid any more, with an error."""
    problems: Problems = []
    older: Older = {}
    inline = inline_entities(project)
    copies = copies_of_files(project, inline)
    is_committed = committed(project, tree)
    found: list[Descriptor] = []
    function: Descriptor | None = None
    for descriptor in project.descriptors:
        if descriptor.kind == "project":
            problems += ref_problems(project, descriptor)
        if descriptor.kind in FUNCTION_KINDS:
            function = descriptor if id(descriptor) not in inline else None
        if id(descriptor) in copies:
            continue
        if descriptor.valid:
            beside = function if function and function.path == descriptor.path else None
            descriptor = _modern(project, descriptor, beside, problems, is_committed)
        if descriptor.valid and descriptor.kind in TASK_KINDS | RUN_KINDS:
            descriptor = one_spelling(without_strangers(descriptor, problems), older)
        found.append(descriptor)
    problems += [sentences.older_key(key, places) for key, places in older.items()]
    problems += _completed(found)
    found += merged_functions(found)
    typed = tuple(with_listed(project, tree, _typed(project, each), problems) for each in found)
    return replace(project, descriptors=typed, entities=_entities(typed)), tuple(problems)


def _typed(project: Project, descriptor: Descriptor) -> Descriptor:
    """The same with its keys as values; a broken one says nothing but what it would make."""
    kind = descriptor.kind
    fields = {field.name: getattr(descriptor, field.name) for field in dataclass_fields(Descriptor)}
    written, valid = descriptor.written, descriptor.valid
    if kind in FUNCTION_KINDS:
        return FunctionDescriptor(
            **fields,
            spec=FunctionSpec.of(written) if valid else FunctionSpec(),
            python_image=project.python_image,
        )
    if kind in TASK_KINDS | RUN_KINDS:
        spec = RunSpec.of(written) if valid else RunSpec.promised(written)
        return RunDescriptor(**fields, spec=spec)
    if kind in TRIGGER_KINDS:
        if not valid:
            return TriggerDescriptor(**fields)
        return TriggerDescriptor(**fields, spec=TriggerSpec.of(written), run=_run_of(descriptor))
    if kind in DATA_TYPES:
        return DataDescriptor(**fields, spec=DataSpec.of(written) if valid else DataSpec())
    return descriptor


def _run_of(trigger: Descriptor) -> RunDescriptor | None:
    """The job of a trigger that waits for data; what is wrong with its keys, schemas have said."""
    started = started_by_data(trigger)
    if started is None:
        return None
    run = one_spelling(without_strangers(started, []), {})
    fields = {field.name: getattr(run, field.name) for field in dataclass_fields(Descriptor)}
    return RunDescriptor(**fields, spec=RunSpec.of(run.written), trigger=trigger.name)


_Kind = TypeVar("_Kind", bound=Descriptor)


def _of_type(kind: type[_Kind], descriptors: Sequence[Descriptor]) -> tuple[_Kind, ...]:
    return tuple(descriptor for descriptor in descriptors if isinstance(descriptor, kind))


def _entities(descriptors: Sequence[Descriptor]) -> Entities:
    runs = _of_type(RunDescriptor, descriptors)
    return Entities(
        functions=_of_type(FunctionDescriptor, descriptors),
        tasks=tuple(task for task in runs if task.kind in TASK_KINDS),
        runs=tuple(run for run in runs if run.kind in RUN_KINDS),
        triggers=_of_type(TriggerDescriptor, descriptors),
        data=_of_type(DataDescriptor, descriptors),
    )


def _modern(
    project: Project,
    descriptor: Descriptor,
    function: Descriptor | None,
    problems: Problems,
    is_committed: Callable[[str], bool],
) -> Descriptor:
    """`function` is the one before it in the same file."""
    kind = descriptor.kind
    if kind in TASK_KINDS:
        task = _task(project, descriptor, function, problems)
        return scheduled(task, problems, is_committed)
    if kind == "python+run":
        key = TaskKey.parse(descriptor.written["task"])
        kind = f"{key.kind}:run" if key is not None else "python+job:run"
    if kind in RUN_KINDS:
        run = replace(descriptor, kind=kind, name=_run_name(descriptor))
        return scheduled(run, problems, is_committed)
    if kind in TRIGGER_KINDS and (what := other_runtime(descriptor)) is not None:
        problems.append(sentences.trigger_of_another_runtime(descriptor, what))
        return replace(descriptor, valid=False)
    if kind == "scheduler":
        return scheduled(triggered(descriptor, problems), problems, is_committed)
    return descriptor


def _run_name(run: Descriptor) -> str:
    """The platform calls a nameless run `<function>/<id>`, which may be more than a cluster takes.

    Then its id is the name that is left.
    """
    if run.id and run.name.endswith(f"/{run.id}") and len(cleaned(run.name)) > RUN_NAME_LIMIT:
        return run.id
    return run.name


def _task(
    project: Project, descriptor: Descriptor, function: Descriptor | None, problems: Problems
) -> Descriptor:
    """A task of the hub has no function, which is the one before it, and a template for runs."""
    spec = dict(descriptor.written)
    template = spec.pop("template", None) or {}
    homes = (*descriptor.homes, ("spec", "template")) if template else descriptor.homes
    if "function" not in spec:
        if function is None:
            problems.append(sentences.task_without_function(descriptor))
            return replace(descriptor, valid=False)
        version = f":{function.id}" if function.id is not None else ""
        spec["function"] = f"{function.kind}://{project.name}/{function.name}{version}"
    return replace(descriptor, written={**template, **spec}, homes=homes)


def _completed(descriptors: Sequence[Descriptor]) -> Problems:
    """An export is a history, too: what is in it as a run is to be run."""
    done = sorted(
        run.name_span
        for run in descriptors
        if action_of(run.kind) == "job"
        and run.kind in RUN_KINDS
        and run.valid
        and not run.written.get("local_execution")
        if run.document.has("status", "state")
        if run.document.data["status"]["state"] == "COMPLETED"
    )
    return [sentences.completed(done)] if done else []
