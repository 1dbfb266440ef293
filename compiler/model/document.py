"""One YAML or JSON value, with the place of everything in it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compiler.model.diagnostic import Diagnostic
from compiler.model.source import Span

Pointer = tuple[str | int, ...]
"""The way from a document's root to a value: mapping keys and list indexes."""

POSITION_WIDTH = 4
"""Numbers kept per key or value in `Document.positions`: line, column, end line, end column."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML or JSON value with the place of each key and value in it.

    `positions` holds `POSITION_WIDTH` numbers per node, in the order in which the nodes of `data`
    are met when it is walked (a key, then its value). This document's root is node `node`.
    """

    path: str
    data: Any
    positions: array[int]
    node: int = 0
    faults: tuple[Diagnostic, ...] = ()

    def span(self, *pointer: str | int) -> Span:
        """The place of a value; of the nearest container that exists when it does not."""
        return self._span_of(self._find(pointer)[1])

    def key_span(self, *pointer: str | int) -> Span:
        """The place of the key of a mapping entry, or of the value where there is no key."""
        return self._span_of(self._find(pointer)[0])

    def part(self, *pointer: str | int) -> Document:
        """A value inside this document as a document of its own."""
        data = self.data
        for step in pointer:
            data = data[step]
        return Document(self.path, data, self.positions, self._find(pointer)[1], self.faults)

    def items(self) -> Iterator[Document]:
        """Each item of a list as a document of its own."""
        node = self.node + 1
        for item in self.data:
            yield Document(self.path, item, self.positions, node, self.faults)
            node += node_count(item)

    def strings(self) -> Iterator[tuple[str, Span]]:
        """Every string value in the document with its place, in one walk."""
        yield from self._strings(self.data, self.node)

    def _strings(self, data: Any, node: int) -> Iterator[tuple[str, Span]]:
        if isinstance(data, str):
            yield data, self._span_of(node)
        is_mapping = isinstance(data, dict)
        cursor = node + 1
        for child in data.values() if is_mapping else data if isinstance(data, list) else ():
            cursor += is_mapping  # the key
            yield from self._strings(child, cursor)
            cursor += node_count(child)

    def _find(self, pointer: Pointer) -> tuple[int, int]:
        key_node = node = self.node
        data = self.data
        for step in pointer:
            cursor = node + 1
            if isinstance(data, dict) and step in data:
                for key, child in data.items():
                    if key == step:
                        break
                    cursor += 1 + node_count(child)
                key_node, node = cursor, cursor + 1
            elif isinstance(data, list) and isinstance(step, int) and step < len(data):
                node = key_node = cursor + sum(map(node_count, data[:step]))
            else:
                break
            data = data[step]
        return key_node, node

    def _span_of(self, node: int) -> Span:
        at = node * POSITION_WIDTH
        line, column, end_line, end_column = self.positions[at : at + POSITION_WIDTH]
        return Span(self.path, line, column, end_line, end_column)


def node_count(data: Any) -> int:
    """How many positions a value takes: itself, and the keys and values in it."""
    if isinstance(data, dict):
        return 1 + len(data) + sum(map(node_count, data.values()))
    if isinstance(data, list):
        return 1 + sum(map(node_count, data))
    return 1
