"""Lineage -> a Mermaid flowchart, a Graphviz graph, JSON or GraphML.

Pictures show jobs and services, and the data that flows between them from left to right; the others
have everything, with places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from gitopsc.adapters.graph import graphml, lineage_graph, without_shortcuts
from gitopsc.model.descriptor import DATA_TYPES
from gitopsc.model.node_link import NodeLink, home_of, node_link, unique_id
from gitopsc.model.output import escape_unprintable, readable_json
from gitopsc.model.program import Node, Program
from gitopsc.model.source import Span

DATA = frozenset((*DATA_TYPES.values(), "data", "unknown"))
"""What flows between runs; of `data` reading alone tells no type, and of `unknown` no name."""


def render_mermaid(programs: Iterable[Program], *, reduced: bool = False) -> str:
    """One flowchart; several projects are drawn as one box each, with what they share linked.

    A `reduced` one has no arrow that a way over other arrows replaces.
    """
    picture = _picture(list(programs), reduced=reduced)
    lines = ["flowchart LR"]
    for group in picture.groups:
        body = [_mermaid_box(box) for box in group.boxes]
        if group.name is not None and body:
            opening = f"  subgraph project_{_slug(group.name)}[{_mermaid_text(group.name)}]"
            body = [opening, *map("  {}".format, body), "  end"]
        lines += body
    lines += [f"  {source} --> {target}" for source, target in picture.arrows]
    return "\n".join(lines) + "\n"


def render_dot(programs: Iterable[Program], *, reduced: bool = False) -> str:
    """The same as a graph for Graphviz' `dot`."""
    picture = _picture(list(programs), reduced=reduced)
    lines = ["digraph lineage {", "  rankdir=LR", '  node [fontname="sans-serif"]']
    for group in picture.groups:
        body = [
            f"  {box.id} [label={_dot_text(box.text)} {_DOT[box.shape]}]" for box in group.boxes
        ]
        if group.name is not None and body:
            opening = f"  subgraph cluster_{_slug(group.name)} {{"
            label = f"    label={_dot_text(group.name)}"
            body = [opening, label, *map("  {}".format, body), "  }"]
        lines += body
    lines += [f"  {source} -> {target}" for source, target in picture.arrows]
    return "\n".join([*lines, "}"]) + "\n"


def render_lineage_json(programs: Iterable[Program]) -> str:
    """All nodes and edges as one graph; `schemas/reports/graph.schema.json` describes it."""
    return readable_json(node_link_of(programs))


def render_graphml(programs: Iterable[Program]) -> str:
    """The same graph for tools that read GraphML."""
    return graphml(lineage_graph(node_link_of(programs)))


def node_link_of(programs: Iterable[Program]) -> NodeLink:
    """One graph of all projects, with the place of each edge."""
    lineages = ((program.project.name, program.lineage) for program in programs)
    return node_link(lineages, _place)


def lineage_ids(programs: Iterable[Program]) -> Iterator[str]:
    """The names of all nodes in that graph."""
    for program in programs:
        for node in program.lineage.nodes:
            yield unique_id(program.project.name, node)


def _place(span: Span) -> dict[str, str | int]:
    return {"file": span.path, "line": span.line, "column": span.column}


# Pictures


Shape = Literal["job", "serve", "data"]


class _Box(NamedTuple):
    id: str
    shape: Shape
    text: str


class _Group(NamedTuple):
    """The boxes of a project; it has a name when there are several."""

    name: str | None
    boxes: tuple[_Box, ...]


class _Picture(NamedTuple):
    groups: tuple[_Group, ...]
    arrows: tuple[tuple[str, str], ...]


def _picture(programs: Sequence[Program], *, reduced: bool) -> _Picture:
    ids = _ids(programs)
    groups = tuple(
        _Group(
            program.project.name if len(programs) > 1 else None,
            tuple(_boxes(program, ids)),
        )
        for program in programs
    )
    arrows = {arrow for program in programs for arrow in _arrows(program, ids)}
    return _Picture(groups, tuple(without_shortcuts(arrows) if reduced else sorted(arrows)))


Ids = dict[tuple[str, str], str]
"""Project and node of its lineage -> what pictures call it."""


def _nodes(program: Program) -> list[Node]:
    """Runs and the data between them; functions stand in the boxes of their runs."""
    runs = {f"run/{run.name}" for run in program.runs}
    return [each for each in program.lineage.nodes if each.id in runs or each.type in DATA]


def _ids(programs: Sequence[Program]) -> Ids:
    """Made of the nodes' own names, so that a new node renames no other.

    Data of another project that is drawn too is one node with it.
    """
    ids: Ids = {}
    taken: set[str] = set()
    nodes = [(each.project.name, node) for each in programs for node in _nodes(each)]
    for project, node in nodes:
        if home_of(node) is None:
            name = f"{project}/{node.id}" if len(programs) > 1 else node.id
            ids[project, node.id] = _unique(name, taken)
    for project, node in nodes:
        if home := home_of(node):
            ids[project, node.id] = ids.get(home) or _unique(node.id, taken)
    return ids


def _boxes(program: Program, ids: Ids) -> Iterator[_Box]:
    runs = {f"run/{run.name}": run for run in program.runs}
    for node in _nodes(program):
        home = home_of(node)
        if home is not None and home in ids:
            continue  # it stands in the box of its own project
        run = runs.get(node.id)
        text = node.id if home else node.id.partition("/")[2]
        if node.type == "unknown":
            text = "what only running it tells"
        if run is not None:
            what = "job" if run.action == "job" else "service"
            what = what if run.spec.cron is None else "scheduled job"
            text = f"{run.name}\n{what} of {run.function.name}"
        shape: Shape = run.action if run else "data"
        yield _Box(ids[program.project.name, node.id], shape, text)


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


# Languages


_MERMAID = {"job": ("[", "]"), "serve": ("([", "])"), "data": ("[(", ")]")}
_DOT = {"job": "shape=box", "serve": 'shape=box style="rounded"', "data": "shape=cylinder"}


def _mermaid_box(box: _Box) -> str:
    opening, closing = _MERMAID[box.shape]
    return f"  {box.id}{opening}{_mermaid_text(box.text)}{closing}"


def _mermaid_text(text: str) -> str:
    escaped = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
    return '"' + escaped.replace(">", "#gt;").replace("\n", "<br/>") + '"'


def _dot_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escape_unprintable(escaped)}"'
