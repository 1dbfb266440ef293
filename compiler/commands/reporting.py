"""Diagnostics, changes and a summary -> stdout and stderr, in the format that was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from compiler.model.diagnostic import STALE_OUTPUT, Diagnostic
from compiler.model.output import Change, Status
from compiler.model.source import Span
from compiler.report.text import Lines, render_text

_STALE_WORDS = {"created": "missing", "changed": "differs", "removed": "left over"}


def report(
    form: str,
    status: Status,
    diagnostics: Sequence[Diagnostic],
    changes: Sequence[Change] = (),
    *,
    lines: Lines,
    summary: str,
) -> None:
    """People's text goes to stderr, data to stdout; data for machines comes without a summary."""
    if form == "json":
        from compiler.report.json import render_json

        sys.stdout.write(render_json(status, diagnostics, changes))
        return
    if form == "sarif":
        from compiler.report.sarif import render_sarif

        sys.stdout.write(render_sarif([*diagnostics, *_stale(status, changes)]))
        return
    if form == "github":
        from compiler.report.github import render_github

        sys.stdout.write(render_github([*diagnostics, *_stale(status, changes)]))
        sys.stdout.flush()
    else:
        sys.stderr.write(render_text(diagnostics, lines, colour=wants_colour()))
        for change in changes:
            word = _STALE_WORDS[change.action] if status == "stale" else change.action
            print(f"{word:9} {change.path}", file=sys.stderr)
    print(f"gitopsc: {summary}", file=sys.stderr)


def wants_colour() -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not plain


def _stale(status: Status, changes: Sequence[Change]) -> list[Diagnostic]:
    """Where only diagnostics can be shown, what is stale becomes one for each file."""
    if status != "stale":
        return []
    hint = "run `gitopsc compile`, and commit what it writes"
    return [
        Diagnostic(
            STALE_OUTPUT,
            f"the output is stale: `{change.path}` {_STALE_PHRASES[change.action]}",
            Span(change.path),
            hint,
        )
        for change in changes
    ]


_STALE_PHRASES = {"created": "is missing", "changed": "differs", "removed": "is left over"}
