"""`gitopsc explain`: a code -> what it means, with its example. The examples are the tests' own."""

from __future__ import annotations

import argparse
import re
import sys

from gitopsc.adapters.packaged import data_folder
from gitopsc.model.diagnostic import CODES, Code, did_you_mean

_SHORT = 45
_MARK = re.compile(r" *# ?!C\d{3}.*")
"""What the tests expect where; readers of an example do not need it."""


DESCRIPTION = "Explain CODE, such as C401, with an example. Without CODE, list all."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="a code or a name of a diagnostic")


def run(arguments: argparse.Namespace) -> int:
    if arguments.code is None:
        width = max(len(code.slug) for code in CODES)
        for code in CODES:
            print(f"{code.id}  {code.slug:{width}}  {code.severity.value:7}  {code.summary}")
        return 0
    wanted = arguments.code.strip("[]")
    found = next((code for code in CODES if wanted.upper() == code.id or wanted == code.slug), None)
    if found is None:
        known = [each for code in CODES for each in (code.id, code.slug)]
        hint = did_you_mean(wanted, known) or "`gitopsc explain` lists all codes"
        print(f"gitopsc: no diagnostic is called `{wanted}`; {hint}", file=sys.stderr)
        return 2
    print(f"{found.id} {found.slug} ({found.severity.value}): {found.summary}")
    print(_example(found), end="")
    return 0


def _example(code: Code) -> str:
    """The document or the commands that lead to the diagnostic, and what is said of it."""
    folder = data_folder("errors")
    reports = sorted(folder.glob("*.txt"), key=lambda path: (path.stem != code.slug, path.name))
    for path in reports:
        report = _part(path.read_text(encoding="utf-8"), code)
        if report is not None:
            script = path.with_suffix(".sh")
            source = path.with_suffix(".yaml")
            if script.is_file():
                shown = script.read_text(encoding="utf-8")
            elif source.is_file():
                shown = _document(source.read_text(encoding="utf-8", errors="replace"), code)
            else:
                shown = ""
            return f"\nFor example:\n\n{_indented(shown)}\ngitopsc says:\n\n{_indented(report)}"
    return ""


def _part(report: str, code: Code) -> str | None:
    """Of a report, the diagnostics of a code."""
    found = ""
    lines = report.splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if re.match(r"\S", line)]
    for start, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        if re.search(rf"\[{code.id}\]|title={code.id} ", lines[start]):
            found += _MARK.sub("", "".join(lines[start:end]))
    return found or None


def _document(text: str, code: Code) -> str:
    """All of a short file; of a longer one, the documents where the diagnostic is."""
    documents = [text] if text.count("\n") <= _SHORT else re.split(r"(?m)^---\n", text)
    shown = [each for each in documents if f"!{code.id}" in each] or documents
    return _MARK.sub("", "---\n".join(shown))


def _indented(text: str) -> str:
    return "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))
