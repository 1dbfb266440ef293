"""What is read: the files of a folder, and a way to point at a place in one."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import NamedTuple
from unicodedata import normalize

from gitopsc.model.previous import Previous

_LINE_BREAK = re.compile("\r\n|[\r\n]")
_YAML_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What readers of YAML 1.1 count as the end of a line."""


class Span(NamedTuple):
    """A stretch of a file. Lines and columns count from 1, columns in code points; ends exclusive.

    `path` is relative to the folder that was scanned, with `/`.
    """

    path: str
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1


Stamp = tuple[int, int, int, int, int]
"""When a file and its inode were changed, its size, inode and mode."""


MOST_BYTES = 64 * 1024 * 1024
"""Of a file, or of all files of a source: what is larger is data, which belongs into an entity."""


class Unreadable(Exception):
    """A file of the tree whose bytes are unavailable; the message says why, for people."""


@dataclass(frozen=True)
class SourceFile:
    """One file. `content` is read once, at first use, and raises `Unreadable`, also for its size.

    `stamp` tells whether it is still the same one; a tree that is not from a disk has none.
    `length` is its size where that is known otherwise.
    """

    path: str
    read: Callable[..., bytes]
    executable: bool = False
    is_link: bool = False
    leads_outside: bool = False
    stamp: Stamp | None = None
    length: int | None = None

    @cached_property
    def content(self) -> bytes:
        if self.size > MOST_BYTES:
            raise Unreadable(f"it has {self.size:,} bytes, and at most {MOST_BYTES:,} are read")
        return self.read()

    @property
    def size(self) -> int:
        """In bytes; of a file on a disk or in a commit without reading it."""
        if self.length is not None:
            return self.length
        return self.stamp[2] if self.stamp is not None else len(self.read())

    def head(self, most: int) -> bytes:
        """Not more than so many of its first bytes; of a disk or a commit, no more is read."""
        is_apart = self.stamp is not None or self.length is not None
        return self.read(most) if is_apart and self.size > most else self.content[:most]

    @property
    def content_read(self) -> bytes | None:
        """The content, when somebody has asked for it in this process."""
        found: bytes | None = self.__dict__.get("content")
        return found

    def hold(self, content: bytes | None) -> None:
        """What another process has read, as if this one had: it is what the results are made of."""
        if content is not None:
            self.__dict__["content"] = content


_NO_SOURCE = re.compile(
    r"(^|/)(__pycache__|__MACOSX|\.git[^/]*)(/|$)|\.pyc$|(^|/)(\.DS_Store|\.gitopsc-files)$"
)


def is_source(path: str) -> bool:
    """Whether a file of a fetched source or an archive is a part of it.

    What machines leave there is not, nor what Git or gitopsc would read where it is vendored.
    """
    return not _NO_SOURCE.search(path)


def path_fault(paths: Sequence[str]) -> str | None:
    """What is wrong with the names of a fetched source's files, which somebody else has chosen.

    They become files of this repository, on any system that it is cloned on.
    """
    seen: dict[str, str] = {}
    for path in paths:
        parts = path.split("/")
        if {"", ".", ".."} & set(parts) or "\\" in path or ":" in parts[0]:
            return f"`{_shown(path)}` leads out of it"
        if not path.isprintable() or any(len(each.encode()) > _LONGEST for each in parts):
            return f"`{_shown(path)}` is a name that not every system has"
        if any(each.lower() == ".git" for each in parts):
            return f"`{_shown(path)}` is a file of Git's own"
        folded = normalize("NFKC", path).casefold()
        if seen.setdefault(folded, path) != path:
            first = _shown(seen[folded])
            return f"`{_shown(path)}` and `{first}` are one name on some systems"
    if len(set(paths)) < len(paths):
        return "a file is in it twice"
    folders = {
        "/".join(path.split("/")[:end]) for path in paths for end in range(1, path.count("/") + 1)
    }
    both = sorted(folders & set(paths))
    return f"`{_shown(both[0])}` is both a file and a folder" if both else None


_LONGEST = 200
"""Bytes of a file's name, with some room to the 255 of a file system."""


def _shown(path: str) -> str:
    text = path if path.isprintable() else ascii(path)[1:-1]
    return text if len(text) <= 100 else f"{text[:100]}..."


@dataclass(frozen=True, slots=True)
class FunctionFile:
    """One file of a function's source. `path` is relative to the folder the image keeps it in.

    `origin` is where it lies in the tree; None for inline text and fetched sources. `code` is the
    digest of a Python file without its comments.
    """

    path: str
    content: bytes
    executable: bool = False
    origin: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Tree:
    """The files below one folder; from a disk, a commit or a test alike.

    `folder` is its name, which differs from clone to clone where it `is_root`, the top folder of a
    repository; `enclosing` the settings file of a project that it lies in, if any;
    `outputs` are the folders in it that hold an output, whose files are left out, but for those
    that `vendored` has: sources that were fetched once. `cached` gives the files of another one
    by the digest of its content, if this machine has it. `is_part` says that projects lie in other
    parts of the same folder, and `part` what its own paths start with. `previous` is what clusters
    have, as far as somebody has asked.
    """

    folder: str
    files: Mapping[str, SourceFile]
    enclosing: str | None = None
    outputs: tuple[str, ...] = ()
    is_part: bool = False
    part: str = ""
    vendored: Mapping[str, SourceFile] = field(default_factory=dict)
    cached: Callable[[str], tuple[FunctionFile, ...] | None] = lambda digest: None
    previous: Previous = field(default_factory=Previous)
    is_root: bool = False

    @property
    def contents_read(self) -> Iterator[tuple[str, bytes]]:
        """What somebody has asked for in this process, by path."""
        for path, file in self.files.items():
            content = file.content_read
            if content is not None:
                yield path, content

    @cached_property
    def paths(self) -> Sequence[str]:
        return sorted(self.files)

    def below(self, folder: str) -> Iterator[SourceFile]:
        """The files in `folder` and its folders, sorted; `""` is the root."""
        prefix = folder + "/" if folder else ""
        for path in islice(self.paths, bisect_left(self.paths, prefix), None):
            if not path.startswith(prefix):
                return
            yield self.files[path]

    def vendored_below(self, prefix: str) -> Iterator[tuple[str, SourceFile]]:
        """The vendored files of a folder, sorted, with their paths in it; it ends with `/`."""
        paths = self._vendored_paths
        for path in islice(paths, bisect_left(paths, prefix), None):
            if not path.startswith(prefix):
                return
            yield path[len(prefix) :], self.vendored[path]

    @cached_property
    def _vendored_paths(self) -> Sequence[str]:
        return sorted(self.vendored)

    def lines(self, path: str) -> list[str]:
        """The text of a file, for showing a place in it; empty when there is none to show."""
        try:
            content = self.files[path].content
        except (KeyError, Unreadable):
            return []
        text = content.decode("utf-8-sig", errors="replace")
        return (_LINE_BREAK if path.endswith(".py") else _YAML_LINE_BREAK).split(text)
