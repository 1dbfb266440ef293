"""Program, Resolutions and Emission -> Trace: which file matters to which, for a change to come.

A file has a *face*: all in it that may matter to what others become. What a run is called with, how
much it may take and what its code does are behind the face: of them, readers of its data take the
compute digest, and nobody else anything. A change behind the faces is compiled with what the
changed files need, and not with the rest (`narrow`). What is not known to be behind a face is in
it, so a key that is new here is never overlooked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gitopsc.model.artifact import Emission
from gitopsc.model.descriptor import (
    DEFAULT_TARGET,
    FUNCTION_KINDS,
    RUN_KINDS,
    Descriptor,
    Project,
    RunDescriptor,
)
from gitopsc.model.footprint import Footprint, Trace
from gitopsc.model.memo import step_key
from gitopsc.model.names import cleaned
from gitopsc.model.program import DataUse, Function, Program, Run
from gitopsc.model.reference import FunctionKey, StoreKey
from gitopsc.model.resolution import Resolution
from gitopsc.model.runtime import action_of
from gitopsc.model.store import LOCAL_SCHEMES, scheme_of

LEAST_FILES = 400
"""A smaller project is not traced: a compile of all of it takes as little time."""

_METADATA = frozenset(("description", "labels"))
_OF_RUNS = frozenset(("args", "init_parameters", "parameters"))
_MEANS_MORE = ("://", "${", "{{")
"""What is in a text that names data, a service or what a trigger fills in."""


def trace(program: Program, resolutions: Sequence[Resolution], emission: Emission) -> Trace | None:
    """Of a sound program. None of a small project, and where a change anywhere may matter
    everywhere: a project file may hold copies of what is elsewhere, and Argo Workflows puts many
    runs in one object."""
    project = program.project
    paths = {descriptor.path for descriptor in project.descriptors}
    if project.is_whole and len(paths) < LEAST_FILES:
        return None
    if any(each.target != DEFAULT_TARGET for each in project.environments):
        return None
    if any(descriptor.kind == "project" for descriptor in project.descriptors):
        return None
    needed = _Needed(program)
    faces: dict[str, list[object]] = {}
    needs: dict[str, set[str]] = {}
    computes: dict[str, list[object]] = {}
    sources: dict[str, set[str]] = {}
    for descriptor in project.descriptors:
        faces.setdefault(descriptor.path, []).append(_face(descriptor))
    for run in program.runs:
        needs.setdefault(run.descriptor.path, set()).update(needed.by_run(run))
    for function in program.functions:
        path = function.descriptor.path
        faces[path].append(_code_face(function))
        needs.setdefault(path, set()).update(needed.by_function(function.name))
        sources.setdefault(path, set()).update(_sources(function))
    for task in project.entities.tasks:
        needs.setdefault(task.path, set()).update(needed.by_function(_function_of(task)))
    for build in program.builds:
        path = build.merged.descriptor.path
        needs.setdefault(path, set()).update(needed.by_function(build.function.name))
    for resolution in resolutions:
        for resolved in resolution.runs:
            made = computes.setdefault(resolved.run.descriptor.path, [])
            made.append((resolved.name, resolved.compute))
    outputs = _outputs(program, emission)
    return Trace(
        {
            path: Footprint(
                step_key("face", face),
                step_key("computes", computes[path]) if path in computes else b"",
                tuple(sorted(needs.get(path, {path}) - {path})),
                tuple(sorted(sources.get(path, ()))),
                path in sources,
                tuple(sorted(outputs.get(path, ()))),
            )
            for path, face in faces.items()
        },
        tuple(sorted(_common(project))),
        project.described,
        emission.images,
    )


def _outputs(program: Program, emission: Emission) -> Mapping[str, list[tuple[str, str]]]:
    """What is made of each file alone."""
    found: dict[str, list[tuple[str, str]]] = {}
    runs = {run.name: run.descriptor.path for run in program.runs}
    runs |= {cleaned(build.name): build.merged.descriptor.path for build in program.builds}
    for made in emission.objects:
        if made.run is not None:
            found.setdefault(runs[made.run], []).append((made.path, made.kind))
    images = {cleaned(each.unique_name): each.descriptor.path for each in program.functions}
    for file in emission.files:
        top, _, rest = file.path.partition("/")
        name, _, inside = rest.partition("/")
        if top == "images" and inside and name in images:
            found.setdefault(images[name], []).append((file.path, ""))
    return found


class _Needed:
    """The files of what is called by a name: all of that name, for which one is meant is decided
    among them."""

    def __init__(self, program: Program) -> None:
        entities = program.project.entities
        self._environments = [each for each in program.project.environments if each.overrides]
        self._functions: dict[str, set[str]] = {}
        self._data: dict[str, set[str]] = {}
        self._runs = {run.name: run.descriptor.path for run in program.runs}
        self._made = {each.version: {*_names(each.made)} for each in program.functions}
        self._named = {
            each.version: self._made[each.version].union(_names(each.data))
            for each in program.functions
        }
        for function in entities.functions:
            self._functions.setdefault(function.name, set()).add(function.path)
        for task in entities.tasks:
            self._functions.setdefault(_function_of(task), set()).add(task.path)
        for build in program.builds:
            files = self._functions.setdefault(build.function.name, set())
            files.add(build.merged.descriptor.path)
        for data in entities.data:
            self._data.setdefault(data.name, set()).add(data.path)
        for run in program.runs:
            made = self._made[run.function.version].union(each.key.name for each in run.outputs)
            for name in made:
                self._data.setdefault(name, set()).add(run.descriptor.path)

    def by_function(self, name: str) -> Iterable[str]:
        return self._functions.get(name, ())

    def by_run(self, run: Run) -> Iterator[str]:
        yield from self.by_function(run.function.name)
        if run.merged.task is not None:
            yield run.merged.task.path
        names = {*self._named[run.function.version], *_written_inputs(run)}
        names.update(read.key.name for read in run.reads)
        names.update(output.key.name for output in run.outputs)
        for name in names:
            yield from self._data.get(name, ())
        calls = {name for each in self._environments for name in run.within(each).calls}
        for other in (*(read.producer for read in run.reads), *run.calls, *calls):
            if other in self._runs:
                yield self._runs[other]


def _written_inputs(run: Run) -> Iterator[str]:
    """The names of what it asks for, whether somebody has it or not."""
    for text in (run.spec.inputs or {}).values():
        key = StoreKey.parse(text)
        yield key.name if key is not None else text


def _function_of(task: RunDescriptor) -> str:
    key = FunctionKey.parse(task.spec.function or "")
    return key.name if key is not None else ""


def _names(uses: Iterable[DataUse]) -> Iterator[str]:
    return (use.name for use in uses if use.name is not None)


def _common(project: Project) -> Iterator[str]:
    """Files of which one thing or another decides what all images hold: a first one with data
    behind each kind of URL, and one of a container that has data."""
    schemes: set[str] = {*LOCAL_SCHEMES}
    for data in project.entities.data:
        path = data.spec.path
        if path is not None and scheme_of(path) not in schemes:
            schemes.add(scheme_of(path))
            yield data.path
    if (place := project.container_data) is not None:
        yield place.path


def _sources(function: Function) -> Iterator[str]:
    """Files besides descriptors."""
    yield from (file.origin for file in function.files if file.origin is not None)
    yield from (place.path for place in function.descriptor.requirement_places[:1])
    if function.archive is not None:
        yield function.archive


# Faces


def _face(descriptor: Descriptor) -> object:
    data = descriptor.document.data
    if descriptor.is_copy or descriptor.kind not in FUNCTION_KINDS | RUN_KINDS:
        return data
    metadata, spec = data.get("metadata"), data.get("spec")
    seen = dict(data)
    if isinstance(metadata, dict):
        seen["metadata"] = {key: metadata[key] for key in metadata if key not in _METADATA}
    if isinstance(spec, dict):
        of_kind = _of_function if descriptor.kind in FUNCTION_KINDS else _of_run
        if action_of(descriptor.kind) == "build":
            of_kind = _of_build
        seen["spec"] = {key: of_kind(key, value) for key, value in spec.items()}
    return seen


def _of_build(key: str, value: Any) -> object:
    """All of it goes into the image of its function."""
    return value


def _of_run(key: str, value: Any) -> object:
    if key in _OF_RUNS:
        return [*_meaning_more(value)]
    if key == "replicas" and isinstance(value, int):
        return value > 1  # which have a budget of disruptions
    if key == "resources" and isinstance(value, dict):
        return sorted(value)
    if key == "envs" and isinstance(value, list):
        return [_of_variable(each) for each in value]
    return value


def _of_variable(value: Any) -> object:
    if isinstance(value, dict) and value.keys() == {"name", "value"}:
        return value["name"], [*_meaning_more(value["value"])]
    return value


def _meaning_more(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if any(each in value for each in _MEANS_MORE):
            yield value
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _meaning_more(each)


def _of_function(key: str, value: Any) -> object:
    """Its code has a face of its own."""
    if key == "requirements" and isinstance(value, list):
        return bool(value)
    if key == "source" and isinstance(value, dict):
        return {name: name in ("base64", "code") or value[name] for name in value}
    return value


def _code_face(function: Function) -> object:
    """What others may see of its code: what it makes and reads, in which file, and how it is
    called."""
    uses = [(each[:-2], each.span.path, each.project) for each in function.data]
    signatures = (
        (name, each[:-1], each.span and each.span.path)
        for name, each in sorted(function.signatures.items())
    )
    secrets = [name for name, _ in function.secrets]
    return uses, [*signatures], function.is_unread, function.opened, secrets
