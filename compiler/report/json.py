"""Diagnostics and changes -> JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.output import Change, Status, readable_json
from gitopsc.model.printable import escaped
from gitopsc.model.source import Span


def render_json(
    status: Status, diagnostics: Iterable[Diagnostic], changes: Iterable[Change]
) -> str:
    """One object: `version` of this format, `status`, and sorted `diagnostics` and `changes`.

    Lines and columns count from 1. Of a `stale` output, `changes` are what is to be done.
    """
    return escaped(
        readable_json(
            {
                "version": 1,
                "status": status,
                "diagnostics": [_diagnostic(each) for each in diagnostics],
                "changes": [{"path": each.path, "action": each.action} for each in changes],
            }
        )
    )


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code.id,
        "name": diagnostic.code.slug,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "allowed": diagnostic.allowed,
        **_place(diagnostic.span),
        "related": [{"message": label.text, **_place(label.span)} for label in diagnostic.related],
    }


def _place(span: Span) -> dict[str, Any]:
    return {
        "file": span.path,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
