"""A URL -> a store: data under the digest of its content, and a record of each run that is done.

    <store>/<project>/<environment>/data/<type>/<name>/<16 hex of the content>/<files>
    <store>/<project>/<environment>/records/<run>/<compute>.json

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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import fsspec

from gitopsc_runner.outcome import StoreFailed
from gitopsc_runner.settings import Settings, StoreAddress

SCHEDULED = "scheduled"
"""The record of a run that the clock starts: each time replaces it."""

_WHOLE_FILES = {"abfs", "abfss", "adl", "az", "gcs", "gs", "oci", "oss", "s3", "s3a"}
"""Object stores: an object is there whole or not at all."""

_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Entity:
    """Data as a record holds it. `path` is relative to the project's part of the store, or a URL.

    `version` is None for data that was only declared. `types` are those of a table's columns, where
    its format does not keep them.
    """

    type: str
    kind: str
    name: str
    version: str | None
    path: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """What a run made: entities by the name of the output, results and metrics by name."""

    project: str
    environment: str
    run: str
    function: str
    compute: str
    outputs: Mapping[str, Entity] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def output(self, type_: str, name: str) -> Entity | None:
        """The entity of that type and name."""
        for entity in self.outputs.values():
            if (entity.type, entity.name) == (type_, name):
                return entity
        return None


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
            self._system, root = fsspec.core.url_to_fs(address.url, **address.options)
        self.root = f"{root.rstrip('/')}/{project}/{environment}"
        protocol = self._system.protocol
        protocols = {protocol} if isinstance(protocol, str) else set(protocol)
        self._is_local = "file" in protocols
        self._has_whole_files = bool(protocols & _WHOLE_FILES)

    def record(self, run: str, name: str) -> Record | None:
        """The record of a run: `name` is a compute digest, or SCHEDULED. None when there is none.

        Raises StoreFailed when the store cannot say, or holds something that is not a record.
        """
        return self._record(f"{self.root}/records/{run}/{name}.json")

    def has_all_of(self, record: Record) -> bool:
        """Whether the data that a record names is there."""
        with _told(self.address.url):
            return all(
                "://" in entity.path or self._system.exists(f"{self.root}/{entity.path}")
                for entity in record.outputs.values()
            )

    def record_with(self, type_: str, name: str, version: str) -> Record | None:
        """The record of whichever run made a version of some data."""
        if not re.fullmatch(r"[A-Za-z0-9._-]+", version):
            return None
        with _told(self.address.url):
            paths = sorted(self._system.glob(f"{self.root}/records/*/{version}.json"))
        for path in paths:
            record = self._record(path)
            if record is not None and record.output(type_, name) is not None:
                return record
        return None

    def keep_record(self, record: Record, name: str, *, again: bool) -> Record:
        """Makes what a run did count. The first one stays, unless it is done `again`."""
        path = f"{self.root}/records/{record.run}/{name}.json"
        if not again and (first := self._record(path)) is not None:
            return first
        content = json.dumps(asdict(record), indent=1, sort_keys=True).encode() + b"\n"
        with _told(self.address.url):
            self._write(path, content)
        return record

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

    def place(self, path: str) -> Place:
        """Where the data of an Entity with a relative path is."""
        return Place(self._system, f"{self.root}/{path}")

    def _record(self, path: str) -> Record | None:
        with _told(self.address.url):
            try:
                # A listing may be an old one; what is read is not.
                text = self._system.cat_file(path)
            except FileNotFoundError:
                return None
        try:
            data = json.loads(text)
            outputs = {name: Entity(**each) for name, each in data.pop("outputs").items()}
            record = Record(outputs=outputs, **data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreFailed(f"{path} is not a record: {error}; remove it to run again") from None
        for entity in outputs.values():
            if not (is_inside(entity.path) or is_below(entity.path, self._stores)):
                message = f"{path} names data outside of the declared stores: {entity.path!r}"
                raise StoreFailed(f"{message}; remove it to run again")
        return record

    def _write(self, path: str, content: Path | bytes) -> None:
        """Puts a file there whole, in one step."""
        if self._is_local:
            _write_locally(path, content)
            return
        target = path if self._has_whole_files else f"{path}.{uuid.uuid4().hex}.part"
        if not self._has_whole_files:  # which have no folders, and would make a bucket
            self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
        if isinstance(content, bytes):
            self._system.pipe_file(target, content)
        else:
            self._system.put_file(str(content), target)
        if target != path:
            self._system.mv(target, path)


def open_store(settings: Settings) -> Store | None:
    """Where a run keeps what it makes, if there is such a place. Raises StoreFailed."""
    address = settings.addresses.get("default")
    if address is None:
        return None
    stores = [each.url for each in settings.addresses.values()]
    return Store(address, settings.project, settings.environment, stores)


def declared_place(settings: Settings, url: str) -> Place:
    """Data at a URL, opened with the options of the store that it is in. Raises StoreFailed."""
    options: Mapping[str, Any] = {}
    for address in settings.addresses.values():
        if url.startswith(address.url.rstrip("/") + "/"):
            options = address.options
    with _told(url):
        system, path = fsspec.core.url_to_fs(url, **options)
    return Place(system, path)


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
        raise StoreFailed(f"the store {url} fails: {reason}") from error
