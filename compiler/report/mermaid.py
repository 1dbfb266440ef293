"""Lineage -> a Mermaid flowchart: data flows from left to right through jobs and services."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.model.program import Lineage, Program, Run

_SHAPES = {"job": ("[", "]"), "serve": ("([", "])"), "data": ("[(", ")]")}


def render_mermaid(programs: Iterable[Program]) -> str:
    """One flowchart; several projects are drawn as one box each."""
    drawn = list(programs)
    lines = ["flowchart LR"]
    for number, program in enumerate(drawn):
        body = _program(program, f"p{number}" if len(drawn) > 1 else "")
        if len(drawn) > 1:
            lines.append(f"  subgraph p{number}[{_label(program.project.name)}]")
            lines += [f"  {line}" for line in body]
            lines.append("  end")
        else:
            lines += body
    return "\n".join(lines) + "\n"


def _program(program: Program, prefix: str) -> list[str]:
    """Runs and the data between them; functions stand in the boxes of their runs."""
    runs = {f"run/{run.name}": run for run in program.runs}
    drawn = [
        node
        for node in program.lineage.nodes
        if node.id in runs or node.type in _data_types(program)
    ]
    ids = {node.id: f"{prefix}n{number}" for number, node in enumerate(drawn)}
    lines = []
    for node in drawn:
        run = runs.get(node.id)
        opening, closing = _SHAPES[run.action if run else "data"]
        label = _run_label(run) if run else _label(_data_label(node.id, node.name))
        lines.append(f"  {ids[node.id]}{opening}{label}{closing}")
    arrows = sorted(_arrows(program.lineage, ids))
    return lines + [f"  {source} --> {target}" for source, target in arrows]


def _data_types(program: Program) -> frozenset[str]:
    return frozenset(("artifact", "dataitem", "model"))


def _data_label(identifier: str, name: str) -> str:
    """A stranger's data keeps its whole key; an own version says which it is."""
    if identifier.startswith("store://"):
        return identifier
    return name + identifier.partition("/")[2].removeprefix(name)


def _run_label(run: Run) -> str:
    function = run.function.name
    return _label(run.name if run.name == function else f"{run.name}\n{function}")


def _arrows(lineage: Lineage, ids: dict[str, str]) -> set[tuple[str, str]]:
    """The way the data goes: an edge of the lineage leads from what depends to what it needs."""
    return {
        (ids[edge.target], ids[edge.source])
        for edge in lineage.edges
        if edge.source in ids and edge.target in ids and edge.relation != "run_of"
    }


def _label(text: str) -> str:
    escaped = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
    return '"' + escaped.replace(">", "#gt;").replace("\n", "<br/>") + '"'
