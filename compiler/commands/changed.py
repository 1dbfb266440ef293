"""`gitopsc compile` where something has changed: those parts are compiled, and remembered."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gitopsc.adapters.folder import ignored_outputs, output_folders, owned_below, start_listing
from gitopsc.adapters.git import GitRefused
from gitopsc.commands.reading import Reading
from gitopsc.commands.recompiling import Recompiled, Request, recompile
from gitopsc.commands.remembering import remember
from gitopsc.commands.reporting import printed
from gitopsc.commands.selection import selects
from gitopsc.commands.staged import staged_status
from gitopsc.model.diagnostic import KEPT_FILE, NOT_WRITTEN, Diagnostic, has_errors, in_order
from gitopsc.model.files import BAKE_FILE, OWNERSHIP_LIST
from gitopsc.model.output import Change, Status
from gitopsc.report.text import render_counts
from gitopsc.select import Unselected
from gitopsc.write import Superseded, Target, drift, write


def compile_changed(request: Request) -> int:
    """Recalls, compiles, writes, reports and remembers."""
    arguments = request.arguments
    is_part = selects(arguments)
    try:
        result, problems = recompile(request)
        try:
            changes, refused = _write(result, problems, check=arguments.check, is_part=is_part)
        except Superseded:
            result, problems = recompile(request._replace(known={}))
            changes, refused = _write(result, problems, check=arguments.check, is_part=is_part)
    except (GitRefused, Unselected) as error:
        print(f"gitopsc compile: {error}", file=sys.stderr)
        return 2
    diagnostics = in_order((*problems, *refused))
    status = _status(diagnostics, changes, check=arguments.check)
    report = _Report(arguments.format, result.reading, diagnostics, result.file_count)
    for stream, text in zip((sys.stdout, sys.stderr), report.text(status, changes), strict=True):
        stream.write(text)
    if status in ("failed", "stale"):
        return 1
    # A file that was kept is on the list no more, so the next compile does not warn of it.
    if not arguments.no_cache and not any(each.code is KEPT_FILE for each in refused):
        remember(request, result, report.text("clean", ()))
    read_files = [path for project in result.targets for path in project.read]
    unstaged = staged_status(arguments, request.listing, result.shown_targets, read_files)
    return 1 if status == "written" and arguments.fail_on_change else unstaged


def _write(
    result: Recompiled, problems: Sequence[Diagnostic], *, check: bool, is_part: bool
) -> tuple[tuple[Change, ...], tuple[Diagnostic, ...]]:
    """What was changed, or for a `check` would be; nothing where there are errors."""
    if has_errors(problems):
        return (), ()
    changed = [target for project, target in result.targets.items() if project in result.made]
    if check:
        changes, refused = drift(changed)
        return _among(changes, changed) if is_part else changes, refused
    changes, refused = write(changed)
    if any(change.action == "created" for change in changes):
        refused += result.reading.placed(_unlisted(result.reading))
    return changes, refused


def _among(changes: Iterable[Change], targets: Iterable[Target]) -> tuple[Change, ...]:
    """Those of files that are all of the selected part."""
    own = {
        f"{target.shown}/{file.path}"
        for target in targets
        for file in target.files
        if file.path not in _OF_ALL and not file.path.endswith("/kustomization.yaml")
    }
    return tuple(each for each in changes if each.path in own)


_OF_ALL = (OWNERSHIP_LIST, BAKE_FILE, "reports/lineage.json")
"""Files that speak of all of a project."""


def _unlisted(reading: Reading) -> tuple[Diagnostic, ...]:
    """What was just written, and Git ignores: the listing is from before."""
    root = os.path.realpath(reading.root)
    try:
        files, is_repository = start_listing(root)()
    except GitRefused:
        return ()
    owned = owned_below(root, output_folders(root, files))
    return ignored_outputs(root, files, owned) if is_repository else ()


class _Report(NamedTuple):
    form: str
    reading: Reading
    diagnostics: tuple[Diagnostic, ...]
    files: int

    def text(self, status: Status, changes: Sequence[Change]) -> tuple[str, str]:
        """For stdout, and for stderr."""
        summary = _summary(status, self.diagnostics, changes, self.files)
        return printed(
            self.form,
            status,
            self.diagnostics,
            changes,
            lines=self.reading.lines,
            summary=summary,
        )


def _status(diagnostics: Sequence[Diagnostic], changes: Sequence[Change], *, check: bool) -> Status:
    if has_errors(diagnostics):
        return "failed"
    if not changes:
        return "clean"
    return "stale" if check else "written"


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
            summary = f"stale: {len(changes)} of {files} files; run `gitopsc compile`"
    return f"{summary}; {found}" if found else summary
