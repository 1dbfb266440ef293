"""Project -> the files of a tidy repository that means the same, for `gitopsc import`.

One folder a function, with its tasks and its inline source; one file a run, a trigger and a data
entity, called by name. What only a platform's database needs is gone: ids, keys, users, times.
"""

from __future__ import annotations

import base64
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from gitopsc.adapters.template import render_yaml
from gitopsc.model.descriptor import (
    DATA_TYPES,
    FUNCTION_KEYS,
    FUNCTION_KINDS,
    INLINE_MODULE,
    RUN_KINDS,
    TASK_KINDS,
    Descriptor,
    FunctionDescriptor,
    Project,
)
from gitopsc.model.files import LOCK_FILE, SETTINGS_FILE
from gitopsc.model.names import cleaned
from gitopsc.model.reference import FunctionKey, StoreKey, TaskKey
from gitopsc.model.remote import is_remote
from gitopsc.model.runtime import has_runner
from gitopsc.model.source import FunctionFile, Tree

_DROPPED_KEYS = ("cron",)
"""What `schedule` has become."""

_ADMINISTRATION = frozenset(
    (
        *("created", "created_by", "embedded", "name", "project", "ref", "relationships"),
        *("updated", "updated_by", "version"),
    )
)
"""Keys of `metadata` that a platform writes; what people wrote stays."""


def tidy(project: Project, tree: Tree, *, keeps_images: bool) -> tuple[FunctionFile, ...]:
    """Paths are relative to the tree, and sorted.

    The project is normalized and its sources are sound; what is not valid in it is left out. A
    function whose image a platform has built is built from its source, if it has one, unless that
    image is to be kept.
    """
    found = [descriptor for descriptor in project.descriptors if descriptor.valid]
    functions = [descriptor for descriptor in found if descriptor.kind in FUNCTION_KINDS]
    counts = _Counts(
        project,
        keeps_images,
        versions=Counter(function.name for function in functions),
        data_versions=Counter(map(_entity, (data for data in found if data.kind in DATA_TYPES))),
        pinned=frozenset(key for descriptor in found for key in _pinned_by(descriptor)),
        task_keys=frozenset(
            key for each in found if each.kind in TASK_KINDS for key in each.written
        ),
    )
    files: dict[str, list[str]] = {}
    contents: dict[str, FunctionFile] = {}
    for descriptor in found:
        if descriptor.kind in FUNCTION_KINDS:
            text, source = _function(counts, descriptor)
            folder = _function_folder(counts, descriptor)
            files.setdefault(f"{folder}/function.yaml", []).insert(0, text)
            if source is not None:
                place = f"{folder}/{source.path}"
                contents[place] = replace(source, path=place)
            else:
                local = _local_files(project, tree, descriptor, folder)
                contents |= {file.path: file for file in local}
        elif descriptor.kind in TASK_KINDS:
            files.setdefault(_task_file(counts, descriptor), []).append(_task(counts, descriptor))
        elif (path := _own_file(descriptor)) is not None:
            files.setdefault(path, []).append(_other(counts, descriptor))
    if not files:
        return ()
    for path, texts in files.items():
        contents[path] = FunctionFile(path, "---\n".join(texts).encode())
    contents |= {file.path: file for file in _settings(project, tree)}
    return tuple(
        replace(contents[path], path=f"{project.prefix}{path}") for path in sorted(contents)
    )


class _Counts(NamedTuple):
    """How many versions each function and each data entity has, which versions of data (type, name,
    id) runs name, which keys tasks have, and whether images of a platform stay."""

    project: Project
    keeps_images: bool
    versions: Mapping[str, int]
    data_versions: Mapping[tuple[str, str], int]
    pinned: frozenset[tuple[str, str, str]]
    task_keys: frozenset[str]


def _entity(descriptor: Descriptor) -> tuple[str, str]:
    return DATA_TYPES[descriptor.kind], descriptor.name


def _pinned_by(descriptor: Descriptor) -> Iterator[tuple[str, str, str]]:
    """Versions of data that a run or a task names: those keep their ids."""
    if descriptor.kind in RUN_KINDS | TASK_KINDS:
        for key in ("inputs", "parameters", "init_parameters", "envs"):
            for text, _ in descriptor.strings(key):
                store_key = StoreKey.parse(text)
                if store_key is not None and store_key.version is not None:
                    yield store_key.type, store_key.name, store_key.version


# Functions and tasks


def _function_folder(counts: _Counts, descriptor: Descriptor) -> str:
    folder = f"functions/{descriptor.name}"
    if counts.versions[descriptor.name] > 1:
        folder += f"/{descriptor.id or 'first'}"
    return folder


def _is_replaced(project: Project, function: FunctionDescriptor) -> bool:
    return function.has_source and function.has_platform_image(project.name)


