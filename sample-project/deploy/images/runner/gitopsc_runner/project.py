"""Settings and a store -> `project` and `run`, as handlers know them from the platform's SDK."""

from __future__ import annotations

import pickle
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gitopsc_runner.entities import (
    MATERIALS,
    Artifact,
    Covered,
    Dataitem,
    Material,
    Measured,
    Model,
    not_covered,
)
from gitopsc_runner.key import Key
from gitopsc_runner.outcome import Unusable, Waiting
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import Entity, Place, Store, declared_place, is_below, needed
from gitopsc_runner.table import is_frame, write_table
from gitopsc_runner.upstream import Upstream, version_of

_Material = TypeVar("_Material", bound=Material)
_DEFAULT_KINDS = {"artifact": "artifact", "dataitem": "table", "model": "model"}


class Run(Measured):
    """The run that is going on."""

    def __init__(self, settings: Settings) -> None:
        super().__init__({})
        self.name = self.id = settings.run
        self.project = settings.project
        self.kind = f"python+{settings.action}:run"
        self.key = f"store://{settings.project}/run/{self.kind}/{settings.run}"


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
        self.logged: dict[tuple[str, str], Material] = {}
        """By type and name, what this run has logged."""

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
            return MATERIALS[key.type](key.project, *self._at(key, version, read["path"]))
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
        logged = self.logged.get((type_, name)) if version is None else None
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
        material = self.logged[type_, name] = of(self.name, entity, place)
        return material

    def _log(
        self, of: type[_Material], kind: str, name: str, source: Any, **more: Any
    ) -> _Material:
        """Stores files or a table, and remembers that; the run's record then makes it count."""
        type_ = of.ENTITY_TYPE
        if more.get("path") is not None:
            not_covered(f"project.log_{type_}(path=...)")
        _check_name(name)
        store = needed(self._store)
        types: Mapping[str, str] = {}
        with tempfile.TemporaryDirectory() as folder:
            if is_frame(source):
                file, types = write_table(source, Path(folder), name)
            else:
                file = _gathered(source, Path(folder), f"{type_} `{name}`")
            path = store.keep_data(file, type_, name)
        entity = Entity(type_, kind, name, self.version, path, types=types)
        material = self.logged[type_, name] = of(self.name, entity, store.place(path))
        return material

    # Entities as objects

    def _stored(self, entity: Entity) -> Material:
        if "://" in entity.path:
            place = declared_place(self._settings, entity.path)
        else:
            place = needed(self._store).place(entity.path)
        return MATERIALS[entity.type](self.name, entity, place)

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
