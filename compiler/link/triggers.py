"""Triggers that wait for data, and the runs that make it -> jobs downstream of those runs.

A platform starts a job whenever data changes. Here data changes when a run makes it: its job waits
for that run, and of one that a schedule starts, it has the schedule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from gitopsc.link import sentences
from gitopsc.link.data import Data, find_data
from gitopsc.link.drafts import Draft, draft_run
from gitopsc.link.symbols import Symbols
from gitopsc.model.descriptor import RunDescriptor, TriggerDescriptor, filled, filled_fields
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import Function, FunctionVersion, Output, Reference
from gitopsc.model.reference import StoreKey
from gitopsc.model.specification import RunSpec, Variable

_MADE = "READY"
"""The state of data that a run has made."""

_MOST_STARTED = 500
"""Jobs that all triggers of a project start: more are not meant, but feed each other."""

_UNTOLD = ("dataitem", "artifact")
"""What data may be that only a decorator names: a model has to be logged."""

_SCHEME = "store://"
_WILD = "*?["
_ANY_VERSION = ":" + "0" * 32
_FILLED = ("inputs", "outputs", "parameters", "init_parameters", "envs", "args")


def with_triggered(
    symbols: Symbols,
    drafts: Sequence[Draft],
    functions: Mapping[FunctionVersion, Function],
) -> tuple[list[Draft], Data, list[Diagnostic]]:
    """All drafts, with those of triggers, and the data that they make.

    A trigger may wait for what the job of a second one makes.
    """
    found = list(drafts)
    problems: list[Diagnostic] = []
    started: set[tuple[str, str]] = set()
    above: dict[str, frozenset[str]] = {}
    while True:
        acting = [draft for draft in found if draft.action is not None]
        data, doubts = find_data(symbols, acting, functions)
        new = []
        for trigger in symbols.triggers:
            for maker, output in _matches(symbols, trigger, data):
                ancestors = above.get(maker, frozenset())
                if (trigger.name, str(output.key)) in started or trigger.name in ancestors:
                    continue  # or it would start itself, again and again
                if len(started) >= _MOST_STARTED:
                    return (
                        found,
                        data,
                        [*problems, sentences.many_triggered(trigger, _MOST_STARTED)],
                    )
                started.add((trigger.name, str(output.key)))
                draft, unsound = _draft(symbols, trigger, output, _cron_of(found, maker))
                problems += unsound
                if draft is not None:
                    new.append(draft)
                    above[draft.name] = ancestors | {trigger.name}
        if not new:
            break
        found += new
    names = {name for name, _ in started}
    for trigger in symbols.triggers:
        if trigger.name not in names and not data.may_lack and not _is_promised(trigger, data):
            is_made = any(_is_meant(symbols, trigger, made.key) for _, made in _made(symbols, data))
            problems.append(
                sentences.nothing_watched(trigger, by_state=is_made and not _counts(trigger))
            )
    return found, data, [*problems, *doubts]


def _matches(
    symbols: Symbols, trigger: TriggerDescriptor, data: Data
) -> Iterator[tuple[str, Output]]:
    """The runs in a cluster that make what a trigger waits for, with what they make."""
    if trigger.run is None or not _counts(trigger):
        return
    seen: set[tuple[str, str]] = set()
    for maker, output in _made(symbols, data):
        is_own = symbols.runs[maker].trigger == trigger.name
        if not is_own and maker not in data.local and _is_meant(symbols, trigger, output.key):
            if (maker, output.name) not in seen:  # which may have one type or another
                yield maker, output
            seen.add((maker, output.name))


def _made(symbols: Symbols, data: Data) -> Iterator[tuple[str, Output]]:
    """What runs declare to make; and what only their code says, where one alone makes it. What only
    a decorator names has the type that is waited for, as it has the one that its readers ask for.
    """
    yield from data.producers.values()
    for name, uses in data.named.items():
        typed = [(run, use) for run, use in uses if use.type is not None] or uses
        if len({run for run, _ in typed}) == 1:
            run, use = typed[0]
            for type_ in _UNTOLD if use.type is None else (use.type,):
                if (type_, name) not in data.producers:
                    key = StoreKey(symbols.project, type_, use.kind or type_, name, None)
                    yield run, Output(name, key, use.span)


def _counts(trigger: TriggerDescriptor) -> bool:
    """Whether it waits for what is made."""
    return trigger.spec.states is None or _MADE in trigger.spec.states


def _is_meant(symbols: Symbols, trigger: TriggerDescriptor, key: StoreKey) -> bool:
    """Data that a run names without its kind may be of any that its type has."""
    kinds = {key.kind} | {each.kind for each in symbols.data.get((key.type, key.name), ())}
    if key.kind == key.type == "dataitem":
        kinds.add("table")
    texts = [str(key._replace(kind=kind)) for kind in sorted(kinds)]
    pattern = trigger.spec.key
    return any(fnmatchcase(text + end, pattern) for text in texts for end in ("", _ANY_VERSION))


def _is_promised(trigger: TriggerDescriptor, data: Data) -> bool:
    """Whether a run that has errors may make what it waits for."""
    name = trigger.spec.key.rpartition("/")[2].partition(":")[0]
    return any(fnmatchcase(entity[1], name) for entity in data.promised)


def _cron_of(drafts: Sequence[Draft], name: str) -> str | None:
    return next(draft.merged.spec.cron for draft in drafts if draft.name == name)


def _draft(
    symbols: Symbols, trigger: TriggerDescriptor, output: Output, cron: str | None
) -> tuple[Draft | None, list[Diagnostic]]:
    key = output.key
    assert trigger.run is not None
    values = {
        "input.key": str(key),
        "input.kind": key.kind,
        "input.name": key.name,
        "input.project": key.project,
    }
    run = replace(
        trigger.run,
        name=_name(trigger, key),
        spec=replace(_filled_spec(trigger.run.spec, values), cron=cron),
        filling=values,
    )
    problems = list(_unfilled(trigger.run, values))
    first = symbols.runs.setdefault(run.name, run)
    if first is not run:
        return None, [*problems, sentences.defined_twice("run", first, run)]
    if problems:
        return None, problems
    draft, found = draft_run(symbols, run)
    if draft is not None:
        place = trigger.span("spec", "key")
        draft = draft._replace(watched=Reference(None, key, str(key), "key", place))
    return draft, [*problems, *found]


def _name(trigger: TriggerDescriptor, key: StoreKey) -> str:
    """The pattern alone decides: no other run that comes or goes changes it."""
    pattern = trigger.spec.key
    if not any(each in pattern for each in _WILD):
        return trigger.name
    types = pattern.removeprefix(_SCHEME).split("/")[1]
    is_any_type = any(each in types for each in _WILD)
    return f"{trigger.name}-{key.type}-{key.name}" if is_any_type else f"{trigger.name}-{key.name}"


def _unfilled(run: RunDescriptor, values: Mapping[str, str]) -> Iterator[Diagnostic]:
    for key in _FILLED:
        for text, span in run.strings(key):
            for name in filled_fields(text):
                if name not in values:
                    yield sentences.unknown_field(name, values, span)


def _filled_spec(spec: RunSpec, values: Mapping[str, str]) -> RunSpec:
    envs = spec.envs and tuple(Variable(name, filled(value, values)) for name, value in spec.envs)
    return replace(
        spec,
        inputs=_filled(spec.inputs, values),
        outputs=_filled(spec.outputs, values),
        parameters=_filled(spec.parameters, values),
        init_parameters=_filled(spec.init_parameters, values),
        envs=envs,
        args=spec.args and tuple(filled(each, values) for each in spec.args),
    )


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """Any JSON, with its strings filled in."""
    if isinstance(value, str):
        return filled(value, values)
    if isinstance(value, Mapping):
        return {key: _filled(each, values) for key, each in value.items()}
    return [_filled(each, values) for each in value] if isinstance(value, list) else value
