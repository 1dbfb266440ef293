"""Tree -> Trees: the parts of a repository that are compiled apart.

A part is the folder of a settings file with all in it, when no other settings are above. Nothing
that compiling a part needs is outside of it, so parts may be compiled in any order, at once, or not
at all when nothing in one has changed. What is in no such folder is a part, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from gitopsc.model.files import MOST_OF_DESCRIPTORS, SETTINGS_FILE
from gitopsc.model.previous import Later, Previous
from gitopsc.model.source import SourceFile, Tree, Unreadable

_PROJECT = re.compile(rb"""["']?\bkind["']?[ \t]*:[ \t]*["']?project\b""")


def divide(tree: Tree) -> tuple[Tree, ...]:
    """Parts by folder; the one of what is left comes last, and has no folder of its own."""
    settings = (path for path in tree.paths if path.rpartition("/")[2] == SETTINGS_FILE)
    tops: list[str] = []
    for folder in sorted(path.removesuffix(SETTINGS_FILE) for path in settings):
        if not tops or not folder.startswith(tops[-1]):
            tops.append(folder)
    if not tops or "" in tops:
        return (tree,)
    parts = [{each.path: each for each in tree.below(top.rstrip("/"))} for top in tops]
    taken = {path for files in parts for path in files}
    rest = {path: file for path, file in tree.files.items() if path not in taken}
    before = cache(lambda: _by_part(tree.previous.names, tops))

    def previous_of(top: str) -> Previous:
        """What lies in no part any more may be of a project that has moved."""
        return tree.previous._replace(names=Later(lambda: {**before()[""], **before()[top]}))

    if any(_may_be_a_project(file) for file in rest.values()):
        return (tree,)  # its sources may lie in another project's folder
    return tuple(
        replace(
            tree,
            files=files,
            outputs=(),
            is_part=True,
            part=top,
            vendored={path: each for path, each in tree.vendored.items() if path.startswith(top)},
            previous=previous_of(top),
        )
        for top, files in [*zip(tops, parts, strict=True), ("", rest)]
    )


def _by_part(names: Mapping[str, str], tops: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """Paths by the part that they lie in, `""` for none."""
    found: dict[str, dict[str, str]] = {top: {} for top in ("", *tops)}
    for path, name in names.items():
        folders = (path[: end + 1] for end, char in enumerate(path) if char == "/")
        found[next((each for each in folders if each in found), "")][path] = name
    return found


def _may_be_a_project(file: SourceFile) -> bool:
    try:
        suffix = file.path.rpartition(".")[2]
        return suffix in ("yaml", "yml", "json") and bool(
            _PROJECT.search(file.head(MOST_OF_DESCRIPTORS))
        )
    except Unreadable:
        return False
