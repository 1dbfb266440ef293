"""A project's descriptors -> what each name means: functions by version, tasks, runs, data."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gitopsc.link import sentences
from gitopsc.model.descriptor import (
    DATA_TYPES,
    DataDescriptor,
    Descriptor,
    FunctionDescriptor,
    Project,
    RunDescriptor,
    TriggerDescriptor,
)
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import FunctionVersion
from gitopsc.model.reference import FunctionKey, StoreKey
from gitopsc.model.runtime import runtime_of

TYPES_OF_DATA = frozenset(DATA_TYPES.values())

_BARE_NAME = re.compile(r"[A-Za-z0-9._+-]+")


@dataclass(frozen=True, slots=True)
class Symbols:
    """What the descriptors of a project define, by name. Broken ones are in it, too.

    Versions of a function are sorted, the newest last. A task is of one version of a function when
    it names that version, else of all. `run_names` finds a run by its id.
    """

    project: str
    functions: dict[str, list[FunctionDescriptor]] = field(default_factory=dict)
    tasks: dict[tuple[str, str, FunctionVersion | None], RunDescriptor] = field(
        default_factory=dict
    )
    tasks_by_id: dict[tuple[str, str], RunDescriptor] = field(default_factory=dict)
    runs: dict[str, RunDescriptor] = field(default_factory=dict)
    run_names: dict[str, str] = field(default_factory=dict)
    data: dict[tuple[str, str], list[DataDescriptor]] = field(default_factory=dict)
    triggers: list[TriggerDescriptor] = field(default_factory=list)

    def task_of(self, kind: str, version: FunctionVersion) -> RunDescriptor | None:
        exact = self.tasks.get((kind, version[0], version))
        return exact or self.tasks.get((kind, version[0], None))

    def data_key(self, text: str) -> StoreKey | None:
        """A store key, or a bare name: a dataitem of this project."""
        if _BARE_NAME.fullmatch(text):
            return StoreKey(self.project, "dataitem", "dataitem", text, None)
        key = StoreKey.parse(text)
        return key if key is not None and key.type in TYPES_OF_DATA else None

    def key_of(self, data: DataDescriptor) -> StoreKey:
        return StoreKey(self.project, DATA_TYPES[data.kind], data.kind, data.name, data.id)


Flaw = Literal["malformed", "other project", "unknown", "no such version", "newest instead"]


class FunctionFound(NamedTuple):
    """The function that a reference means, if this project has it, and what is wrong with it."""

    function: FunctionDescriptor | None
    flaw: Flaw | None = None
    key: FunctionKey | None = None

    def problems(self, symbols: Symbols, text: str, place: sentences.Place) -> Iterator[Diagnostic]:
        """What there is to say of it where `text` is the reference."""
        project, key = symbols.project, self.key
        if self.flaw == "malformed" or key is None:
            if self.flaw is not None:
                yield sentences.not_a_function(text, project, place)
            return
        versions = symbols.functions.get(key.name, [])
        if self.flaw == "other project":
            yield sentences.other_project(f"function `{key.name}`", str(key.project), place)
        elif self.flaw == "unknown":
            yield sentences.unknown_function(key.name, project, symbols.functions, place)
        elif self.flaw == "no such version":
            ids = [version.id for version in versions if version.id is not None]
            yield sentences.unknown_function_version(key.name, str(key.id), ids, place)
        elif self.flaw == "newest instead" and self.function is not None:
            yield sentences.newest_is_used(key.name, str(key.id), self.function, place)


def find_function(symbols: Symbols, text: str) -> FunctionFound:
    """Without an id the newest version is meant."""
    key = FunctionKey.parse(text)
    if key is None:
        return FunctionFound(None, "malformed")
    if key.project not in (None, symbols.project):
        return FunctionFound(None, "other project", key)
    versions = symbols.functions.get(key.name)
    if versions is None:
        return FunctionFound(None, "unknown", key)
    newest = versions[-1]
    if key.id is None:
        return FunctionFound(newest, key=key)
    meant = next((version for version in versions if version.id == key.id), None)
    if meant is None and len(versions) > 1:
        return FunctionFound(None, "no such version", key)
    if meant is None and newest.id is not None:
        return FunctionFound(newest, "newest instead", key)
    return FunctionFound(meant or newest, key=key)


def declare(project: Project) -> tuple[Symbols, list[Diagnostic]]:
    symbols = Symbols(project.name)
    entities = project.entities
    problems: list[Diagnostic] = []
    for function in entities.functions:
        problems += _declare_function(symbols, function)
    for data in entities.data:
        problems += _declare_data(symbols, data)
    for run in entities.runs:
        if run.kind.endswith(":run"):
            problems += _declare_run(symbols, run)
    symbols.triggers.extend(trigger for trigger in entities.triggers if trigger.valid)
    for task in entities.tasks:
        problems += _declare_task(symbols, task)
    return symbols, problems


def version_of(function: FunctionDescriptor) -> FunctionVersion:
    return function.name, function.id


def _declare_function(symbols: Symbols, function: FunctionDescriptor) -> Iterator[Diagnostic]:
    versions = symbols.functions.setdefault(function.name, [])
    first = next((version for version in versions if version.id == function.id), None)
    if first is None:
        versions.append(function)
        versions.sort(key=age)
    elif function.name:
        yield sentences.defined_twice("function", first, function)


def _declare_data(symbols: Symbols, data: DataDescriptor) -> Iterator[Diagnostic]:
    versions = symbols.data.setdefault((DATA_TYPES[data.kind], data.name), [])
    first = next((version for version in versions if version.id == data.id), None)
    if first is None:
        versions.append(data)
    else:
        yield sentences.defined_twice(data.kind, first, data)


def _declare_run(symbols: Symbols, run: RunDescriptor) -> Iterator[Diagnostic]:
    first = symbols.runs.setdefault(run.name, run)
    symbols.run_names[run.id or run.name] = run.name
    if first is not run and run.name:
        what = "run or scheduler" if first.is_scheduler or run.is_scheduler else "run"
        yield sentences.defined_twice(what, first, run)


def _declare_task(symbols: Symbols, task: RunDescriptor) -> Iterator[Diagnostic]:
    if task.id is not None:
        namesake = symbols.tasks_by_id.setdefault((task.kind, task.id), task)
        if namesake is not task:
            yield sentences.defined_twice(f"{task.kind} task `{task.id}`", namesake, task)
            return
    text = task.spec.function
    if not task.valid or text is None:
        return
    found = find_function(symbols, text)
    yield from found.problems(symbols, text, (task, "function"))
    if found.function is None:
        return
    if found.function.kind != runtime_of(task.kind):
        yield sentences.other_runtime(found.function, task)
        return
    is_of_version = found.key is not None and found.key.id is not None
    version = version_of(found.function) if is_of_version else None
    first = symbols.tasks.setdefault((task.kind, found.function.name, version), task)
    if first is not task:
        yield sentences.defined_twice(f"{task.kind} task of `{found.function.name}`", first, task)


def age(descriptor: Descriptor) -> tuple[float | str, ...]:
    """Sorts versions by when they were made, else by version and id; `10` comes after `9`."""
    metadata = descriptor.metadata
    keys = (metadata.get("created", ""), metadata.get("version", ""), descriptor.id or "")
    return (
        not descriptor.is_copy,
        _moment(str(keys[0])),
        *(_NUMBER.sub(_padded, str(key)) for key in keys),
    )


_NUMBER = re.compile(r"\d+")
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)? ?(?:Z|([+-])(\d\d):?(\d\d))?"
)


def _padded(digits: re.Match[str]) -> str:
    return digits[0].zfill(20)


def _moment(text: str) -> float:
    """Seconds since 1970 of a time as platforms write it; 0 for what is not a time."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return 0.0
    *parts, fraction, sign, hours, minutes = match.groups()
    try:
        seconds = timegm(tuple(int(part or 0) for part in parts)) + float(fraction or 0)
    except ValueError:  # no such day
        return 0.0
    offset = int(hours or 0) * 3600 + int(minutes or 0) * 60
    return seconds + offset if sign == "-" else seconds - offset
