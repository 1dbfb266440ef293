"""What runs still need -> what of a store nothing needs any more, listed or deleted.

A program of `gitopsc store gc` alone: no image has it. A question is JSON: `settings` of a run, by
which the store is opened; `runs` with the compute digests that they need, and which of them the
clock starts (`scheduled`); `versions` of data that are read by their names; `keep_seconds`, how
long what happened lately stays; and whether to `delete`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from gitopsc_runner.outcome import StoreFailed, Unusable
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import Store, needed, open_store

_YOUNG_SECONDS = 86_400
"""What may be under way is never touched: data is there before the record that names it."""

_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
"""What drivers call the time of a file."""

_OF_A_RUN = ("begun", "failures", "serving")


def main() -> int:
    """One JSON object on `--events`: what was found, or an `error`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("question", type=Path)
    parser.add_argument("--events", type=int, default=1)
    arguments = parser.parse_args()
    question = json.loads(arguments.question.read_text(encoding="utf-8"))
    try:
        answer = collected(question, time.time())
        code = 0
    except (StoreFailed, Unusable) as error:
        answer, code = {"with": {"error": str(error)}}, 1
    with os.fdopen(arguments.events, "w", encoding="utf-8") as stream:
        print(json.dumps(answer), file=stream)
    return code


def collected(question: Mapping[str, Any], now: float) -> Mapping[str, Any]:
    """`groups` of what nothing needs, with their files and bytes; `kept` are the files that stay.
    Raises StoreFailed and Unusable."""
    store = needed(open_store(Settings(**question["settings"])))
    files = [*_stored(store)]
    kept = _Needs(store, question, now).kept(files)
    unneeded = [file for file in files if file.path not in kept]
    if question["delete"]:
        _delete(store, unneeded)
    groups: dict[str, list[_Stored]] = {}
    for file in unneeded:
        groups.setdefault(file.group, []).append(file)
    return {
        "groups": [
            {"what": what, "files": len(found), "bytes": sum(each.size for each in found)}
            for what, found in sorted(groups.items())
        ],
        "kept": len(files) - len(unneeded),
    }


class _Stored(NamedTuple):
    """A file of the project's part of a store: its path there, in parts, too; its size in bytes,
    and when it was written, in seconds since 1970, where the driver says."""

    path: str
    parts: tuple[str, ...]
    size: int
    written: float | None

    @property
    def group(self) -> str:
        """What it is of: data of one content, or what is kept of a run."""
        kind = self.parts[0]
        if kind == "data" and len(self.parts) > 4:
            return "data " + "/".join(self.parts[1:4])
        return f"{kind} {self.parts[1].removesuffix('.json')}" if len(self.parts) > 1 else kind

    @property
    def name(self) -> str:
        return self.parts[-1].removesuffix(".json")


def _stored(store: Store) -> Iterator[_Stored]:
    system = store.place("data").system
    try:
        found = system.find(store.root, detail=True)
    except FileNotFoundError:
        return
    except Exception as error:
        raise StoreFailed(f"the store {store.address.url} cannot be listed: {error}") from error
    root = store.root.rstrip("/") + "/"
    for path, info in found.items():
        if path.startswith(root):
            below = path.removeprefix(root)
            yield _Stored(below, tuple(below.split("/")), info.get("size") or 0, _time(info))


def _time(info: Mapping[str, Any]) -> float | None:
    for key in _TIMES:
        value = info.get(key)
        if isinstance(value, (int, float)):
            return float(value)
        if isinstance(value, str):
            with suppress(ValueError):
                value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if isinstance(value, datetime):
            return value.timestamp()
    return None


