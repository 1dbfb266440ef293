"""Questions about a store -> what it says: how runs have ended, and where data lies.

A question is JSON: `runs` are settings as pods have them, of which each gets a report, and `waits`
says that they wait for what is due; `data` names what is to be shown, and perhaps copied. Times are
in seconds since 1970.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from gitopsc_runner.clock import Cron
from gitopsc_runner.entities import MATERIALS, Material
from gitopsc_runner.outcome import BadRecord, Unusable, Waiting
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import Entity, Place, Record, Store, declared_place, needed, open_store
from gitopsc_runner.upstream import find_upstream

_LAST_RUNS = 5
_PREVIEW_BYTES = 64 * 1024
_PREVIEW_LINES = 10
_TEXTS = (".csv", ".json", ".jsonl", ".log", ".md", ".tsv", ".txt", ".yaml", ".yml")


def answer(path: Path) -> Mapping[str, Any]:
    """Raises StoreFailed and Unusable."""
    question = json.loads(path.read_text(encoding="utf-8"))
    now = time.time()
    if "data" in question:
        return _data(question["data"], now)
    waits = question["waits"]
    reports = [_told(Settings(**each), now, waits=waits) for each in question["runs"]]
    return {"now": now, "runs": reports}


# How runs have ended


def _told(settings: Settings, now: float, *, waits: bool) -> Mapping[str, Any]:
    """Of a run whose records are broken, what is wrong with them."""
    try:
        return _report(settings, now, waits=waits)
    except BadRecord as error:
        return {"run": settings.run, "state": "waiting", "reason": str(error)}


def _report(settings: Settings, now: float, *, waits: bool) -> Mapping[str, Any]:
    store = needed(open_store(settings))
    report: dict[str, Any] = {"run": settings.run, **_state(settings, store, now, waits=waits)}
    report["newer"] = _newer(settings, store, now, report)
    if settings.schedule is not None:
        report["next"] = Cron(settings.schedule, settings.time_zone).next(now)
    if settings.action == "serve":
        report["serving"] = store.serving(settings.run) if settings.clocks else None
    else:
        last = [*islice(store.ticks(settings.run, now), _LAST_RUNS)]
        report["last"] = [{"tick": each.tick, "record": asdict(each.record)} for each in last]
        report["begun"] = _unended(settings, store, report)
        if last and "outputs" not in report:
            report["outputs"] = [*_outputs(settings, store, last[0].record)]
    return report


def _state(settings: Settings, store: Store, now: float, *, waits: bool) -> Mapping[str, Any]:
    """`done`, `failed`, `waiting` or `never`; a service is `ready` to begin when its data is there.

    A run that has changed since it was done is `never` done as it is now; of one that the clock
    starts again, it is said beside.
    """
    failure = store.failure(settings.run)
    record = tick = None
    if settings.schedule is not None:
        latest = store.latest(settings.run, now)
        record, tick = (None, None) if latest is None else (latest.record, latest.tick)
        is_failed = failure is not None and (failure.tick or 0) > (tick or 0)
    else:
        if settings.action == "job":
            record = store.record(settings.run, settings.compute)
        is_failed = failure is not None and failure.compute == settings.compute
        is_failed = is_failed and record is None
    if is_failed and failure is not None:
        return {"state": "failed", "failure": asdict(failure)}
    if record is not None:
        outputs = [*_outputs(settings, store, record)]
        has_changed = record.compute != settings.compute
        done = {"state": "done", "record": asdict(record), "tick": tick, "outputs": outputs}
        return {**done, "has_changed": has_changed}
    missing = _missing(settings, store, now, waits=waits)
    if missing:
        return {"state": "waiting", "reason": missing}
    return {"state": "ready" if settings.action == "serve" else "never"}


def _unended(
    settings: Settings, store: Store, report: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The last try, where nothing was heard of its end."""
    begun = store.begun(settings.run)
    if begun is None or not isinstance(begun.get("at"), (int, float)):
        return None
    failure = store.failure(settings.run)
    ends = [each["record"]["begun"] or 0 for each in report["last"]]
    ends += [failure.at] if failure is not None else []
    return begun if begun["at"] > max(ends, default=0) else None


def _newer(
    settings: Settings, store: Store, now: float, report: Mapping[str, Any]
) -> Sequence[str]:
    """Keys of data that is newer than what a run has read."""
    reads = report["record"]["reads"] if "record" in report else {}
    if not (reads and settings.clocks):
        return []
    try:
        found = find_upstream(settings, store, now, None).versions(settings)
    except (Waiting, Unusable):
        return []
    return sorted(key for key, version in found.items() if reads.get(key, version) != version)


def _missing(settings: Settings, store: Store, now: float, *, waits: bool) -> str | None:
    tick = None
    if settings.schedule is not None:
        tick = Cron(settings.schedule, settings.time_zone).last(now)
    try:
        find_upstream(settings, store, now, tick, waits=waits)
    except (Waiting, Unusable) as reason:
        return str(reason)
    return None


def _outputs(settings: Settings, store: Store, record: Record) -> Iterator[Mapping[str, Any]]:
    for name, entity in sorted(record.outputs.items()):
        place = _place(settings, store, entity)
        yield {
            "output": name,
            "type": entity.type,
            "name": entity.name,
            "version": entity.version,
            "path": place.url,
            "is_there": _is_there(place),
            "size": _size(place),
        }


def _place(settings: Settings, store: Store, entity: Entity) -> Place:
    if "://" in entity.path:
        return declared_place(settings, entity.path)
    return store.place(entity.path)


def _is_there(place: Place) -> bool:
    """A store that does not say is believed to have it."""
    try:
        return bool(place.system.exists(place.path))
    except Exception:
        return True


