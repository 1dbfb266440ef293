"""A notebook or a script -> its cells of Python, without magics, and the files that cells write.

The notebook format is nbformat's (versions 3 and 4): JSON with cells, whose source is a text or a
list of lines.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gitopsc.adapters.yaml import read_documents
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.document import Document
from gitopsc.model.source import Span
from gitopsc.transcribe import sentences

_WRITES = re.compile(r"%%\s*(?:writefile|file)\s+(?P<more>-a\s+)?[\"']?(?P<path>[^\"']+)")
_OF_PYTHON = re.compile(r"%%\s*(?:time|timeit|capture|prun)\b")
"""Magics of a cell whose text is Python all the same."""

_MAGIC = re.compile(
    r"\s*(?:[%!?].*|(?:pip|pip3|conda|mamba|wget|curl|apt|apt-get|ls|cd)\s+[\w./:~'\"\[-].*"
    r"|[\w.]+\?{1,2})\s*"
)
"""A line that is IPython's or the shell's."""

_ASSIGNED = re.compile(r"^(\s*[\w, ]+=\s*)[!%].*")
"""What a magic gives is nothing that reading tells."""

_TOKEN = re.compile(
    r"(?P<comment>#.*)|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?P<long>\"{3}|'{3})|\"(?:\\.|[^\"\\])*(?:\"|$)|'(?:\\.|[^'\\])*(?:'|$)"
)
_ENDS = {end: re.compile(rf"(?:\\.|[^\\])*?{end}", re.DOTALL) for end in ('"""', "'''")}

_MOST_PLACED = 1 << 20
"""Bytes of a notebook in which places are looked up: one with large outputs has its first line."""


