"""Names of files that mean something, wherever they lie."""

from __future__ import annotations

from typing import Final, TypeVar

OWNERSHIP_LIST: Final = ".gitopsc-files"
"""Names the files that an output folder owns; the folder that holds it is never read."""

SETTINGS_FILE: Final = "gitopsc.yaml"
"""Makes its folder a project."""

LOCK_FILE = "gitopsc.lock"
"""In a project's folder; what `gitopsc lock` pinned."""

BAKE_FILE = "images/docker-bake.json"
"""In an output folder: how each image is built."""

LOCAL_STORE = ".gitopsc/store"
"""The folder of a project that keeps what `gitopsc run` makes; it is never read as source."""

MOST_OF_DESCRIPTORS = 4 * 1024 * 1024
"""Bytes of the largest file with descriptors. A run's settings have to fit into a ConfigMap, and
data belongs into data entities."""

_ENVIRONMENT = "pyvenv.cfg"
"""In the folder of each virtual environment of Python."""

_COPIES = ".ipynb_checkpoints"
"""The folder of Jupyter's."""

_File = TypeVar("_File")


def manifest_folder(environment: str, group: str | None) -> str:
    """Below the output folder; names of environments and groups have no dot."""
    return f"manifests/{environment}.{group}" if group else f"manifests/{environment}"


def environment_of(path: str) -> str:
    """Of a manifest at a path that ends in its folder and its name."""
    return path.rsplit("/", 2)[-2].partition(".")[0]


def without_tools(files: dict[str, _File]) -> dict[str, _File]:
    """Files by their paths, without those of Python's virtual environments, and the copies that
    Jupyter keeps: nobody means them, and not everybody has Git ignore them."""
    homes = {path.removesuffix(_ENVIRONMENT) for path in files if path.endswith(f"/{_ENVIRONMENT}")}
    for path in files:
        if _COPIES in path and f"/{_COPIES}/" in f"/{path}":
            homes.add(f"{path[: path.index(_COPIES)]}{_COPIES}/")
    if not homes:
        return files
    left_out = tuple(homes)
    return {path: file for path, file in files.items() if not path.startswith(left_out)}
