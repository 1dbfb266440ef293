"""`gitopsc graph`: a folder -> the lineage of its projects, on stdout."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from gitopsc.adapters.git import GitRefused, commit_time
from gitopsc.commands.arguments import add_path, add_selection, add_state_base, moment
from gitopsc.commands.reading import Reading, read
from gitopsc.commands.selection import chosen, own_ids, selects
from gitopsc.commands.terminal import wants_colour
from gitopsc.model.diagnostic import has_errors, in_order
from gitopsc.model.program import Program
from gitopsc.pipeline import compile_tree, link_tree
from gitopsc.report.lineage import (
    render_dot,
    render_graphml,
    render_lineage_json,
    render_mermaid,
)
from gitopsc.report.text import render_counts, render_text
from gitopsc.select import Unselected

DESCRIPTION = (
    "Print the lineage of PATH: what reads and makes what. Where PATH has errors, what is sound is"
    " printed."
)

_FORMATS = ("mermaid", "dot", "json", "graphml", "openlineage", "html")
_UNDATED = "1970-01-01T00:00:00+00:00"
"""Of a folder that no commit gives a time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="mermaid",
        help="a Mermaid flowchart, Graphviz' DOT, JSON (networkx' node-link form), GraphML,"
        " OpenLineage events, or a page for a browser (default: mermaid)",
    )
    add_selection(parser)
    add_state_base(parser)
    parser.add_argument(
        "--reduced",
        action="store_true",
        help="without arrows that others imply (mermaid and dot)",
    )
    parser.add_argument(
        "--event-time",
        type=moment,
        metavar="TIME",
        help="of OpenLineage events, such as 2026-01-31T12:00:00Z (default: of the commit that is"
        " checked out)",
    )


def run(arguments: argparse.Namespace) -> int:
    reading = read(arguments.path)
    found = [*reading.scanned]
    programs: Sequence[Program] = ()
    if not has_errors(found):
        programs, problems = link_tree(reading.tree, fetches=None)
        found += reading.placed(problems)
    diagnostics = in_order(found)
    is_faulty = has_errors(diagnostics)
    if is_faulty:
        sys.stderr.write(render_text(diagnostics, reading.lines, colour=wants_colour()))
        print(f"gitopsc: {render_counts(diagnostics)}", file=sys.stderr)
    if selects(arguments):
        try:
            kept = chosen(arguments, programs, reading.tree)
        except (Unselected, GitRefused) as error:
            print(f"gitopsc graph: {error}", file=sys.stderr)
            return 2
        programs = [
            replace(program, lineage=program.lineage.only(own_ids(program, kept)))
            for program in programs
        ]
    if any(program.lineage.nodes for program in programs) or not is_faulty:
        sys.stdout.write(_rendered(programs, reading, arguments))
    return 1 if is_faulty else 0


def _rendered(programs: Sequence[Program], reading: Reading, arguments: argparse.Namespace) -> str:
    if arguments.format == "openlineage":
        from gitopsc.report.openlineage import render_openlineage

        time = arguments.event_time or commit_time(reading.root) or _UNDATED
        return render_openlineage(programs, time)
    if arguments.format == "html":
        from gitopsc.report.page import render_page

        return render_page(programs, compile_tree(reading.tree))
    renderers: dict[str, Callable[[Sequence[Program]], str]] = {
        "dot": partial(render_dot, reduced=arguments.reduced),
        "graphml": render_graphml,
        "json": render_lineage_json,
        "mermaid": partial(render_mermaid, reduced=arguments.reduced),
    }
    return renderers[arguments.format](programs)
