"""Trace and changed files -> Scope: the files that are compiled again, and for whom.

Nothing outside of the scope can come out otherwise, as long as the faces of what is in it are as
they were (`trace`): whoever compiles it compares them, and asks again with the files whose readers
have something new to read.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator

from gitopsc.model.footprint import Scope, Trace

LARGEST_SHARE = 0.25
"""Of all files: a compile of all, which does no file twice, is as good for more."""


def narrow(trace: Trace, changed: Collection[str], moved: Iterable[str] = ()) -> Scope | None:
    """`moved` are files of which readers have something new to read. None where a change is of a
    file that nothing is known to be made of, and where too much depends on it.
    """
    files = {*trace.common}
    affected: set[str] = set()
    for path in changed:
        found = {path, *_built_from(trace, path)} & trace.footprints.keys()
        if not found:
            return None
        affected |= found
    affected |= {*_readers(trace, {*moved})}
    functions = {path for path in affected if trace.footprints[path].has_functions}
    affected |= {*_readers(trace, functions)}
    most = len(trace.footprints) * LARGEST_SHARE
    waiting = [*affected, *trace.common]
    while waiting and len(files) <= most:
        path = waiting.pop()
        files.add(path)
        waiting += [each for each in trace.footprints[path].needs if each not in files]
    if len(files) > most:
        return None
    # A file of a source may have become a descriptor.
    return Scope(frozenset(files.union(changed)), frozenset(affected), trace.described)


def _built_from(trace: Trace, source: str) -> Iterator[str]:
    return (path for path, each in trace.footprints.items() if source in each.sources)


def _readers(trace: Trace, files: Container[str]) -> Iterator[str]:
    return (
        path for path, each in trace.footprints.items() if any(need in files for need in each.needs)
    )
