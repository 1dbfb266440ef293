"""Texts and fixes -> the texts as the fixes make them, with nothing else in them touched.

Of two fixes for one place, the first is taken: the other is for the next time. What would leave a
file that cannot be read is not done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from gitopsc.adapters.yaml import read_documents
from gitopsc.model.fix import Fix


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
        for _, fix in sorted(places.items(), reverse=True):
            changed = _fixed(text, fix)
            if read_documents(path, changed)[1] is None:
                text = changed
        if text != texts[path]:
            found[path] = text
    return found


def _fixed(text: str, fix: Fix) -> str:
    span = fix.span
    start, end = (
        _offset(text, span.line, span.column),
        _offset(text, span.end_line, span.end_column),
    )
    there = text[start:end]
    if fix.way == "replace":
        return f"{text[:start]}{fix.text}{text[end:]}"
    if fix.way == "quote" and there[:1] in ("&", "!", "*", '"', "'"):
        return text  # it is more than a plain word
    if fix.way == "quote":
        return f"{text[:start]}{json.dumps(there, ensure_ascii=False)}{text[end:]}"
    before = text[text.rfind("\n", 0, start) + 1 : start]
    if before.strip(" -?"):  # it is not the first of its line, so it stands in braces
        return f"{text[:start]}{fix.text}, {text[start:]}"
    line_end = "\r\n" if "\r\n" in text else "\n"
    if text[:start].rstrip().endswith(("{", ",")):
        return f"{text[:start]}{fix.text},{line_end}{' ' * len(before)}{text[start:]}"
    return f"{text[:start]}{fix.text}{line_end}{' ' * len(before)}{text[start:]}"


def _offset(text: str, line: int, column: int) -> int:
    """Of a place in a text; both count from 1."""
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return min(start + column - 1, len(text))
