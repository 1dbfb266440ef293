"""An editor's request about a place in a text, and the answer."""

from __future__ import annotations

from typing import Literal, NamedTuple

from gitopsc.model.fix import Fix
from gitopsc.model.source import Span


class Asked(NamedTuple):
    """`line` and `column` count from 1, as those of spans; `text` is the file as it is typed, which
    may be no YAML at all. A new `name` is for what is to be renamed."""

    what: Literal["complete", "describe", "find", "rename"]
    path: str
    text: str
    line: int
    column: int
    name: str = ""


class Suggestion(NamedTuple):
    """A key or a value that fits, and what it is."""

    text: str
    kind: Literal["data", "function", "key", "value"]
    documentation: str = ""


class Assistance(NamedTuple):
    """`description` is Markdown, `places` are where something is made, `edits` rename it."""

    suggestions: tuple[Suggestion, ...] = ()
    description: str | None = None
    places: tuple[Span, ...] = ()
    edits: tuple[Fix, ...] = ()
