"""Diagnostics -> workflow commands, which GitHub shows as annotations on a pull request."""

from __future__ import annotations

from collections.abc import Iterable

from gitopsc.model.diagnostic import Diagnostic, Severity
from gitopsc.model.printable import printable

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """One command a line, the worst first: GitHub shows ten of a kind for each step."""
    severities = list(Severity)
    ordered = sorted(diagnostics, key=lambda each: severities.index(each.severity))
    return "".join(map(_command, ordered))


def _command(diagnostic: Diagnostic) -> str:
    span, code = diagnostic.span, diagnostic.code
    properties = {
        "file": span.path,
        "line": str(span.line),
        "endLine": str(span.end_line),
        "col": str(span.column),
    }
    if span.end_line == span.line:
        properties["endColumn"] = str(span.end_column)
    properties["title"] = f"{code.id} {code.slug}"
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    text = diagnostic.message
    if diagnostic.hint:
        text += f"\nhint: {diagnostic.hint}"
    return f"::{_COMMANDS[diagnostic.severity]} {listed}::{_data(text)}\n"


def _data(text: str) -> str:
    lines = "\n".join(map(printable, text.split("\n")))
    return lines.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")
