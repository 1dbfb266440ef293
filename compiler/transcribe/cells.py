"""A notebook or a script -> its cells of Python, without magics, and the files that cells write.

The notebook format is nbformat's (versions 3 and 4): JSON with cells, whose source is a text or a
list of lines.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gitopsc.model.diagnostic import Diagnostic
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


class Cell(NamedTuple):
    """`number` counts all cells of the notebook, from 1; `text` has as many lines as the cell."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Notebook:
    """`written` are files by their paths, as cells write them; `python_version` is such as 3.10,
    if it says one. `texts` are those of its cells, by what places call them."""

    path: str
    cells: tuple[Cell, ...]
    written: Mapping[str, str]
    python_version: str | None
    texts: Mapping[str, str]

    def place(self, number: int, line: int) -> Span:
        """What is written in a line (from 1) of a cell."""
        return _place(_called(self.path, number), self.texts, line)


def _called(path: str, number: int) -> str:
    """As other tools call a cell (Ruff): a person finds it there, and not in a line of JSON."""
    return f"{path}:cell {number}" if path.endswith(".ipynb") else path


def _place(called: str, texts: Mapping[str, str], line: int) -> Span:
    lines = texts[called].split("\n")
    text = lines[line - 1].rstrip() if line <= len(lines) else ""
    begin = len(text) - len(text.lstrip())
    return Span(called, line, begin + 1, line, len(text) + 1)


def read_cells(path: str, content: bytes) -> tuple[Notebook | None, list[Diagnostic]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None, [sentences.not_text(path)]
    if path.endswith(".py"):
        return Notebook(path, (Cell(1, text),), {}, None, {path: text}), []
    return _notebook(path, text)


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
    texts = {_called(path, number): source for number, source in found}
    cells: list[Cell] = []
    written: dict[str, str] = {}
    problems: list[Diagnostic] = []
    for number, source in found:
        first, _, rest = source.lstrip("\n").partition("\n")
        begin = _place(_called(path, number), texts, 1)
        if any("\ud800" <= each <= "\udfff" for each in source):
            problems.append(sentences.cell_not_text(number, begin))
            continue
        writes = _WRITES.match(first)
        if writes is not None:
            name = posixpath.normpath(writes["path"].strip())
            if name in (".", "..") or name.startswith(("/", "../", "~")) or {*name} & {*"{$"}:
                problems.append(sentences.written_outside(name, begin))
            else:
                written[name] = (written.get(name, "") if writes["more"] else "") + rest
        elif first.lstrip().startswith("%%") and not _OF_PYTHON.match(first.lstrip()):
            continue  # of another language
        else:
            cells.append(Cell(number, _without_magics(source)))
    shown = version[0] if version is not None else None
    return Notebook(path, tuple(cells), written, shown, texts), problems


def _said(metadata: Mapping[str, Any], *way: str) -> str | None:
    value: Any = metadata
    for key in way:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _code_cells(data: Any) -> list[tuple[int, str]] | None:
    """Number from 1, and text."""
    if not isinstance(data, dict):
        return None
    homes: list[Any] = [data.get("cells")]
    sheets = data.get("worksheets")
    for sheet in sheets if isinstance(sheets, list) else ():
        if isinstance(sheet, dict):
            homes.append(sheet.get("cells"))
    if not any(isinstance(cells, list) for cells in homes):
        return None
    found: list[tuple[int, str]] = []
    number = 0
    for cells in homes:
        for cell in cells if isinstance(cells, list) else ():
            number += 1
            if isinstance(cell, dict) and cell.get("cell_type") == "code":
                source = cell.get("source" if "source" in cell else "input")
                if isinstance(source, list):
                    source = "".join(each for each in source if isinstance(each, str))
                if isinstance(source, str):
                    found.append((number, source.replace("\r\n", "\n")))
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
