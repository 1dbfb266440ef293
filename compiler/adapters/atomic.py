"""A place and bytes -> a file there with just these bytes, in one step, or the file of before.

Only light modules are imported here, as in `memory`.
"""

from __future__ import annotations

import os
from contextlib import suppress

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
"""Never through a link that somebody put there."""


def replace_file(
    place: str, content: bytes, *, mode: int = 0o666, temporary: str | None = None
) -> None:
    """By way of `temporary`, a file of the same file system that no other process writes.

    One that a killed process has left there is replaced. Raises OSError; then nothing is left.
    """
    folder, name = os.path.split(place)
    temporary = temporary or os.path.join(folder, f".{name}-{os.getpid()}")
    try:
        descriptor = os.open(temporary, _FLAGS, mode)
    except FileExistsError:
        os.unlink(temporary)
        descriptor = os.open(temporary, _FLAGS, mode)
    try:
        try:
            written = os.write(descriptor, content)
            while written < len(content):  # a disk that fills up says so with the next one
                written += os.write(descriptor, content[written:])
        finally:
            os.close(descriptor)
        os.replace(temporary, place)
    except BaseException:  # an interrupt, too
        with suppress(OSError):
            os.unlink(temporary)
        raise


def lock_now(descriptor: int) -> bool:
    """Whether this process is now the only one with a lock on an open file or folder.

    Closing it ends the lock. On systems without such locks, all are the only one.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