class Cell(NamedTuple):
    """`number` counts all cells of the notebook, from 1; `text` has as many lines as the cell."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Notebook:
    """`written` are files by their paths, as cells write them; `python_version` is such as 3.10,
    if it says one."""

    path: str
    cells: tuple[Cell, ...]
    written: Mapping[str, str]
    python_version: str | None
    place: Callable[[int, int], Span]
    """The place of a line (from 1) of a cell."""


def read_cells(path: str, content: bytes) -> tuple[Notebook | None, list[Diagnostic]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None, [sentences.not_text(path)]
    if path.endswith(".py"):
        lines = text.split("\n")
        return Notebook(
            path, (Cell(1, text),), {}, None, lambda _, line: _line_span(path, lines, line)
        ), []
    return _notebook(path, text)


def _line_span(path: str, lines: Sequence[str], line: int) -> Span:
    """What is written in a line of a script."""
    text = lines[line - 1].rstrip() if line <= len(lines) else ""
    begin = len(text) - len(text.lstrip())
    return Span(path, line, begin + 1, line, len(text) + 1)


def _notebook(path: str, text: str) -> tuple[Notebook | None, list[Diagnostic]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None, [sentences.not_a_notebook(path, "it is not JSON")]
    found = _code_cells(data)
    if found is None:
        return None, [sentences.not_a_notebook(path, "it has no cells")]
    metadata = data.get("metadata") if isinstance(data.get("metadata"), dict) else {}
    language = _said(metadata, "kernelspec", "language") or _said(metadata, "language_info", "name")
    if language is not None and not language.lower().startswith(("python", "ipython")):
        return None, [sentences.other_language(path, language)]
    version = re.match(r"3\.\d+", _said(metadata, "language_info", "version") or "")
    places = _Places(path, text)
    cells: list[Cell] = []
    written: dict[str, str] = {}
    problems: list[Diagnostic] = []
    for number, way, source in found:
        first, _, rest = source.lstrip("\n").partition("\n")
        places.ways[number] = way
        if any("\ud800" <= each <= "\udfff" for each in source):
            problems.append(sentences.cell_not_text(number, places.span(number, 1)))
            continue
        writes = _WRITES.match(first)
        if writes is not None:
            name = posixpath.normpath(writes["path"].strip())
            if name in (".", "..") or name.startswith(("/", "../", "~")) or {*name} & {*"{$"}:
                problems.append(sentences.written_outside(name, places.span(number, 1)))
            else:
                written[name] = (written.get(name, "") if writes["more"] else "") + rest
        elif first.lstrip().startswith("%%") and not _OF_PYTHON.match(first.lstrip()):
            continue  # of another language
        else:
            cells.append(Cell(number, _without_magics(source)))
    shown = version[0] if version is not None else None
    return Notebook(path, tuple(cells), written, shown, places.span), problems


def _said(metadata: Mapping[str, Any], *way: str) -> str | None:
    value: Any = metadata
    for key in way:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


Way = tuple[str | int, ...]


def _code_cells(data: Any) -> list[tuple[int, Way, str]] | None:
    """Number from 1, the way to its source, and its text."""
    if not isinstance(data, dict):
        return None
    homes: list[tuple[Way, Any]] = [(("cells",), data.get("cells"))]
    sheets = data.get("worksheets")
    for index, sheet in enumerate(sheets if isinstance(sheets, list) else ()):
        if isinstance(sheet, dict):
            homes.append((("worksheets", index, "cells"), sheet.get("cells")))
    if not any(isinstance(cells, list) for _, cells in homes):
        return None
    found: list[tuple[int, Way, str]] = []
    number = 0
    for home, cells in homes:
        for index, cell in enumerate(cells if isinstance(cells, list) else ()):
            number += 1
            if isinstance(cell, dict) and cell.get("cell_type") == "code":
                key = "source" if "source" in cell else "input"
                source = cell.get(key)
                if isinstance(source, list):
                    source = "".join(each for each in source if isinstance(each, str))
                if isinstance(source, str):
                    found.append((number, (*home, index, key), source.replace("\r\n", "\n")))
    return found


def _without_magics(source: str) -> str:
    """Line numbers stay the same. Inside strings and brackets nothing is read as a magic."""
    lines: list[str] = []
    inside = _Inside()
    is_continued = is_magic = False
    for line in source.split("\n"):
        if inside or (is_continued and not is_magic):
            is_magic = False
        else:
            is_magic = is_continued or _MAGIC.fullmatch(line) is not None
        is_continued = line.endswith("\\")
        if is_magic:
            indentation = line[: len(line) - len(line.lstrip())]
            lines.append(f"{indentation}pass" if indentation else "")
        else:
            shown = line if inside else _ASSIGNED.sub(r"\1...", line)
            inside = inside.after(shown)
            lines.append(shown)
    return "\n".join(lines)


class _Inside(NamedTuple):
    """What the beginning of a line is in: a text over several lines, or brackets."""

    text: str = ""
    brackets: int = 0

    def __bool__(self) -> bool:
        return bool(self.text or self.brackets)

    def after(self, line: str) -> _Inside:
        text, brackets = self
        place = 0
        while place < len(line):
            if text:
                found = _ENDS[text].match(line, place)
                if found is None:
                    break
                text = ""
            else:
                found = _TOKEN.search(line, place)
                if found is None:
                    break
                text = found["long"] or ""
                brackets += bool(found["open"]) - bool(found["close"])
            place = found.end()
        return _Inside(text, max(brackets, 0))


@dataclass(slots=True)
class _Places:
    """Where a line of a cell stands in the text of the notebook; looked up when it is asked for."""

    path: str
    text: str
    ways: dict[int, Way] = field(default_factory=dict)
    _document: Document | None = None
    _is_read: bool = False

    def span(self, number: int, line: int) -> Span:
        if not self._is_read:
            self._is_read = True
            if len(self.text) <= _MOST_PLACED:
                documents, fault = read_documents(self.path, self.text)
                self._document = documents[0] if documents and fault is None else None
        way = self.ways.get(number)
        if self._document is None or way is None:
            return Span(self.path)
        lines = (*way, line - 1)
        return self._document.span(*(lines if self._document.has(*lines) else way))
