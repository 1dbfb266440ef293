"""Runs that are asked for, and what is wrong with their project -> the errors that concern them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from gitopsc.model.descriptor import FUNCTION_KINDS, RUN_KINDS, Descriptor, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.files import LOCK_FILE, SETTINGS_FILE
from gitopsc.model.program import Program, Run

_UNREAD = "C2"
"""The same of those about files that do not parse: what is needed is in others."""

_LACKING = "C4"
"""The same of those that tell what is not there."""

_WRITTEN = ("C1", "C2", "C3")
"""How codes begin that are about what is written, and not about what it comes to."""


def blocking(
    runs: Iterable[Run],
    program: Program,
    errors: Iterable[Diagnostic],
    text_of: Callable[[str], str] = lambda path: "",
) -> list[Diagnostic]:
    """Without those that are surely in other runs, other functions and their sources alone.

    Where a run reads data whose producer is unknown, or asks a service that is, any of them may be
    what it needs. `errors` have places in the tree; `text_of` gives the text of a file that does
    not parse, which may have what somebody lacks.
    """
    runs, errors = tuple(runs), tuple(errors)
    found = [*_blocking(runs, program, errors, text_of)]
    if any(each.code.id.startswith(_LACKING) for each in found):
        found += [each for each in errors if is_unread(each) and each not in found]
    return found


def unexplained(errors: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Where a file does not parse, without those that tell what is not there: it may have that."""
    if not any(map(is_unread, errors)):
        return [*errors]
    return [each for each in errors if not each.code.id.startswith(_LACKING)]


def _blocking(
    runs: tuple[Run, ...],
    program: Program,
    errors: tuple[Diagnostic, ...],
    text_of: Callable[[str], str],
) -> Iterator[Diagnostic]:
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
        elif is_unread(error):
            if path.endswith((SETTINGS_FILE, LOCK_FILE)) or _may_be_needed(text_of(path), needed):
                yield error
        else:
            owner = _owner(error, program.project)
            if owner is None or not _is_apart(error, owner, needed):
                yield error


def is_unread(error: Diagnostic) -> bool:
    """Whether it is about a file that does not parse."""
    return error.code.id.startswith(_UNREAD)


def _may_be_needed(text: str, needed: Iterable[str]) -> bool:
    """Whether a text names a run or a function, or has a task, which may be of one."""
    names = "|".join(map(re.escape, needed))
    return bool(re.search(rf"(?<![\w-])(?:{names})(?![\w-])", text) or _TASK.search(text))


_TASK = re.compile(r"(?m)\bkind[\"']?[ \t]*:[ \t]*[\"']?\w+\+\w+[\"']?[ \t]*(?:[,}#]|$)")


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
