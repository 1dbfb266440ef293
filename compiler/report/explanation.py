"""A resolved run -> what it comes to and why, as rows: name, value, and where the value is from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from gitopsc.model import identity
from gitopsc.model.artifact import ClusterObject
from gitopsc.model.credentials import masked
from gitopsc.model.document import Pointer
from gitopsc.model.output import readable_json
from gitopsc.model.pod import plain
from gitopsc.model.printable import printable
from gitopsc.model.program import Merged, Reference
from gitopsc.model.resolution import Resolution, ResolvedRun
from gitopsc.model.scheduling import Scheduling
from gitopsc.model.source import Span
from gitopsc.model.specification import RunSpec

_ORDER = ("function", "schedule", "parameters", "init_parameters", "inputs", "outputs", "envs")
_NOT_TOLD = ("function_copy", "task", "volumes", "resources", "envs", "secrets")
_OF_PODS = Scheduling._fields
"""Fields of a run that are told in another way, or are not a run's."""

_OF_ACTIONS = {"backoff_limit": "job", "replicas": "serve", "service_type": "serve"}
"""Fields that have a default, and mean nothing for the other action."""

_WRITTEN_AS = {"cron": "schedule"}
_SHORT = 12
"""Hex digits of a digest that are shown, where the whole stands elsewhere."""

_WIDEST = 60
"""Characters of a value, after which its line is not aligned with the others."""

_OWN_DEFAULT = "a default of gitopsc"


class Row(NamedTuple):
    name: str
    value: str
    origin: str = ""


class Section(NamedTuple):
    title: str
    rows: tuple[Row, ...]


class Explanation(NamedTuple):
    """Of one run in one environment; `others` are the environments that it has besides."""

    title: str
    environment: str
    others: tuple[str, ...]
    sections: tuple[Section, ...]


def explain_run(
    resolution: Resolution, name: str, objects: Sequence[ClusterObject], others: Iterable[str]
) -> Explanation:
    """`objects` are those of the project's manifests, if it has compiled."""
    resolved = next(each for each in resolution.runs if each.name == name)
    run, project = resolved.run, resolution.program.project
    what = "service" if run.action == "serve" else "job"
    what = "scheduled job" if run.is_scheduled else what
    environment = resolution.environment.name
    told = (
        Section("What it says, with what it gets", tuple(_merged(resolution, resolved))),
        Section(f"What decides its result: compute {resolved.compute}", tuple(_compute(resolved))),
        Section("Reads", tuple(_read(each) for each in run.reads)),
        Section("Read by", tuple(_readers(resolution, name))),
        Section("In the cluster", tuple(_objects(objects, environment, name))),
        Section("Its record: where a job finds it, it does no work", tuple(_record(resolved))),
    )
    return Explanation(
        f"{name}: {'local ' if run.local else ''}{what} of {run.function.name},"
        f" project {project.name}",
        environment,
        tuple(sorted(others)),
        tuple(section for section in told if section.rows),
    )


def render_explanation(explanation: Explanation) -> str:
    lines = [f"{explanation.title}, in {explanation.environment}"]
    for section in explanation.sections:
        lines += ["", section.title]
        width = max(len(row.name) for row in section.rows)
        values = [len(row.value) for row in section.rows if len(row.value) <= _WIDEST]
        column = max(values, default=0)
        for row in section.rows:
            line = f"  {row.name.ljust(width)}  {row.value.ljust(column)}  {row.origin}"
            lines.append(printable(line.rstrip()))
    if explanation.others:
        names = ", ".join(f"`--env {name}`" for name in explanation.others)
        lines += ["", f"The same in other environments: {names}."]
    return "\n".join(lines) + "\n"


def render_explanation_json(explanation: Explanation) -> str:
    sections = [
        {"title": section.title, "rows": [row._asdict() for row in section.rows]}
        for section in explanation.sections
    ]
    told = explanation._asdict() | {"sections": sections, "others": [*explanation.others]}
    return readable_json({"version": 1, **told})


# What it says


