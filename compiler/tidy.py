"""Project -> the files of a tidy repository that means the same, for `gitopsc import`.

One folder a function, with its tasks and its inline source; one file a run, a trigger and a data
entity, called by name. What only a platform's database needs is gone: ids, keys, users, times.
"""

from __future__ import annotations

import base64
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from compiler.adapters.template import render_yaml
from compiler.model.descriptor import DATA_TYPES, RUN_KINDS, TASK_KINDS, Descriptor, Project
from compiler.model.files import LOCK_FILE, SETTINGS_FILE
from compiler.model.names import cleaned
from compiler.model.reference import FunctionKey, TaskKey
from compiler.model.remote import is_remote
from compiler.model.source import SourceFile, Tree

_INLINE_MODULE = "main.py"
_FUNCTION_KEYS = ("base_image", "image", "python_version", "requirements", "source")
_IGNORED_KEYS = ("fs_group", "run_as_group", "run_as_user", "service_ports")
_ADMINISTRATION = frozenset(
    (
        *("created", "created_by", "embedded", "name", "project", "ref", "relationships"),
        *("updated", "updated_by", "version"),
    )
)
"""Keys of `metadata` that a platform writes; what people wrote stays."""


class TidyFile(NamedTuple):
    """A file of the repository: `path` is relative to the tree."""

    path: str
    content: bytes
    executable: bool = False


def tidy(project: Project, tree: Tree) -> tuple[TidyFile, ...]:
    """Sorted by path. The project is normalized; what is not valid in it is left out."""
    found = [each for each in project.descriptors if each.valid]
    functions = [each for each in found if each.kind == "python"]
    work = _Work(
        project,
        versions=Counter(each.name for each in functions),
        data_versions=Counter(_entity(each) for each in found if each.kind in DATA_TYPES),
        pinned=frozenset(text for each in found for text in _keys_in(each)),
        task_keys=frozenset(key for each in found if each.kind in TASK_KINDS for key in each.spec),
    )
    files: dict[str, list[str]] = {}
    contents: dict[str, TidyFile] = {}
    for descriptor in found:
        if descriptor.kind == "python":
            text, source = _function(work, descriptor)
            folder = _function_folder(work, descriptor)
            files.setdefault(f"{folder}/function.yaml", []).insert(0, text)
            if source is not None:
                contents[f"{folder}/{source.path}"] = source._replace(
                    path=f"{folder}/{source.path}"
                )
            else:
                local = _local_files(project, tree, descriptor, folder)
                contents |= {each.path: each for each in local}
        elif descriptor.kind in TASK_KINDS:
            files.setdefault(_task_file(work, descriptor), []).append(_task(work, descriptor))
        elif (path := _own_file(descriptor)) is not None:
            files.setdefault(path, []).append(_other(work, descriptor))
    if not files:
        return ()
    for path, texts in files.items():
        contents[path] = TidyFile(path, "---\n".join(texts).encode())
    contents |= {each.path: each for each in _settings(project, tree)}
    return tuple(
        contents[path]._replace(path=f"{project.prefix}{path}") for path in sorted(contents)
    )


class _Work(NamedTuple):
    """How many versions each function and each data entity has, which keys of data are pinned, and
    which keys tasks have."""

    project: Project
    versions: Mapping[str, int]
    data_versions: Mapping[tuple[str, str], int]
    pinned: frozenset[str]
    task_keys: frozenset[str]


def _entity(descriptor: Descriptor) -> tuple[str, str]:
    return DATA_TYPES[descriptor.kind], descriptor.name


def _keys_in(descriptor: Descriptor) -> Iterator[str]:
    """Keys of versions that a run names: what they point to keeps its id."""
    if descriptor.kind in RUN_KINDS:
        for key in ("inputs", "parameters", "init_parameters", "envs"):
            for text, _ in descriptor.strings(key):
                if text.startswith("store://"):
                    yield text


# Functions and tasks


def _function_folder(work: _Work, descriptor: Descriptor) -> str:
    folder = f"functions/{descriptor.name}"
    return f"{folder}/{descriptor.id}" if work.versions[descriptor.name] > 1 else folder


def _function(work: _Work, descriptor: Descriptor) -> tuple[str, TidyFile | None]:
    """The descriptor, and its inline source as a file beside it, where the image has it, too."""
    spec = {key: each for key, each in descriptor.spec.items() if each not in (None, [], {})}
    source = {key: each for key, each in spec["source"].items() if key != "lang"}
    text = source.pop("code", None)
    encoded = source.pop("base64", None)
    file = None
    if text is not None or encoded is not None:
        path = posixpath.normpath(source.get("source", _INLINE_MODULE))
        content = text.encode() if text is not None else base64.b64decode(encoded)
        file = TidyFile(path, content)
        source = {"source": path, **source}
    spec["source"] = source
    many = work.versions[descriptor.name] > 1
    return _rendered("python", descriptor, spec, with_id=many, with_age=many), file


def _local_files(
    project: Project, tree: Tree, descriptor: Descriptor, folder: str
) -> Iterator[TidyFile]:
    """What a source in the project is: where it was, or beside its descriptor, as it was found."""
    written = descriptor.spec["source"].get("source")
    if written is None or is_remote(written):
        return
    beside = posixpath.dirname(project.relative(descriptor.path))
    for old, new in (("", ""), (beside, folder)):
        path = posixpath.normpath(posixpath.join(project.prefix, old, written))
        found = [tree.files[path]] if path in tree.files else list(tree.below(path))
        for file in found:
            if file.path not in project.described and not file.is_link:
                rest = posixpath.relpath(file.path, posixpath.join(project.prefix, old) or ".")
                place = posixpath.normpath(posixpath.join(new, rest))
                yield TidyFile(place, file.content, file.executable)
        if found:
            return


