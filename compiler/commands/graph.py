"""`gitopsc graph`: a folder -> the lineage of its projects, on stdout."""

from __future__ import annotations

import argparse
import sys

from compiler.commands.reading import read_tree, wants_colour
from compiler.model.diagnostic import has_errors
from compiler.pipeline import compile_tree
from compiler.report.mermaid import render_mermaid
from compiler.report.text import render_counts, render_text


def run(arguments: argparse.Namespace) -> int:
    tree, scanned = read_tree(arguments.path)
    if tree is None:
        return 2
    compilation = compile_tree(tree)
    diagnostics = (*scanned, *compilation.diagnostics)
    sys.stderr.write(render_text(diagnostics, tree.lines, colour=wants_colour()))
    if has_errors(diagnostics):
        print(f"gitopsc: {render_counts(diagnostics)}", file=sys.stderr)
        return 1
    sys.stdout.write(render_mermaid(compilation.programs))
    return 0
