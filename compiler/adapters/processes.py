"""A function and items -> its results, from as many processes as there are processors."""

from __future__ import annotations

import os
import pickle
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from gitopsc.model.memo import Memo

_MANY_STEPS = 500
"""From which on a process is worth its start."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class ProcessFailed(Exception):
    """A process ended without its results; the message says what it knew of that."""


def spread(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    worthwhile: bool,
    apart: bool = False,
) -> list[Result]:
    """Results in the order of their items. In this process, where there is nothing to gain.

    A process does its share and ends; none waits for work. So when this one is killed, no other
    outlives it by more than its share, as the workers of a pool would. This one has a share, too,
    which nobody has to send; `apart`, it has none: the memory that each takes ends with it.
    """
    count = min(len(items), _processors())
    if not worthwhile or count < 2:
        return [function(item) for item in items]
    first = 0 if apart else 1
    children = [_fork(function, items[number::count]) for number in range(first, count)]
    try:
        received = [] if apart else [_done(function, items[::count])]
    finally:
        others = [_received(*child) for child in children]
    received += others
    results: list[Any] = [None] * len(items)
    for number, (share, error) in enumerate(received):
        if error is not None:
            raise error
        results[number::count] = share
    return results


def steps(memo: Memo, items: Sequence[Item], step: Callable[[Item, Memo], Result]) -> list[Result]:
    """What a step gives for each item, with what `memo` knows and what it is to know from now on.
    In several processes, where little is known and much is to be done."""
    count = min(_processors(), len(items) // _MANY_STEPS)
    if memo.known or count < 2:
        return [step(item, memo) for item in items]

    def taken(share: Sequence[Item]) -> tuple[list[Result], Mapping[bytes, Any]]:
        own = Memo()
        return [step(item, own) for item in share], own.used

    results: list[Any] = [None] * len(items)
    shares = [items[number::count] for number in range(count)]
    for number, (found, used) in enumerate(spread(taken, shares, worthwhile=True)):
        results[number::count] = found
        memo.used |= used
    return results


def _fork(function: Callable[[Item], Result], share: Sequence[Item]) -> tuple[int, int]:
    """The process, and where its results are to be read."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _work(function, share, writing)
    os.close(writing)
    return pid, reading


def _work(function: Callable[[Item], Result], share: Sequence[Item], writing: int) -> NoReturn:
    try:
        try:
            answer = _done(function, share)
        except BaseException:
            answer = [], ProcessFailed(traceback.format_exc())
        with open(writing, "wb") as pipe:
            pickle.dump(answer, pipe, pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)


def _done(
    function: Callable[[Item], Result], share: Sequence[Item]
) -> tuple[list[Result], Exception | None]:
    global _has_share
    _has_share = True
    try:
        return [function(item) for item in share], None
    except OSError as error:
        return [], error
    finally:
        _has_share = False


def _received(pid: int, reading: int) -> tuple[list[Any], Exception | None]:
    try:
        with open(reading, "rb") as pipe:
            share, error = pickle.load(pipe)
    except (EOFError, pickle.UnpicklingError):
        share, error = [], ProcessFailed("a process was killed")
    os.waitpid(pid, 0)
    return share, error


_has_share = False
"""Whether this process does its share of some work: then all processors are busy."""


def _processors() -> int:
    # A process with threads is not to be forked: one of them may hold a lock, as in an editor's.
    if _has_share or not hasattr(os, "fork") or threading.active_count() > 1:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
