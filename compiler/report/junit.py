"""Diagnostics -> a report of tests in JUnit's XML, which most CI systems show.

An error is a test that failed; a warning or a note is one that passed and has said something.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gitopsc.model.diagnostic import Diagnostic, Severity, has_errors
from gitopsc.model.printable import printable


def render_junit(diagnostics: Sequence[Diagnostic]) -> str:
    """Without any diagnostic, one test that passed: a report without tests is taken for broken."""
    failures = sum(has_errors([each]) for each in diagnostics)
    counts = {"tests": str(len(diagnostics) or 1), "failures": str(failures)}
    root = Element("testsuites", counts)
    suite = SubElement(root, "testsuite", {"name": "gitopsc", **counts})
    for each in diagnostics:
        _test(suite, each)
    if not diagnostics:
        SubElement(suite, "testcase", {"classname": "gitopsc", "name": "descriptors"})
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _test(suite: Element, diagnostic: Diagnostic) -> None:
    span, code = diagnostic.span, diagnostic.code
    path, message = printable(span.path), printable(diagnostic.message)
    named = {"classname": path, "name": f"{code.id} {code.slug}: {message}"}
    case = SubElement(suite, "testcase", {**named, "file": path, "line": str(span.line)})
    hint = f"\nhint: {printable(diagnostic.hint)}" if diagnostic.hint else ""
    text = f"{path}:{span.line}:{span.column}: {message}{hint}"
    if diagnostic.severity is Severity.ERROR:
        SubElement(case, "failure", {"type": code.id, "message": message}).text = text
    else:
        SubElement(case, "system-out").text = f"{diagnostic.severity.value}: {text}"
