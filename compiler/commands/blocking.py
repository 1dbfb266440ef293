"""Runs that are asked for, and what is wrong with their project -> the errors that concern them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitopsc.model.descriptor import FUNCTION_KINDS, RUN_KINDS, Descriptor, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.files import LOCK_FILE, SETTINGS_FILE
from gitopsc.model.program import Program, Run

_UNREAD = "C2"
"""The same of those about files that do not parse: what is needed is in others."""

_WRITTEN = ("C1", "C2", "C3")
"""How codes begin that are about what is written, and not about what it comes to."""


def blocking(
    runs: Iterable[Run], program: Program, errors: Iterable[Diagnostic]
) -> Iterator[Diagnostic]:
    """Without those that are surely in other runs, other functions and their sources alone.

    Where a run reads data whose producer is unknown, or asks a service that is, any of them may be
    what it needs. `errors` have places in the tree.
    """
    runs = tuple(runs)
    needed = {each.name for run in runs for each in (run.descriptor, run.function.descriptor)}
    files = {file.origin for run in runs for file in run.function.files}
    is_whole = all(_is_whole(run, program) for run in runs)
    for error in errors:
        path = error.span.path
        if not is_whole:
            yield error
        elif path.endswith(".py"):
            if path in files:
                yield error
        elif not error.code.id.startswith(_UNREAD) or path.endswith((SETTINGS_FILE, LOCK_FILE)):
            owner = _owner(error, program.project)
            if owner is None or not _is_apart(error, owner, needed):
                yield error


def _is_whole(run: Run, program: Program) -> bool:
    names = {each.name for each in program.runs}
    read = {each.key.name for each in run.reads if each.producer is not None}
    by_code = {each.name for each in run.function.data if each.verb == "reads"}
    reads_known = all(each.producer is not None for each in run.reads)
    return reads_known and by_code <= read and run.calls <= names


def _owner(error: Diagnostic, project: Project) -> Descriptor | None:
    """The last descriptor of the file that begins before it."""
    place = error.span.line, error.span.column
    starts = []
    for descriptor in project.descriptors:
        if descriptor.path == error.span.path and not descriptor.is_copy:
            start = descriptor.document.span()
            if (start.line, start.column) <= place:
                starts.append(((start.line, start.column), descriptor))
    return max(starts, key=lambda each: each[0])[1] if starts else None


def _is_apart(error: Diagnostic, owner: Descriptor, needed: set[str]) -> bool:
    """What the text of a valid descriptor cannot have is of one that is none, and follows it.

    A function that is needed may have more versions than one.
    """
    if owner.name in needed or (owner.valid and error.code.id.startswith(_WRITTEN)):
        return False
    return owner.kind in FUNCTION_KINDS or owner.kind in RUN_KINDS
