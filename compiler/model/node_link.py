"""Lineage -> one graph in networkx' node-link form, as plain values.

`networkx.node_link_graph(data, edges="edges")` reads it as it is; nothing here imports networkx.
A node is called `<project>/<type>/<name>[:<version>]`, so that data of one project that another one
reads is one node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gitopsc.model.program import Lineage, Node
from gitopsc.model.reference import StoreKey
from gitopsc.model.source import Span

VERSION = 2
"""Of the format."""

NodeLink = Mapping[str, Any]


def node_link(
    lineages: Iterable[tuple[str, Lineage]], place: Callable[[Span], Mapping[str, str | int]]
) -> NodeLink:
    """`lineages` are of projects by their names; `place` says how an edge names its place.

    Generations are of all projects together: each waits for those before.
    """
    nodes: dict[str, dict[str, str]] = {}
    edges: list[dict[str, Any]] = []
    generations: list[list[str]] = []
    for project, lineage in lineages:
        for node in lineage.nodes:
            id_ = unique_id(project, node)
            home = id_.split("/", 1)[0]
            made = {"id": id_, "type": node.type, "name": node.name, "project": home}
            if home == project or id_ not in nodes:
                nodes[id_] = made
        names = {node.id: unique_id(project, node) for node in lineage.nodes}
        edges += [
            {
                "source": names[edge.source],
                "target": names[edge.target],
                "relation": edge.relation,
                "evidence": edge.evidence,
                **place(edge.span),
            }
            for edge in lineage.edges
        ]
        for index, generation in enumerate(lineage.generations):
            if index == len(generations):
                generations.append([])
            generations[index] += [names[f"run/{name}"] for name in generation]
    return {
        "directed": True,
        "multigraph": True,
        "graph": {"version": VERSION, "generations": list(map(sorted, generations))},
        "nodes": [nodes[id_] for id_ in sorted(nodes)],
        "edges": _numbered(edges),
    }


def _numbered(edges: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Edges between the same two nodes have a key each."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for edge in sorted(edges, key=lambda each: [str(value) for value in each.values()]):
        ends = edge["source"], edge["target"]
        found.append({**edge, "key": seen[ends]})
        seen[ends] += 1
    return found


def unique_id(project: str, node: Node) -> str:
    """The name of a node of a project's lineage among those of all projects."""
    home, id_ = home_of(node) or (project, node.id)
    return f"{home}/{id_}"


def home_of(node: Node) -> tuple[str, str] | None:
    """Where a node of another project is at home: that project, and its node there."""
    key = StoreKey.parse(node.id)
    if key is None:
        return None
    version = f":{key.version}" if key.version else ""
    return key.project, f"{key.type}/{key.name}{version}"
