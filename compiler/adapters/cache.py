"""The user's cache folder: what is in it may be deleted at any time, and is believed only when no
other user can have written it.

Only light modules are imported here, as in `memory`.
"""

from __future__ import annotations

import marshal
import os
from typing import Any
from zlib import crc32

from gitopsc.adapters.atomic import replace_file
from gitopsc.adapters.owner import is_private

_FOLDER = "gitopsc"
_CHECKSUM = 4
"""Bytes."""


def cache_home() -> str:
    """Where caches of all programs are; it need not be there yet."""
    return os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")


def cache_folder(*below: str) -> str:
    """That of gitopsc, or a folder in it."""
    return os.path.join(cache_home(), _FOLDER, *below)


def _is_private(folder: str) -> bool:
    """A folder of the cache, with those around it up to the cache's own."""
    top = cache_folder()
    while is_private(os.lstat(folder)):
        if folder == top or not folder.startswith(top):
            return True
        folder = os.path.dirname(folder)
    return False


def read_private(place: str) -> bytes | None:
    """The bytes of a file that no other user can have written; None for any other."""
    try:
        if not _is_private(os.path.dirname(place)):
            return None
        with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read() if is_private(os.fstat(file.fileno())) else None
    except (OSError, ValueError):
        return None


def keep_private(place: str, content: bytes) -> bool:
    """Writes a file; False where that is impossible, such as in a folder that is read-only."""
    folder = os.path.dirname(place)
    try:
        if not os.environ.get("XDG_CACHE_HOME"):
            os.stat(os.path.expanduser("~"))  # nobody's home is made here
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not _is_private(folder):
            return False
        replace_file(place, content, mode=0o600)
    except OSError:
        return False
    return True


def keep_plain(place: str, value: Any, most: int) -> None:
    """Keeps plain data in a file of the cache; of its folder, so many of the newest files stay.

    Where the cache cannot be written, nothing is kept. `marshal` may crash on what is damaged: a
    checksum goes before it.
    """
    folder = os.path.dirname(place)
    try:
        there = [entry.path for entry in os.scandir(folder) if entry.is_file()]
        if len(there) >= most:
            for path in sorted(there, key=os.path.getmtime)[: len(there) - most + 1]:
                os.unlink(path)
    except OSError:
        pass  # it is not there yet, or another process tidies up, too
    content = marshal.dumps(value)
    keep_private(place, crc32(content).to_bytes(_CHECKSUM, "big") + content)


def recall_plain(place: str) -> Any:
    """None of what is not there, or damaged, or of another Python."""
    content = read_private(place)
    if content is None:
        return None
    rest = memoryview(content)[_CHECKSUM:]
    if crc32(rest).to_bytes(_CHECKSUM, "big") != content[:_CHECKSUM]:
        return None
    try:
        return marshal.loads(rest)
    except (ValueError, TypeError, EOFError):
        return None
