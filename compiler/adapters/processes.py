"""A function and items -> its results, from as many processes as there are processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_work: tuple[Callable[..., object], Sequence[object]]
"""What forked processes find in their memory, so that no item has to be sent to one."""


def spread(
    function: Callable[[Item], Result], items: Sequence[Item], *, worthwhile: bool
) -> list[Result]:
    """Results in the order of their items. In this process, where there is nothing to gain."""
    workers = min(len(items), _processors())
    if not worthwhile or workers < 2 or not hasattr(os, "fork"):
        return [function(item) for item in items]
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    global _work
    _work = (function, items)
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        chunk = max(1, len(items) // (workers * 8))
        results: list[Result] = list(pool.map(_one, range(len(items)), chunksize=chunk))  # type: ignore[arg-type]
    return results


def _one(index: int) -> object:
    function, items = _work
    return function(items[index])


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
