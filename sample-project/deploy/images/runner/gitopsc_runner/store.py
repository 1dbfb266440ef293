"""A URL -> a store: data under the digest of its content, and a record of each run that is done.

    <store>/<project>/<environment>/data/<type>/<name>/<16 hex of the content>/<files>
    <store>/<project>/<environment>/versions/<type>/<name>/<version>.json
    <store>/<project>/<environment>/records/<run>/<compute>.json
    <store>/<project>/<environment>/shards/<run>/<compute>/<index>.json
    <store>/<project>/<environment>/ticks/<run>/<tick>.json, latest.json and manual/<job>.json
    <store>/<project>/<environment>/begun/<run>.json and failures/<run>.json
    <store>/<project>/<environment>/serving/<run>.json

A run has a record for each time it was done; `latest` is the newest of them, and each names the one
before, so that nobody lists them. A tick is in seconds since 1970: what the clock starts was due
then, other runs began.

Nothing half-written is ever visible: a file appears whole, at a path that its content decides, and
data counts only once a record names it. So two writers at once write the same bytes to the same
place, or different bytes to different places, and a kill leaves at most data that nothing names.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import fsspec

from gitopsc_runner.outcome import BadRecord, StoreFailed, Unusable
from gitopsc_runner.settings import Settings, StoreAddress

_Kept = TypeVar("_Kept", "Entity", "Record", "Failure")
_IN_PATH = re.compile(r"(?!\.+$)[A-Za-z0-9._+-]+")

_WHOLE_FILES = {"abfs", "abfss", "adl", "az", "gcs", "gs", "oci", "oss", "s3", "s3a"}
"""Object stores: an object is there whole or not at all."""

_LASTING = (FileNotFoundError, NotADirectoryError, PermissionError, TypeError, ValueError)
"""Errors of a store that will be the same the next time."""

_CHUNK = 1024 * 1024

SKEW_SECONDS = 600
"""By which the clocks of two machines may differ."""

_LATEST = "latest"
_NEVER = 10**11
_MOST_FUTURE = 100
"""Ticks of a clock that was wrong once, beyond which nobody looks for one that is not."""


@dataclass(frozen=True)
class Entity:
    """Data as a record holds it. `path` is relative to the project's part of the store, or a URL.

    `version` is None for data that was only declared. `types` are those of a table's columns, where
    its format does not keep them. `spec` and `metadata` are what was logged with it.
    """

    type: str
    kind: str
    name: str
    version: str | None
    path: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """What a run made: entities by the name of the output, results and metrics by name.

    `reads` are the versions of what it read, by key, and `saved` what it has noted of other runs'
    data. It began at `begun`, in seconds since 1970.
    """

    project: str
    environment: str
    run: str
    function: str
    compute: str
    outputs: Mapping[str, Entity] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    saved: Mapping[str, Any] = field(default_factory=dict)
    begun: float | None = None
    seconds: float | None = None

    def output(self, type_: str, name: str) -> Entity | None:
        """The entity of that type and name."""
        for entity in self.outputs.values():
            if (entity.type, entity.name) == (type_, name):
                return entity
        return None


class Tick(NamedTuple):
    """What a run made at a time. `before` is the tick that was the newest then."""

    tick: int
    before: int | None
    record: Record


@dataclass(frozen=True)
class Failure:
    """Why a run ended in vain, and the last lines of what it printed. A later success replaces it.

    `at` is when, in seconds since 1970; what the clock starts has a `tick`.
    """

    compute: str
    at: float
    seconds: float
    error: str
    exit_code: int
    tick: int | None = None
    lines: Sequence[str] = ()


class Place(NamedTuple):
    """A file or a folder in a file system of fsspec."""

    system: Any
    path: str

    @property
    def url(self) -> str:
        return str(self.system.unstrip_protocol(self.path))


def is_inside(path: str) -> bool:
    """Whether a relative path stays in its folder: whoever writes to a bucket chooses its keys."""
    return "\\" not in path and "\0" not in path and not {"", ".", ".."} & set(path.split("/"))


def is_below(url: str, stores: Iterable[str]) -> bool:
    """Whether a URL is of data in one of these stores."""
    return any(
        url.startswith(f"{store.rstrip('/')}/") and is_inside(url[len(store.rstrip("/")) + 1 :])
        for store in stores
    )


class Store:
    """The part of a store that one environment of a project has.

    Its records name data in it, or in one of the declared `stores`, and no other: who can write to
    a bucket cannot have a pod read a file of its own.
    """

    def __init__(
        self, address: StoreAddress, project: str, environment: str, stores: Iterable[str] = ()
    ) -> None:
        self.address = address
        self._stores = (*stores, address.url)
        with _told(address.url):
            self._system, root = _opened(address.url, address.options)
        self.is_forbidding = False
        """Whether it has refused to say if something is there: S3 does, of what is missing, unless
        its objects may be listed."""
        self.root = f"{root.rstrip('/')}/{project}/{environment}"
        protocol = self._system.protocol
        protocols = {protocol} if isinstance(protocol, str) else set(protocol)
        self._is_local = "file" in protocols
        self._has_whole_files = bool(protocols & _WHOLE_FILES)

    def record(self, run: str, name: str) -> Record | None:
        """The record of a run: `name` is a digest of what decides its result. None without one.

        Raises StoreFailed when the store cannot say, or holds something that is not a record.
        """
        path = f"{self.root}/records/{run}/{name}.json"
        return None if (data := self._read(path)) is None else self._record(path, data)

    def shard(self, run: str, compute: str, index: int) -> Record | None:
        """What one shard of a run has made."""
        path = f"{self.root}/shards/{run}/{compute}/{index}.json"
        return None if (data := self._read(path)) is None else self._record(path, data)

    def tick(self, run: str, tick: int) -> Tick | None:
        """What a run made at that tick."""
        return self._tick(run, str(tick))

    def latest(self, run: str, now: float) -> Tick | None:
        """The newest tick of a run: none of the future, which a clock that was wrong has made."""
        return self._present(self._tick(run, _LATEST), run, now)

    def _present(self, found: Tick | None, run: str, now: float) -> Tick | None:
        """The newest tick that is not of the future."""
        for _ in range(_MOST_FUTURE):
            if found is None or found.tick <= now + SKEW_SECONDS:
                return found
            found = None if found.before is None else self.tick(run, found.before)
        return None

    def ticks(self, run: str, now: float) -> Iterator[Tick]:
        """From the newest on, as they came; what came after a newer one is left out."""
        found = self.latest(run, now)
        seen: set[int] = set()
        while found is not None and found.tick not in seen:
            if found.tick <= now + SKEW_SECONDS:
                yield found
            seen.add(found.tick)
            found = None if found.before is None else self.tick(run, found.before)

    def manual_tick(self, run: str, job: str, unique: str, now: float) -> int:
        """The tick of a Job that no schedule has started: its start, the same for each try.

        `unique` tells apart two Jobs that had one name, one after the other.
        """
        path = f"{self.root}/ticks/{run}/manual/{job}.json"
        kept = self._read(path)
        if kept is not None and kept.get("job") == unique and isinstance(kept.get("tick"), int):
            return int(kept["tick"])
        self._put(path, {"tick": int(now), "job": unique})
        return int(now)

    def begun(self, run: str) -> Mapping[str, Any] | None:
        """The last try of a run that has begun: `at`, `compute` and `job`."""
        return self._read(f"{self.root}/begun/{run}.json")

    def failure(self, run: str) -> Failure | None:
        """Why the last try of a run failed, if no success came after it."""
        path = f"{self.root}/failures/{run}.json"
        with suppress(BadRecord):  # nothing hangs on it
            failure = None if (data := self._read(path)) is None else _made(Failure, path, data)
            if failure is not None and isinstance(failure.tick, (int, type(None))):
                return failure
        return None

    def serving(self, run: str) -> Mapping[str, Any] | None:
        """What the replica of a service serves that switched last, as it was kept."""
        return self._read(f"{self.root}/serving/{run}.json")

    def has_all_of(self, record: Record) -> bool:
        """Whether the data that a record names is there."""
        return all("://" in entity.path or self.has(entity) for entity in record.outputs.values())

    def has(self, entity: Entity) -> bool:
        """Whether the data at a relative path is there, as far as the store says."""
        with _told(self.address.url):
            try:
                return bool(self._system.exists(f"{self.root}/{entity.path}"))
            except PermissionError:
                return True

    def version(self, type_: str, name: str, version: str) -> Entity | None:
        """A version of some data, whichever run made it."""
        if not all(map(_IN_PATH.fullmatch, (type_, name, version))):
            return None
        path = f"{self.root}/versions/{type_}/{name}/{version}.json"
        return None if (data := self._read(path)) is None else self._entity(path, data)

    def keep_record(self, record: Record, name: str, *, again: bool) -> Record:
        """Makes what a run did count. The first one stays, unless it is done `again`."""
        if not again and (first := self.record(record.run, name)) is not None:
            return first
        self._keep_versions(record)
        self._put(f"{self.root}/records/{record.run}/{name}.json", asdict(record))
        self.forget_failure(record.run)
        return record

    def keep_shard(self, record: Record, index: int) -> None:
        """Nothing else finds it: it is no version of any data."""
        path = f"{self.root}/shards/{record.run}/{record.compute}/{index}.json"
        self._put(path, asdict(record))

    def keep_tick(self, run: str, tick: int, record: Record, now: float) -> None:
        """Makes `record` what a run has at a tick; it is the newest unless a newer one is there."""
        last = newest = None
        with suppress(BadRecord):  # which this one takes the place of
            last = self._tick(run, _LATEST)
            newest = self._present(last, run, now)
        before = last.tick if last is not None and (newest is None or newest.tick <= tick) else None
        if last is not None and last.tick == tick:
            before = last.before
        content = {"tick": tick, "before": before, "record": asdict(record)}
        self._keep_versions(record)
        self._put(f"{self.root}/ticks/{run}/{tick}.json", content)
        if newest is None or newest.tick <= tick:
            self._put(f"{self.root}/ticks/{run}/{_LATEST}.json", content)
            self.forget_failure(run)

    def keep_begun(self, run: str, begun: Mapping[str, Any]) -> None:
        self._put(f"{self.root}/begun/{run}.json", begun)

    def keep_failure(self, run: str, failure: Failure) -> None:
        self._put(f"{self.root}/failures/{run}.json", asdict(failure))

    def keep_serving(self, run: str, serving: Mapping[str, Any]) -> None:
        self._put(f"{self.root}/serving/{run}.json", serving)

    def keep_data(self, source: Path, type_: str, name: str) -> str:
        """Stores a file or a folder; gives its path for an Entity."""
        files = sorted(_files(source))
        digest = hashlib.sha256()
        for relative, file in files:
            digest.update(f"{relative}\0{_content_digest(file)}\0".encode())
        path = f"data/{type_}/{name}/{digest.hexdigest()[:16]}"
        with _told(self.address.url):
            for relative, file in files:
                self._write(f"{self.root}/{path}/{relative}", file)
        return path if source.is_dir() else f"{path}/{source.name}"

    def gather(self, paths: Sequence[tuple[int, str]], type_: str, name: str) -> str:
        """One folder of what shards have stored, each with its number; gives its path for an
        Entity. Paths have digests of contents, so the same shards give the same path."""
        digest = hashlib.sha256(json.dumps(list(paths)).encode()).hexdigest()
        folder = f"data/{type_}/{name}/{digest[:16]}"
        with _told(self.address.url):
            for index, path in paths:
                source = f"{self.root}/{path}"
                for file in sorted(self._system.find(source)):
                    own = file.removeprefix(source).lstrip("/") or path.rpartition("/")[2]
                    is_one = file.rstrip("/") == source.rstrip("/")
                    inside = f"{index:05}-{own}" if is_one else f"{index:05}/{own}"
                    self._copy(file, f"{self.root}/{folder}/{inside}")
        return folder

    def place(self, path: str) -> Place:
        """Where the data of an Entity with a relative path is."""
        return Place(self._system, f"{self.root}/{path}")

    def _read(self, path: str) -> dict[str, Any] | None:
        """A JSON object; None when it is not there. Raises StoreFailed."""
        with _told(self.address.url):
            try:
                # A listing may be an old one; what is read is not.
                text = self._system.cat_file(path)
            except FileNotFoundError:
                return None
            except PermissionError:
                self.is_forbidding = True
                return None
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _no_record(path, error) from None
        if not isinstance(data, dict):
            raise _no_record(path, "not a mapping")
        return data

    def _tick(self, run: str, name: str) -> Tick | None:
        path = f"{self.root}/ticks/{run}/{name}.json"
        if (data := self._read(path)) is None:
            return None
        tick, before, record = (data.get(key) for key in ("tick", "before", "record"))
        is_sound = isinstance(tick, int) and 0 <= tick < _NEVER
        is_sound = is_sound and isinstance(before, (int, type(None)))
        if not is_sound or not isinstance(record, dict):
            raise _no_record(path, "it has no tick")
        return Tick(int(tick or 0), before, self._record(path, record))

    def _record(self, path: str, data: Mapping[str, Any]) -> Record:
        outputs = data.get("outputs")
        if not isinstance(outputs, dict):
            raise _no_record(path, "it has no outputs")
        entities = {name: self._entity(path, each) for name, each in outputs.items()}
        return _made(Record, path, {**data, "outputs": entities})

    def _entity(self, path: str, data: Any) -> Entity:
        entity = _made(Entity, path, data)
        if not isinstance(entity.path, str):
            raise _no_record(path, "data without a path")
        if not (is_inside(entity.path) or is_below(entity.path, self._stores)):
            message = f"{path} names data outside of the declared stores: {entity.path!r}"
            raise StoreFailed(f"{message}; remove it to run again")
        return entity

    def _keep_versions(self, record: Record) -> None:
        """Each version of data by its name: before the record, so that what counts is found."""
        for entity in record.outputs.values():
            names = (entity.type, entity.name, str(entity.version))
            if all(map(_IN_PATH.fullmatch, names)):
                self._put(f"{self.root}/versions/{'/'.join(names)}.json", asdict(entity))

    def forget_failure(self, run: str) -> None:
        """A store that does not let it go has it older than what came after."""
        with suppress(Exception):
            self._system.rm_file(f"{self.root}/failures/{run}.json")

    def _put(self, path: str, data: Mapping[str, Any]) -> None:
        content = json.dumps(data, indent=1, sort_keys=True).encode() + b"\n"
        with _told(self.address.url):
            self._write(path, content)

    def _write(self, path: str, content: Path | bytes) -> None:
        """Puts a file there whole, in one step."""
        if self._is_local:
            _write_locally(path, content)
            return
        with self._whole(path) as target:
            if isinstance(content, bytes):
                self._system.pipe_file(target, content)
            else:
                self._system.put_file(str(content), target)

    def _copy(self, source: str, path: str) -> None:
        """The same of a file that is in the store."""
        if self._is_local:
            _write_locally(path, Path(source))
            return
        with self._whole(path) as target:
            self._system.cp_file(source, target)

    @contextmanager
    def _whole(self, path: str) -> Iterator[str]:
        """Where to write what is to appear at a path in one step."""
        target = path if self._has_whole_files else f"{path}.{uuid.uuid4().hex}.part"
        if not self._has_whole_files:  # which have no folders, and would make a bucket
            self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
        yield target
        if target != path:
            self._system.mv(target, path)


def open_store(settings: Settings) -> Store | None:
    """Where a run keeps what it makes, if there is such a place. Raises StoreFailed."""
    address = settings.addresses.get("default")
    if address is None:
        return None
    stores = [each.url for each in settings.addresses.values()]
    return Store(address, settings.project, settings.environment, stores)


def needed(store: Store | None) -> Store:
    """Raises Unusable without one."""
    if store is None:
        raise Unusable("this run has no store: write `stores: {default: <URL>}` in gitopsc.yaml")
    return store


def declared_place(settings: Settings, url: str) -> Place:
    """Data at a URL, opened with the options of the store that it is in. Raises StoreFailed."""
    options: Mapping[str, Any] = {}
    for address in settings.addresses.values():
        if url.startswith(address.url.rstrip("/") + "/"):
            options = address.options
    with _told(url):
        return Place(*_opened(url, options))


def _opened(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """A file system of fsspec, and the path in it. What was listed once may be old: no caches."""
    fresh = {} if "::" in url else {"use_listings_cache": False}
    system, path = fsspec.core.url_to_fs(url, **{**fresh, **options})
    return system, path


def _no_record(path: str, reason: object) -> BadRecord:
    return BadRecord(f"{path} is not a record: {reason}; remove it to run again")


def _made(kind: type[_Kept], path: str, data: Any) -> _Kept:
    """Of JSON that another version of the runner may have written: it may know more keys."""
    try:
        known = {each.name for each in fields(kind)}
        return kind(**{name: each for name, each in data.items() if name in known})
    except (TypeError, AttributeError) as error:
        raise _no_record(path, error) from None


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """Every file of a folder, or the one file itself, with its path below the stored folder."""
    if not source.is_dir():
        yield source.name, source
        return
    for folder, _, names in os.walk(source):
        for name in names:
            file = Path(folder, name)
            yield file.relative_to(source).as_posix(), file


def _content_digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _write_locally(path: str, content: Path | bytes) -> None:
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{os.path.basename(path)}.{uuid.uuid4().hex}.part")
    try:
        with open(part, "wb") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                with content.open("rb") as source:
                    shutil.copyfileobj(source, file, _CHUNK)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        if os.path.exists(part):
            os.unlink(part)
        raise


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Says of any failure which store it was; drivers raise what they please."""
    try:
        yield
    except StoreFailed:
        raise
    except ImportError as error:
        raise StoreFailed(f"no driver for {url} is installed: {error}") from error
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        may_pass = not isinstance(error, _LASTING)
        raise StoreFailed(f"the store {url} fails: {reason}", may_pass=may_pass) from error
