"""Lineage -> one HTML page that needs no network: what `templates/lineage/` draws.

Its data are nodes with what a reader asks of them, and arrows from what is needed to who needs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gitopsc.adapters.template import Text, render_html, template_text
from gitopsc.model.compilation import Compilation
from gitopsc.model.credentials import masked
from gitopsc.model.descriptor import DATA_TYPES, Descriptor
from gitopsc.model.program import Function, Program, Run
from gitopsc.model.source import Span
from gitopsc.report.lineage import node_link_of

_LONGEST = 300
"""Characters of a value that are shown."""


class Happening(NamedTuple):
    """What a change does to a node, in words: what, where, and why. `weight` is the less, the more
    it weighs; `node` is None where the lineage has none."""

    node: str | None
    weight: int
    verb: str
    name: str
    where: str
    why: tuple[str, ...]


class Change(NamedTuple):
    """What the page says of a change: its sentences, and what happens, in the order of a review."""

    summary: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    happenings: tuple[Happening, ...]


def render_page(
    programs: Iterable[Program], compilation: Compilation, change: Change | None = None
) -> str:
    """The images and objects of what has compiled without an error are in it, too; with a change,
    what it touches stands out."""
    programs = list(programs)
    graph = node_link_of(programs)
    entries = _entries(programs, compilation)
    nodes = [
        {**node, **entries.get(node["id"], _Entry(*_plain(node)))._asdict()}
        for node in graph["nodes"]
    ]
    edges = [
        [edge["target"], edge["source"], edge["relation"], edge["evidence"], _place(edge)]
        for edge in graph["edges"]
    ]
    environments = {name for entry in entries.values() for name in entry.environments or ()}
    data: dict[str, Any] = {"nodes": nodes, "edges": edges, "environments": sorted(environments)}
    if change is not None:
        told = [each._asdict() for each in change.happenings]
        data["change"] = {**change._asdict(), "happenings": told}
    names = ", ".join(sorted({program.project.name for program in programs}))
    what = "Lineage" if change is None else "Review"
    return render_html(
        "lineage/page.html.j2",
        title=f"{what} of {names}" if names else what,
        style=template_text("lineage/page.css"),
        script=template_text("lineage/page.js"),
        layout=template_text("lineage/layout.js"),
        library=template_text("lineage/dagre.min.js"),
        data=_json(data),
    )


def _json(data: Mapping[str, Any]) -> Text:
    """Nothing in it ends the script that it stands in."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return Text(text.replace("<", "\\u003c"))


class _Entry(NamedTuple):
    """What the page says of a node. `environments` are None where a node is of all."""

    kind: str
    about: str
    facts: tuple[tuple[str, str], ...] = ()
    objects: tuple[Mapping[str, str | None], ...] = ()
    environments: tuple[str, ...] | None = None


def _plain(node: Mapping[str, str]) -> tuple[str, str]:
    about = {"unknown": "what only running it tells", "data": "data", "run": "run elsewhere"}
    return node["type"], about.get(node["type"], node["type"])


def _entries(programs: Iterable[Program], compilation: Compilation) -> Mapping[str, _Entry]:
    objects = _objects(compilation)
    found: dict[str, _Entry] = {}
    for program in programs:
        project = program.project.name
        for function in program.functions:
            entry = _function_entry(function)
            found[f"{project}/function/{function.unique_name}"] = entry
        for build in program.builds:
            facts = _described(build.merged.descriptor)
            name = f"build of {build.function.name}"
            found[f"{project}/run/{build.name}"] = _Entry("build", name, facts)
        for data in program.project.entities.data:
            version = f":{data.id}" if data.id else ""
            type_ = DATA_TYPES[data.kind]
            facts = (("path", masked(data.spec.path)),) if data.spec.path else ()
            entry = _Entry(type_, data.kind, (*_described(data), *facts))
            for id_ in (f"{type_}/{data.name}{version}", f"{type_}/{data.name}"):
                found.setdefault(f"{project}/{id_}", entry)
        for trigger in program.project.entities.triggers:
            entry = _Entry("trigger", trigger.kind, _described(trigger))
            found[f"{project}/trigger/{trigger.name}"] = entry
        for run in program.runs:
            environments = program.project.environments
            names = () if run.local else tuple(each.name for each in environments)
            found[f"{project}/run/{run.name}"] = _Entry(
                "job" if run.action == "job" else "service",
                _about(run),
                _run_facts(run),
                tuple(objects.get((project, run.name), ())),
                names,
            )
    return found


def _objects(compilation: Compilation) -> Mapping[tuple[str, str], list[Mapping[str, str | None]]]:
    """The objects of each run, by project and name."""
    found: dict[tuple[str, str], list[Mapping[str, str | None]]] = {}
    for project, objects in compilation.objects:
        for each in objects:
            if each.run is not None:
                place = f"{project.prefix}{project.output}/{each.path}"
                made = {"kind": each.kind, "name": each.name, "environment": each.environment}
                image = str(each.image) if each.image is not None else None
                found.setdefault((project.name, each.run), []).append(
                    {**made, "path": place, "image": image}
                )
    return found


def _about(run: Run) -> str:
    what = "job" if run.action == "job" else "service"
    if run.is_scheduled:
        what = "scheduled job"
    return f"{'local ' if run.local else ''}{what} of {run.function.name}"


def _run_facts(run: Run) -> tuple[tuple[str, str], ...]:
    facts = [*_described(run.descriptor)]
    signature = run.function.signatures.get(run.function.handler)
    if signature is not None and signature.span is not None:
        facts.append(("handler", f"{run.function.handler}, {_at(signature.span)}"))
    if run.spec.cron is not None:
        facts.append(("schedule", str(run.spec.cron)))
    given = {**run.parameters, **run.init_parameters}
    facts += [(name, _masked(name, _shown(value))) for name, value in sorted(given.items())]
    return tuple(facts)


def _function_entry(function: Function) -> _Entry:
    facts = [*_described(function.descriptor)]
    if not function.is_container:
        facts.append(("Python", function.python_version))
    if function.image is None and not function.is_container:
        facts.append(("base image", function.base))
    if function.requirements:
        facts.append(("requirements", masked(" ".join(function.requirements))))
    return _Entry("function", "function", tuple(facts))


def _described(descriptor: Descriptor) -> tuple[tuple[str, str], ...]:
    said = descriptor.metadata.get("description")
    text = (("description", masked(_shown(said))),) if isinstance(said, str) and said else ()
    return (*text, ("descriptor", _at(descriptor.name_span)))


def _masked(name: str, text: str) -> str:
    """A password is shown to nobody, though none should be written there (C323)."""
    return masked(f"{name}: {text}").removeprefix(f"{name}: ")


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _at(span: Span) -> str:
    return f"{span.path}:{span.line}"


def _place(edge: Mapping[str, Any]) -> str:
    return f"{edge['file']}:{edge['line']}"
