"""Runs and declared data -> who makes which data, and what each `store://` key means."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from gitopsc.link import sentences
from gitopsc.link.drafts import Draft
from gitopsc.link.symbols import TYPES_OF_DATA, Symbols, age
from gitopsc.model.descriptor import DataDescriptor
from gitopsc.model.diagnostic import Diagnostic, did_you_mean
from gitopsc.model.program import (
    CODE,
    DataUse,
    Function,
    FunctionVersion,
    Output,
    Reference,
    output_names,
)
from gitopsc.model.reference import StoreKey
from gitopsc.model.runtime import action_of

_SCHEME = "store://"
_ONE_OFF = 0.85
"""How alike two names are of which one may be a slip."""

DATA_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9._+-]{1,200}")
"""What the runner stores data under."""

_PLACES_OF_KEYS = ("parameters", "init_parameters", "envs")

Entity = tuple[str, str]
"""Type and name of data."""

_DIGEST_LENGTH = 64
"""Of a version that a store knows and no descriptor declares: a compute digest."""


class Data(NamedTuple):
    """What is known of data: who declares it, who produces it, and what each run makes.

    `named` are, by the names of data, what runs make as only their code says. `promised` is what
    runs with errors would make; `local` are the runs of laptops. Where some job or its function has
    errors, and nothing is written of what it makes, `may_lack` says that it may make anything.
    """

    symbols: Symbols
    producers: Mapping[Entity, tuple[str, Output]]
    outputs: Mapping[str, tuple[Output, ...]]
    named: Mapping[str, Sequence[tuple[str, DataUse]]]
    promised: frozenset[Entity]
    local: frozenset[str]
    may_lack: bool

    def makers(self, key: StoreKey, reader: str) -> Sequence[tuple[str, DataUse]]:
        """The runs whose code makes that data; none where the one that asks is one of them, for it
        means what was there before. A cluster's does not see what laptops make."""
        found: dict[str, DataUse] = {}
        for run, use in self.named.get(key.name, ()):
            is_seen = reader in self.local or run not in self.local
            if is_seen and (use.type == key.type or (use.type is None and key.type != "model")):
                found.setdefault(run, use)
        return [] if reader in found else list(found.items())

    def resolved(self, reference: Reference, run: str) -> Reference | None:
        """As the run means it that reads it: with its producer or its declaration.

        Without a version, the newest is meant: the one that a run of this project makes. A declared
        output goes before a declared path, and that before what only code says. None when nobody
        knows it, or several make it.
        """
        key = reference.key
        if key.project != self.symbols.project:
            return reference
        declared = self._declared(key)
        producer = self.producers.get((key.type, key.name))
        if key.version is not None:
            version = next((each for each in declared if each.id == key.version), None)
            return _declared_as(reference, version) if version is not None else reference
        if producer is not None:
            # One entity has one key, however its kind is spelled here.
            return reference._replace(producer=producer[0], key=producer[1].key)
        newest = max(declared, key=age) if declared else None
        if newest is None or newest.spec.path is None:
            makers = self.makers(key, run)
            if len(makers) == 1:
                maker, use = makers[0]
                key = key._replace(kind=use.kind or key.kind)
                return reference._replace(producer=maker, key=key, is_by_code=True)
        return _declared_as(reference, newest) if newest is not None else None

    def problems(
        self, reference: Reference, resolved: Reference | None, run: str
    ) -> Iterator[Diagnostic]:
        """Of what a run reads, as it is written and `resolved`."""
        key = reference.key
        is_local = run in self.local
        own = self.symbols.project
        if key.project != own and did_you_mean(key.project, [own], cutoff=_ONE_OFF) is not None:
            yield sentences.other_project_s(reference, own)
        elif resolved is None:
            makers = self.makers(key, run)
            if makers:
                yield sentences.several_makers(reference, makers)
            elif (key.type, key.name) not in self.promised and not self.may_lack:
                yield sentences.unknown_data(reference, self._known())
        elif resolved.producer is None and _is_nowhere(resolved):
            if (key.type, key.name) not in self.promised and not self.may_lack:
                yield sentences.nowhere(resolved)
        elif resolved is reference and self._is_unknown_version(key):
            yield sentences.undeclared_version(reference)
        elif resolved.producer in self.local and not is_local:
            yield sentences.made_on_a_laptop(resolved)

    def unmade(self, functions: Sequence[Function], used: Container[str]) -> Iterator[Diagnostic]:
        """Of what only code asks for, in functions that runs use: what nothing here makes, neither
        by that name nor by one that only running tells."""
        unnamed = {use.type for each in functions for use in each.made if use.name is None}
        known: Mapping[Entity, str | None] = {}
        for function in (each for each in functions if each.unique_name in used):
            for reference in code_inputs(self.symbols, function):
                key = reference.key
                entity = key.type, key.name
                is_known = entity in self.producers or entity in self.symbols.data
                if is_known or key.name in self.named or entity in self.promised:
                    continue
                if key.project == self.symbols.project and not self.may_lack:
                    may_be = function.descriptor.may_have_sdk or unnamed & {None, key.type}
                    known = known or self._known()
                    yield from sentences.unmade_in_code(reference, known, may_be=bool(may_be))

    def _known(self) -> Mapping[Entity, str | None]:
        """All data that has a name here, with a run that makes it."""
        found: dict[Entity, str | None] = dict.fromkeys(self.symbols.data)
        for name, uses in self.named.items():
            found |= {(use.type or "dataitem", name): run for run, use in uses}
        return found | {entity: run for entity, (run, _) in self.producers.items()}

    def _is_unknown_version(self, key: StoreKey) -> bool:
        is_own = key.project == self.symbols.project
        is_made = (key.type, key.name) in self.producers or key.name in self.named
        is_digest = key.version is not None and len(key.version) == _DIGEST_LENGTH
        return is_own and key.version is not None and not (is_made and is_digest)

    def _declared(self, key: StoreKey) -> Sequence[DataDescriptor]:
        return self.symbols.data.get((key.type, key.name), ())


