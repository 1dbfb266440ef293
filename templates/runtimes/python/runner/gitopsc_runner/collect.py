"""What a handler returned -> the record of its run: data that is stored, results, metrics."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitopsc_runner.entities import Material, Model
from gitopsc_runner.key import Key
from gitopsc_runner.outcome import Unusable
from gitopsc_runner.project import Project, Run
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import Entity, Record
from gitopsc_runner.table import is_frame

_RESULTS = (str, int, float, bool, bytes)
_SHOWN = 10_000
"""Characters of a result in the log; the record has all of it."""

_TYPES = {
    "artifact": "artifact",
    "dataitem": "dataitem",
    "table": "dataitem",
    "croissant": "dataitem",
    "mlflow": "model",
    "sklearn": "model",
    "model": "model",
}
"""Kinds that a decorator may give to an output, and the types they are of."""


def collect(
    settings: Settings, project: Project, run: Run, returned: Any, decorated: Sequence[Any]
) -> Record:
    """Stores what there is to store (digitalhub.md section 6).

    Raises Unusable for what cannot be stored, and when something that the run declares is missing.
    """
    keys = {name: _key(text) for name, text in settings.outputs.items()}
    outputs: dict[str, Entity] = {}
    results: dict[str, Any] = {}
    own: dict[str, Entity] = {}
    for name, kind, item in _named(returned, decorated):
        if name in outputs or name in results:
            raise Unusable(f"`{settings.handler}` has two outputs that are called `{name}`")
        if kind is not None and not isinstance(item, Material):
            if kind == "table" and not is_frame(item) and not isinstance(item, str):
                what = f"a {type(item).__name__} as table `{name}`"
                raise Unusable(f"`{settings.handler}` returns {what}: return a data frame")
            project.keep(_TYPES[kind], kind, name, item)  # and so it is logged
        elif isinstance(item, _RESULTS):
            results[name] = _plain(item)
        elif isinstance(item, Material):
            outputs[name] = _entity(item, keys.get(name), project.version)
            if name not in keys:
                own[item.name] = outputs[name]
        else:
            key = keys.get(name) or _default_key(settings, name, item)
            if key.type == "dataitem" and not is_frame(item):
                what = f"a {type(item).__name__} as dataitem `{key.name}`"
                hint = "return a data frame, or declare an artifact"
                raise Unusable(f"`{settings.handler}` returns {what}: {hint}")
            kept = project.keep(key.type, key.kind, key.name, item)
            outputs[name] = _entity(kept, key, project.version)
    _add_logged(project, keys, outputs, project.version)
    for name, entity in own.items():  # as on the platform: under both names
        if name not in outputs and name not in results and name not in keys:
            outputs[name] = entity
    for name in keys.keys() - outputs.keys():
        there = ", ".join(f"`{each}`" for each in sorted({*outputs, *results})) or "nothing"
        message = f"`{settings.handler}` has made no data `{name}`, which the run declares"
        also = f"; it returns `{name}` as a result" if name in results else f"; it made {there}"
        raise Unusable(message + also)
    for name in _names(decorated):
        if name not in outputs and name not in results and name not in keys:
            project.remarks.append(f"`{settings.handler}` has made no output `{name}`")
    return Record(
        settings.project,
        settings.environment,
        settings.run,
        settings.function,
        settings.compute,
        outputs,
        results,
        {name: _plain(value) for name, value in run.metrics.items()},
        saved={key: _noted(material) for key, material in project.saved.items()},
    )


def summary(record: Record) -> Mapping[str, Any]:
    """What one line of the log says of a run that is done."""
    outputs = {}
    paths = {}
    metrics = {}
    for name, each in sorted(record.outputs.items()):
        paths[name] = each.path
        key = f"store://{record.project}/{each.type}/{each.kind}/{each.name}"
        outputs[name] = f"{key}:{each.version}"
        if each.metrics:
            metrics[each.name] = each.metrics
    results = {name: _short(value) for name, value in record.results.items()}
    metrics |= record.metrics
    return {"outputs": outputs, "paths": paths, "results": results, "metrics": metrics}


def _named(returned: Any, decorated: Sequence[Any]) -> Iterator[tuple[str, str | None, Any]]:
    """A name for each item, and a kind where the decorator gives one."""
    items = returned if isinstance(returned, (tuple, list)) else (returned,)
    for index, item in enumerate(() if returned is None else items):
        output = decorated[index] if index < len(decorated) else f"output_{index}"
        if isinstance(output, str):
            yield output, None, item
        elif isinstance(output, Mapping) and output.get("kind") in _TYPES:
            yield output.get("name") or f"output_{index}", output["kind"], item
        else:
            raise Unusable(f"the decorator's output {output!r} has neither a name nor a known kind")


def _names(decorated: Sequence[Any]) -> list[str]:
    """Of the outputs that a decorator names."""
    found = (each.get("name") if isinstance(each, Mapping) else each for each in decorated)
    return [each for each in found if isinstance(each, str)]


def _add_logged(
    project: Project,
    keys: Mapping[str, Key],
    outputs: dict[str, Entity],
    version: str,
) -> None:
    """What was logged on the way: under the name that the run declares for it, else its own."""
    for name, key in keys.items():
        for known in (key.name, name):
            if name not in outputs and (logged := project.logged.get((key.type, known))):
                outputs[name] = _entity(logged, key, version)
    made = {(each.type, each.name) for each in outputs.values()}
    for (type_, name), logged in project.logged.items():
        if (type_, name) not in made:
            unique = name if name not in outputs else f"{type_}/{name}"
            outputs[unique] = _entity(logged, None, version)


def _entity(material: Material, key: Key | None, version: str) -> Entity:
    """Of a material as it is now, under the key that the run declares for it."""
    entity = material.current()
    if isinstance(material, Model):
        metrics = {name: _plain(value) for name, value in material.metrics.items()}
        entity = replace(entity, metrics=metrics)
    if key is None:
        return replace(entity, version=entity.version or version)
    return replace(entity, type=key.type, kind=key.kind, name=key.name, version=version)


def _noted(material: Material) -> Mapping[str, Any]:
    entity = material.current()
    return {"metadata": entity.metadata, "spec": entity.spec}


def _key(text: str) -> Key:
    key = Key.parse(text)
    if key is None:
        raise Unusable(f"`{text}` is not a key of data")
    return key


def _default_key(settings: Settings, name: str, item: Any) -> Key:
    type_, kind = ("dataitem", "table") if is_frame(item) else ("artifact", "artifact")
    return Key(settings.project, type_, kind, name, None)


def _plain(value: Any) -> Any:
    """As JSON has it: no bytes, no number that is none."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"{value[:_SHOWN]}... ({len(value)} characters)"
    return value