def _merged(resolution: Resolution, resolved: ResolvedRun) -> Iterator[Row]:
    spec = resolved.spec
    names = [field.name for field in fields(RunSpec) if field.name not in (*_NOT_TOLD, *_OF_PODS)]
    names.sort(key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    for name in names:
        value = getattr(spec, name)
        if value is None or (name == "gitops" and not any(value)):
            continue
        key = _WRITTEN_AS.get(name, name)
        if isinstance(value, Mapping):
            for inner in value:
                origin = _origin(resolution, resolved, key, inner)
                yield _row(f"{key}.{inner}", value[inner], origin)
        elif name == "gitops":
            for inner, each in value._asdict().items():
                origin = _origin(resolution, resolved, key, inner)
                is_told = each not in (None, False) and inner != "pod"
                if is_told and origin != _OWN_DEFAULT:
                    yield _row(f"{key}.{inner}", plain(each), origin)
        elif _OF_ACTIONS.get(name, resolved.run.action) == resolved.run.action:
            yield _row(key, value, _origin(resolution, resolved, key))
    for name, value in resolved.scheduling._asdict().items():
        if value:
            origin = _origin(resolution, resolved, name)
            if getattr(resolved.profile.scheduling, name):
                origin = _profile_place(resolution, resolved, name)
            yield _row(name, value, origin)
    for name, each in plain(resolved.pod).items():
        yield _row(f"pod.{name}", each, _pod_origin(resolution, resolved, name))
    for name, variable in sorted(resolved.pod_variables.items()):
        yield from _variable(resolution, resolved, name, variable)
    for name, request in resolved.requests.items():
        origin = _resource_origin(resolution, resolved, name)
        limit = resolved.limits.get(name)
        value = f"{request}, at most {limit}" if limit is not None else request
        yield _row(f"resources.{name}", value, origin)
    for volume in resolved.volumes:
        origin = _profile_place(resolution, resolved, "volumes")
        if any(volume is own for own in resolved.run.spec.volumes or ()):
            origin = _at(resolved.run.span("volumes"))
        elif volume in resolved.store_volumes:
            origin = _settings_place(resolution, "stores")
        yield _row(f"volumes.{volume.name}", f"{volume.type} at {volume.mount_path}", origin)


def _pod_origin(resolution: Resolution, resolved: ResolvedRun, name: str) -> str:
    if getattr(resolved.profile.pod, name):
        return _profile_place(resolution, resolved, "pod")
    if resolved.spec.gitops is not None and getattr(resolved.spec.gitops.pod, name):
        return _origin(resolution, resolved, "gitops", "pod", name)
    return _settings_place(resolution, "pod", name)


def _variable(
    resolution: Resolution, resolved: ResolvedRun, name: str, value: Any
) -> Iterator[Row]:
    if not isinstance(value, str):
        origin = _at(resolved.run.span("secrets")) if name in resolved.secrets else ""
        origin = origin or _settings_place(resolution, "stores")
        yield Row(f"secrets.{name}", f"key {value.key} of Secret {value.name}", origin)
    elif name in resolved.profile.variables:
        yield _row(f"envs.{name}", value, _profile_place(resolution, resolved, "envs"))
    else:
        origin = _variable_origin(resolved, name) or _origin(resolution, resolved, "envs")
        yield _row(f"envs.{name}", value, origin)


def _origin(resolution: Resolution, resolved: ResolvedRun, key: str, *more: str) -> str:
    merged = resolved.run.merged
    if key == "backoff_limit" and _is_of_gitopsc(merged, key):
        key, more = "gitops", (key,)
    if merged.override is not None and merged.override.has(key, *more):
        return _at(merged.override.span(key, *more))
    for descriptor, what in ((merged.descriptor, ""), (merged.task, ", its task")):
        if descriptor is not None and _says(descriptor.written, key, *more):
            return f"{_at(descriptor.span('spec', key, *more))}{what}"
    if key == "schedule" and merged.descriptor.trigger is not None:
        return _at(_span_of_maker(resolution, resolved))
    return _settings_place(resolution, "defaults", key) or _OWN_DEFAULT


def _span_of_maker(resolution: Resolution, resolved: ResolvedRun) -> Span:
    """Of the schedule that a run has which waits for what another makes: that of its maker."""
    producers = {read.producer for read in resolved.run.reads}
    for each in resolution.runs:
        if each.name in producers and each.run.is_scheduled:
            return each.run.span("schedule")
    return resolved.run.descriptor.name_span


def _is_of_gitopsc(merged: Merged, key: str) -> bool:
    """Whether a key is written under `gitops`, where it goes before the platform's."""
    if merged.override is not None and merged.override.has("gitops", key):
        return True
    return any(
        _says(each.written, "gitops", key)
        for each in (merged.descriptor, merged.task)
        if each is not None and "gitops" in each.written
    )


def _says(written: Any, *way: str) -> bool:
    """Whether a value is written there; what is no mapping is written as a whole."""
    for key in way:
        if isinstance(written, Mapping):
            if key not in written:
                return False
            written = written[key]
    return True


def _variable_origin(resolved: ResolvedRun, name: str) -> str:
    """Empty where neither the environment, the run nor its task has it."""
    merged = resolved.run.merged
    span = merged.variable_span(name)
    if span is None:
        return ""
    is_of_task = merged.task is not None and span.path == merged.task.path
    is_of_run = any(variable.name == name for variable in merged.descriptor.spec.envs or ())
    return f"{_at(span)}{', its task' if is_of_task and not is_of_run else ''}"


def _resource_origin(resolution: Resolution, resolved: ResolvedRun, name: str) -> str:
    if name in resolved.profile.requests:
        return _profile_place(resolution, resolved, "resources")
    if name in (resolved.run.spec.resources or {}):
        override = resolved.run.merged.override
        inner = (name,) if override is not None and override.has("resources", name) else ()
        return _origin(resolution, resolved, "resources", *inner)
    return _settings_place(resolution, "defaults", "resources", name) or _OWN_DEFAULT


def _profile_place(resolution: Resolution, resolved: ResolvedRun, key: str) -> str:
    name = resolved.spec.profile or ""
    place = _settings_place(resolution, "profiles", name, key)
    return place or _settings_place(resolution, "profiles", name)


def _settings_place(resolution: Resolution, *way: str) -> str:
    """What an environment says itself goes before what all have; empty where neither says it."""
    settings = resolution.program.project.settings
    environment: Pointer = ("environments", resolution.environment.name)
    for home in (environment, ()):
        if settings is not None and settings.has(*home, *way):
            return f"{_at(settings.key_span(*home, *way))}, {'.'.join((*way,))}"
    return ""


# What decides its result


def _compute(resolved: ResolvedRun) -> Iterator[Row]:
    run = resolved.run
    places = {read.argument: read.span for read in run.inputs}
    places |= {read.written: read.span for read in (*run.references, *run.code_inputs)}
    files = {file.path: file.origin or "" for file in run.function.files}
    for name, value in resolved.compute_fields.items():
        if value == identity.COMPUTE_FIELDS[name]:
            continue
        place = _at(resolved.place_of(name))
        if name in ("inputs", "references", "code_inputs"):
            for inner, read in value.items():
                label = f"{name}.{inner}" if name == "inputs" else name
                yield Row(label, _version(read), _at(places[inner]))
        elif name == "source":
            for path, digest in (value if isinstance(value, dict) else {"": value}).items():
                shown = digest[0] if isinstance(digest, list) else digest
                origin = files.get(path, place) or place
                label = f"source {path}".rstrip()
                yield Row(label, str(shown)[:_SHORT], origin)
        elif isinstance(value, dict):
            for inner, each in sorted(value.items()):
                own = _variable_origin(resolved, inner) if name == "envs" else ""
                yield _row(f"{name}.{inner}", each, own or place)
        elif isinstance(value, list) and name in ("requirements", "secrets"):
            for each in value:
                yield _row(name, each, place)
        else:
            yield _row(name, value, place)


def _version(read: Mapping[str, str]) -> str:
    if "version" in read:
        version = read["version"]
        return f"{read['key']}:{version if len(version) <= _SHORT else version[:_SHORT] + '...'}"
    return f"{read['key']} at {masked(read['path'])}" if "path" in read else read["key"]


# Around it


def _read(read: Reference) -> Row:
    maker = "nobody here makes it"
    if read.producer is not None:
        maker = f"made by {read.producer}" + (", as its code says" if read.is_by_code else "")
    elif read.declared is not None:
        maker = f"declared at {_at(read.declared.name_span)}"
    return Row(f"{read.key.type} {read.key.name}", maker, f"{_at(read.span)}, {read.evidence}")


def _readers(resolution: Resolution, name: str) -> Iterator[Row]:
    for other in sorted(resolution.program.runs, key=lambda run: run.name):
        for read in other.reads:
            if read.producer == name:
                origin = f"{_at(read.span)}, {read.evidence}"
                yield Row(other.name, f"{read.key.type} {read.key.name}", origin)


def _objects(objects: Iterable[ClusterObject], environment: str, name: str) -> Iterator[Row]:
    for each in objects:
        if (each.environment, each.run) == (environment, name):
            yield Row(each.kind, each.name, each.path)
            for image, what in ((each.image, "its image"), (each.sidecar, "brings its data")):
                if image is not None:
                    yield Row("", str(image), what)


def _record(resolved: ResolvedRun) -> Iterator[Row]:
    record = resolved.record
    if record is not None:
        path = f"{record.project}/{record.environment}/{record.run}/{record.name}"
        yield Row("record", path, f"in {masked(record.store)}")


def _row(name: str, value: object, origin: str) -> Row:
    plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    shown = str(value) if plain else json.dumps(value, sort_keys=True, default=str)
    label, _, last = name.rpartition(".")
    told = masked(f"{last}: {shown}").removeprefix(f"{last}: ")
    return Row(f"{label}.{last}" if label else last, told, origin)


def _at(span: Span) -> str:
    return f"{span.path}:{span.line}"
