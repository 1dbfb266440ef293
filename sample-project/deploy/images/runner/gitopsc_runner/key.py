"""The text of a key of data -> its parts."""

from __future__ import annotations

import re
from typing import NamedTuple

_KEY = re.compile(r"store://([^/\s]+)/([^/\s]+)/([^/\s]+)/([^:/\s]+)(?::([^/\s]+))?")


class Key(NamedTuple):
    """`store://<project>/<type>/<kind>/<name>[:<version>]` (digitalhub.md section 3.3)."""

    project: str
    type: str
    kind: str
    name: str
    version: str | None

    @classmethod
    def parse(cls, text: str) -> Key | None:
        match = _KEY.fullmatch(text)
        return cls(*match.groups()) if match else None
