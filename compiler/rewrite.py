"""Texts and fixes -> the texts as the fixes make them, with nothing else in them touched; for an
editor, the one replacement that a fix comes to.

Of two fixes for one place, the first is taken: the other is for the next time. What would leave a
file that cannot be read is not done.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from gitopsc.adapters.yaml import read_documents
from gitopsc.model.fix import Fix
from gitopsc.model.source import Span


def rewrite(texts: Mapping[str, str], fixes: Iterable[Fix]) -> Mapping[str, str]:
    """Those files that change. JSON is left as it is: its writers are programs."""
    wanted: dict[str, dict[tuple[int, int], Fix]] = {}
    for fix in fixes:
        if fix.span.path in texts and not fix.span.path.endswith(".json"):
            places = wanted.setdefault(fix.span.path, {})
            places.setdefault((fix.span.line, fix.span.column), fix)
    found = {}
    for path, places in sorted(wanted.items()):
        text = texts[path]
        known = _faults(path, text)
        for _, fix in sorted(places.items(), reverse=True):
            for changed in _fixed(text, fix):
                if (left := _faults(path, changed)) <= known:
                    text, known = changed, left
                    break
        if text != texts[path]:
            found[path] = text
    return found


def replacement(path: str, text: str, fix: Fix) -> Fix | None:
    """A fix of a file as the one replacement that it comes to; None where it is not done."""
    if fix.way == "replace":
        return fix
    changed = rewrite({path: text}, [fix]).get(path)
    if changed is None:
        return None
    start = _in_common(text, changed)
    same = _in_common(text[start:][::-1], changed[start:][::-1])
    span = Span(path, *_place(text, start), *_place(text, len(text) - same))
    return Fix("replace", span, changed[start : len(changed) - same])


def _in_common(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _place(text: str, offset: int) -> tuple[int, int]:
    """The line and the column of an offset, from 1."""
    ends = [each.end() for each in _LINE_END.finditer(text, 0, offset)]
    start = ends[-1] if ends else 0
    mark = 1 if not ends and text.startswith("\ufeff") else 0
    return len(ends) + 1, offset - start - mark + 1


def _faults(path: str, text: str) -> float:
    """What is wrong with a text as YAML; no end of it where it cannot be read."""
    documents, problem = read_documents(path, text)
    return math.inf if problem is not None else sum(len(each.faults) for each in documents)


def _fixed(text: str, fix: Fix) -> Iterator[str]:
    """The ways to do it, of which the first that can be read is right: only in braces that go over
    several lines does an entry end in a comma."""
    span = fix.span
    start, end = (
        _offset(text, span.line, span.column),
        _offset(text, span.end_line, span.end_column),
    )
    there = text[start:end]
    if span.line != span.end_line and fix.way != "insert":
        return  # it is more than a word
    if fix.way == "replace":
        yield f"{text[:start]}{fix.text}{text[end:]}"
        return
    if fix.way == "quote":
        if there[:1] not in ("&", "!", "*", '"', "'"):  # it is no more than a plain word
            yield f"{text[:start]}{json.dumps(there, ensure_ascii=False)}{text[end:]}"
        return
    before = text[_offset(text, span.line, 1) : start]
    if before.strip(" -?"):  # it is not the first of its line, so it stands in braces
        yield f"{text[:start]}{fix.text}, {text[start:]}"
        return
    line_end = "\r\n" if "\r\n" in text else "\n"
    for comma in ("", ","):
        yield f"{text[:start]}{fix.text}{comma}{line_end}{' ' * len(before)}{text[start:]}"


_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""Those of YAML."""


def _offset(text: str, line: int, column: int) -> int:
    """Of a place in a text; both count from 1, after what says that it is UTF-8."""
    ends = islice(_LINE_END.finditer(text), line - 1)
    start = max((each.end() for each in ends), default=0)
    mark = 1 if line == 1 and text.startswith("\ufeff") else 0
    return min(start + mark + column - 1, len(text))
