"""What a compile found, kept in the user's cache: the next one starts with what has not changed.

A file counts as unchanged when its times, size, inode and mode are. Two writes within one tick of
a file system's clock can look alike, so files that were young when they were remembered are
compared by content, too (Git calls these racy). The cache is outside of every repository; whatever
is wrong with it, or when it is gone, everything is compiled. Only light modules are imported
here: most compiles end after this one.
"""

from __future__ import annotations

import marshal
import os
import sys
import time
from array import array
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from gitopsc.adapters.cache import cache_folder, cache_home, keep_private, read_private

_WIDTH = 5
GONE = (0, 0, 0, 0, 0)
_YOUNG = 100_000_000
_YOUNG_AND_COARSE = 3_000_000_000
"""Nanoseconds that a file may look unchanged after it was; longer where times are whole
milliseconds, which is how coarse clocks look."""

_BLOCK = 1024 * 1024
_LARGE = 64 * 1024 * 1024
_KEPT = 200
"""Memories in the cache; the oldest go."""

Stamp = tuple[int, int, int, int, int]
Names = tuple[tuple[str, bool], ...]


class Part(NamedTuple):
    """What is known of a part. `paths` are inputs, then outputs, absolute; `racy` their hashes.

    `names` are the inputs as they are listed, with their executable bits; `read` those that the
    outputs are made of. `folders` are those of the outputs, none of which may become a link.
    `result` is plain data.
    """

    names: Names
    paths: tuple[str, ...]
    stamps: bytes
    racy: Mapping[int, bytes]
    read: tuple[str, ...]
    folders: tuple[tuple[str, int, int], ...]
    result: Any

    def is_fresh(self) -> bool:
        return (
            _folders(path for path, _, _ in self.folders) == self.folders
            and _stamps(self.paths) == self.stamps
            and all(
                known and _hash(self.paths[index]) == known for index, known in self.racy.items()
            )
        )


class Memory(NamedTuple):
    """`listing` is a digest of the files there were; `printed` goes to stdout and stderr again.

    `targets` are the output folders, and how people see them.
    """

    listing: bytes
    printed: tuple[str, str]
    targets: tuple[tuple[str, str], ...]
    parts: Mapping[str, Part]


def recall(key: bytes) -> Memory | None:
    """What `remember` kept under a key; None when there is none, or it is damaged."""
    content = read_private(_place(key))
    if content is None or digest(content[32:]) != content[:32]:
        return None
    try:
        listing, printed, targets, parts = marshal.loads(content[32:])
        known = {name: Part(*each) for name, each in parts.items()}
    except (ValueError, TypeError, EOFError, AttributeError):
        return None  # of another gitopsc, or another Python
    return Memory(listing, printed, targets, known)


def remember(key: bytes, memory: Memory) -> None:
    """A machine that refuses is no problem: then the next compile is a whole one."""
    parts = {name: tuple(each) for name, each in memory.parts.items()}
    content = marshal.dumps((*memory[:3], parts))
    _forget_the_oldest(cache_folder())
    keep_private(_place(key), digest(content) + content)


def part(
    names: Names,
    inputs: Sequence[tuple[str, Stamp, bytes | None]],
    outputs: Sequence[tuple[str, bytes]],
    read: tuple[str, ...],
    result: Any,
    targets: Sequence[str] = (),
    others: Sequence[str] = (),
    began: int = 0,
) -> Part:
    """Inputs as they were before they were read, with the content if it is at hand; outputs.

    `began` is when inputs were first looked at, in nanoseconds.
    """
    contents = {path: content for path, _, content in inputs} | dict(outputs)
    paths = (*contents, *others)
    numbers = array("q", [number for _, stamp, _ in inputs for number in stamp])
    numbers.frombytes(_stamps(paths[len(inputs) :]))
    now = time.time_ns()
    racy = {}
    for index, path in enumerate(paths):
        changed = max(numbers[index * _WIDTH], numbers[index * _WIDTH + 1])
        is_coarse = changed % 1_000_000 == 0
        seen = began if index < len(inputs) else now
        if seen - changed < (_YOUNG_AND_COARSE if is_coarse else _YOUNG):
            content = contents.get(path)
            racy[index] = _hash(path, unread=is_coarse) if content is None else digest(content)
    below = {os.path.dirname(path) for path, _ in outputs}
    folders = _folders(sorted({*targets, *below, *map(os.path.dirname, below)}))
    return Part(names, paths, numbers.tobytes(), racy, read, folders, result)


def _folders(paths: Iterable[str]) -> tuple[tuple[str, int, int], ...]:
    """Each with its inode and mode: what is in it is none of this."""
    found = []
    for path in paths:
        try:
            status = os.lstat(path)
            found.append((path, status.st_ino, status.st_mode))
        except OSError:
            found.append((path, 0, 0))
    return tuple(found)


def is_usable(root: str) -> bool:
    """A cache inside the folder that is compiled could become a part of what it remembers."""
    place = cache_home()
    return os.path.isabs(place) and not f"{os.path.realpath(place)}/".startswith(f"{root}/")


def key(*parts: object) -> bytes:
    """Of everything besides files that decides what is printed and written; gitopsc itself, too."""
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    checkout = os.path.dirname(package)
    data = (os.path.join(checkout, name) for name in ("schemas", "templates"))
    code = [path for folder in (package, *data) for path in _below(folder)]
    libraries = [path for path in sys.path if path.endswith("-packages")]
    own = _stamps([*code, *libraries])
    return digest(repr((sys.version, code, own, parts)).encode("utf-8", "surrogateescape"))


def _below(root: str) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        found += [os.path.join(folder, each) for each in sorted(files)]
    return found


def _place(key: bytes) -> str:
    return cache_folder(key.hex())


def _forget_the_oldest(folder: str) -> None:
    try:
        places = [entry.path for entry in os.scandir(folder) if entry.is_file()]
        if len(places) >= _KEPT:
            for place in sorted(places, key=os.path.getmtime)[: len(places) - _KEPT + 1]:
                os.unlink(place)
    except OSError:
        return  # it is not there yet, or another process tidies up, too


def stamp_at(path: str) -> Stamp:
    """Of what a path leads to."""
    try:
        return stamp_of(os.stat(path))
    except (OSError, ValueError):
        return GONE


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


def _hash(path: str, *, unread: bool = False) -> bytes:
    """Nothing for what cannot be read, nor for what another process read, perhaps earlier.

    Nothing is never equal to what is remembered, so what depends on the file is compiled again.
    """
    if unread:
        return b""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > _LARGE:
                return b""  # which takes longer than to compile it again
            found = blake2b(digest_size=32)
            while block := file.read(_BLOCK):
                found.update(block)
            return found.digest()
    except IsADirectoryError:
        return digest(b"")  # by way of a link, which nobody follows
    except OSError:
        return b""


def digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=32).digest()
