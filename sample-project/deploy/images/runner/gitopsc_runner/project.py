"""Settings and a store -> `project` and `run`, as handlers know them from the platform's SDK."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gitopsc_runner.entities import (
    MATERIALS,
    Artifact,
    Covered,
    Dataitem,
    Described,
    Fields,
    Material,
    Measured,
    Model,
    json_of,
    not_covered,
)
from gitopsc_runner.key import Key
from gitopsc_runner.outcome import Unusable, Waiting
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import Entity, Place, Record, Store, declared_place, is_below, needed
from gitopsc_runner.table import is_frame, left_out, write_table
from gitopsc_runner.upstream import Upstream, version_of

_Material = TypeVar("_Material", bound=Material)
_METADATA = ("description", "embedded", "labels")
"""What is logged with data, and said of it rather than of what is in it."""

_OF_WRITING = ("data", "drop_existing", "extension", "file_format", "index", "uuid")
"""Arguments that say how data is written, and are no part of it."""

_DEFAULT_KINDS = {"artifact": "artifact", "dataitem": "table", "model": "model"}


class Run(Described, Measured):
    """A run: the one that goes on, or one that is done and has its `record`."""

    def __init__(self, settings: Settings, record: Record | None = None) -> None:
        super().__init__(record.metrics if record is not None else {})
        self.name = self.id = settings.run if record is None else record.run
        self.project = settings.project
        self.kind = f"python+{settings.action if record is None else 'job'}:run"
        self.key = f"store://{settings.project}/run/{self.kind}/{self.name}"
        parameters = settings.parameters if record is None else record.parameters
        self.spec = Fields(parameters=dict(parameters))
        self.metadata = Fields(project=settings.project, name=self.name, labels=[])
        self.status = Fields(
            state="RUNNING" if record is None else "COMPLETED",
            metrics=self.metrics,
            outputs={},
            results={},
        )
        if record is not None:
            self.status.results = dict(record.results)
            self.status.outputs = {
                name: f"store://{record.project}/{each.type}/{each.kind}/{each.name}:{each.version}"
                for name, each in record.outputs.items()
            }

    def refresh(self) -> Run:
        return self


class Secret(Covered):
    """A secret that the run names, which its variable holds."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read_secret_value(self) -> str:
        return os.environ[self.name]


