"""`gitopsc validate`: a folder -> what is wrong with its descriptors. Nothing is written."""

from __future__ import annotations

import argparse
import sys

from gitopsc.commands.arguments import add_format, add_path
from gitopsc.commands.reading import read
from gitopsc.commands.reporting import printed
from gitopsc.model.diagnostic import has_errors, in_order
from gitopsc.pipeline import compile_tree
from gitopsc.report.text import render_counts

DESCRIPTION = "Say what is wrong with the descriptors below PATH. Nothing is written."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    reading = read(arguments.path)
    found = [*reading.scanned]
    if not has_errors(found):
        found += reading.placed(compile_tree(reading.tree).diagnostics)
    diagnostics = in_order(found)
    failed = has_errors(diagnostics)
    out, err = printed(
        arguments.format,
        "failed" if failed else "clean",
        diagnostics,
        lines=reading.lines,
        summary=render_counts(diagnostics) or "no problems",
    )
    sys.stdout.write(out)
    sys.stderr.write(err)
    return 1 if failed else 0
