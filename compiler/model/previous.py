"""What clusters have before a change is merged, as far as Git knows it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple


class Later(Mapping[str, str]):
    """A mapping that is found when somebody looks into it, once."""

    def __init__(self, find: Callable[[], Mapping[str, str]]) -> None:
        self._found = cache(find)

    def __getitem__(self, key: str) -> str:
        return self._found()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())


def _nothing(_: Sequence[str]) -> Mapping[str, bytes]:
    return {}


class Previous(NamedTuple):
    """Manifests by their paths in the tree: Git's name of each content, and a way to some contents.

    A name is empty where only the content itself can tell.
    """

    names: Mapping[str, str] = {}
    read: Callable[[Sequence[str]], Mapping[str, bytes]] = _nothing

    def is_same(self, path: str, content: bytes) -> bool:
        """Whether a file had that content."""
        name = self.names.get(path)
        if not name:
            return False
        make = hashlib.sha1 if len(name) == 40 else hashlib.sha256
        return make(b"blob %d\0" % len(content) + content).hexdigest() == name
