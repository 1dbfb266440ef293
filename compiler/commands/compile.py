"""`gitopsc compile`: a folder -> its output, written or checked, and a summary."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from compiler.adapters.git import has_unstaged
from compiler.commands.reading import Reading, read
from compiler.commands.reporting import report
from compiler.model.descriptor import Project
from compiler.model.diagnostic import (
    BAD_OUTPUT,
    NOT_WRITTEN,
    ORPHANED_OUTPUT,
    Diagnostic,
    has_errors,
    in_order,
)
from compiler.model.output import Change, OutputFile, Status
from compiler.model.source import OWNERSHIP_LIST, Span
from compiler.report.text import render_counts
from compiler.write import Target, drift, write


def run(arguments: argparse.Namespace) -> int:
    reading = read(arguments.path)
    if reading is None:
        return 2
    compilation = reading.compilation
    targets = [
        _target(reading, project, files, arguments.output) for project, files in compilation.outputs
    ]
    known = {os.path.realpath(target.folder) for target in targets}
    problems = [
        each
        for each in reading.diagnostics
        if each.code is not ORPHANED_OUTPUT or os.path.realpath(each.span.path) not in known
    ]
    problems += _unusable(reading, targets, arguments.output)
    changes: tuple[Change, ...] = ()
    if not has_errors(problems):
        changes, refused = drift(targets) if arguments.check else write(targets)
        problems += refused
    diagnostics = in_order(problems)
    status = _status(diagnostics, changes, check=arguments.check)
    files = sum(len(target.files) for target in targets)
    summary = _summary(status, diagnostics, changes, files)
    unstaged = _unstaged(targets) if arguments.fail_on_change and status != "failed" else []
    if unstaged:
        summary += f"; stage the output: `git add {' '.join(unstaged)}`"
    report(arguments.format, status, diagnostics, changes, lines=reading.lines, summary=summary)
    failed = status in ("failed", "stale") or (status == "written" and arguments.fail_on_change)
    return 1 if failed or unstaged else 0


def _unstaged(targets: Sequence[Target]) -> list[str]:
    """Output folders with files that a commit would leave out, or take in an older state."""
    return sorted(target.shown for target in targets if has_unstaged(str(target.folder)))


def _status(diagnostics: Sequence[Diagnostic], changes: Sequence[Change], *, check: bool) -> Status:
    if has_errors(diagnostics):
        return "failed"
    if not changes:
        return "clean"
    return "stale" if check else "written"


def _target(
    reading: Reading, project: Project, files: tuple[OutputFile, ...], chosen: str | None
) -> Target:
    """`-o` says where to write, not what: the content speaks of the project's own output folder."""
    if chosen is None:
        inside = f"{project.prefix}{project.output}"
        return Target(Path(reading.root, inside), reading.prefix + inside, files)
    many = len(reading.compilation.outputs) > 1
    folder = Path(chosen) / project.name if many else Path(chosen)
    return Target(folder, folder.as_posix(), files)


def _unusable(reading: Reading, targets: Sequence[Target], chosen: str | None) -> list[Diagnostic]:
    """An output folder is never read, so it cannot hold what a project reads, nor a project.

    Outside the folder that is compiled, it is only written to when somebody has `chosen` so.
    """
    folders = {
        path
        for program in reading.compilation.programs
        for path in (
            program.project.folder,
            *(os.path.dirname(each) for each, _ in program.files_read),
        )
    }
    inputs = {os.path.realpath(os.path.join(reading.root, each)) for each in folders}
    root = os.path.realpath(reading.root)
    problems = []
    for target in targets:
        folder = os.path.realpath(target.folder)
        if any(f"{path}/".startswith(f"{folder}/") for path in inputs):
            message = "the output folder would hold what is read, and it is never read itself"
            hint = "choose a folder of its own"
            problems.append(Diagnostic(BAD_OUTPUT, message, Span(target.shown), hint))
        elif chosen is None and not f"{folder}/".startswith(f"{root}/"):
            message = "the output folder is a link that leads outside"
            hint = "remove the link, or say where to write with `-o`"
            problems.append(Diagnostic(BAD_OUTPUT, message, Span(target.shown), hint))
    if chosen is not None and len(targets) > 1 and Path(chosen, OWNERSHIP_LIST).exists():
        message = "the folder holds the output of one project, and here are several"
        hint = "choose another folder, or empty this one first"
        problems.append(Diagnostic(BAD_OUTPUT, message, Span(Path(chosen).as_posix()), hint))
    return problems


def _summary(
    status: Status, diagnostics: Sequence[Diagnostic], changes: Sequence[Change], files: int
) -> str:
    counts = Counter(change.action for change in changes)
    listed = ", ".join(f"{counts[action]} {action}" for action in sorted(counts))
    found = render_counts(diagnostics)
    match status:
        case "failed":
            is_partial = any(each.code is NOT_WRITTEN for each in diagnostics)
            return found if is_partial else f"{found}; nothing was written"
        case "clean":
            summary = f"up to date, {files} files"
        case "written":
            summary = f"written: {listed}"
        case "stale":
            summary = f"stale: {len(changes)} of {files} files; `gitopsc compile` mends it"
    return f"{summary}; {found}" if found else summary
