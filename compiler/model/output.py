"""What comes out: files of an output folder, and what writing them changes."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NamedTuple

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


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
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return escape_unprintable(text) + "\n"


def escape_unprintable(quoted: str) -> str:
    """Escapes, inside JSON strings, what JSON prints and YAML does not."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
