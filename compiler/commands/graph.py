"""`gitopsc graph`: a folder -> the lineage of its projects, on stdout."""

from __future__ import annotations

import argparse
import sys

from compiler.commands.reading import read
from compiler.commands.reporting import wants_colour
from compiler.model.diagnostic import has_errors, in_order
from compiler.report.lineage import render_dot, render_lineage_json, render_mermaid
from compiler.report.text import render_counts, render_text

_RENDERERS = {"dot": render_dot, "json": render_lineage_json, "mermaid": render_mermaid}


def run(arguments: argparse.Namespace) -> int:
    reading = read(arguments.path)
    if reading is None:
        return 2
    diagnostics = in_order(reading.diagnostics)
    if has_errors(diagnostics):
        sys.stderr.write(render_text(diagnostics, reading.lines, colour=wants_colour()))
        print(f"gitopsc: {render_counts(diagnostics)}", file=sys.stderr)
        return 1
    render = _RENDERERS[arguments.format]
    sys.stdout.write(render(reading.compilation.programs))
    return 0
