"""Programs and selectors -> the nodes of their lineage that are chosen, as dbt's selection has it.

`name`, with `*` and `?`, or `<type>/<name>`; `kind:job`, `label:team`, `path:runs`, `state:new`;
`+x` with what it depends on, `x+` with what depends on it, `2+x` not further than that, `@x` with
what depends on it and all that this needs; `a,b` what both choose. Several are chosen together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from gitopsc.adapters.graph import downstream, lineage_graph, upstream
from gitopsc.model.descriptor import DATA_TYPES, Descriptor
from gitopsc.model.diagnostic import did_you_mean
from gitopsc.model.node_link import node_link
from gitopsc.model.program import Program

if TYPE_CHECKING:
    from gitopsc.adapters.graph import LineageGraph

_SELECTOR = re.compile(r"(?P<at>@)?(?:(?P<above>\d*)\+)?(?P<what>.*?)(?:\+(?P<below>\d*))?")
_METHOD = re.compile(r"(kind|label|path|state):(.+)")
_STATES = ("new", "modified")


class Unselected(Exception):
    """A selector that chooses nothing, with what may be meant."""


class _Facts(NamedTuple):
    """What a node is chosen by. `kinds` are its type, that of its descriptor, what a run does."""

    names: Set[str]
    kinds: Set[str]
    labels: Set[str]
    path: str | None


def select(
    programs: Iterable[Program],
    included: Iterable[str],
    excluded: Iterable[str] = (),
    states: Mapping[str, Set[str]] | None = None,
) -> Set[str]:
    """Ids of nodes of the graph of all projects; without `included`, all but the `excluded`.

    `states` are the nodes that are new and modified over another state, where that is known.
    Raises Unselected.
    """
    known = list(programs)
    lineages = ((program.project.name, program.lineage) for program in known)
    graph = lineage_graph(node_link(lineages, lambda _: {}))
    selection = _Selection(graph, _facts(known, graph), states)
    chosen = set(graph.nodes)
    wanted = list(included)
    if wanted:
        chosen = set().union(*map(selection.of, wanted))
    return chosen.difference(*map(selection.of, excluded))


class _Selection:
    def __init__(
        self,
        graph: LineageGraph,
        facts: Mapping[str, _Facts],
        states: Mapping[str, Set[str]] | None,
    ) -> None:
        self._graph = graph
        self._facts = facts
        self._states = states

    def of(self, selector: str) -> Set[str]:
        written = [each.strip() for each in selector.split(",")]
        found = [_SELECTOR.fullmatch(each) for each in written]
        if not all(each is not None and each["what"] for each in found):
            raise Unselected(f"`{selector}` is not a selector")
        parts = [self._part(each) for each in found if each is not None]
        return set.intersection(*parts)

    def _part(self, found: re.Match[str]) -> set[str]:
        chosen = self._matching(found["what"])
        if found["at"]:
            below = set().union(*(downstream(self._graph, each) for each in chosen))
            return below.union(*(upstream(self._graph, each) for each in below))
        ways = [set(chosen)]
        if found["above"] is not None:
            ways += [upstream(self._graph, each, _steps(found["above"])) for each in chosen]
        if found["below"] is not None:
            ways += [downstream(self._graph, each, _steps(found["below"])) for each in chosen]
        return set().union(*ways)

    def _matching(self, what: str) -> Set[str]:
        method = _METHOD.fullmatch(what)
        if method is None:
            return self._named(what)
        name, value = method.groups()
        if name == "state":
            return self._in_state(value)
        if name == "path":
            known = {each.path for each in self._facts.values() if each.path}
            chosen = {
                id_
                for id_, each in self._facts.items()
                if each.path and _is_below(each.path, value)
            }
        else:
            known = set().union(*(_of(each, name) for each in self._facts.values()))
            chosen = {id_ for id_, each in self._facts.items() if value in _of(each, name)}
        return _found(chosen, what, value, known)

    def _named(self, what: str) -> Set[str]:
        chosen = {
            id_
            for id_, each in self._facts.items()
            if any(fnmatchcase(name, what) for name in each.names)
        }
        if what in {name for id_ in chosen for name in self._facts[id_].names}:
            # A run and its function may share a name: the run is meant, which needs the other.
            chosen = {id_ for id_ in chosen if "/run/" in id_} or chosen
        known = {name for each in self._facts.values() for name in each.names}
        return _found(chosen, what, what, known)

    def _in_state(self, value: str) -> Set[str]:
        if value not in _STATES:
            hint = did_you_mean(value, _STATES) or "it is `new` or `modified`"
            raise Unselected(f"no state is called `{value}`; {hint}")
        if self._states is None:
            raise Unselected(f"`state:{value}` needs another state to compare with: `--base REF`")
        return self._states[value] & self._facts.keys()


def _steps(written: str) -> int | None:
    return int(written) if written else None


def _of(facts: _Facts, method: str) -> Set[str]:
    return facts.kinds if method == "kind" else facts.labels


def _is_below(path: str, value: str) -> bool:
    folder = value.removesuffix("/")
    return path == value or path.startswith(f"{folder}/") or fnmatchcase(path, value)


def _found(chosen: Set[str], what: str, value: str, known: Iterable[str]) -> Set[str]:
    if not chosen:
        hint = did_you_mean(value, sorted(known))
        raise Unselected(f"nothing is selected by `{what}`" + (f"; {hint}" if hint else ""))
    return chosen


def _facts(programs: Iterable[Program], graph: LineageGraph) -> Mapping[str, _Facts]:
    described = dict(_described(programs))
    found = {}
    for id_, node in graph.nodes.items():
        descriptor, more = described.get(id_, (None, ()))
        names = {id_, id_.partition("/")[2], node["name"]}
        kinds = {node["type"], *more, *([descriptor.kind] if descriptor is not None else [])}
        path = descriptor.path if descriptor is not None else None
        found[id_] = _Facts(names, kinds, _labels(descriptor), path)
    return found


def _described(
    programs: Iterable[Program],
) -> Iterator[tuple[str, tuple[Descriptor, tuple[str, ...]]]]:
    """Nodes with their descriptors, and what else their kind may be called."""
    for program in programs:
        project = program.project.name
        for function in program.functions:
            yield f"{project}/function/{function.unique_name}", (function.descriptor, ())
        for build in program.builds:
            yield f"{project}/run/{build.name}", (build.merged.descriptor, ("build",))
        for run in program.runs:
            actions = ("job",) if run.action == "job" else ("serve", "service")
            yield f"{project}/run/{run.name}", (run.descriptor, actions)
        for trigger in program.project.entities.triggers:
            yield f"{project}/trigger/{trigger.name}", (trigger, ("trigger",))
        for data in program.project.entities.data:
            version = f":{data.id}" if data.id else ""
            for id_ in {f"{data.name}{version}", data.name}:
                yield f"{project}/{DATA_TYPES[data.kind]}/{id_}", (data, ("data",))


def _labels(descriptor: Descriptor | None) -> Set[str]:
    return set(descriptor.labels) if descriptor is not None else set()
