"""The memory that a service may take -> how much of it bodies of requests may; what it takes."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_SHARE = 4
"""Bodies may take a quarter: the rest is the interpreter's, and the handler's."""

_UNIT = 1 if sys.platform == "darwin" else 1024
_TRIMMED = 1024 * 1024
"""Bytes of a charge after which memory is given back to the system: it would keep it otherwise."""


class TooLarge(Exception):
    """A body that takes more than there ever is."""


class Exhausted(Exception):
    """A body that takes more than there is now."""


def memory_limit() -> int:
    """Bytes that this container may take, or that the machine has."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for place in _LIMITS:
        with suppress(OSError, ValueError):
            found.append(int(Path(place).read_text()))
    return min(found)


def memory_taken() -> int:
    """Bytes that are this process's alone, and that the system cannot take back."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


class Budget:
    """What all requests under way may take together, in bytes."""

    def __init__(self, limit: int) -> None:
        self.most = limit // _SHARE
        self._taken = 0

    @contextmanager
    def charges(self) -> Iterator[Charge]:
        """What is charged is free again at the end."""
        charge = Charge(self)
        try:
            yield charge
        finally:
            self._taken -= charge.size
            if charge.size >= _TRIMMED:
                give_back()

    def take(self, size: int) -> None:
        if size > self.most:
            raise TooLarge
        if self._taken + size > self.most:
            raise Exhausted
        self._taken += size


class Charge:
    """What one request is charged."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    def raise_to(self, size: int) -> None:
        """Raises TooLarge or Exhausted, and charges nothing more then."""
        if size > self._budget.most:
            raise TooLarge
        if size > self.size:
            self._budget.take(size - self.size)
            self.size = size


def give_back() -> None:
    """Memory that is free, to the system: a C library keeps it, unless it is asked."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
