"""Names of files that mean something, wherever they lie."""

from __future__ import annotations

from typing import Final

OWNERSHIP_LIST: Final = ".gitopsc-files"
"""Names the files that an output folder owns; the folder that holds it is never read."""

SETTINGS_FILE: Final = "gitopsc.yaml"
"""Makes its folder a project."""

LOCK_FILE = "gitopsc.lock"
"""In a project's folder; what `gitopsc lock` pinned."""

LOCAL_STORE = ".gitopsc/store"
"""The folder of a project that keeps what `gitopsc run` makes; it is never read as source."""


def manifest_folder(environment: str, group: str | None) -> str:
    """Below the output folder; names of environments and groups have no dot."""
    return f"manifests/{environment}.{group}" if group else f"manifests/{environment}"


def environment_of(path: str) -> str:
    """Of a manifest at a path that ends in its folder and its name."""
    return path.rsplit("/", 2)[-2].partition(".")[0]