class _Needs:
    """What runs need of a store, at a time."""

    def __init__(self, store: Store, question: Mapping[str, Any], now: float) -> None:
        self._store = store
        self._runs: Mapping[str, Any] = question["runs"]
        self._versions = {tuple(each) for each in question["versions"]}
        self._young_after = now - _YOUNG_SECONDS
        self._kept_after = now - question["keep_seconds"]

    def kept(self, files: Iterable[_Stored]) -> set[str]:
        """Paths of what stays: what names data first, then the data that it names."""
        of_kind: dict[str, list[_Stored]] = {}
        for file in files:
            of_kind.setdefault(file.parts[0], []).append(file)
        kept = set()
        data = set()
        done = {file.parts[1:] for file in of_kind.get("records", ())}
        rules: Mapping[str, Callable[[_Stored], bool]] = {
            "records": self._is_needed_record,
            "shards": lambda file: self._is_needed_shard(file, done),
            "ticks": self._is_needed_tick,
            "versions": lambda file: (*file.parts[1:3], file.name) in self._versions,
        }
        others = of_kind.get("versions", ())
        for kind, rule in rules.items():
            for file in of_kind.pop(kind, ()):
                if self._is_young(file) or rule(file):
                    kept.add(file.path)
                    data |= {*self._named(file)}
        for file in list(others):
            if set(self._named(file)) & data:
                kept.add(file.path)
        for file in of_kind.pop("data", ()):
            if self._is_young(file) or "/".join(file.parts[:4]) in data:
                kept.add(file.path)
        for kind in _OF_A_RUN:
            for file in of_kind.pop(kind, ()):
                if self._is_young(file) or file.name in self._runs:
                    kept.add(file.path)
        kept |= {file.path for others in of_kind.values() for file in others}  # not ours
        return kept

    def _is_young(self, file: _Stored) -> bool:
        return file.written is None or file.written >= self._young_after

    def _is_late(self, file: _Stored) -> bool:
        return file.written is None or file.written >= self._kept_after

    def _is_needed_record(self, file: _Stored) -> bool:
        run = self._runs.get(file.parts[1])
        if run is None:
            return False
        return file.name in run["computes"] or (run["scheduled"] and self._is_late(file))

    def _is_needed_shard(self, file: _Stored, done: set[tuple[str, ...]]) -> bool:
        """Until the record of its run is there, which has all that the shards have made."""
        run, compute = self._runs.get(file.parts[1]), file.parts[2]
        if run is None or compute not in run["computes"]:
            return False
        return (file.parts[1], f"{compute}.json") not in done

    def _is_needed_tick(self, file: _Stored) -> bool:
        """The newest, what came lately, and what made data that is still meant."""
        run = self._runs.get(file.parts[1])
        if run is None:
            return False
        if "manual" in file.parts or self._is_late(file) or file.name == "latest":
            return self._is_late(file) or file.name == "latest"
        latest = self._read(f"ticks/{file.parts[1]}/latest.json")
        is_newest = latest is not None and str(latest.get("tick")) == file.name
        record = (self._read(file.path) or {}).get("record") or {}
        return is_newest or (not run["scheduled"] and record.get("compute") in run["computes"])

    def _named(self, file: _Stored) -> Iterator[str]:
        """Folders of data: all of one content is in one."""
        data = self._read(file.path) or {}
        if file.parts[0] == "versions":
            paths = [data.get("path")]
        else:
            record = data.get("record", data)
            outputs = record.get("outputs") if isinstance(record, dict) else None
            found = outputs.values() if isinstance(outputs, dict) else ()
            paths = [each.get("path") for each in found if isinstance(each, dict)]
        for path in paths:
            if isinstance(path, str) and "://" not in path:
                yield "/".join(path.split("/")[:4])

    def _read(self, path: str) -> dict[str, Any] | None:
        """What is no JSON names nothing, and stays as long as its name is one that is needed."""
        place = self._store.place(path)
        try:
            data = json.loads(place.system.cat_file(place.path))
        except (FileNotFoundError, ValueError, RecursionError):
            return None
        except Exception as error:
            raise StoreFailed(f"{place.url} cannot be read: {error}") from error
        return data if isinstance(data, dict) else None


_ORDER = ("ticks", "shards", "records", "versions", *_OF_A_RUN, "data")
"""What names data goes before it, so that a kill leaves nothing that names what is gone."""


def _delete(store: Store, files: Iterable[_Stored]) -> None:
    for file in sorted(files, key=lambda each: (_ORDER.index(each.parts[0]), each.path)):
        place = store.place(file.path)
        try:
            place.system.rm_file(place.path)
        except FileNotFoundError:
            continue
        except Exception as error:
            raise StoreFailed(f"{place.url} cannot be deleted: {error}") from error
        if "file" in str(place.system.protocol):
            _delete_empty_folders(place.path, store.root)


def _delete_empty_folders(path: str, root: str) -> None:
    """Which only file systems have."""
    folder = os.path.dirname(path)
    while folder.startswith(root.rstrip("/") + "/"):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)
