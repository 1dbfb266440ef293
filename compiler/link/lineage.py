"""Runs, functions and data -> what waits for what, and the graph of it all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import cast

from gitopsc.adapters.graph import circles, generations
from gitopsc.link import sentences
from gitopsc.link.drafts import Draft
from gitopsc.link.symbols import TYPES_OF_DATA, Symbols, find_function
from gitopsc.model.descriptor import DataDescriptor, RunDescriptor, TriggerDescriptor
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import (
    CODE,
    RELATIONS,
    DataUse,
    Edge,
    Function,
    FunctionVersion,
    Lineage,
    Node,
    Reference,
    Relation,
    Run,
    output_names,
)
from gitopsc.model.reference import StoreKey

Order = tuple[tuple[str, ...], ...]


def order_runs(runs: Mapping[str, Run]) -> tuple[Order, list[Diagnostic]]:
    """Generations of runs; each waits for the runs before it whose outputs it reads."""
    waits: dict[tuple[str, str], Reference] = {}
    for run in runs.values():
        for reference in run.reads:
            if reference.producer is not None and reference.producer in runs:
                waits.setdefault((run.name, reference.producer), reference)
    order = generations(runs, waits)
    if order is None:
        return (), [sentences.circle(names, waits) for names in circles(waits)]
    return order, []


def without_circles_of_code(runs: Mapping[str, Run]) -> dict[str, Run]:
    """Where what code asks for, or a key among parameters, makes runs wait in a circle, it may be
    there from before: then it orders nothing. What runs read as `inputs` they wait for, whoever
    tells of its maker."""
    found = dict(runs)
    while any(map(_reads_by_code, found.values())):
        waits = {(run.name, read.producer) for run in found.values() for read in run.reads}
        known = {(name, other) for name, other in waits if other in found and other is not None}
        if generations(found, known) is not None:
            break
        in_circles = {name for names in circles(known) for name in names}
        changed = {name: _without_code(found[name]) for name in in_circles}
        if all(changed[name] == found[name] for name in in_circles):
            break
        found |= changed
    return found


def _reads_by_code(run: Run) -> bool:
    return bool(run.code_inputs) or any(read.is_by_code for read in run.references)


def _without_code(run: Run) -> Run:
    return replace(
        run,
        references=tuple(read.without_code for read in run.references),
        code_inputs=(),
    )


def draw_lineage(
    symbols: Symbols,
    functions: Mapping[FunctionVersion, Function],
    runs: Iterable[Run],
    builds: Iterable[Draft],
    order: Order,
) -> Lineage:
    runs = tuple(runs)
    drawing = _Drawing(symbols, runs)
    for function in functions.values():
        drawing.add_function(function)
    for run in runs:
        drawing.add_run(run)
    for draft in builds:
        if draft.function in functions:
            drawing.add_build(draft, functions[draft.function])
    for trigger in symbols.triggers:
        drawing.add_trigger(trigger)
    for versions in symbols.data.values():
        for data in versions:
            drawing.add_data(data)
    for descriptor in symbols.runs.values():
        drawing.add_recorded_run(descriptor)
    return drawing.lineage(order)


class _Drawing:
    """Nodes and edges, as they are found."""

    def __init__(self, symbols: Symbols, runs: Iterable[Run]) -> None:
        self._symbols = symbols
        self._read = sorted({(read.key.type, read.key.name) for run in runs for read in run.reads})
        self._names = {run.name for run in runs}
        self._nodes: set[Node] = set()
        self._edges: set[Edge] = set()

    def lineage(self, order: Order) -> Lineage:
        return Lineage(tuple(sorted(self._nodes)), tuple(sorted(self._edges)), order)

    def add_function(self, function: Function) -> None:
        node = Node(f"function/{function.unique_name}", "function", function.name)
        image = _image_node(function)
        self._nodes |= {node, image}
        descriptor = function.descriptor
        if function.image is None:
            span = descriptor.key_span("spec", "dockerfile" if function.is_container else "source")
            self._edges.add(Edge(image.id, node.id, "produced_by", "source", span))
        if function.origin is not None:
            source = Node(f"source/{function.origin}", "source", function.origin)
            self._nodes.add(source)
            way = ("dockerfile",) if function.is_container else ("source", "source")
            span = descriptor.span("spec", *way)
            self._edges.add(Edge(node.id, source.id, "consumes", "source", span))

    def add_run(self, run: Run) -> None:
        node = _run_node(run.name)
        self._nodes.add(node)
        span = run.span("function")
        function = run.function
        self._edges |= {
            Edge(node.id, f"function/{function.unique_name}", "run_of", "function", span),
            Edge(node.id, _image_node(function).id, "consumes", "function", span),
        }
        for called in sorted(run.calls & self._names):
            edge = Edge(node.id, _run_node(called).id, "consumes", "service", run.span("envs"))
            self._edges.add(edge)
        name = run.name if run.descriptor.is_scheduler else run.descriptor.trigger
        if name is not None:
            trigger = Node(f"trigger/{name}", "trigger", name)
            self._nodes.add(trigger)
            key = "schedule" if run.descriptor.is_scheduler else "key"
            self._edges.add(Edge(node.id, trigger.id, "produced_by", key, run.span(key)))
        for reference in run.reads:
            data = self._data_node(_meant(reference))
            self._nodes.add(data)
            edge = Edge(node.id, data.id, "consumes", reference.evidence, reference.span)
            self._edges.add(edge)
        for output in run.outputs:
            data = self._data_node(output.key)
            self._nodes.add(data)
            self._edges.add(Edge(data.id, node.id, "produced_by", "outputs", output.span))
        self._add_code(run, node)

    def _add_code(self, run: Run, node: Node) -> None:
        """What stands in the handler's code; what only running it tells is `unknown`."""
        project = self._symbols.project
        declared = output_names(run.outputs)
        for use in run.function.made if run.action == "job" else ():
            if use.name in declared:
                continue
            data = Node(f"unknown/{run.name}", "unknown", "?")
            if use.name is not None:
                data = self._named(use)
            self._nodes.add(data)
            self._edges.add(Edge(data.id, node.id, "produced_by", CODE, use.span))
        read = {(each.key.type, each.key.name) for each in run.reads}
        for use in run.function.data:
            if use.verb == "makes" or use.type is None or use.name is None:
                continue
            if (use.type, use.name) not in read:
                key = StoreKey(use.project or project, use.type, use.type, use.name, None)
                data = self._data_node(key)
                self._nodes.add(data)
                self._edges.add(Edge(node.id, data.id, "consumes", CODE, use.span))

    def _named(self, use: DataUse) -> Node:
        """What only a decorator names has the type that somebody reads it as, if anybody does."""
        name = str(use.name)
        type_ = use.type or next((type_ for type_, read in self._read if read == name), None)
        if type_ is None:
            return Node(f"data/{name}", "data", name)
        return self._data_node(StoreKey(self._symbols.project, type_, type_, name, None))

    def add_build(self, draft: Draft, function: Function) -> None:
        node = _run_node(draft.name)
        self._nodes.add(node)
        span = draft.merged.span("function")
        self._edges |= {
            Edge(node.id, f"function/{function.unique_name}", "run_of", "function", span),
            Edge(_image_node(function).id, node.id, "produced_by", "build", span),
        }

    def add_trigger(self, trigger: TriggerDescriptor) -> None:
        """It reads all data that its pattern matches, and starts a function."""
        symbols = self._symbols
        node = Node(f"trigger/{trigger.name}", "trigger", trigger.name)
        self._nodes.add(node)
        span = trigger.span("spec", "key")
        pattern = trigger.spec.key.partition("://")[2]
        for versions in symbols.data.values():
            for key in map(symbols.key_of, versions):
                unversioned = key._replace(version=None)
                if any(fnmatchcase(str(one)[8:], pattern) for one in (unversioned, key)):
                    target = self._data_node(key)
                    self._edges.add(Edge(node.id, target.id, "consumes", "key", span))
        if trigger.spec.function:
            function = find_function(symbols, trigger.spec.function).function
            if function is not None:
                place = trigger.span("spec", "function")
                target_id = f"function/{function.name}"
                self._nodes.add(Node(target_id, "function", function.name))
                self._edges.add(Edge(node.id, target_id, "run_of", "function", place))

    def add_data(self, data: DataDescriptor) -> None:
        node = self._data_node(self._symbols.key_of(data))
        self._nodes.add(node)
        self._add_relationships(data, node)

    def add_recorded_run(self, run: RunDescriptor) -> None:
        """What the platform wrote down: relationships, and `status.outputs`."""
        node = _run_node(run.name)
        self._nodes.add(node)
        self._add_relationships(run, node)
        status = run.document.data.get("status")
        outputs = status.get("outputs") if isinstance(status, dict) else None
        for name, key in (outputs if isinstance(outputs, dict) else {}).items():
            made = self._recorded_node(key)
            if made is not None:
                self._nodes.add(made)
                span = run.span("status", "outputs", name)
                self._edges.add(Edge(made.id, node.id, "produced_by", "status.outputs", span))

    def _add_relationships(self, descriptor: RunDescriptor | DataDescriptor, node: Node) -> None:
        entries = descriptor.metadata.get("relationships")
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            relation = entry.get("type") if isinstance(entry, dict) else None
            if not isinstance(relation, str) or relation not in RELATIONS:
                continue
            target = self._recorded_node(entry.get("dest"))
            if target is not None:
                self._nodes.add(target)
                known = cast(Relation, relation)
                span = descriptor.span("metadata", "relationships", index)
                edge = Edge(node.id, target.id, known, "metadata.relationships", span)
                self._edges.add(edge)

    def _data_node(self, key: StoreKey) -> Node:
        if key.project != self._symbols.project:
            return Node(str(key), key.type, key.name)
        version = f":{key.version}" if key.version else ""
        return Node(f"{key.type}/{key.name}{version}", key.type, key.name)

    def _recorded_node(self, text: object) -> Node | None:
        key = StoreKey.parse(text) if isinstance(text, str) else None
        if key is None:
            return None
        if key.project != self._symbols.project:
            return Node(str(key), key.type, key.name)
        if key.type in TYPES_OF_DATA:
            return self._data_node(key)
        # A run's key has two spellings, `<id>` and `<id>:<id>` (digitalhub.md section 3.3).
        names = self._symbols.run_names
        name = names.get(key.name, key.name) if key.type == "run" else key.name
        return Node(f"{key.type}/{name}", key.type, name)


def _run_node(name: str) -> Node:
    return Node(f"run/{name}", "run", name)


def _image_node(function: Function) -> Node:
    name = function.image or function.unique_name
    return Node(f"image/{name}", "image", name)


def _meant(reference: Reference) -> StoreKey:
    """The key of the version that is read: a declared one has an id, a produced one none yet."""
    if reference.declared is not None:
        return reference.key._replace(version=reference.declared.id)
    return reference.key