def _task_file(work: _Work, task: Descriptor) -> str:
    key = FunctionKey.parse(task.spec["function"])
    function = next(
        (
            each
            for each in work.project.descriptors
            if each.kind == "python" and key and each.name == key.name
            if work.versions[each.name] == 1 or each.id == key.id
        ),
        None,
    )
    if function is None:
        return f"tasks/{cleaned(task.id or task.kind)}.yaml"
    return f"{_function_folder(work, function)}/function.yaml"


def _task(work: _Work, task: Descriptor) -> str:
    spec = _shorter(work, task.spec)
    template = task.document.data["spec"].get("template")
    if isinstance(template, dict):
        spec = {key: each for key, each in spec.items() if key not in template}
        spec["template"] = _shorter(work, template)
    return _rendered(task.kind, task, spec, with_name=False)


# Runs, triggers and data


def _own_file(descriptor: Descriptor) -> str | None:
    kind = descriptor.document.data["kind"]
    folders = {"scheduler": "triggers", "lifecycle": "triggers", "secret": "secrets"}
    folder = folders.get(kind) or ("data" if kind in DATA_TYPES else None)
    if folder is None and kind in RUN_KINDS:
        folder = "runs"
    return f"{folder}/{cleaned(descriptor.name)}.yaml" if folder else None


def _other(work: _Work, descriptor: Descriptor) -> str:
    kind = descriptor.document.data["kind"]
    if kind in DATA_TYPES:
        type_, name = _entity(descriptor)
        key = f"store://{work.project.name}/{type_}/{kind}/{name}:{descriptor.id}"
        many = work.data_versions[type_, name] > 1
        kept = many or key in work.pinned
        return _rendered(kind, descriptor, dict(descriptor.spec), with_id=kept, with_age=many)
    if kind == "secret":
        return _rendered(kind, descriptor, dict(descriptor.spec))
    if kind in RUN_KINDS:
        spec = {
            key: each
            for key, each in descriptor.spec.items()
            if key not in (*_FUNCTION_KEYS, "cron")
        }
        spec = _without_task(work, spec)
        spec.setdefault("function", _function_of_task(work, descriptor))
        return _rendered(descriptor.kind, descriptor, spec)
    spec = dict(descriptor.document.data["spec"])
    if isinstance(spec.get("template"), dict):
        spec["template"] = _without_task(work, _repeated_nothing(spec))
    spec = _without_task(work, spec)
    spec.setdefault("function", _function_of_task(work, descriptor))
    return _rendered(kind, descriptor, spec)


def _function_of_task(work: _Work, descriptor: Descriptor) -> str:
    """Of the task that a run or a trigger names instead of a function."""
    key = TaskKey.parse(str(descriptor.spec.get("task")))
    for each in work.project.descriptors:
        if key is not None and (each.kind, each.id) == (key.kind, key.id) and each.valid:
            return _function_name(work, each.spec["function"])
    return ""


def _repeated_nothing(trigger: Mapping[str, Any]) -> dict[str, Any]:
    """A template without what the trigger says itself."""
    return {key: each for key, each in trigger["template"].items() if trigger.get(key) != each}


def _without_task(work: _Work, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The task of the function is found without being named."""
    return {key: each for key, each in _shorter(work, spec).items() if key != "task"}


def _shorter(work: _Work, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what is ignored or the default, and with short references.

    What is empty goes, too, but where it is there instead of something that a task says.
    """
    found = {}
    for key, each in spec.items():
        is_default = (key, each) == ("local_execution", False)
        is_empty = each in (None, [], {}) and key not in work.task_keys
        if key in _IGNORED_KEYS or is_default or is_empty:
            continue
        if key == "function":
            each = _function_name(work, each)
        elif key == "resources" and isinstance(each, dict):
            each = {name: _request(amount) for name, amount in each.items()}
        elif key == "volumes":
            each = [_volume(volume) for volume in each]
        found[key] = each
    return found


def _function_name(work: _Work, text: str) -> str:
    key = FunctionKey.parse(text)
    if key is None or work.versions.get(key.name, 0) != 1:
        return text
    return key.name


def _request(amount: Any) -> Any:
    """The older `{requests}` without limits is what the newest dialect writes plainly."""
    return (
        amount["requests"] if isinstance(amount, dict) and set(amount) == {"requests"} else amount
    )


def _volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    spec = dict(volume.get("spec") or {})
    found = {key: each for key, each in volume.items() if key != "spec"}
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
    metadata = {
        key: each for key, each in descriptor.metadata.items() if key not in _ADMINISTRATION
    }
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
        "import/descriptor.yaml.j2", kind=kind, head=head, metadata=metadata, spec=spec
    )


def _made_by(descriptor: Descriptor) -> list[Any]:
    """Lineage that no descriptor says again: which run has made what."""
    found = descriptor.metadata.get("relationships")
    return [
        each
        for each in (found if isinstance(found, list) else ())
        if isinstance(each, dict) and each.get("type") == "produced_by"
    ]


# Settings


def _settings(project: Project, tree: Tree) -> Iterable[TidyFile]:
    """Those that are there, or the project's name; and the lock."""
    described = [each for each in project.descriptors if each.kind == "project"]
    for name in (SETTINGS_FILE, LOCK_FILE):
        file: SourceFile | None = tree.files.get(project.prefix + name)
        if file is not None:
            yield TidyFile(name, file.content)
        elif name == SETTINGS_FILE:
            description = described[0].metadata.get("description") if described else None
            text = render_yaml(
                "import/gitopsc.yaml.j2",
                name=project.name,
                description=description if isinstance(description, str) else None,
            )
            yield TidyFile(name, text.encode())
