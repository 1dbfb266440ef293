"""What comes out: files of an output folder, and what writing them changes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from json.encoder import encode_basestring as _quoted
from typing import Any, Literal, NamedTuple

_UNPRINTABLE = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufffe\uffff]"
)
"""What YAML does not print, and what would reorder or hide a part of the line in a review."""


class OutputFile(NamedTuple):
    """A file to have. `path` is relative to the output folder."""

    path: str
    content: bytes


class Change(NamedTuple):
    """What writing does, or would do, to one file. `path` is as people see it."""

    path: str
    action: Literal["created", "changed", "removed"]


Status = Literal["clean", "written", "stale", "failed"]
"""How a command ended."""


def readable_json(value: Any) -> str:
    """JSON for people: indented, sorted, one final newline; also fit for a block of YAML."""
    return escape_unprintable(_indented(value, "\n")) + "\n"


def _indented(value: Any, newline: str) -> str:
    """As `json.dumps(value, indent=2, sort_keys=True)`, whose C encoder does not indent.

    Most of what a report holds are strings: they cost no call of their own.
    """
    if isinstance(value, str):
        return _quoted(value)
    if type(value) is int:
        return str(value)
    inner = newline + "  "
    if value and isinstance(value, (list, tuple)):
        items = [_quoted(each) if type(each) is str else _indented(each, inner) for each in value]
        return f"[{inner}{f',{inner}'.join(items)}{newline}]"
    if value and isinstance(value, (dict, Mapping)):
        pairs = [
            f"{_quoted(key)}: "
            f"{_quoted(each) if type(each := value[key]) is str else _indented(each, inner)}"
            for key in sorted(value)
        ]
        return f"{{{inner}{f',{inner}'.join(pairs)}{newline}}}"
    return json.dumps(value, allow_nan=False)


def escape_unprintable(quoted: str) -> str:
    """Escapes, inside JSON strings, what JSON prints and YAML does not."""
    if quoted.isascii() and "\x7f" not in quoted:
        return quoted
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
