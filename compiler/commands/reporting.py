"""Diagnostics, changes and a summary -> what goes to stdout and stderr, in the chosen format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gitopsc.commands.terminal import wants_colour
from gitopsc.model.diagnostic import STALE_OUTPUT, Diagnostic
from gitopsc.model.output import Change, Status
from gitopsc.model.printable import printable
from gitopsc.model.source import Span
from gitopsc.report.text import Lines, render_text

_STALE_WORDS = {"created": "missing", "changed": "differs", "removed": "left over"}
_STALE_PHRASES = {"created": "is missing", "changed": "differs", "removed": "is left over"}


def printed(
    form: str,
    status: Status,
    diagnostics: Sequence[Diagnostic],
    changes: Sequence[Change] = (),
    *,
    lines: Lines,
    summary: str,
) -> tuple[str, str]:
    """People's text is for stderr, data for stdout; documents for machines have no summary."""
    if form == "json":
        from gitopsc.report.json import render_json

        return render_json(status, diagnostics, changes), ""
    if form == "sarif":
        from gitopsc.report.sarif import render_sarif

        return render_sarif([*diagnostics, *_stale(status, changes)]), ""
    last = f"gitopsc: {summary}\n"
    if form == "github":
        from gitopsc.report.github import render_github

        return render_github([*diagnostics, *_stale_folder(status, changes)]), last
    if form == "gitlab":
        from gitopsc.report.gitlab import render_gitlab

        return render_gitlab([*diagnostics, *_stale_folder(status, changes)]), last
    if form == "junit":
        from gitopsc.report.junit import render_junit

        return render_junit([*diagnostics, *_stale(status, changes)]), last
    text = render_text(diagnostics, lines, colour=wants_colour())
    text += "\n" if text else ""
    for change in changes:
        word = _STALE_WORDS[change.action] if status == "stale" else change.action
        text += f"{word:9} {printable(change.path)}\n"
    return "", text + last


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


def _stale_folder(status: Status, changes: Sequence[Change]) -> list[Diagnostic]:
    """Beside changed lines, one for all: what is generated is no place to look at, and GitHub shows
    ten annotations."""
    stale = _stale(status, changes)
    if len(stale) < 2:
        return stale
    message = f"{stale[0].message}, and {len(stale) - 1} more"
    return [replace(stale[0], message=message)]
