"""Diagnostics -> GitLab's code quality report, which a merge request shows at the changed lines.

The format is Code Climate's, as far as GitLab reads it: https://docs.gitlab.com/ci/testing/code_quality/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from gitopsc.model.diagnostic import Diagnostic, Severity
from gitopsc.model.output import readable_json
from gitopsc.model.printable import escaped
from gitopsc.report.fingerprint import fingerprint

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}


def render_gitlab(diagnostics: Iterable[Diagnostic]) -> str:
    """A list, also where there is nothing: GitLab compares it with that of the target branch."""
    seen: Counter[str] = Counter()
    return escaped(readable_json([_issue(each, seen) for each in diagnostics]))


def _issue(diagnostic: Diagnostic, seen: Counter[str]) -> dict[str, Any]:
    hint = f" ({diagnostic.hint})" if diagnostic.hint else ""
    return {
        "check_name": f"{diagnostic.code.id} {diagnostic.code.slug}",
        "description": f"{diagnostic.message}{hint}",
        "fingerprint": fingerprint(diagnostic, seen),
        "location": {"path": diagnostic.span.path, "lines": {"begin": diagnostic.span.line}},
        "severity": _SEVERITIES[diagnostic.severity],
    }
