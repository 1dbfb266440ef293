"""Trace and changed files -> Scope: the files that are compiled again, and for whom.

Nothing outside of the scope can come out otherwise, as long as the faces of what is in it are as
they were (`trace`): whoever compiles it compares them, and asks again with the files whose readers
have something new to read.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from gitopsc.model.footprint import Scope, Trace

MANY = 100
"""Files from which on a part is worth looking for: fewer are compiled in no time."""

LARGE_SHARE = 4
"""One in so many files is no small part: a compile of all, which does no file twice, is as good."""


def narrow(trace: Trace, changed: Iterable[str], moved: Iterable[str] = ()) -> Scope | None:
    """`moved` are files of which readers have something new to read. None where a change is of no
    file that the trace knows, or too much depends on it."""
    if len(trace.footprints) < MANY:
        return None
    affected = set()
    for path in changed:
        found = {path} if path in trace.footprints else {*_built_from(trace, path)}
        if not found:
            return None
        affected |= found
    affected |= {*_readers(trace, {*moved})}
    functions = {path for path in affected if trace.footprints[path].has_functions}
    affected |= {*_readers(trace, functions)}
    most = len(trace.footprints) // LARGE_SHARE
    files = {*trace.common}
    waiting = [*affected, *files]
    while waiting and len(files) <= most:
        path = waiting.pop()
        files.add(path)
        waiting += [each for each in trace.footprints[path].needs if each not in files]
    if len(files) > most:
        return None
    return Scope(frozenset(files), frozenset(affected), trace.described)


def _built_from(trace: Trace, source: str) -> Iterator[str]:
    return (path for path, each in trace.footprints.items() if source in each.sources)


def _readers(trace: Trace, files: Container[str]) -> Iterator[str]:
    return (
        path for path, each in trace.footprints.items() if any(need in files for need in each.needs)
    )
