"""`gitopsc validate`: a folder -> what is wrong with its descriptors; `--fix` leaves less of it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

from gitopsc.adapters.atomic import replace_file
from gitopsc.commands.arguments import add_format, add_path
from gitopsc.commands.reading import Reading, read
from gitopsc.commands.reporting import printed
from gitopsc.model.diagnostic import NOT_WRITTEN, Diagnostic, has_errors, in_order
from gitopsc.model.output import Change
from gitopsc.model.source import Span, Unreadable
from gitopsc.pipeline import compile_tree
from gitopsc.report.text import render_counts
from gitopsc.rewrite import rewrite

DESCRIPTION = (
    "Say what is wrong with the descriptors below PATH. Nothing is written, but with --fix what"
    " puts problems right without a thought."
)
_PASSES = 20
"""What is fixed may show what else is wrong."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "--fix",
        action="store_true",
        help="fix what needs no thought: misspelt keys and kinds, numbers that are meant as text,"
        " what policies ask for; the rest of each file stays as it is",
    )
    add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    reading, found = _validated(arguments.path)
    fixed: set[str] = set()
    refused: list[Diagnostic] = []
    for _ in range(_PASSES if arguments.fix else 0):
        written, refused = _fix(reading, found)
        if not written:
            break
        fixed |= {*written}
        reading, found = _validated(arguments.path)
    diagnostics = in_order((*reading.scanned, *reading.placed(found), *refused))
    failed = has_errors(diagnostics)
    changes = [Change(reading.prefix + path, "changed") for path in sorted(fixed)]
    problems = render_counts(diagnostics) or "no problems"
    out, err = printed(
        arguments.format,
        "failed" if failed else "written" if changes else "clean",
        diagnostics,
        changes,
        lines=reading.lines,
        summary=f"fixed {_files(len(fixed))}; {problems}" if fixed else problems,
    )
    sys.stdout.write(out)
    sys.stderr.write(err)
    return 1 if failed else 0


def _validated(path: str) -> tuple[Reading, Sequence[Diagnostic]]:
    """With places as the tree has them."""
    reading = read(path)
    if has_errors(reading.scanned):
        return reading, ()
    return reading, compile_tree(reading.tree).diagnostics


def _fix(reading: Reading, found: Iterable[Diagnostic]) -> tuple[Sequence[str], list[Diagnostic]]:
    """The files that were written, and what refused to be."""
    fixes = [each.fix for each in found if each.fix is not None and each.allowed is None]
    texts = {}
    for path in {fix.span.path for fix in fixes}:
        with suppress(Unreadable, KeyError, UnicodeDecodeError):
            texts[path] = reading.tree.files[path].content.decode("utf-8")
    written: list[str] = []
    for path, text in rewrite(texts, fixes).items():
        place = os.path.join(reading.root, path)
        try:
            if os.path.islink(place):
                raise OSError(0, "it is a link, and is not replaced")
            replace_file(place, text.encode())
        except OSError as error:
            message = (error.strerror or "the write failed").lower()
            span = Span(reading.prefix + path)
            hint = "fix the cause, and try again"
            return written, [Diagnostic(NOT_WRITTEN, message, span, hint)]
        written.append(path)
    return written, []


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
