"""A change of an object that gitopsc makes, as settings ask for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from gitopsc.model.document import Document, Pointer
from gitopsc.model.names import cleaned
from gitopsc.model.source import Span


class Misfit(NamedTuple):
    """A part of an object or of a patch, and `why` Kubernetes does not have it: its `type` is
    another one, the type has no such field (but the `known`, or in versions `since` or `until`
    one), a field is missing, a number is below 0, or an item has no key of that type."""

    pointer: Pointer
    why: Literal["directive", "missing", "negative", "type", "unknown", "unnamed"]
    type: str
    known: Sequence[str] = ()
    since: str | None = None
    until: str | None = None


def _leaves(value: Any, way: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{way}.{key}" if way else str(key))
    elif isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        for index, each in enumerate(value):
            rest = {key: inner for key, inner in each.items() if key != "name"}
            yield from _leaves(rest, f"{way}.{each.get('name', index)}")
    else:
        yield way


class Patch(NamedTuple):
    """Of the objects of a kind, of one run or of all: a strategic merge, or JSON `operations`. It
    stands at `way` in the settings."""

    kind: str
    run: str | None
    merge: Mapping[str, Any] | None
    operations: Sequence[Mapping[str, Any]]
    document: Document
    way: Pointer

    @classmethod
    def of(cls, data: Mapping[str, Any], document: Document, way: Pointer) -> Patch:
        """`data` is what the schema accepts."""
        target = data["target"]
        return cls(
            target["kind"],
            target.get("run"),
            data.get("merge"),
            data.get("json", ()),
            document,
            way,
        )

    @property
    def is_own(self) -> bool:
        """Whether it stands in one environment's settings."""
        return self.way[0] == "environments"

    @property
    def says(self) -> str:
        """The same for two that are the same."""
        return json.dumps(
            [self.kind, self.run, self.merge, list(self.operations)], sort_keys=True, default=str
        )

    @property
    def changes(self) -> tuple[str, ...]:
        """The fields that it names, as people write them; items of lists by their names."""
        paths = [str(each.get("path", "")).strip("/") for each in self.operations]
        return tuple([path.replace("/", ".") for path in paths] or _leaves(self.merge or {}, ""))

    def is_for(self, kind: str, run: str | None) -> bool:
        """Of an object; a run may be written as it is, or as the cluster has it."""
        if kind != self.kind or run is None:
            return False
        return self.run is None or cleaned(self.run) == cleaned(run)

    def span(self, *pointer: str | int) -> Span:
        """The place of a value, or of the nearest thing around it."""
        return self.document.span(*self._there(pointer))

    def key_span(self, *pointer: str | int) -> Span:
        """The place of a key, or of the nearest thing around it."""
        return self.document.key_span(*self._there(pointer))

    def _there(self, pointer: Pointer) -> Pointer:
        while pointer and not self.document.has(*self.way, *pointer):
            pointer = pointer[:-1]
        return (*self.way, *pointer)
