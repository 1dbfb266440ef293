"""One YAML or JSON value, with the place of everything in it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.source import Span

Pointer = tuple[str | int, ...]
"""The way from a document's root to a value: mapping keys and list indexes."""

_Children = dict[str | int, tuple[int, int]]

POSITION_WIDTH = 4
"""Numbers kept per key or value in `Document.positions`: line, column, end line, end column."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML or JSON value with the place of each key and value in it.

    `positions` holds `POSITION_WIDTH` numbers per node, in the order in which the nodes of `data`
    are met when it is walked (a key, then its value). This document's root is node `node`. `odd`
    are the nodes of numbers that are not written as they would be printed, such as 0123.
    """

    path: str
    data: Any
    positions: array[int]
    node: int = 0
    faults: tuple[Diagnostic, ...] = ()
    odd: frozenset[int] = frozenset()
    _found: dict[Pointer, _Children] = field(default_factory=dict, compare=False, repr=False)
    """The children of containers that were asked for: a descriptor's places are asked for often."""

    def span(self, *pointer: str | int) -> Span:
        """The place of a value; of the nearest container that exists when it does not."""
        return self._span_of(self._find(pointer)[1])

    def key_span(self, *pointer: str | int) -> Span:
        """The place of the key of a mapping entry, or of the value where there is no key."""
        return self._span_of(self._find(pointer)[0])

    def has(self, *pointer: str | int) -> bool:
        """Whether something is there."""
        data = self.data
        for step in pointer:
            is_key = isinstance(data, dict) and step in data
            is_index = isinstance(data, list) and isinstance(step, int) and step < len(data)
            if not (is_key or is_index):
                return False
            data = data[step]
        return True

    def is_odd(self, *pointer: str | int) -> bool:
        return bool(self.odd) and self._find(pointer)[1] in self.odd

    def part(self, *pointer: str | int) -> Document:
        """A value inside this document as a document of its own."""
        data = self.data
        for step in pointer:
            data = data[step]
        node = self._find(pointer)[1]
        return Document(self.path, data, self.positions, node, self.faults, self.odd)

    def items(self) -> Iterator[Document]:
        """Each item of a list as a document of its own."""
        node = self.node + 1
        for item in self.data:
            yield Document(self.path, item, self.positions, node, self.faults, self.odd)
            node += node_count(item)

    def strings(self) -> Iterator[tuple[str, Span]]:
        """Every string value in the document with its place, in one walk."""
        for _, value, span in self.named_values():
            if isinstance(value, str):
                yield value, span

    def named_values(self) -> Iterator[tuple[str, str | int, Span]]:
        """Every string and whole number, each with what it is called: by its key, or by the `name`
        beside a `value`."""
        yield from self._values("", self.data, self.node)

    def _values(self, name: str, data: Any, node: int) -> Iterator[tuple[str, str | int, Span]]:
        if isinstance(data, (str, int)) and not isinstance(data, bool):
            yield name, data, self._span_of(node)
        is_mapping = isinstance(data, dict)
        cursor = node + 1
        for key, child in data.items() if is_mapping else _numbered(data):
            cursor += is_mapping  # the key
            called = name if not is_mapping else key
            if key == "value" and isinstance(data.get("name"), str):
                called = data["name"]
            yield from self._values(str(called), child, cursor)
            cursor += node_count(child)

    def _find(self, pointer: Pointer) -> tuple[int, int]:
        """Nodes of the key and the value that a pointer leads to, or gets nearest to."""
        place = (self.node, self.node)
        data = self.data
        for depth, step in enumerate(pointer):
            way = pointer[:depth]
            children = self._found.get(way)
            if children is None:
                children = self._found[way] = _children(data, place[1])
            if step not in children:
                break
            place = children[step]
            data = data[step]
        return place

    def _span_of(self, node: int) -> Span:
        at = node * POSITION_WIDTH
        positions = self.positions
        return Span(
            self.path, positions[at], positions[at + 1], positions[at + 2], positions[at + 3]
        )


def _children(data: Any, node: int) -> _Children:
    """Each key or index of a container -> the nodes of its key and of its value."""
    children: _Children = {}
    cursor = node + 1
    if isinstance(data, dict):
        for key, child in data.items():
            children[key] = (cursor, cursor + 1)
            cursor += 1 + node_count(child)
    elif isinstance(data, list):
        for index, child in enumerate(data):
            children[index] = (cursor, cursor)
            cursor += node_count(child)
    return children


def _numbered(data: Any) -> Iterable[tuple[int, Any]]:
    return enumerate(data) if isinstance(data, list) else ()


def node_count(data: Any) -> int:
    """How many positions a value takes: itself, and the keys and values in it."""
    if isinstance(data, dict):
        count = 1 + len(data)
        data = data.values()
    elif isinstance(data, list):
        count = 1
    else:
        return 1
    for child in data:
        count += node_count(child) if isinstance(child, (dict, list)) else 1
    return count