class Project(Covered):
    """The project of the run. Data that is logged here counts once the run is done.

    It reads what is `upstream`, however long it lives: newer data is another project's. What is
    logged is a version of the run's `tick`, if the clock has started it.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store | None,
        upstream: Upstream | None = None,
        tick: int | None = None,
    ) -> None:
        self.name = self.id = settings.project
        self.key = f"store://{settings.project}"
        self._settings = settings
        self._store = store
        self._upstream = upstream or Upstream()
        self.version = version_of(settings, tick)
        self.run = Run(settings)
        self.saved: dict[str, Material] = {}
        """By key, other runs' data of which this one has noted something."""

        self.logged: dict[tuple[str, str], Material] = {}
        """By type and name, what this run has logged."""

        self.remarks: list[str] = []
        """What its author should know of what was stored, and of what was not."""

    # Reading

    def get_artifact(self, identifier: str, entity_id: str | None = None) -> Artifact:
        return self._get(Artifact, identifier, entity_id)

    def get_dataitem(self, identifier: str, entity_id: str | None = None) -> Dataitem:
        return self._get(Dataitem, identifier, entity_id)

    def get_model(self, identifier: str, entity_id: str | None = None) -> Model:
        return self._get(Model, identifier, entity_id)

    def input(self, read: Mapping[str, str]) -> Material:
        """What the settings say is read: what a run has made, or lies at a declared path."""
        key = Key.parse(read["key"])
        if key is None:
            raise Unusable(f"`{read['key']}` is not a key of data")
        version = read.get("version")
        if (producer := read.get("producer")) is not None:
            record = self._upstream.records.get(producer)
            entity = record.output(key.type, key.name) if record else None
            if record is None:
                raise Waiting(f"`{producer}` has not run yet")
            if entity is None:
                raise Unusable(f"`{producer}` is done, and has made no {key.type} `{key.name}`")
            return self._stored(entity)
        if "path" in read:
            entity, place = self._at(key, version, read["path"])
            return MATERIALS[key.type](key.project, entity, place, self._save)
        if version is not None and (found := self._version(key.type, key.name, version)):
            return found
        raise Unusable(
            f"no run made {read['key']} in this store, and it is declared without a path"
        )

    def _get(self, of: type[_Material], identifier: str, version: str | None) -> _Material:
        type_ = of.ENTITY_TYPE
        key = Key.parse(identifier)
        if key is None and "/" in identifier:
            raise Unusable(f"`{identifier}` is neither a name nor a key of data")
        if key is not None and (key.type, key.project) != (type_, self.name):
            raise Unusable(f"`{identifier}` is not a {type_} of project {self.name}")
        name = key.name if key else identifier
        version = version or (key.version if key else None)
        is_own = version in (None, self.version)
        logged = self.logged.get((type_, name)) if is_own else None
        if isinstance(logged, of):
            return logged
        for read in self._settings.reads:
            known = Key.parse(read["key"])
            is_meant = known is not None and (known.type, known.name) == (type_, name)
            if is_meant and version in (None, read.get("version")):
                found = self.input(read)
                if isinstance(found, of):
                    return found
        stored = self._version(type_, name, version) if version is not None else None
        if isinstance(stored, of):
            return stored
        message = f"the run does not say that it reads {type_} `{name}`"
        what = f" in version {version}, and the store has none" if version else ""
        hint = f"add `store://{self.name}/{type_}/{_DEFAULT_KINDS[type_]}/{name}` to its `inputs`"
        raise Unusable(f"{message}{what}: {hint}, or pass the key as a parameter")

    def _version(self, type_: str, name: str, version: str) -> Material | None:
        entity = self._store.version(type_, name, version) if self._store else None
        return self._stored(entity) if entity else None

    def list_artifacts(self, **_: Any) -> list[Material]:
        return self._listed("artifact")

    def list_dataitems(self, **_: Any) -> list[Material]:
        return self._listed("dataitem")

    def list_models(self, **_: Any) -> list[Material]:
        return self._listed("model")

    def _listed(self, type_: str) -> list[Material]:
        """What the run is known to read, and what it has logged: more is not known here."""
        found = [material for (kind, _), material in self.logged.items() if kind == type_]
        for read in self._settings.reads:
            key = Key.parse(read["key"])
            if key is not None and key.type == type_:
                found.append(self.input(read))
        return found

    def get_run(self, identifier: str, **_: Any) -> Run:
        """The run that goes on, or the newest of another that is done here."""
        name = identifier.rpartition("/")[2].partition(":")[0]
        if name in (self.run.name, os.environ.get("RUN_ID")):
            return self.run
        cleaned = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
        latest = needed(self._store).latest(cleaned, time.time())
        if latest is None:
            raise Unusable(f"no run `{name}` is done in this store")
        return Run(self._settings, latest.record)

    def get_secret(self, name: str, **_: Any) -> Secret:
        if name not in self._settings.secrets or name not in os.environ:
            raise Unusable(f"the run does not name the secret `{name}`: add it to its `secrets`")
        return Secret(name)

    # Logging

    def new_artifact(self, name: str, kind: str = "artifact", path: str = "", **_: Any) -> Artifact:
        return self._new(Artifact, kind, name, path)

    def new_dataitem(self, name: str, kind: str = "dataitem", path: str = "", **_: Any) -> Dataitem:
        return self._new(Dataitem, kind, name, path)

    def new_model(self, name: str, kind: str = "model", path: str = "", **_: Any) -> Model:
        return self._new(Model, kind, name, path)

    def log_artifact(
        self, name: str, kind: str = "artifact", source: Any = None, **more: Any
    ) -> Artifact:
        return self._log(Artifact, kind, name, source, **more)

    def log_generic_artifact(self, name: str, source: Any = None, **more: Any) -> Artifact:
        return self._log(Artifact, "artifact", name, source, **more)

    def log_dataitem(
        self,
        name: str,
        kind: str = "dataitem",
        source: Any = None,
        data: Any = None,
        **more: Any,
    ) -> Dataitem:
        return self._log(Dataitem, kind, name, source if data is None else data, **more)

    def log_generic_dataitem(self, name: str, source: Any = None, **more: Any) -> Dataitem:
        return self._log(Dataitem, "dataitem", name, source, **more)

    def log_table(self, name: str, source: Any = None, data: Any = None, **more: Any) -> Dataitem:
        if "sql" in more:
            not_covered("project.log_table(sql=...)")
        return self._log(Dataitem, "table", name, source if data is None else data, **more)

    def log_croissant(self, name: str, source: Any = None, **more: Any) -> Dataitem:
        return self._log(Dataitem, "croissant", name, source, **more)

    def log_model(self, name: str, kind: str = "model", source: Any = None, **more: Any) -> Model:
        return self._log(Model, kind, name, source, **more)

    def log_generic_model(self, name: str, source: Any = None, **more: Any) -> Model:
        return self._log(Model, "model", name, source, **more)

    def log_mlflow(self, name: str, source: Any = None, **more: Any) -> Model:
        return self._log(Model, "mlflow", name, source, **more)

    def log_sklearn(self, name: str, source: Any = None, **more: Any) -> Model:
        return self._log(Model, "sklearn", name, source, **more)

    def log_huggingface(self, name: str, source: Any = None, **more: Any) -> Model:
        return self._log(Model, "huggingface", name, source, **more)

    def keep(self, type_: str, kind: str, name: str, value: Any) -> Material:
        """Stores a value that a handler returned: files by their paths, a table, else a pickle."""
        _check_name(name)
        if is_frame(value) or isinstance(value, (str, Path)):
            return self._log(MATERIALS[type_], kind, name, value)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"{name}.pickle")
            try:
                content = pickle.dumps(value)
            except Exception as error:
                message = f"the output `{name}` is a {type(value).__name__}, which cannot be stored"
                raise Unusable(f"{message}: {error}; return data, a file or a table") from error
            file.write_bytes(content)
            return self._log(MATERIALS[type_], kind, name, file)

    def _new(self, of: type[_Material], kind: str, name: str, path: str) -> _Material:
        type_ = of.ENTITY_TYPE
        if not path:
            not_covered(f"project.new_{type_}(...)` without `path")
        entity, place = self._at(Key(self.name, type_, kind, name, None), None, path)
        stores = [each.url for each in self._settings.addresses.values()]
        if not is_below(path, stores):
            hint = "declare that under `stores` in gitopsc.yaml, or log the data"
            raise Unusable(f"{type_} `{name}` is at {path}, which no declared store has: {hint}")
        material = self.logged[type_, name] = of(self.name, entity, place, self._save)
        return material

    def _save(self, material: Material) -> None:
        if self.logged.get((material.ENTITY_TYPE, material.name)) is not material:
            self.saved[material.key] = material

    def _log(
        self, of: type[_Material], kind: str, name: str, source: Any, **more: Any
    ) -> _Material:
        """Stores files or a table, and remembers that; the run's record then makes it count."""
        type_ = of.ENTITY_TYPE
        _check_name(name)
        path = more.pop("path", None)
        types: Mapping[str, str] = {}
        with tempfile.TemporaryDirectory() as folder:
            if is_frame(source):
                file, types = write_table(source, Path(folder), name)
                self.remarks += left_out(source, name)
            else:
                file = _gathered(source, Path(folder), f"{type_} `{name}`")
            if path is None:
                path = needed(self._store).keep_data(file, type_, name)
                place = needed(self._store).place(path)
            else:
                place = self._put(file, str(path), f"{type_} `{name}`")
                path = place.url
        noted = {key: more.pop(key) for key in _METADATA if key in more}
        metrics = more.pop("metrics", None) or {}
        spec = {key: each for key, each in more.items() if key not in _OF_WRITING}
        entity = Entity(
            type_,
            kind,
            name,
            self.version,
            path,
            metrics=json_of(metrics),
            types=types,
            spec=json_of(spec),
            metadata=json_of(noted),
        )
        material = self.logged[type_, name] = of(self.name, entity, place, self._save)
        return material

    def _put(self, file: Path, path: str, what: str) -> Place:
        """Where a function says that data is to be, if that is in a store that is declared."""
        stores = [each.url for each in self._settings.addresses.values()]
        if not is_below(path.rstrip("/"), stores):
            hint = "declare that under `stores` in gitopsc.yaml, or leave `path` out"
            raise Unusable(f"{what} is to be at {path}, which no declared store has: {hint}")
        place = declared_place(self._settings, path)
        if path.endswith("/") and not file.is_dir():
            place = Place(place.system, f"{place.path.rstrip('/')}/{file.name}")
        root = place.path.rstrip("/")
        for each in sorted(file.rglob("*")) if file.is_dir() else [file]:
            if each.is_file():
                target = f"{root}/{each.relative_to(file).as_posix()}" if file.is_dir() else root
                place.system.makedirs(target.rpartition("/")[0], exist_ok=True)
                place.system.put_file(str(each), target)
        return place

    # Entities as objects

    def _stored(self, entity: Entity) -> Material:
        if "://" in entity.path:
            place = declared_place(self._settings, entity.path)
        else:
            place = needed(self._store).place(entity.path)
        return MATERIALS[entity.type](self.name, entity, place, self._save)

    def _at(self, key: Key, version: str | None, path: str) -> tuple[Entity, Place]:
        """What lies at a path that someone declares."""
        place = declared_place(self._settings, path)
        return Entity(key.type, key.kind, key.name, version, place.url), place


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9._+-]{1,200}", name) or not name.strip("."):
        raise Unusable(f"`{name}` cannot be a name of data: use letters, digits and `. _ + -`")


def _gathered(source: Any, folder: Path, what: str) -> Path:
    """The one file or folder that is to be stored; several files are brought together."""
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not path.exists():
            raise Unusable(f"{what}: there is no file or folder {source}")
        if path.is_dir() and not any(each.is_file() for each in path.rglob("*")):
            raise Unusable(f"{what}: there is no file in the folder {source}")
        return path
    if not isinstance(source, Sequence) or not source:
        raise Unusable(f"{what} is made of a file, a folder or a table, not {source!r:.80}")
    for each in map(Path, source):
        if not each.is_file():
            raise Unusable(f"{what}: there is no file {each}")
        if (folder / each.name).exists():
            raise Unusable(f"{what}: two of its files are called {each.name}; log their folder")
        shutil.copy(each, folder / each.name)
    return folder
