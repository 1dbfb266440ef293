"""A change of a file that puts a problem right, and that no one has to think about."""

from __future__ import annotations

from typing import Literal, NamedTuple

from gitopsc.model.source import Span


class Fix(NamedTuple):
    """`replace` puts `text` where the span is, `quote` puts what is there in quotes, `insert` adds
    `text` as an entry of a mapping before the key that the span is of."""

    way: Literal["insert", "quote", "replace"]
    span: Span
    text: str = ""
