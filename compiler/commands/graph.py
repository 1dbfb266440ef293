"""`gitopsc graph`: a folder -> the lineage of its projects, on stdout."""

from __future__ import annotations

import argparse
import sys

from gitopsc.commands.arguments import add_path
from gitopsc.commands.reading import read
from gitopsc.commands.terminal import wants_colour
from gitopsc.model.diagnostic import has_errors, in_order
from gitopsc.pipeline import compile_tree
from gitopsc.report.lineage import render_dot, render_lineage_json, render_mermaid
from gitopsc.report.text import render_counts, render_text

_RENDERERS = {"dot": render_dot, "json": render_lineage_json, "mermaid": render_mermaid}


DESCRIPTION = "Print the lineage of PATH: what reads and makes what."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "--format",
        choices=("mermaid", "dot", "json"),
        default="mermaid",
        help="a Mermaid flowchart, Graphviz' DOT, or JSON (default: mermaid)",
    )


def run(arguments: argparse.Namespace) -> int:
    reading = read(arguments.path)
    found = [*reading.scanned]
    if not has_errors(found):
        compilation = compile_tree(reading.tree)
        found += reading.placed(compilation.diagnostics)
    diagnostics = in_order(found)
    if has_errors(diagnostics):
        sys.stderr.write(render_text(diagnostics, reading.lines, colour=wants_colour()))
        print(f"gitopsc: {render_counts(diagnostics)}", file=sys.stderr)
        return 1
    sys.stdout.write(_RENDERERS[arguments.format](compilation.programs))
    return 0