def _function(counts: _Counts, descriptor: Descriptor) -> tuple[str, FunctionFile | None]:
    """The descriptor, and its inline source as a file beside it, where the image has it, too."""
    spec = {key: value for key, value in descriptor.written.items() if value not in (None, [], {})}
    if isinstance(descriptor, FunctionDescriptor):
        if not counts.keeps_images and _is_replaced(counts.project, descriptor):
            del spec["image"]
        if descriptor.spec.requirements:
            spec["requirements"] = [*descriptor.spec.requirements]  # of a file, what is in it
    many = counts.versions[descriptor.name] > 1
    if not has_runner(descriptor.kind):
        spec = {key: value for key, value in spec.items() if key not in ("base_image", "source")}
        return _rendered(descriptor.kind, descriptor, spec, with_id=many, with_age=many), None
    source = {key: value for key, value in spec["source"].items() if key != "lang"}
    text = source.pop("code", None)
    encoded = source.pop("base64", None)
    file = None
    if text is not None or encoded is not None:
        path = posixpath.normpath(source.get("source", INLINE_MODULE))
        content = text.encode() if text is not None else base64.b64decode(encoded)
        file = FunctionFile(path, content)
        source = {"source": path, **source}
    spec["source"] = source
    return _rendered(descriptor.kind, descriptor, spec, with_id=many, with_age=many), file


def _local_files(
    project: Project, tree: Tree, descriptor: Descriptor, folder: str
) -> Iterator[FunctionFile]:
    """What a source in the project is: where it was, or beside its descriptor, as it was found. Of
    a Dockerfile, its folder."""
    is_container = not has_runner(descriptor.kind)
    spec = descriptor.written
    written = spec.get("dockerfile") if is_container else spec["source"].get("source")
    if written is None or is_remote(written):
        return
    if is_container:
        written = posixpath.dirname(posixpath.normpath(written))
    beside = posixpath.dirname(project.relative(descriptor.path))
    for old, new in (("", ""), (beside, folder)):
        path = posixpath.normpath(posixpath.join(project.prefix, old, written))
        found = [tree.files[path]] if path in tree.files else list(tree.below(path))
        for file in found:
            if file.path not in project.described and not file.is_link:
                rest = posixpath.relpath(file.path, posixpath.join(project.prefix, old) or ".")
                place = posixpath.normpath(posixpath.join(new, rest))
                yield FunctionFile(place, file.content, file.executable)
        if found:
            return


def _task_file(counts: _Counts, task: Descriptor) -> str:
    key = FunctionKey.parse(task.written["function"])
    function = next(
        (
            function
            for function in counts.project.entities.functions
            if key and function.name == key.name
            if counts.versions[function.name] == 1 or function.id == key.id
        ),
        None,
    )
    if function is None:
        return f"tasks/{cleaned(task.id or task.kind)}.yaml"
    return f"{_function_folder(counts, function)}/function.yaml"


def _task(counts: _Counts, task: Descriptor) -> str:
    spec = _shorter(counts, task.written)
    template = task.document.data["spec"].get("template")
    if isinstance(template, dict):
        spec = {key: value for key, value in spec.items() if key not in template}
        spec["template"] = _shorter(counts, template)
    return _rendered(task.kind, task, spec, with_name=False)


# Runs, triggers and data


def _own_file(descriptor: Descriptor) -> str | None:
    kind = descriptor.document.data["kind"]
    folders = {"scheduler": "triggers", "lifecycle": "triggers", "secret": "secrets"}
    folder = folders.get(kind) or ("data" if kind in DATA_TYPES else None)
    if folder is None and kind in RUN_KINDS:
        folder = "runs"
    return f"{folder}/{cleaned(descriptor.name)}.yaml" if folder else None


def _other(counts: _Counts, descriptor: Descriptor) -> str:
    kind = descriptor.document.data["kind"]
    if kind in DATA_TYPES:
        type_, name = _entity(descriptor)
        many = counts.data_versions[type_, name] > 1
        kept = many or (type_, name, descriptor.id) in counts.pinned
        return _rendered(kind, descriptor, dict(descriptor.written), with_id=kept, with_age=many)
    if kind == "secret":
        return _rendered(kind, descriptor, dict(descriptor.written))
    if kind in RUN_KINDS:
        spec = {key: value for key, value in descriptor.written.items() if key not in FUNCTION_KEYS}
        spec = _without_task(counts, spec)
        spec.setdefault("function", _function_of_task(counts, descriptor))
        return _rendered(descriptor.kind, descriptor, spec)
    spec = dict(descriptor.document.data["spec"])
    if isinstance(spec.get("template"), dict):
        spec["template"] = _without_task(counts, _without_repeats(spec))
    spec = _without_task(counts, spec)
    spec.setdefault("function", _function_of_task(counts, descriptor))
    return _rendered(kind, descriptor, spec)


