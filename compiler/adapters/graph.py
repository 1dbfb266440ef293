"""Edges -> order and circles. Edges lead from a run to what it waits for.

The standard library puts a graph in order; networkx, whose import takes longer than a small
compile, is asked for the circles of one that has no order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx


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
