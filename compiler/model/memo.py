"""Results of pure steps, by a digest of all that they are made of.

A step that finds its result here need not be done again. Values are plain, so that they can be
stored: what is asked for or kept is for the next compile, the rest is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

KEY_SIZE = 16
"""Bytes."""


class Memo:
    """`known` is what an earlier compile has kept; `used` what the next one should know. `made` are
    values made of these, by what they were made of: for this compile alone."""

    def __init__(self, known: Mapping[bytes, Any] | None = None) -> None:
        self.known = known or {}
        self.used: dict[bytes, Any] = {}
        self.made: dict[object, Any] = {}

    def recall(self, key: bytes) -> Any:
        """None for what is not known."""
        value = self.used.get(key) or self.known.get(key)
        if value is not None:
            self.used[key] = value
        return value

    def keep(self, key: bytes, value: Any) -> None:
        self.used[key] = value

    @property
    def is_new(self) -> bool:
        """Whether an earlier compile did not keep just this."""
        return self.used.keys() != self.known.keys()


def content_key(content: bytes) -> bytes:
    """Tells the content of a file from all others."""
    return blake2b(content, digest_size=KEY_SIZE).digest()


def step_key(step: str, *parts: object) -> bytes:
    """`parts` are what the step's result is made of: bytes, or what `repr` tells apart."""
    found = blake2b(step.encode(), digest_size=KEY_SIZE)
    for part in parts:
        content = part if isinstance(part, bytes) else repr(part).encode("utf-8", "surrogatepass")
        found.update(b"%d:" % len(content))
        found.update(content)
    return found.digest()
