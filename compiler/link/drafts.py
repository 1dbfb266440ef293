"""A run's descriptor -> which function it is of, and what its task says for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from gitopsc.link import sentences
from gitopsc.link.symbols import FunctionFound, Symbols, find_function, version_of
from gitopsc.model.descriptor import RunDescriptor
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import Action, FunctionVersion, Merged, Reference
from gitopsc.model.reference import TaskKey
from gitopsc.model.runtime import action_of, runtime_of

_ACTIONS: Mapping[str, Action | None] = {
    "build": None,
    "deploy": "serve",
    "job": "job",
    "serve": "serve",
}


class Draft(NamedTuple):
    """A run whose task and function are found. A run without an action builds an image.

    One that a trigger starts reads the data that this has `watched`.
    """

    name: str
    action: Action | None
    function: FunctionVersion
    merged: Merged
    watched: Reference | None = None

    @property
    def is_local(self) -> bool:
        return bool(self.merged.spec.local_execution)


def draft_runs(symbols: Symbols) -> tuple[list[Draft], list[Diagnostic]]:
    """One for each valid run; what is not found is left out, with an error."""
    drafts = []
    problems: list[Diagnostic] = []
    for run in symbols.runs.values():
        if run.valid:
            draft, found = draft_run(symbols, run)
            problems += found
            if draft is not None:
                drafts.append(draft)
    return drafts, problems


def draft_run(symbols: Symbols, run: RunDescriptor) -> tuple[Draft | None, list[Diagnostic]]:
    """None when its function or task is not found."""
    run = _of_its_runtime(symbols, run)
    kind = run.kind.removesuffix(":run")
    problems = list(_task_problems(symbols, run, kind))
    task = None
    if run.spec.task is not None:
        key = _task_key(symbols, run, kind)
        task = symbols.tasks_by_id.get((kind, key.id)) if key is not None else None
        if key is None or (task is not None and not task.valid):
            return None, problems
    owner = run if run.spec.function is not None else task
    if owner is None or owner.spec.function is None:
        return None, [*problems, sentences.no_function(run)]
    found = find_function(symbols, owner.spec.function)
    if owner is run:  # a task's own reference was reported when the task was declared
        problems += found.problems(symbols, owner.spec.function, (run, "function"))
    if found.function is None:
        return None, problems
    if found.function.kind != runtime_of(kind):
        return None, [*problems, sentences.other_runtime(found.function, run)]
    if task is None:
        task = symbols.task_of(kind, version_of(found.function))
    elif owner is run and not _is_of(symbols, task, found):
        return None, [*problems, sentences.task_of_another(found.function.name, run)]
    merged = Merged.of(run, task)
    if merged.spec.service_type == "ExternalName":
        return None, [*problems, sentences.external_name(merged)]
    return Draft(run.name, _ACTIONS[action_of(kind)], version_of(found.function), merged), problems


def unused_tasks(symbols: Symbols, drafts: Sequence[Draft]) -> Iterator[Diagnostic]:
    """Tasks with a name of their own, which platforms give none, and no run: they were meant to be
    runs. Where a run has errors, it may be the one."""
    if len({draft.name for draft in drafts} & symbols.runs.keys()) < len(symbols.runs):
        return
    used = {id(draft.merged.task) for draft in drafts}
    for (kind, _, _), task in symbols.tasks.items():
        is_meant = "name" in task.document.data and task.id is None
        if is_meant and id(task) not in used and action_of(kind) != "build":
            yield sentences.unused_task(task)


def _of_its_runtime(symbols: Symbols, run: RunDescriptor) -> RunDescriptor:
    """A trigger says what it starts, and not of which runtime that is."""
    if not run.is_of_trigger or run.spec.function is None:
        return run
    function = find_function(symbols, run.spec.function).function
    if function is None or function.kind == runtime_of(run.kind):
        return run
    return replace(run, kind=f"{function.kind}+{action_of(run.kind)}:run")


def _is_of(symbols: Symbols, task: RunDescriptor, meant: FunctionFound) -> bool:
    function = find_function(symbols, task.spec.function or "").function
    return (
        function is not None
        and meant.function is not None
        and function.name == (meant.function.name)
    )


def _task_key(symbols: Symbols, run: RunDescriptor, kind: str) -> TaskKey | None:
    """What a run names as its task, where that may be one of its kind in this project."""
    key = TaskKey.parse(run.spec.task or "")
    is_fit = key is not None and key.kind == kind and key.project == symbols.project
    return key if is_fit else None


def _task_problems(symbols: Symbols, run: RunDescriptor, kind: str) -> Iterator[Diagnostic]:
    """Runs are exported without their tasks: then what the task said is lost."""
    text = run.spec.task
    if text is None:
        return
    key = TaskKey.parse(text)
    if key is None or key.kind != kind:
        yield sentences.not_a_task(text, kind, symbols.project, run)
    elif key.project != symbols.project:
        yield sentences.other_project("the task", key.project, (run, "task"))
    elif (kind, key.id) not in symbols.tasks_by_id and not run.spec.is_merged:
        known = [known_id for known_kind, known_id in symbols.tasks_by_id if known_kind == kind]
        yield sentences.unknown_task(kind, key.id, known, run)
