"""A line of the output -> what it is in which object, of which run, and what it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gitopsc.model.credentials import masked
from gitopsc.model.document import Document, Pointer
from gitopsc.model.output import readable_json
from gitopsc.model.printable import printable
from gitopsc.report.explanation import Row

_SETTINGS = "gitopsc/run.json"
_RESOURCES = {"cpu": "cpu", "memory": "mem", "nvidia.com/gpu": "gpu", "sizeLimit": "disk"}
_ROWS: Mapping[str, tuple[str, ...]] = {
    "activeDeadlineSeconds": ("gitops.deadline",),
    "affinity": ("affinity",),
    "args": ("args",),
    "backoffLimit": ("backoff_limit",),
    "command": ("function",),
    "completions": ("gitops.completions",),
    "fsGroup": ("fs_group", "pod.user"),
    "image": ("function", "registry"),
    "imagePullPolicy": ("pod.pull_policy",),
    "imagePullSecrets": ("pod.image_pull_secrets",),
    "namespace": ("namespace",),
    "nodeSelector": ("node_selector",),
    "parallelism": ("gitops.parallelism",),
    "priorityClassName": ("priority_class",),
    "replicas": ("replicas", "gitops.scale"),
    "runAsGroup": ("run_as_group", "pod.user"),
    "runAsUser": ("run_as_user", "pod.user"),
    "runtimeClassName": ("runtime_class",),
    "schedule": ("schedule",),
    "serviceAccountName": ("pod.service_account",),
    "timeZone": ("time_zone",),
    "tolerations": ("tolerations",),
    "type": ("service_type",),
}
"""Keys of objects -> the rows of a run's explanation that tell where their values are from."""

_NOTES = {
    "backoffLimit": "without tries of its own a Job has some for pods that never ran",
    "gitopsc/compute": "the digest of all that decides the result: `gitopsc explain <run>` has it",
    _SETTINGS: "what the runner reads",
}


class LineOrigin(NamedTuple):
    """`way` leads to the line in an object, which is told as `<kind> <name>`; both are empty in
    other files. `rows` are of the run's explanation; `note` says more."""

    file: str
    line: int
    way: str = ""
    value: str = ""
    object: str = ""
    run: str = ""
    environment: str = ""
    rows: tuple[Row, ...] = ()
    note: str = ""


def way_at(document: Document, line: int) -> Pointer:
    """To what begins on a line, or has it inside."""
    way: Pointer = ()
    data: Any = document.data
    while isinstance(data, (dict, list)) and data:
        known: list[str | int] = [*data] if isinstance(data, dict) else [*range(len(data))]
        above = [key for key in known if document.key_span(*way, key).line <= line]
        if not above:
            break
        way = (*way, above[-1])
        data = _at(document.data, way)
        if isinstance(data, (dict, list)) and document.span(*way).line > line:
            break
    return way


def origin_in_manifest(
    origin: LineOrigin, document: Document, rows: Sequence[Row], lines: Sequence[str]
) -> LineOrigin:
    """`rows` are those of the run in the environment; `lines` are all of the file. A comment is of
    what comes after it."""
    line = origin.line
    while lines[line - 1].lstrip().startswith("#") and line < len(lines):
        line += 1
    way = way_at(document, line)
    names = [each for each in way if isinstance(each, str)]
    value = _at(document.data, way)
    found = tuple(dict.fromkeys(_rows(document.data, way, names, rows, lines[line - 1])))
    note = next((_NOTES[each] for each in reversed(names) if each in _NOTES), "")
    if not found and not note:
        note = "gitopsc writes it by itself"
    return origin._replace(
        way=_shown(document.data, way),
        value="" if isinstance(value, (dict, list)) else _short(names, value),
        rows=found,
        note=note,
    )


def _rows(
    data: Any, way: Pointer, names: Sequence[str], rows: Sequence[Row], text: str
) -> Iterator[Row]:
    if _SETTINGS in names:
        if (key := re.match(r' *"([^"]+)"', text)) is not None:
            yield from (row for row in rows if key[1] in (row.name, row.name.partition(".")[2]))
        return
    if "env" in names:
        variable = _at(data, way[: way.index("env") + 2])
        name = variable.get("name") if isinstance(variable, dict) else None
        yield from (row for row in rows if row.name in (f"envs.{name}", f"secrets.{name}"))
        return
    if "resources" in names or names[-1:] == ["sizeLimit"]:
        wanted = [f"resources.{_RESOURCES[each]}" for each in names if each in _RESOURCES]
        yield from (
            row
            for row in rows
            if row.name in (wanted or [f"resources.{each}" for each in _RESOURCES.values()])
        )
        return
    if "volumes" in names or "volumeMounts" in names:
        yield from (row for row in rows if row.name.startswith("volumes."))
        return
    for each in reversed(names):
        if each in _ROWS:
            yield from (row for row in rows if row.name in _ROWS[each])
            return


def _at(data: Any, way: Pointer) -> Any:
    for step in way:
        data = data[step]
    return data


def _shown(data: Any, way: Pointer) -> str:
    """Items of lists by their names."""
    shown = ""
    for depth, step in enumerate(way, start=1):
        if isinstance(step, int):
            item = _at(data, way[:depth])
            name = item.get("name") if isinstance(item, dict) else None
            shown += f"[{name or step}]"
        else:
            shown += f".{step}" if shown else step
    return shown


def _short(names: Sequence[str], value: Any) -> str:
    if names[-1:] == [_SETTINGS]:
        return ""
    key = names[-1] if names else ""
    return masked(f"{key}: {value}").removeprefix(f"{key}: ")


def render_origin(origin: LineOrigin) -> str:
    lines = [f"{origin.file}:{origin.line}"]
    if origin.way:
        lines.append(f"  {origin.way}" + (f": {origin.value}" if origin.value else ""))
    if origin.object:
        lines.append(
            f"  of {origin.object}" + (f", in {origin.environment}" if origin.environment else "")
        )
    if origin.run:
        lines.append(f"  of run {origin.run}: `gitopsc explain {origin.run}` has all of it")
    width = max((len(row.name) for row in origin.rows), default=0)
    lines += [
        f"  {row.name.ljust(width)}  {row.value}  {row.origin}".rstrip() for row in origin.rows
    ]
    if origin.note:
        lines.append(f"  {origin.note}")
    return "".join(f"{printable(line)}\n" for line in lines)


def render_origin_json(origin: LineOrigin) -> str:
    told = origin._asdict() | {"rows": [row._asdict() for row in origin.rows]}
    return readable_json({"version": 1, **told})
