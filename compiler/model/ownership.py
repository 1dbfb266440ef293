"""An output folder's list of files -> which of them are the compiler's, and what proves it.

The list is a file of the repository: whoever opens a pull request can write into it. So a line
counts only when the compiler could have written that file (design.md section 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from gitopsc.model.files import BAKE_FILE

_WRITTEN = re.compile(
    rf"{re.escape(BAKE_FILE)}"
    r"|images/runner/gitopsc_runner/.+"
    r"|images/[a-z0-9-]+/(?:Dockerfile|Dockerfile\.dockerignore|requirements\.txt|source/.+)"
    r"|manifests/[^/]+/[^/]+\.yaml"
    r"|controllers/[^/]+\.yaml"
    r"|reports/[^/]+\.json"
)
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")

_MANIFEST_MARK = "# Compiled from "
"""How the first line of a run's manifest begins, and that of a controller's object."""

_KUSTOMIZATION_MARK = (
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata:\n  name: "
)
_IGNORE_MARK = "# The build context holds what the Dockerfile copies, and nothing else.\n*\n"
_RUNNER_MARK = '"""What an image starts: '
_BAKE_MARK = '{\n  "group": {\n    "default": {\n      "targets": ['
_REPORT_MARK = '{\n  "edges": ['


class OwnershipList(NamedTuple):
    """`paths` are what the list names and the compiler could have written.

    `unknown` are the numbers of its other lines, from 1, and what they say.
    """

    paths: frozenset[str] = frozenset()
    unknown: tuple[tuple[int, str], ...] = ()


@lru_cache(maxsize=8)
def ownership(text: str) -> OwnershipList:
    """What a merge leaves in a list, its marks and blank lines, says nothing. One compile looks at
    the same list more than once."""
    paths = set()
    unknown = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line.strip() or line.startswith(_CONFLICT):
            continue
        if is_written_by_us(line):
            paths.add(line)
        else:
            unknown.append((number, line))
    return OwnershipList(frozenset(paths), tuple(unknown))


def is_written_by_us(path: str) -> bool:
    """Whether a compile could have written a file at this path of an output folder."""
    is_inside = path.isprintable() and not {"", ".", ".."} & set(path.split("/"))
    return is_inside and bool(_WRITTEN.fullmatch(path))


def is_marked(path: str, begins: Callable[[str, str], bool]) -> bool:
    """Whether what is there shows that a compile wrote it: the file, or another one of its folder.

    `begins` says whether the file at a path of the output folder begins with a text.
    """
    return any(begins(place, mark) for place, mark in _marks(path))


def _marks(path: str) -> Iterator[tuple[str, str]]:
    top, _, rest = path.partition("/")
    folder = f"{top}/{rest.partition('/')[0]}"
    if top == "manifests":
        yield path, _MANIFEST_MARK
        yield f"{folder}/kustomization.yaml", _KUSTOMIZATION_MARK
    elif top == "controllers":
        yield path, _MANIFEST_MARK
    elif top == "reports":
        yield path, _REPORT_MARK
    elif path == BAKE_FILE:
        yield path, _BAKE_MARK
    else:
        yield f"{folder}/Dockerfile.dockerignore", _IGNORE_MARK
        yield f"{folder}/gitopsc_runner/__init__.py", _RUNNER_MARK


def is_mark(path: str) -> bool:
    """Whether a file proves others: it is removed after them."""
    return path.endswith(
        ("/kustomization.yaml", "/Dockerfile.dockerignore", "/gitopsc_runner/__init__.py")
    )