def _size(place: Place) -> int | None:
    """In bytes; None when the store does not say. Only of a folder the files are listed."""
    try:
        found = place.system.info(place.path)
        if found["type"] != "directory":
            return int(found["size"])
        return int(place.system.du(place.path, total=True))
    except Exception:
        return None


# Where data lies


def _data(asked: Mapping[str, Any], now: float) -> Mapping[str, Any]:
    settings = Settings(**asked["settings"])
    store = open_store(settings)
    entity = _asked(asked, settings, store, now)
    is_declared = entity.version is None
    place = declared_place(settings, entity.path) if is_declared else None
    place = place or _place(settings, needed(store), entity)
    if not _is_there(place):
        what = f"the file of {entity.type} `{entity.name}`"
        raise Unusable(f"{what} is not there, or out of reach: {place.url}")
    copied = None
    if asked.get("copy") is not None:
        copied = _copied(MATERIALS[entity.type](settings.project, entity, place), asked["copy"])
    return {
        "type": entity.type,
        "kind": entity.kind,
        "version": entity.version,
        "path": place.url,
        "size": _size(place),
        "copied": copied,
        "versions": _versions(asked, store, now),
        **_preview(place),
    }


def _copied(material: Material, target: str) -> str:
    """One file under that name, whole or not at all; several in a folder of that name."""
    fetched = material.as_file()
    if os.path.isdir(fetched):
        shutil.copytree(fetched, target, dirs_exist_ok=True)
        shutil.rmtree(fetched)
        return target
    part = f"{target}.part"
    shutil.copyfile(fetched, part)
    os.replace(part, target)
    shutil.rmtree(os.path.dirname(fetched))
    return target


def _asked(asked: Mapping[str, Any], settings: Settings, store: Store | None, now: float) -> Entity:
    type_, name, producer = asked["type"], asked["name"], asked.get("producer")
    what = f"{type_ or 'data'} `{name}`"
    if asked.get("version") is not None and producer is None:
        raise Unusable(f"{what} is declared: it has no versions here")
    if asked.get("version") is not None:
        found = needed(store).version(type_, name, asked["version"]) if type_ else None
        found = found or _abbreviated(asked, needed(store), now)
        if found is None:
            raise Unusable(f"the store has no version {asked['version']} of {what}")
        return found
    if producer is None:
        return Entity(type_, asked["kind"], name, None, asked["path"])
    if settings.schedule is None:
        record = needed(store).record(producer, settings.compute)
    else:
        latest = needed(store).latest(producer, now)
        record = latest.record if latest is not None else None
    entity = _made(record, type_, name) if record is not None else None
    if entity is None:
        raise Unusable(f"`{asked['run']}` has not made {what}, as it is now")
    return entity


def _made(record: Record, type_: str, name: str) -> Entity | None:
    """Of any type, where it is not known which."""
    if type_:
        return record.output(type_, name)
    return next((each for each in record.outputs.values() if each.name == name), None)


def _abbreviated(asked: Mapping[str, Any], store: Store, now: float) -> Entity | None:
    """The version that begins with what is asked for, or ends with it: with its tick.

    Raises Unusable where there are several.
    """
    found = {}
    for each in store.ticks(asked["producer"], now) if asked.get("producer") else ():
        entity = _made(each.record, asked["type"], asked["name"])
        version = str(entity.version) if entity is not None else ""
        part = asked["version"]
        if entity is not None and (version.startswith(part) or version.endswith(f"-{part}")):
            found[version] = entity
    if len(found) > 1:
        known = ", ".join([*found][:_LAST_RUNS])
        raise Unusable(f"{len(found)} versions are like {asked['version']}: write one of {known}")
    return next(iter(found.values()), None)


def _versions(asked: Mapping[str, Any], store: Store | None, now: float) -> list[Any]:
    """The last ones, the newest first."""
    found: dict[str, int] = {}
    if store is not None and asked.get("producer") is not None:
        for each in islice(store.ticks(asked["producer"], now), _LAST_RUNS):
            entity = _made(each.record, asked["type"], asked["name"])
            if entity is not None and entity.version is not None:
                found[entity.version] = each.tick  # of several, the oldest has made it
    return [{"version": version, "tick": tick} for version, tick in found.items()]


def _preview(place: Place) -> Mapping[str, Any]:
    """Some lines of a text, rows of a table, or the files of a folder."""
    if not place.system.isfile(place.path):
        root = place.path.rstrip("/") + "/"
        names = sorted(each.removeprefix(root) for each in place.system.find(place.path))
        return {"files": names}
    suffix = Path(place.path).suffix.lower()
    if suffix in _TEXTS:
        size = place.system.size(place.path)
        text = place.system.cat_file(place.path, start=0, end=min(size, _PREVIEW_BYTES))
        lines = text.decode("utf-8", "replace").splitlines()
        return {"lines": lines[:_PREVIEW_LINES], "is_all": len(lines) <= _PREVIEW_LINES}
    return _rows(place) if suffix == ".parquet" else {}


def _rows(place: Place) -> Mapping[str, Any]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError:
        return {"lacks": "pyarrow"}
    with place.system.open(place.path, "rb") as file:
        table = parquet.ParquetFile(file)
        first = next(table.iter_batches(batch_size=_PREVIEW_LINES), None)
        rows = first.to_pylist() if first is not None else []
        columns = [field.name for field in table.schema_arrow]
        shown = [[str(row[column]) for column in columns] for row in rows[:_PREVIEW_LINES]]
        return {"columns": columns, "rows": shown, "count": table.metadata.num_rows}
