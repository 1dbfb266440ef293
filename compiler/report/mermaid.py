"""Lineage -> a Mermaid flowchart: data flows from left to right through jobs and services."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from compiler.model.descriptor import DATA_TYPES
from compiler.model.program import Node, Program
from compiler.model.reference import StoreKey

_DATA = frozenset(DATA_TYPES.values())
_SHAPES = {"job": ("[", "]"), "serve": ("([", "])"), "data": ("[(", ")]")}


def render_mermaid(programs: Iterable[Program]) -> str:
    """One flowchart; several projects are drawn as one box each, with what they share linked."""
    drawn = list(programs)
    ids = _ids(drawn)
    lines = ["flowchart LR"]
    for program in drawn:
        body = _boxes(program, ids)
        if len(drawn) > 1 and body:
            name = program.project.name
            opening = f"  subgraph project_{_slug(name)}[{_label(name)}]"
            body = [opening, *map("  {}".format, body), "  end"]
        lines += body
    arrows = {arrow for program in drawn for arrow in _arrows(program, ids)}
    lines += [f"  {source} --> {target}" for source, target in sorted(arrows)]
    return "\n".join(lines) + "\n"


Ids = dict[tuple[str, str], str]
"""Project and node of its lineage -> what Mermaid calls it."""


def _nodes(program: Program) -> list[Node]:
    """Runs and the data between them; functions stand in the boxes of their runs."""
    runs = {f"run/{run.name}" for run in program.runs}
    return [each for each in program.lineage.nodes if each.id in runs or each.type in _DATA]


def _ids(programs: Sequence[Program]) -> Ids:
    """Made of the nodes' own names, so that a new node renames no other.

    Data of another project that is drawn too is one node with it.
    """
    ids: Ids = {}
    taken: set[str] = set()
    nodes = [(each.project.name, node) for each in programs for node in _nodes(each)]
    for project, node in nodes:
        if _stranger(node) is None:
            name = f"{project}/{node.id}" if len(programs) > 1 else node.id
            ids[project, node.id] = _unique(name, taken)
    for project, node in nodes:
        if home := _stranger(node):
            ids[project, node.id] = ids.get(home) or _unique(node.id, taken)
    return ids


def _stranger(node: Node) -> tuple[str, str] | None:
    """Where a node of another project has its home: that project, and its node there."""
    key = StoreKey.parse(node.id)
    if key is None:
        return None
    version = f":{key.version}" if key.version else ""
    return key.project, f"{key.type}/{key.name}{version}"


def _boxes(program: Program, ids: Ids) -> list[str]:
    runs = {f"run/{run.name}": run for run in program.runs}
    lines = []
    for node in _nodes(program):
        home = _stranger(node)
        if home is not None and home in ids:
            continue  # it stands in the box of its own project
        run = runs.get(node.id)
        opening, closing = _SHAPES[run.action if run else "data"]
        label = node.id if home else node.id.partition("/")[2]
        if run is not None:
            what = "job" if run.action == "job" else "service"
            label = f"{run.name}\n{what} of {run.function.name}"
        identifier = ids[program.project.name, node.id]
        lines.append(f"  {identifier}{opening}{_label(label)}{closing}")
    return lines


def _arrows(program: Program, ids: Ids) -> Iterator[tuple[str, str]]:
    """The way the data goes: an edge of the lineage leads from what depends to what it needs."""
    project = program.project.name
    for edge in program.lineage.edges:
        ends = (project, edge.target), (project, edge.source)
        if edge.relation != "run_of" and all(end in ids for end in ends):
            yield ids[ends[0]], ids[ends[1]]


def _unique(name: str, taken: set[str]) -> str:
    slug = _slug(name)
    while slug in taken:
        slug += "_"
    taken.add(slug)
    return slug


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name)


def _label(text: str) -> str:
    escaped = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
    return '"' + escaped.replace(">", "#gt;").replace("\n", "<br/>") + '"'
