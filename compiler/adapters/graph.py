"""Edges -> order and circles; lineage -> a networkx graph, for whoever asks.

Edges lead from a run to what it waits for, and from anything to what it depends on. The standard
library puts a graph in order; networkx, whose import takes longer than a small compile, is asked
for the circles of one that has no order, and by `gitopsc graph`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from typing import TypeAlias

    import networkx as nx

    LineageGraph: TypeAlias = nx.MultiDiGraph[str]


def generations(
    nodes: Iterable[str], edges: Iterable[tuple[str, str]]
) -> tuple[tuple[str, ...], ...] | None:
    """Nodes by how long their longest way is, each generation sorted; None with a circle."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(nodes, ()))
    for node, needed in edges:
        sorter.add(node, needed)
    try:
        sorter.prepare()
    except CycleError:
        return None
    found = []
    while sorter.is_active():
        ready = sorter.get_ready()
        found.append(tuple(sorted(ready)))
        sorter.done(*ready)
    return tuple(found)


def circles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The shortest circle of each knot of edges, from its smallest node; sorted."""
    import networkx as nx

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    graph.add_edges_from(sorted(edges))
    found = []
    for knot in nx.strongly_connected_components(graph):
        if len(knot) > 1 or any(graph.has_edge(node, node) for node in knot):
            found.append(_shortest_circle(graph.subgraph(knot)))
    return sorted(found)


def lineage_graph(node_link: Mapping[str, Any]) -> nx.MultiDiGraph[str]:
    """What `model/node_link.py` writes down, as a graph."""
    import networkx as nx

    return cast("nx.MultiDiGraph[str]", nx.node_link_graph(dict(node_link), edges="edges"))


def upstream(graph: nx.MultiDiGraph[str], node: str, most: int | None = None) -> set[str]:
    """What a node depends on, with itself; `most` is how many edges away."""
    import networkx as nx

    return set(nx.single_source_shortest_path_length(graph, node, cutoff=most))


def downstream(graph: nx.MultiDiGraph[str], node: str, most: int | None = None) -> set[str]:
    """What depends on a node, with itself; `most` is how many edges away."""
    import networkx as nx

    return set(nx.single_target_shortest_path_length(graph, node, cutoff=most))


def without_shortcuts(edges: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges that no way over others replaces, sorted; all of them, where there is a circle."""
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph(sorted(edges))
    if nx.is_directed_acyclic_graph(graph):
        graph = nx.transitive_reduction(graph)
    return sorted(graph.edges)


def graphml(graph: nx.MultiDiGraph[str]) -> str:
    """For yEd, Gephi, igraph and others: nodes and edges, without the generations."""
    import networkx as nx

    plain: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for node, values in graph.nodes(data=True):
        plain.add_node(_readable(node), **_escaped(values))
    for source, target, key, values in graph.edges(keys=True, data=True):
        ends = _readable(source), _readable(target)
        plain.add_edge(*ends, key=key, **_escaped(values))
    return "\n".join(nx.generate_graphml(plain)) + "\n"


def _readable(text: str) -> str:
    """XML has no control characters, also none that are escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


def _escaped(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _readable(value) if isinstance(value, str) else value for key, value in values.items()
    }


def _shortest_circle(knot: nx.MultiDiGraph[str]) -> list[str]:
    best: Sequence[str] = ()
    for node in sorted(knot):
        circle = _shortest_through(knot, node, len(best))
        if circle and (not best or len(circle) < len(best)):
            best = circle
        if len(best) == 1 or knot.number_of_edges() == knot.number_of_nodes():
            break  # a loop, or a knot that is one circle: no shorter one is left to find
    start = best.index(min(best))
    return [*best[start:], *best[:start]]


def _shortest_through(knot: nx.MultiDiGraph[str], start: str, limit: int) -> list[str]:
    """The shortest circle through `start` that has fewer than `limit` nodes (0: any)."""
    came_from: dict[str, str] = {}
    level, depth = [start], 1
    while level and (not limit or depth < limit):
        following = []
        for node in level:
            for successor in sorted(knot.successors(node)):
                if successor == start:
                    circle = [node]
                    while circle[-1] != start:
                        circle.append(came_from[circle[-1]])
                    return circle[::-1]
                if successor not in came_from:
                    came_from[successor] = node
                    following.append(successor)
        level, depth = following, depth + 1
    return []
