"""Entities of a store -> the objects that handlers know from the platform's SDK.

What is covered is what handlers do every day; the rest raises NotCovered, which says so.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from gitopsc_runner.outcome import Unusable
from gitopsc_runner.store import Entity, Place, is_inside
from gitopsc_runner.table import FORMATS, read_tables

_DEEPEST = 50
COVERAGE = "see `The SDK` in gitopsc's docs/handlers.md for what is"


class NotCovered(AttributeError):
    """A part of the SDK that needs the platform."""


def not_covered(what: str) -> NoReturn:
    raise NotCovered(f"`{what}` is not covered by gitopsc's runner; {COVERAGE}")


class Covered:
    """An object of the SDK, of which only a part is here."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        not_covered(f"{type(self).__name__.lower()}.{name}")


def json_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a record can hold of some values; of anything else, how it is printed."""
    return {str(key): _json_of(value, _DEEPEST) for key, value in values.items()}


def _json_of(value: Any, depth: int) -> Any:
    """Numbers and arrays of numpy become plain ones; a set is sorted."""
    for convert in ("tolist", "item"):
        if hasattr(value, convert):
            value = getattr(value, convert)()
            break
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if depth == 0:
        return str(type(value))
    if isinstance(value, Mapping):
        return {str(key): _json_of(each, depth - 1) for key, each in value.items()}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple)):
        return [_json_of(each, depth - 1) for each in value]
    return str(value)


class Measured(Covered):
    """Something that has metrics: a run or a model."""

    def __init__(self, metrics: Mapping[str, Any]) -> None:
        self.metrics: dict[str, Any] = dict(metrics)

    def log_metric(
        self, key: str, value: Any, overwrite: bool = False, single_value: bool = False
    ) -> None:
        """A number, or a list of them; numbers under one key become a list."""
        if isinstance(value, list):
            before = [] if overwrite else self._series(key)
            self.metrics[key] = [*before, *map(_number, value)]
        elif single_value:
            self.metrics[key] = _number(value)
        else:
            before = [] if overwrite else self._series(key)
            self.metrics[key] = [*before, _number(value)]

    def log_metrics(self, metrics: Mapping[str, Any], overwrite: bool = False) -> None:
        """Several at once: a list as a list, a number as a single one."""
        for key, value in metrics.items():
            self.log_metric(key, value, overwrite, single_value=not isinstance(value, list))

    def _series(self, key: str) -> list[Any]:
        before = self.metrics.get(key, [])
        return before if isinstance(before, list) else [before]


def _number(value: Any) -> int | float:
    """Numbers of numpy and tensors of one element have `item`."""
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        raise TypeError(f"a metric is a number or a list of numbers, not {type(value).__name__}")
    return plain


class Fields(SimpleNamespace):
    """A part of an entity: what is there, and what a function adds."""

    def to_dict(self) -> dict[str, Any]:
        return {key: _plain(value) for key, value in vars(self).items()}


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Fields) else value


def _fields(part: Any) -> Mapping[str, Any]:
    """Of a part that a function may have put something else in the place of."""
    return part if isinstance(part, Mapping) else getattr(part, "__dict__", {})


class Described(Covered):
    """An entity as the platform describes it. A function may put other parts in place of these."""

    kind: str
    project: str
    name: str
    id: str | None
    key: str
    metadata: Any
    spec: Any
    status: Any

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "metadata": _plain(self.metadata),
            "spec": _plain(self.spec),
            "status": _plain(self.status),
            "project": self.project,
            "name": self.name,
            "id": self.id,
            "key": self.key,
        }


class MaterialStatus(Fields):
    """Of data: its files are looked up when they are asked for."""

    def __init__(self, material: Material) -> None:
        super().__init__(state="READY")
        self._material = material

    @property
    def files(self) -> list[dict[str, Any]]:
        return self._material.list_files()

    @property
    def metrics(self) -> dict[str, Any]:
        return dict(getattr(self._material, "metrics", self._material.entity.metrics))

    def to_dict(self) -> dict[str, Any]:
        return {"state": self.state, "files": self.files, "metrics": self.metrics}


class Material(Described):
    """An artifact, a dataitem or a model. Its files are fetched when they are asked for.

    `saving` is told when a function has noted something of it.
    """

    ENTITY_TYPE = ""

    def __init__(
        self,
        project: str,
        entity: Entity,
        place: Place | None,
        saving: Callable[[Material], None] | None = None,
    ) -> None:
        self.entity = entity
        self.project = project
        self.name = entity.name
        self.kind = entity.kind
        self.id = entity.version
        version = f":{self.id}" if self.id else ""
        self.key = f"store://{project}/{entity.type}/{self.kind}/{self.name}{version}"
        self.spec = Fields(path=place.url if place else entity.path, **entity.spec)
        known = {"project": project, "name": entity.name, "version": entity.version}
        self.metadata = Fields(**{**known, "labels": [], **entity.metadata})
        self.status = MaterialStatus(self)
        self._given = set(known)
        self._place = place
        self._saving = saving

    def __deepcopy__(self, memo: dict[int, Any]) -> Material:
        """What was noted is a copy; its file is the same one."""
        found = copy(self)
        memo[id(self)] = found
        found.metadata, found.spec = deepcopy(self.metadata, memo), deepcopy(self.spec, memo)
        found.status = MaterialStatus(found)
        return found

    def current(self) -> Entity:
        """As it is now: a function may have written to it."""
        spec = {key: each for key, each in _fields(self.spec).items() if key != "path"}
        noted = {
            key: each for key, each in _fields(self.metadata).items() if key not in self._given
        }
        if noted.get("labels") == [] and "labels" not in self.entity.metadata:
            del noted["labels"]
        return replace(self.entity, spec=json_of(spec), metadata=json_of(noted))

    def save(self, update: bool = False) -> Material:
        """Keeps what was noted of it in the record of the run."""
        self.entity = self.current()
        if self._saving is not None:
            self._saving(self)
        return self

    def refresh(self) -> Material:
        """As it is: nobody else changes a version."""
        return self

    def list_files(self) -> list[dict[str, Any]]:
        """Its files, as the platform lists them."""
        place = self._there()
        single = place.system.isfile(place.path)
        found = []
        for name in self._names(place):
            path = place.path if single else f"{place.path.rstrip('/')}/{name}"
            size = place.system.size(path)
            found.append({"path": name, "name": name.rpartition("/")[2], "size": size})
        return found

    def __repr__(self) -> str:
        return f"<{self.key}>"

    def as_file(self) -> str:
        """Its file, below a temporary folder; of several files, the folder."""
        folder = tempfile.mkdtemp(prefix=f"{self.name}-")
        self._fetch(Path(folder))
        place = self._there()
        is_single = place.system.isfile(place.path)
        return os.path.join(folder, Path(place.path).name) if is_single else folder

    def download(self, destination: str | None = None, overwrite: bool = False) -> str:
        """The path of its file, or of the folder of its files, below `destination`.

        A destination with a suffix is what the one file is to be called. Raises FileExistsError
        for a file that is there, unless it is to be overwritten.
        """
        target = Path(destination or self.entity.type)
        place = self._there()
        single = place.system.isfile(place.path)
        if (
            single
            and not target.is_dir()
            and (target.suffix and not str(destination).endswith("/"))
        ):
            names = {Path(place.path).name: target}
            found = target
        else:
            names = {name: target / name for name in self._names(place)}
            found = target / Path(place.path).name if single else target
        for file in names.values():
            if file.exists() and not overwrite:
                raise FileExistsError(f"{file} is there already; write `overwrite=True`")
        with tempfile.TemporaryDirectory() as folder:
            self._fetch(Path(folder))
            for name, file in names.items():
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(os.path.join(folder, name), file)
        return str(found)

    def _there(self) -> Place:
        """Raises FileNotFoundError when its file is gone."""
        if self._place is None:
            raise Unusable(f"{self.entity.type} `{self.name}` has no file")
        if not self._place.system.exists(self._place.path):
            message = f"the file of {self.entity.type} `{self.name}` is gone, or out of reach"
            hint = "make the run that produces it run again, or put the file back"
            raise FileNotFoundError(f"{message}: {self.spec.path}; {hint}")
        return self._place

    def _names(self, place: Place) -> list[str]:
        """Its files, relative to its folder."""
        if place.system.isfile(place.path):
            return [Path(place.path).name]
        root = place.path.rstrip("/") + "/"
        names = sorted(each.removeprefix(root) for each in place.system.find(place.path))
        for name in names:
            if not is_inside(name):
                what = f"{self.entity.type} `{self.name}`"
                raise Unusable(f"{what} has a file whose name leads out of its folder: {name!r}")
        return names

    def _fetch(self, folder: Path) -> None:
        place = self._there()
        single = place.system.isfile(place.path)
        for name in self._names(place):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = place.path if single else f"{place.path.rstrip('/')}/{name}"
            place.system.get_file(source, str(target))


class Artifact(Material):
    """Files."""

    ENTITY_TYPE = "artifact"


class Dataitem(Material):
    """Files, or a table."""

    ENTITY_TYPE = "dataitem"

    def as_df(
        self, file_format: str | None = None, engine: str | None = None, **options: Any
    ) -> Any:
        """A data frame of pandas or polars. The format is told by the file's name, if not here.

        A folder of tables of one format is one table, in the order of their names.
        """
        place = self._there()
        names = self._names(place)
        forms = {Path(name).suffix.removeprefix(".").lower() for name in names}
        if not place.system.isfile(place.path) and not (len(forms) == 1 and forms <= {*FORMATS}):
            hint = "read its files below `as_file()`"
            raise Unusable(f"dataitem `{self.name}` is a folder: {hint}")
        form = file_format or next(iter(forms), "")
        if form not in FORMATS:
            known = " or ".join(f"file_format='{each}'" for each in FORMATS)
            raise Unusable(f"dataitem `{self.name}` has an unknown format: {form!r}; write {known}")
        types = self.entity.types
        if "file" in place.system.protocol:
            files = [place.path]
            if not place.system.isfile(place.path):
                files = [os.path.join(place.path, name) for name in names]
            return read_tables(files, form, engine, types, **options)
        with tempfile.TemporaryDirectory() as folder:
            self._fetch(Path(folder))
            files = [os.path.join(folder, name) for name in names]
            return read_tables(files, form, engine, types, **options)


class Model(Material, Measured):
    """Files, with metrics."""

    ENTITY_TYPE = "model"

    def __init__(
        self,
        project: str,
        entity: Entity,
        place: Place | None,
        saving: Callable[[Material], None] | None = None,
    ) -> None:
        Material.__init__(self, project, entity, place, saving)
        Measured.__init__(self, entity.metrics)


MATERIALS: Mapping[str, type[Material]] = {
    each.ENTITY_TYPE: each for each in (Artifact, Dataitem, Model)
}
