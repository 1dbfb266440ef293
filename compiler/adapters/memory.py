"""What a compile found, kept in the user's cache: the next one starts with what has not changed.

A file counts as unchanged when its times, size, inode and mode are; where only times and inode
differ, as in a fresh clone, when its content is. Two writes within one tick of a file system's
clock can look alike, so files that were young when they were remembered are compared by content,
too (Git calls these racy). The cache is outside of every repository; when it is damaged or gone,
everything is compiled. Only light modules are imported here: most compiles end after this one.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

from gitopsc.adapters.cache import cache_folder, cache_home, keep_plain, recall_plain
from gitopsc.model.files import MOST_OF_DESCRIPTORS
from gitopsc.model.memo import KEY_SIZE, Memo, content_key, step_key

_WIDTH = 5
_SIZE, _MODE = 2, 4
GONE = (0, 0, 0, 0, 0)
UNREAD = b"\xff" * KEY_SIZE
"""In the place of a digest: the content of a file that had no part in a result."""

UNKNOWN = b"\0" * KEY_SIZE
"""In the place of a digest: a content that is never the same."""

_YOUNG = 100_000_000
_YOUNG_AND_COARSE = 3_000_000_000
"""Nanoseconds that a file may look unchanged after it was; longer where times are whole
milliseconds, which is how coarse clocks look."""

_BLOCK = 1024 * 1024
_LARGE = 64 * 1024 * 1024
_KEPT = 200
"""Memories in the cache; the oldest go."""

_KEPT_BESIDE = 2_000
"""The same of what is known of steps, and of traces: one for each part of a repository."""

Stamp = tuple[int, int, int, int, int]
Names = tuple[tuple[str, bool], ...]
Held = tuple[str | None, tuple[str, ...], str]
"""A commit, folders below the root, and what Git calls their content in it."""


class Part(NamedTuple):
    """What is known of a part. `paths` are inputs, then outputs, absolute.

    `names` are the inputs as they are listed, with their executable bits; `read` those that the
    outputs are made of. `stamps` and `contents` have numbers and a digest for each path; `racy` are
    the indexes of those that were young. `folders` are those of the outputs, none of which may
    become a link. `result` is plain data.
    """

    names: Names
    paths: tuple[str, ...]
    stamps: bytes
    contents: bytes
    racy: tuple[int, ...]
    read: tuple[str, ...]
    folders: tuple[tuple[str, int], ...]
    result: Any

    def compared(self) -> tuple[Part, tuple[str, ...]] | None:
        """Itself with the times of now, and the inputs whose content has changed; None where more
        has changed, such as a mode, a link or an output."""
        if _folders(path for path, _ in self.folders) != self.folders:
            return None
        began = time.time_ns()
        stamps = _stamps(self.paths)
        if stamps == self.stamps and all(map(self._is_as_it_was, self.racy)):
            return self, ()
        before, now = array("q", self.stamps), array("q", stamps)
        changed = []
        for index in range(len(self.paths)):
            old, new = (each[index * _WIDTH : (index + 1) * _WIDTH] for each in (before, now))
            if old == new and index not in self.racy:
                continue
            if old[_MODE] != new[_MODE] or stat.S_ISLNK(new[_MODE]):  # which may lead elsewhere
                return None
            is_like = old[_SIZE] == new[_SIZE]
            if self._is_unread(index):
                is_like = new[_SIZE] <= MOST_OF_DESCRIPTORS
            if not is_like or not self._is_as_it_was(index):
                if index >= len(self.names):
                    return None
                changed.append(self.paths[index])
        return self._replace(stamps=stamps, racy=_young(now, began)), tuple(changed)

    def stamp(self, path: str) -> Stamp:
        """Of one of the paths, when it was last looked at."""
        at = self.paths.index(path) * _WIDTH
        changed, inode_changed, size, inode, mode = array("q", self.stamps)[at : at + _WIDTH]
        return changed, inode_changed, size, inode, mode

    @property
    def inputs_key(self) -> bytes:
        """Of its inputs, and what is in those that were read."""
        return step_key("inputs", self.names, self.contents[: len(self.names) * KEY_SIZE])

    def has_read(self, root: str, contents: Mapping[str, bytes]) -> bool:
        """Whether files below the root had these digests, and somebody had read them."""
        places = {path: index for index, path in enumerate(self.paths[: len(self.names)])}
        for path, content in contents.items():
            at = places.get(f"{root}/{path}", -1) * KEY_SIZE
            if at < 0 or self.contents[at : at + KEY_SIZE] != content:
                return False
        return True

    def revised(self, files: Mapping[str, tuple[Stamp, bytes | None]], began: int) -> Part:
        """With the stamps of some files, and digests of what they have now, where that is new.
        `began` is when inputs were first looked at, in nanoseconds."""
        stamps, contents = array("q", self.stamps), bytearray(self.contents)
        for index, path in enumerate(self.paths):
            if path in files:
                stamp, content = files[path]
                stamps[index * _WIDTH : (index + 1) * _WIDTH] = array("q", stamp)
                if content is not None:
                    contents[index * KEY_SIZE : (index + 1) * KEY_SIZE] = content
        racy = tuple(sorted({*self.racy, *_young(stamps, began)}))
        return self._replace(stamps=stamps.tobytes(), contents=bytes(contents), racy=racy)

    def _is_unread(self, index: int) -> bool:
        """Nothing is made of what is in a file that nobody has read."""
        return self.contents[index * KEY_SIZE : (index + 1) * KEY_SIZE] == UNREAD

    def _is_as_it_was(self, index: int) -> bool:
        known = self.contents[index * KEY_SIZE : (index + 1) * KEY_SIZE]
        return known == UNREAD or (known != UNKNOWN and _hash(self.paths[index]) == known)


class Memory(NamedTuple):
    """`listing` is a digest of the files there were; `printed` goes to stdout and stderr again.

    `targets` are the output folders, and how people see them. `base` is what clusters have.
    """

    listing: bytes
    printed: tuple[str, str]
    targets: tuple[tuple[str, str], ...]
    base: Held
    parts: Mapping[str, Part]


def recall(key: bytes) -> Memory | None:
    """What `remember` kept under a key; None when there is none, or it is damaged."""
    try:
        listing, printed, targets, base, parts = recall_plain(_place(key))
        known = {name: Part(*each) for name, each in parts.items()}
    except (ValueError, TypeError, AttributeError):
        return None  # of another gitopsc
    return Memory(listing, printed, targets, base, known)


def remember(key: bytes, memory: Memory) -> None:
    """Where the cache cannot be written, nothing is kept, and the next compile is a whole one."""
    parts = {name: tuple(each) for name, each in memory.parts.items()}
    keep_plain(_place(key), (*memory[:4], parts), _KEPT)


@contextmanager
def remembered_steps(*name: object) -> Iterator[Memo]:
    """What is known of a part's steps; what comes of it is kept under the same name.

    Steps are known by their content, wherever and whenever that was written.
    """
    place = cache_folder("steps", digest(repr((_own_content(), *name)).encode()).hex())
    known = recall_plain(place)
    memo = Memo(known if isinstance(known, dict) else {})
    yield memo
    if memo.is_new:
        keep_plain(place, memo.used, _KEPT_BESIDE)


def keep_trace(part: Part, trace: Any, *name: object) -> None:
    """Keeps plain data that is made of a part's inputs and what its name says."""
    keep_plain(_place_beside("traces", name), (part.inputs_key, trace), _KEPT_BESIDE)


