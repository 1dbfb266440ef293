"""`gitopsc validate`: a folder -> what is wrong with its descriptors. Nothing is written."""

from __future__ import annotations

import argparse

from compiler.commands.reading import read
from compiler.commands.reporting import report
from compiler.model.diagnostic import has_errors, in_order
from compiler.report.text import render_counts


def run(arguments: argparse.Namespace) -> int:
    reading = read(arguments.path)
    if reading is None:
        return 2
    diagnostics = in_order(reading.diagnostics)
    failed = has_errors(diagnostics)
    summary = render_counts(diagnostics) or "no problems"
    report(
        arguments.format,
        "failed" if failed else "clean",
        diagnostics,
        lines=reading.lines,
        summary=summary,
    )
    return 1 if failed else 0