def _function_of_task(counts: _Counts, descriptor: Descriptor) -> str:
    """Of the task that a run or a trigger names instead of a function."""
    key = TaskKey.parse(str(descriptor.written.get("task")))
    for task in counts.project.entities.tasks:
        if key is not None and (task.kind, task.id) == (key.kind, key.id) and task.valid:
            return _function_name(counts, task.spec.function or "")
    return ""


def _without_repeats(trigger: Mapping[str, Any]) -> dict[str, Any]:
    """A template without what the trigger says itself."""
    return {key: value for key, value in trigger["template"].items() if trigger.get(key) != value}


def _without_task(counts: _Counts, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The task of the function is found without being named."""
    return {key: value for key, value in _shorter(counts, spec).items() if key != "task"}


def _shorter(counts: _Counts, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what is ignored or the default, and with short references.

    What is empty goes, too, but where it is there instead of something that a task says.
    """
    found = {}
    for key, value in spec.items():
        is_default = (key, value) == ("local_execution", False)
        is_empty = value in (None, [], {}) and key not in counts.task_keys
        if key in _DROPPED_KEYS or is_default or is_empty:
            continue
        if key == "function":
            value = _function_name(counts, value)
        elif key == "resources" and isinstance(value, dict):
            value = {name: _request(amount) for name, amount in value.items()}
        elif key == "volumes":
            value = [_volume(volume) for volume in value]
        found[key] = value
    return found


def _function_name(counts: _Counts, text: str) -> str:
    key = FunctionKey.parse(text)
    if key is None or counts.versions.get(key.name, 0) != 1:
        return text
    return key.name


def _request(amount: Any) -> Any:
    """The older `{requests}` without limits is what the newest dialect writes plainly."""
    return (
        amount["requests"] if isinstance(amount, dict) and set(amount) == {"requests"} else amount
    )


def _volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    spec = dict(volume.get("spec") or {})
    found = {key: value for key, value in volume.items() if key != "spec"}
    for ignored in ("size_limit", "medium") if volume["volume_type"] == "empty_dir" else ():
        spec.pop(ignored, None)
    if "claim_name" in spec:
        found["volume_type"] = "shared_volume"
        spec = {"claimName": spec["claim_name"]}
    return {**found, "spec": spec} if spec else found


def _rendered(
    kind: str,
    descriptor: Descriptor,
    spec: Mapping[str, Any],
    *,
    with_name: bool = True,
    with_id: bool = False,
    with_age: bool = False,
) -> str:
    head = [("name", descriptor.name)] if with_name else []
    if with_id and descriptor.id is not None:
        head.append(("id", descriptor.id))
    metadata = _written(descriptor)
    title = descriptor.metadata.get("name")
    if isinstance(title, str) and title not in (descriptor.name, descriptor.id):
        metadata["name"] = title
    version = descriptor.metadata.get("version")
    if version not in (None, descriptor.id):
        metadata["version"] = version
    if with_age and "created" in descriptor.metadata:
        metadata["created"] = descriptor.metadata["created"]
    if made := _made_by(descriptor):
        metadata["relationships"] = made
    if descriptor.is_copy:
        metadata = {}
    return render_yaml(
        "import/descriptor.yaml.j2",
        comments=[],
        kind=kind,
        head=head,
        metadata=metadata,
        spec=spec,
    )


def _written(descriptor: Descriptor) -> dict[str, Any]:
    """Of `metadata`, what people wrote."""
    return {key: value for key, value in descriptor.metadata.items() if key not in _ADMINISTRATION}


def _made_by(descriptor: Descriptor) -> list[Any]:
    """Lineage that no descriptor says again: which run has made what."""
    found = descriptor.metadata.get("relationships")
    return [
        entry
        for entry in (found if isinstance(found, list) else ())
        if isinstance(entry, dict) and entry.get("type") == "produced_by"
    ]


# Settings


def _settings(project: Project, tree: Tree) -> Iterable[FunctionFile]:
    """Those that are there, and the lock; and the project's name, which may be its folder's."""
    for name in (SETTINGS_FILE, LOCK_FILE):
        file = tree.files.get(project.prefix + name)
        if file is not None:
            yield FunctionFile(name, file.content)
    described = next((found for found in project.descriptors if found.kind == "project"), None)
    metadata = _written(described) if described is not None else {}
    text = render_yaml(
        "import/descriptor.yaml.j2",
        comments=[],
        kind="project",
        head=[("name", project.name)],
        metadata=metadata,
        spec={},
    )
    yield FunctionFile("project.yaml", text.encode())