def recall_trace(part: Part, *name: object) -> Any:
    """None where it is gone, or of other inputs."""
    known = recall_plain(_place_beside("traces", name))
    return known[1] if isinstance(known, tuple) and known[0] == part.inputs_key else None


def _place_beside(folder: str, name: object) -> str:
    text = repr((own_key(), name)).encode("utf-8", "surrogateescape")
    return cache_folder(folder, digest(text).hex())


def _own_content() -> bytes:
    """Of gitopsc itself and its libraries: what the same content is made of by another differs."""
    found = blake2b(repr((sys.version, _libraries())).encode(), digest_size=32)
    for path in _own_files():
        with open(path, "rb") as file:
            found.update(file.read())
    return found.digest()


def part(
    names: Names,
    inputs: Sequence[tuple[str, Stamp, bytes]],
    outputs: Sequence[tuple[str, bytes]],
    read: tuple[str, ...],
    result: Any,
    targets: Sequence[str] = (),
    others: Sequence[str] = (),
    began: int = 0,
) -> Part:
    """Inputs as they were before they were read, with digests of their contents; outputs with
    theirs.

    `began` is when inputs were first looked at, in nanoseconds. `others` are known by their times.
    """
    paths = (*(path for path, _, _ in inputs), *(path for path, _ in outputs), *others)
    numbers = array("q", [number for _, stamp, _ in inputs for number in stamp])
    racy = _young(numbers, began)
    later = array("q", _stamps(paths[len(inputs) :]))
    racy += tuple(len(inputs) + index for index in _young(later, time.time_ns()))
    contents = [content for _, _, content in inputs]
    contents += [content_key(content) for _, content in outputs]
    contents += [
        _hash(path) if index in racy else UNKNOWN
        for index, path in enumerate(others, start=len(contents))
    ]
    below = {os.path.dirname(path) for path, _ in outputs}
    folders = _folders(sorted({*targets, *below, *map(os.path.dirname, below)}))
    stamps = (numbers + later).tobytes()
    return Part(names, paths, stamps, b"".join(contents), racy, read, folders, result)


