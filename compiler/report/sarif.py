"""Diagnostics -> SARIF 2.1.0, as code scanning services read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from gitopsc.model.diagnostic import Code, Diagnostic
from gitopsc.model.output import readable_json
from gitopsc.model.printable import escaped
from gitopsc.model.source import Span
from gitopsc.report.fingerprint import fingerprint

_ROOT = "%SRCROOT%"


def render_sarif(diagnostics: Iterable[Diagnostic]) -> str:
    """One run. Paths are relative to the working directory, which is the repository's in CI."""
    found = list(diagnostics)
    codes = sorted({each.code for each in found})
    seen: Counter[str] = Counter()
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "gitopsc", "rules": [_rule(code) for code in codes]}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, codes, seen) for each in found],
            }
        ],
    }
    return escaped(readable_json(log))


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.id,
        "name": code.slug,
        "shortDescription": {"text": code.summary},
        "help": {"text": f"`gitopsc explain {code.id}` shows an example"},
        "defaultConfiguration": {"level": code.severity.value},
    }


def _result(diagnostic: Diagnostic, codes: list[Code], seen: Counter[str]) -> dict[str, Any]:
    text = diagnostic.message
    if diagnostic.hint:
        text += f"\nhint: {diagnostic.hint}"
    result: dict[str, Any] = {
        "ruleId": diagnostic.code.id,
        "ruleIndex": codes.index(diagnostic.code),
        "level": diagnostic.severity.value,
        "message": {"text": text},
        "locations": [_location(diagnostic.span)],
        "partialFingerprints": {"gitopsc/v1": fingerprint(diagnostic, seen)},
    }
    if diagnostic.allowed is not None:
        accepted = {"kind": "external", "status": "accepted", "justification": diagnostic.allowed}
        result["suppressions"] = [accepted]
    if diagnostic.related:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": label.text}} | _location(label.span)
            for number, label in enumerate(diagnostic.related)
        ]
    return result


def _location(span: Span) -> dict[str, Any]:
    artifact = {"uri": quote(span.path)}
    if not span.path.startswith(("/", "../")):
        artifact["uriBaseId"] = _ROOT
    return {
        "physicalLocation": {
            "artifactLocation": artifact,
            "region": {
                "startLine": span.line,
                "startColumn": span.column,
                "endLine": span.end_line,
                "endColumn": span.end_column,
            },
        }
    }
