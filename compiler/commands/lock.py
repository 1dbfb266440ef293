"""`gitopsc lock`: pins what is fetched, and the requirements, in each project's `gitopsc.lock`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping

from gitopsc.adapters.atomic import replace_file
from gitopsc.adapters.folder import start_listing
from gitopsc.adapters.git import GitRefused, token_hosts
from gitopsc.adapters.template import render_yaml
from gitopsc.commands.arguments import add_format, add_path
from gitopsc.commands.reading import Reading, read
from gitopsc.commands.reporting import printed
from gitopsc.model.descriptor import SIDECAR_IMAGE, Project
from gitopsc.model.diagnostic import (
    IGNORED_OUTPUT,
    LOCK_CODES,
    NOT_WRITTEN,
    Diagnostic,
    did_you_mean,
    has_errors,
    in_order,
)
from gitopsc.model.files import LOCK_FILE
from gitopsc.model.lock import FunctionPin, block_of
from gitopsc.model.output import Change, Status
from gitopsc.model.remote import Access
from gitopsc.model.source import SourceFile, Span, Unreadable
from gitopsc.pipeline import lock_tree
from gitopsc.report.text import render_counts

DESCRIPTION = (
    "Pin the remote sources and the requirements of the functions below PATH. What is pinned"
    " and still fits is kept. Nothing else of a compile uses the network."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="write and fetch nothing; exit 1 when a pin is missing or does not fit",
    )
    parser.add_argument(
        "--upgrade",
        nargs="*",
        metavar="NAME",
        help="make new pins for the functions NAME, or without NAME for all of them",
    )
    parser.add_argument(
        "--no-requirements",
        action="store_true",
        help="keep the requirements that are locked and fit, and lock no others",
    )
    parser.add_argument(
        "--images", action="store_true", help="pin base images by their digests, too"
    )
    add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    reading = read(arguments.path)
    problems = [*reading.scanned]
    changes: list[Change] = []
    if not has_errors(problems):
        locked, found = lock_tree(
            reading.tree,
            check=arguments.check,
            upgraded=None if arguments.upgrade == [] else arguments.upgrade or (),
            with_requirements=not arguments.no_requirements,
            with_images=arguments.images,
            access=Access(token_hosts(arguments.path), _tell_host),
        )
        problems += reading.placed(found)
        known = {each.name for project, _ in locked for each in project.entities.functions}
        if any(project.container_data for project, _ in locked):
            known.add(SIDECAR_IMAGE)
        if unknown := sorted(set(arguments.upgrade or ()) - known):
            hint = did_you_mean(unknown[0], known) or "`--upgrade` takes names of functions"
            print(f"gitopsc: no function is called `{unknown[0]}`; {hint}", file=sys.stderr)
            return 2
        if not arguments.check and not has_errors(problems):
            changes, refused = _write(reading, locked)
            problems += [*refused, *_ignored(reading, changes)]
    diagnostics = in_order(problems)
    stale = arguments.check and any(each.code in LOCK_CODES for each in diagnostics)
    status: Status = "clean"
    if has_errors(diagnostics) or stale:
        status = "failed"
    elif changes:
        status = "written"
    out, err = printed(
        arguments.format,
        status,
        diagnostics,
        changes,
        lines=reading.lines,
        summary=_summary(status, diagnostics, writes=not arguments.check),
    )
    sys.stdout.write(out)
    sys.stderr.write(err)
    return 1 if status == "failed" else 0


def _tell_host(host: str) -> None:
    print(f"gitopsc: {host} is given the Git credentials of the environment", file=sys.stderr)


def _summary(status: Status, diagnostics: Iterable[Diagnostic], *, writes: bool) -> str:
    counts = render_counts(list(diagnostics))
    words = {"clean": "up to date", "written": "locked; now run `gitopsc compile`"}.get(status)
    if words is None:
        return f"{counts}; nothing was written" if writes else counts
    return f"{words}; {counts}" if counts else words


def _write(
    reading: Reading, locked: Iterable[tuple[Project, Mapping[str, FunctionPin]]]
) -> tuple[list[Change], list[Diagnostic]]:
    """Each file in one step; none where there is nothing to pin."""
    changes: list[Change] = []
    for project, pins in locked:
        path = f"{project.prefix}{LOCK_FILE}"
        place = os.path.join(reading.root, path)
        blocks = [(key, block_of(each)) for key, each in pins.items()]
        text = render_yaml("lock.yaml.j2", blocks=blocks)
        before = reading.tree.files.get(path)
        try:
            if os.path.islink(place):
                raise OSError(0, "it is a link, and is not replaced")
            if (before is None and not pins) or _has(before, text):
                continue
            replace_file(place, text.encode())
        except OSError as error:
            message = (error.strerror or "the write failed").lower()
            span = Span(reading.prefix + path)
            return changes, [
                Diagnostic(NOT_WRITTEN, message, span, "fix the cause, and lock again")
            ]
        changes.append(Change(reading.prefix + path, "created" if before is None else "changed"))
    return changes, []


def _ignored(reading: Reading, changes: Iterable[Change]) -> list[Diagnostic]:
    """A lock that Git ignores is not read, by nobody."""
    try:
        files, is_repository = start_listing(os.path.realpath(reading.root))()
    except GitRefused:
        return []
    hint = f"write `!{LOCK_FILE}` into .gitignore"
    return [
        Diagnostic(
            IGNORED_OUTPUT, f"Git ignores `{each.path}`: no one reads it", Span(each.path), hint
        )
        for each in changes
        if is_repository and each.path.removeprefix(reading.prefix) not in files
    ]


def _has(file: SourceFile | None, text: str) -> bool:
    try:
        return file is not None and file.content == text.encode()
    except Unreadable:
        return False
