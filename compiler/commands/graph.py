"""`gitopsc graph`: a folder -> the lineage of its projects, on stdout."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from gitopsc.adapters.git import commit_time
from gitopsc.adapters.graph import downstream, lineage_graph, upstream
from gitopsc.commands.arguments import add_path, moment
from gitopsc.commands.reading import Reading, read
from gitopsc.commands.terminal import wants_colour
from gitopsc.model.diagnostic import did_you_mean, has_errors, in_order
from gitopsc.model.node_link import unique_id
from gitopsc.model.program import Program
from gitopsc.pipeline import compile_tree, link_tree
from gitopsc.report.lineage import (
    node_link_of,
    render_dot,
    render_graphml,
    render_lineage_json,
    render_mermaid,
)
from gitopsc.report.text import render_counts, render_text

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
    for way, words in (("upstream", "what NAME depends on"), ("downstream", "what depends on it")):
        parser.add_argument(
            f"--{way}",
            metavar="NAME",
            action="append",
            default=[],
            help=f"only {words}, with itself; NAME is of a run, data or a function, or"
            " `<type>/<name>`; may be repeated",
        )
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
    if arguments.upstream or arguments.downstream:
        try:
            programs = _selected(programs, arguments.upstream, arguments.downstream)
        except _Unknown as error:
            print(f"gitopsc graph: {error}", file=sys.stderr)
            return 2
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


class _Unknown(Exception):
    """A name of nothing in the lineage."""


def _selected(
    programs: Sequence[Program], above: Sequence[str], below: Sequence[str]
) -> list[Program]:
    """Raises _Unknown."""
    graph = lineage_graph(node_link_of(programs))
    known: dict[str, list[str]] = {}
    for id_, node in graph.nodes.items():
        for name in {id_, id_.partition("/")[2], node["name"]}:
            known.setdefault(name, []).append(id_)
    kept: set[str] = set()
    for way, names in ((upstream, above), (downstream, below)):
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known)
                raise _Unknown(f"nothing is called `{name}`" + (f"; {hint}" if hint else ""))
            for id_ in _meant(known[name]):
                kept |= way(graph, id_)
    return [_part(program, kept) for program in programs]


def _meant(ids: Sequence[str]) -> Sequence[str]:
    """A run and its function may share a name: the run is meant, which depends on the other."""
    runs = [id_ for id_ in ids if "/run/" in id_]
    return runs or ids


def _part(program: Program, kept: set[str]) -> Program:
    project = program.project.name
    own = {node.id for node in program.lineage.nodes if unique_id(project, node) in kept}
    return replace(program, lineage=program.lineage.only(own))
