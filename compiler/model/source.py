"""What is read: the files of a folder, the documents in them, and the place of every value."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from compiler.model.diagnostic import Diagnostic

Pointer = tuple[str | int, ...]
"""The way from a document's root to a value: mapping keys and list indexes."""

OWNERSHIP_LIST = ".gitopsc-files"
"""Names the files that an output folder owns; the folder that holds it is never read."""

SETTINGS_FILE = "gitopsc.yaml"

POSITION_WIDTH = 4
"""Numbers kept per key or value in `Document.positions`: line, column, end line, end column."""


class Span(NamedTuple):
    """A stretch of a file. Lines and columns count from 1, columns in code points; ends exclusive.

    `path` is relative to the folder that was scanned, with `/`.
    """

    path: str
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1


class Unreadable(Exception):
    """A file of the tree whose bytes cannot be had; the message says why, for people."""


@dataclass(frozen=True)
class SourceFile:
    """One file. `content` is read once, at first use, and raises `Unreadable`."""

    path: str
    read: Callable[[], bytes]
    executable: bool = False

    @cached_property
    def content(self) -> bytes:
        return self.read()


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below one folder, sorted by path; from a disk, a commit or a test alike."""

    folder: str
    files: Mapping[str, SourceFile]

    def below(self, folder: str) -> Iterator[SourceFile]:
        """The files in `folder` and its folders; `""` is the root."""
        prefix = folder + "/" if folder else ""
        return (file for path, file in self.files.items() if path.startswith(prefix))

    def lines(self, path: str) -> list[str]:
        """The text of a file, for showing a place in it; empty when there is none to show."""
        try:
            content = self.files[path].content
        except (KeyError, Unreadable):
            return []
        return content.decode("utf-8-sig", errors="replace").split("\n")


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
