"""Text of somebody else -> what may be printed: it moves no cursor and reorders no line."""

from __future__ import annotations

import re

_FORMATTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def printable(text: str) -> str:
    """The same in as many characters: a tabulator is a blank, and no control character is left."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else " " if char == "\t" else "\ufffd" for char in text
    )


def escaped(json_text: str) -> str:
    """JSON whose strings have `\\u202e` for what would reorder the line that shows it."""
    if json_text.isascii():
        return json_text
    return _FORMATTING.sub(
        lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", json_text
    )
