"""What the files of a project's descriptors have to do with each other, as a compile has found it.

Of a change inside of one file, it tells which others it may matter to (`narrow`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Footprint(NamedTuple):
    """Of one file with descriptors.

    `face` is a digest of all that others may see of them; `computes` one of the compute digests of
    their runs, which the readers of their data take. `needs` are the files with what they refer to,
    `sources` those of the code of their functions, and `has_functions` says that they have some.
    `outputs` are the files of the output that are theirs alone, each with the kind of an object in
    it, as often as it has some.
    """

    face: bytes
    computes: bytes
    needs: tuple[str, ...]
    sources: tuple[str, ...]
    has_functions: bool
    outputs: tuple[tuple[str, str], ...]


class Trace(NamedTuple):
    """Of a project: its `footprints` by file, and which of them always count, whatever is compiled.

    `described` are as those of `Project`; `images` is what each image is built of and called, as
    the bake file has it.
    """

    footprints: Mapping[str, Footprint]
    common: tuple[str, ...]
    described: frozenset[str]
    images: Mapping[str, Mapping[str, Any]]

    def plain(self) -> Any:
        """Out of values that can be stored."""
        footprints = {path: tuple(each) for path, each in self.footprints.items()}
        return footprints, self.common, self.described, self.images

    @classmethod
    def from_plain(cls, plain: Any) -> Trace:
        footprints, *rest = plain
        return cls({path: Footprint(*each) for path, each in footprints.items()}, *rest)


class Scope(NamedTuple):
    """What of a project is compiled: the descriptors of `files`, if these have some, and written of
    it what those in `affected` come to."""

    files: frozenset[str]
    affected: frozenset[str]
    described: frozenset[str]
