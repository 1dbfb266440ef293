"""A part of which little has changed, and what is known of it -> what is new in its output.

A change behind the faces of some files (`trace`) is compiled with what these need, and no more
(`narrow`). Whether it was one shows afterwards: faces and diagnostics are compared. Where they are
others, or too much depends on the change, the part is compiled as a whole. `tests/test_narrow.py`
compares thousands of random changes with whole compiles.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping

from gitopsc.model.artifact import bake_file
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import CLOSED_OFF, UNASKED_SECRET, Diagnostic
from gitopsc.model.files import BAKE_FILE, SETTINGS_FILE
from gitopsc.model.footprint import Footprint, Scope, Trace
from gitopsc.model.memo import Memo
from gitopsc.model.output import OutputFile, readable_json
from gitopsc.model.source import Tree
from gitopsc.narrow import narrow
from gitopsc.pipeline import compile_part

_OF_ALL_RUNS = (CLOSED_OFF, UNASKED_SECRET)
"""What is wrong with settings beside all runs: only a whole compile says it, and what decides it is
in their faces."""


def revise(
    tree: Tree, known: Trace, told: Iterable[Diagnostic], changed: Collection[str]
) -> tuple[tuple[OutputFile, ...], Trace] | None:
    """What a change inside of some files of a part comes to: the files of its output that may be
    other now, and the trace of all. `known` and `told` are the trace and the diagnostics of before.

    None where all has to be compiled: where others may see the change, or there is more to tell.
    """
    memo = Memo()
    moved: frozenset[str] = frozenset()
    while (scope := narrow(known, changed, moved)) is not None:
        compilation = compile_part(tree, memo, scope=scope, is_traced=True)
        traced = compilation.trace
        if traced is None or not _is_told(compilation.diagnostics, told, _beside(known, scope)):
            return None
        before = {path: known.footprints[path] for path in scope.files & known.footprints.keys()}
        if _faces(traced.footprints, scope) != _faces(before, scope):
            return None
        new = {path for path in before if traced.footprints[path].computes != before[path].computes}
        if new <= moved:
            return _files_of(compilation, scope, known, traced)
        if not new <= scope.affected:
            return None
        moved |= new
    return None


def _faces(footprints: Mapping[str, Footprint], scope: Scope) -> Mapping[str, Footprint]:
    """What may not be other than before. Of what is only needed, nothing is written."""
    return {
        path: each._replace(computes=b"", outputs=each.outputs if path in scope.affected else ())
        for path, each in footprints.items()
    }


def _beside(known: Trace, scope: Scope) -> frozenset[str]:
    """The files that nothing in scope is written of."""
    found = {*known.footprints}
    found.update(*(each.sources for each in known.footprints.values()))
    return frozenset(found - scope.affected).difference(
        *(known.footprints[path].sources for path in scope.affected)
    )


def _is_told(
    found: Iterable[Diagnostic], told: Iterable[Diagnostic], beside: Container[str]
) -> bool:
    """Whether nothing new is wrong, and all that was is so still, but for what is wrong with files
    `beside` alone: not all of them was looked at."""

    def keys(diagnostics: Iterable[Diagnostic]) -> set[object]:
        return {
            (each.code, each.message, each.span, each.hint, each.related) for each in diagnostics
        }

    def is_beside(each: Diagnostic) -> bool:
        is_of_all = each.code in _OF_ALL_RUNS
        return all(
            span.path in beside or (is_of_all and span.path.endswith(SETTINGS_FILE))
            for span in each.places
        )

    there = (each for each in told if not is_beside(each))
    return keys(there) <= keys(found) <= keys(told)


def _files_of(
    compilation: Compilation, scope: Scope, known: Trace, traced: Trace
) -> tuple[tuple[OutputFile, ...], Trace]:
    """Of what is affected. Files that speak of all runs have what is in faces, but for the one with
    the names of images."""
    footprints = {path: traced.footprints[path] for path in scope.affected}
    own = {path for each in footprints.values() for path, _ in each.outputs}
    images = {**known.images, **traced.images}
    baked = OutputFile(BAKE_FILE, readable_json(bake_file(images)).encode())
    ((_, files),) = compilation.outputs
    return (
        (*(each for each in files if each.path in own), *([baked] if images else [])),
        known._replace(footprints={**known.footprints, **footprints}, images=images),
    )