def _young(numbers: array[int], seen: int) -> tuple[int, ...]:
    """Indexes of files that may have changed after they were seen, and look as before."""
    found = []
    for index in range(len(numbers) // _WIDTH):
        changed = max(numbers[index * _WIDTH], numbers[index * _WIDTH + 1])
        is_coarse = changed % 1_000_000 == 0
        if seen - changed < (_YOUNG_AND_COARSE if is_coarse else _YOUNG):
            found.append(index)
    return tuple(found)


def _folders(paths: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Each with its mode, which tells links: what is in it does not count."""
    found = []
    for path in paths:
        try:
            found.append((path, os.lstat(path).st_mode))
        except OSError:
            found.append((path, 0))
    return tuple(found)


def is_usable(root: str) -> bool:
    """A cache inside the folder that is compiled could become a part of what it remembers."""
    place = cache_home()
    return os.path.isabs(place) and not f"{os.path.realpath(place)}/".startswith(f"{root}/")


def key(*parts: object) -> bytes:
    """Of everything besides files that decides what is printed and written; gitopsc itself, too."""
    return digest(repr((own_key(), parts)).encode("utf-8", "surrogateescape"))


@cache
def own_key() -> bytes:
    """Of gitopsc itself, its libraries and its Python."""
    own = (_installed_as() or _stamps(_own_files()), _libraries())
    return digest(repr((sys.version, own)).encode("utf-8", "surrogateescape"))


def _installed_as() -> bytes | None:
    """What an installer wrote of gitopsc's files and their contents; nothing of a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    folder = os.path.dirname(package)
    for name in _libraries_in(folder) if folder in _folders_of_libraries() else ():
        if name.startswith("gitopsc-"):
            try:
                with open(os.path.join(folder, name, "RECORD"), "rb") as file:
                    return file.read()
            except OSError:
                return None
    return None


def _own_files() -> list[str]:
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    checkout = os.path.dirname(package)
    data = (os.path.join(checkout, name) for name in ("schemas", "templates"))
    return [path for folder in (package, *data) for path in _below(folder)]


def _folders_of_libraries() -> list[str]:
    return [path for path in sys.path if path.endswith("-packages")]


def _libraries() -> list[str]:
    """Names and versions, as installers write them."""
    return sorted(name for folder in _folders_of_libraries() for name in _libraries_in(folder))


def _libraries_in(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(".dist-info")]
    except OSError:
        return []


def _below(root: str) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        found += [os.path.join(folder, each) for each in sorted(files)]
    return found


def _place(key: bytes) -> str:
    return cache_folder(key.hex())


def stamp_at(path: str) -> Stamp:
    """Of what a path leads to; of a link, with itself."""
    try:
        status = os.lstat(path)
        if not stat.S_ISLNK(status.st_mode):
            return stamp_of(status)
        own, there = stamp_of(status), stamp_of(os.stat(path))
    except (OSError, ValueError):
        return GONE
    newest = max(own[0], there[0]), max(own[1], there[1])
    return *newest, there[_SIZE], (own[3] * 31 + there[3]) & 0x7FFF_FFFF_FFFF_FFFF, own[_MODE]


def stamp_of(status: os.stat_result) -> Stamp:
    return (
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_size,
        status.st_ino & 0x7FFF_FFFF_FFFF_FFFF,
        status.st_mode,
    )


def _stamps(paths: Iterable[str]) -> bytes:
    numbers: list[int] = []
    for path in paths:
        numbers += stamp_at(path)
    return array("q", numbers).tobytes()


def _hash(path: str) -> bytes:
    """UNKNOWN for what cannot be read, so that what depends on it is compiled again."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > _LARGE:
                return UNKNOWN  # which takes longer than to compile it again
            found = blake2b(digest_size=KEY_SIZE)
            while block := file.read(_BLOCK):
                found.update(block)
            return found.digest()
    except IsADirectoryError:
        return content_key(b"")  # by way of a link, which nobody follows
    except OSError:
        return UNKNOWN


def digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=32).digest()