def _declared_as(reference: Reference, declared: DataDescriptor) -> Reference:
    key = reference.key._replace(kind=declared.kind)
    return reference._replace(declared=declared, key=key)


def find_data(
    symbols: Symbols,
    drafts: Sequence[Draft],
    functions: Mapping[FunctionVersion, Function],
) -> tuple[Data, list[Diagnostic]]:
    """`drafts` are the runs that have an action, `functions` all that were loaded."""
    producers: dict[Entity, tuple[str, Output]] = {}
    problems: list[Diagnostic] = []
    for draft in drafts:
        problems += _add_outputs(symbols, draft, producers)
    names = {draft.name for draft in drafts}
    local = frozenset(draft.name for draft in drafts if draft.is_local)
    outputs: dict[str, tuple[Output, ...]] = {}
    for run, output in producers.values():
        outputs[run] = (*outputs.get(run, ()), output)
    named: dict[str, list[tuple[str, DataUse]]] = {}
    for draft in drafts:
        function = functions.get(draft.function)
        if draft.action == "job" and function is not None:
            declared = output_names(outputs.get(draft.name, ()))
            for use in function.made:
                if use.name is not None and use.name not in declared:
                    named.setdefault(use.name, []).append((draft.name, use))
    promised = _promised(symbols, names)
    may_lack = any(
        not run.spec.outputs and action_of(run.kind) == "job"
        for name, run in symbols.runs.items()
        if name not in names
    ) or any(
        not draft.merged.spec.outputs and draft.action == "job" and _is_unread(functions, draft)
        for draft in drafts
    )
    return Data(symbols, producers, outputs, named, promised, local, may_lack), problems


def _is_nowhere(reference: Reference) -> bool:
    """Whether it is declared and nothing says where it lies."""
    return reference.declared is not None and reference.declared.spec.path is None


def _is_unread(functions: Mapping[FunctionVersion, Function], draft: Draft) -> bool:
    function = functions.get(draft.function)
    return function is None or function.is_unread


def _add_outputs(
    symbols: Symbols, draft: Draft, producers: dict[Entity, tuple[str, Output]]
) -> Iterator[Diagnostic]:
    for name, text in sorted((draft.merged.spec.outputs or {}).items()):
        span = draft.merged.span("outputs", name)
        key = symbols.data_key(text)
        if key is None:
            yield sentences.not_data(text, symbols.project, span)
        elif key.project != symbols.project:
            yield sentences.other_project(f"`{key.name}`", key.project, span)
        elif key.version is not None:
            yield sentences.versioned_output(key, span)
        elif not DATA_NAME.fullmatch(key.name):
            yield sentences.bad_data_name(key, span)
        else:
            made = draft.name, Output(name, key, span)
            first = producers.setdefault((key.type, key.name), made)
            if (first[0], first[1].name) != (draft.name, name):
                yield sentences.two_producers(first, made)


def _promised(symbols: Symbols, sound: Container[str]) -> frozenset[Entity]:
    broken = (run for name, run in symbols.runs.items() if name not in sound)
    texts = (text for run in broken for text in (run.spec.outputs or {}).values())
    keys = (symbols.data_key(text) for text in texts)
    return frozenset((key.type, key.name) for key in keys if key is not None)


def written_inputs(symbols: Symbols, draft: Draft) -> tuple[list[Reference], list[Diagnostic]]:
    """As `inputs` name them."""
    found, problems = [], []
    for argument, text in sorted((draft.merged.spec.inputs or {}).items()):
        span = draft.merged.span("inputs", argument)
        key = symbols.data_key(text)
        if key is None:
            problems.append(sentences.not_data(text, symbols.project, span))
        else:
            found.append(Reference(argument, key, text, "inputs", span))
    return found, problems


def code_inputs(symbols: Symbols, function: Function) -> Iterator[Reference]:
    """What a handler asks for by a name that stands in its code."""
    for use in function.data:
        if use.verb == "reads" and use.name is not None and use.type is not None:
            project = use.project or symbols.project
            key = StoreKey(project, use.type, use.kind or use.type, use.name, None)
            yield Reference(None, key, str(key), CODE, use.span)


def written_references(symbols: Symbols, draft: Draft) -> tuple[list[Reference], list[Diagnostic]]:
    """`store://` strings in parameters and variables: lineage that the platform does not see."""
    found, problems = [], []
    for place in _PLACES_OF_KEYS:
        if _SCHEME not in repr(getattr(draft.merged.spec, place)):
            continue  # as nearly always: no place is looked up
        for text, span in draft.merged.strings(place):
            if not text.startswith(_SCHEME):
                continue
            key = StoreKey.parse(text)
            if key is None:
                problems.append(sentences.not_a_key(text, symbols.project, span))
            elif key.type in TYPES_OF_DATA:
                found.append(Reference(None, key, text, place, span))
    return found, problems
