"""Runs and declared data -> who makes which data, and what each `store://` key means."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from gitopsc.link import sentences
from gitopsc.link.drafts import Draft
from gitopsc.link.symbols import TYPES_OF_DATA, Symbols, age
from gitopsc.model.descriptor import DataDescriptor
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import Output, Reference
from gitopsc.model.reference import StoreKey

_SCHEME = "store://"
_DATA_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9._+-]{1,200}")
"""What the runner stores data under."""

_PLACES_OF_KEYS = ("parameters", "init_parameters", "envs")

Entity = tuple[str, str]
"""Type and name of data."""

_DIGEST_LENGTH = 64
"""Of a version that a store knows and no descriptor declares: a compute digest."""


class Data(NamedTuple):
    """What is known of data: who declares it, who produces it, and what each run makes.

    `promised` is what runs with errors would make; `local` are the runs of laptops.
    """

    symbols: Symbols
    producers: Mapping[Entity, tuple[str, Output]]
    outputs: Mapping[str, tuple[Output, ...]]
    promised: frozenset[Entity]
    local: frozenset[str]

    def resolved(self, reference: Reference) -> Reference | None:
        """With its producer or its declaration; without a version, the newest is meant: the one
        that a run of this project makes. None when nobody knows it."""
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
        return _declared_as(reference, max(declared, key=age)) if declared else None

    def problems(
        self, reference: Reference, resolved: Reference | None, *, is_local: bool
    ) -> Iterator[Diagnostic]:
        """Of what a run reads, as it is written and `resolved`; `is_local` says that the run is a
        laptop's."""
        key = reference.key
        if resolved is None:
            if (key.type, key.name) not in self.promised:
                known = {*self.symbols.data, *self.producers}
                yield sentences.unknown_data(reference, known)
        elif resolved is reference and self._is_unknown_version(key):
            yield sentences.undeclared_version(reference)
        elif resolved.producer in self.local and not is_local:
            yield sentences.made_on_a_laptop(resolved)

    def _is_unknown_version(self, key: StoreKey) -> bool:
        is_own = key.project == self.symbols.project
        is_made = (key.type, key.name) in self.producers
        is_digest = key.version is not None and len(key.version) == _DIGEST_LENGTH
        return is_own and key.version is not None and not (is_made and is_digest)

    def _declared(self, key: StoreKey) -> Sequence[DataDescriptor]:
        return self.symbols.data.get((key.type, key.name), ())


def _declared_as(reference: Reference, declared: DataDescriptor) -> Reference:
    key = reference.key._replace(kind=declared.kind)
    return reference._replace(declared=declared, key=key)


def find_data(symbols: Symbols, drafts: Sequence[Draft]) -> tuple[Data, list[Diagnostic]]:
    """`drafts` are the runs that have an action."""
    producers: dict[Entity, tuple[str, Output]] = {}
    problems: list[Diagnostic] = []
    for draft in drafts:
        problems += _add_outputs(symbols, draft, producers)
    names = {draft.name for draft in drafts}
    local = frozenset(draft.name for draft in drafts if draft.is_local)
    outputs: dict[str, tuple[Output, ...]] = {}
    for run, output in producers.values():
        outputs[run] = (*outputs.get(run, ()), output)
    return Data(symbols, producers, outputs, _promised(symbols, names), local), problems


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
        elif not _DATA_NAME.fullmatch(key.name):
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
