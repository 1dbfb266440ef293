"""Name of a data folder -> where it is, in a checkout and in an installed package alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

RUNTIME = "python"
"""The one runtime with a runner, in a folder below `templates/runtimes/`; containers have none."""

REQUIREMENTS = "requirements.txt"
"""What a runner needs, below its folder."""

_IN_CHECKOUT = {"errors": "tests/errors"}
_PACKAGE = Path(__file__).resolve().parents[1]


def data_folder(name: str) -> Path:
    """`schemas`, `templates`, `diagnostics` or `errors`, from the package itself or the checkout
    around it.

    The package is asked first: site-packages may hold other folders of such names.
    """
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / _IN_CHECKOUT.get(name, name)


@cache
def runner_files(runtime: str, schemes: tuple[str, ...] = ()) -> tuple[tuple[str, bytes], ...]:
    """The files of a runtime's runner: path below its folder, and content; sorted.

    Its requirements have the drivers for URLs of these schemes, where one is known.
    """
    home = data_folder("templates") / "runtimes" / runtime
    folder = home / "runner"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files_below(folder)}
    if schemes:
        known = json.loads((home / "drivers.json").read_bytes())
        lines = {known[scheme] for scheme in schemes if scheme in known}
        lines |= {*files[REQUIREMENTS].decode().splitlines()}
        files[REQUIREMENTS] = "".join(f"{line}\n" for line in sorted(lines)).encode()
    return tuple(sorted(files.items()))


@cache
def runner_requirements(runtime: str, schemes: tuple[str, ...]) -> tuple[str, ...]:
    """The lines of a runner's requirements, with those drivers; sorted."""
    files = dict(runner_files(runtime, schemes))
    return tuple(sorted(files[REQUIREMENTS].decode().split()))


class Packages(NamedTuple):
    """Of packages for a runtime: which have a module whose name is not their own, the usual one
    first, and which others each brings."""

    modules: Mapping[str, tuple[str, ...]]
    requires: Mapping[str, tuple[str, ...]]


@cache
def known_packages(runtime: str) -> Packages:
    file = data_folder("templates") / "runtimes" / runtime / "packages.json"
    known = json.loads(file.read_bytes())
    return Packages(known["modules"], known["requires"])


class Field(NamedTuple):
    """A field of a type of Kubernetes: of which type, in a `list` or a `mapping`. Items of a list
    that merges are known `by` a key, or are themselves what they are known by. Some versions do not
    have it."""

    type: str
    home: str | None = None
    by: str | None = None
    required: bool = False
    since: str | None = None
    until: str | None = None


@cache
def kubernetes_fields() -> Mapping[str, Mapping[str, Field]]:
    """Of every type in the objects that gitopsc makes, as Kubernetes publishes them."""
    file = data_folder("templates") / "targets" / "kubernetes" / "fields.json"
    return {
        name: {key: _field(each) for key, each in fields.items()}
        for name, fields in json.loads(file.read_bytes()).items()
    }


def _field(data: str | dict[str, Any]) -> Field:
    if isinstance(data, str):
        return Field(data)
    return Field(home=data.pop("in", None), **data)


@cache
def container_files() -> Mapping[str, str]:
    """What stands beside a container, by name: the runner's handler, and what a shell starts."""
    home = data_folder("templates") / "runtimes" / "container"
    return {path.name: path.read_text(encoding="utf-8") for path in files_below(home)}


def runner_program() -> str:
    """The runner itself, as a Python starts it."""
    return str(data_folder("templates") / "runtimes" / RUNTIME / "runner" / "gitopsc_runner")


def collector_program() -> str:
    """What deletes from stores: no image has it."""
    return str(data_folder("templates") / "runtimes" / RUNTIME / "collector")


def files_below(folder: Path) -> Iterator[Path]:
    """Sorted; without what installing leaves beside a module."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
