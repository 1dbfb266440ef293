"""A folder -> what is in it that Git does not ignore, and whether that is still the same.

Only light modules are imported here, as in `memory`: most compiles need no more than these two.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from gitopsc.adapters.git import Files, GitRefused, sides_of_merge
from gitopsc.adapters.git import start_listing as start_git
from gitopsc.adapters.memory import Part, digest, part
from gitopsc.model.files import (
    LOCAL_STORE,
    OWNERSHIP_LIST,
    SETTINGS_FILE,
    without_tools,
)
from gitopsc.model.ownership import OwnershipList, ownership

if TYPE_CHECKING:
    from gitopsc.model.diagnostic import Diagnostic


class Listed(NamedTuple):
    """What is below a folder: paths relative to it, and whether a tracked one is executable."""

    files: Files
    is_repository: bool


Listing = Callable[[], Listed]
"""Waits for the listing to be made, which is once, and gives it. May raise GitRefused."""


def start_listing(root: str) -> Listing:
    """Has Git list what it does not ignore; outside of every repository, that is all."""
    from_git = start_git(root)

    @cache
    def listing() -> Listed:
        files = from_git()
        if files is None:
            walked = dict.fromkeys(_walk(root))
            return Listed(without_tools(walked), is_repository=False)
        return Listed(without_tools(files), is_repository=True)

    return listing


def listing_digest(root: str, listing: Listing, targets: Iterable[str]) -> bytes | None:
    """Of all paths outside of outputs, of others' outputs, and of a project around it all.

    `targets` are the folders that are written to: they may be new, and not in the listing yet.
    """
    try:
        files, is_repository = listing()
    except GitRefused:
        return None
    found = output_folders(root, files)
    ours = {f"{os.path.relpath(os.path.realpath(target), root)}/" for target in targets}
    outputs = (*found, *ours)
    names = [
        f"{path}\0{_is_executable(f'{root}/{path}') if executable is None else executable}"
        for path, executable in files.items()
        if not path.startswith(outputs)
    ]
    names.sort()
    others = sorted(set(found) - ours)
    text = "\0".join((*names, "", *others, str(enclosing_settings(root)), str(is_repository)))
    return digest(text.encode("utf-8", "surrogateescape"))


def _is_executable(path: str) -> bool:
    """What Git will say of an untracked file once it is added."""
    try:
        return bool(os.lstat(path).st_mode & stat.S_IXUSR)
    except OSError:
        return False


def tracked_below(folder: str) -> frozenset[str]:
    """The files of a folder that Git has in its index, relative to it; none where it has no say."""
    try:
        files = start_git(os.path.realpath(folder))() or {}
    except GitRefused:
        return frozenset()
    return frozenset(path for path, executable in files.items() if executable is not None)


def left_out(root: str, listing: Listing, read: Container[str]) -> Part:
    """What is listed and not `read`: a file that was deleted, a socket, a folder of a submodule."""
    files = listing().files
    outputs = output_folders(root, files)
    paths = [path for path in files if path not in read and not path.startswith(outputs)]
    return part((), [], [], (), None, others=[f"{root}/{path}" for path in paths])


def output_folders(root: str, files: Iterable[str]) -> tuple[str, ...]:
    """Folders that hold an ownership list, each with `/` at its end; `""` for the root."""
    return tuple(
        path.removesuffix(OWNERSHIP_LIST)
        for path in files
        if path.endswith(OWNERSHIP_LIST)
        and path.rpartition("/")[2] == OWNERSHIP_LIST
        and os.path.lexists(f"{root}/{path}")
    )


_LONGEST_LIST = 16 * 1024 * 1024


def owned_by(folder: str | os.PathLike[str]) -> OwnershipList:
    """What an output folder's list says; nothing where there is none.

    A link is not followed: nothing of a file that nobody else has is shown. Raises OSError for one
    that may not be read.
    """
    path = os.path.join(folder, OWNERSHIP_LIST)
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return OwnershipList(unknown=((1, "not a file"),))
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(path, flags), encoding="utf-8", errors="replace", newline="") as file:
            text = file.read(_LONGEST_LIST + 1)
            if len(text) > _LONGEST_LIST:
                return OwnershipList(unknown=((1, text[:100]),))
            return ownership(text)
    except (FileNotFoundError, NotADirectoryError):
        return OwnershipList()


def owned_on_all_sides(folder: str | os.PathLike[str]) -> OwnershipList:
    """The same; while a merge is under way, also what the list of any side says (design.md
    section 4b)."""
    own = owned_by(folder)
    sides = sides_of_merge(os.path.realpath(folder), OWNERSHIP_LIST)
    lists = [ownership(each.decode("utf-8", "replace")[:_LONGEST_LIST]) for each in sides]
    return own._replace(paths=own.paths.union(*(each.paths for each in lists)))


def owned_below(root: str, outputs: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """What each output folder owns, as far as one may read that: who writes there says so."""
    found = {}
    for output in outputs:
        with suppress(PermissionError):
            found[output] = owned_by(f"{root}/{output}").paths
    return found


def ignored_outputs(
    root: str, files: Container[str], owned: Mapping[str, Iterable[str]]
) -> tuple[Diagnostic, ...]:
    """What is missing in every clone: owned files that Git does not list, the first of an output.

    Who leaves out a whole output means it.
    """
    from gitopsc.model.diagnostic import IGNORED_OUTPUT, Diagnostic
    from gitopsc.model.source import Span

    problems = []
    for output, paths in owned.items():
        unlisted = (f"{output}{path}" for path in paths if f"{output}{path}" not in files)
        ignored = [path for path in unlisted if os.path.lexists(f"{root}/{path}")]
        if ignored:
            message = f"Git ignores `{min(ignored)}`, a part of the output: no clone will have it"
            hint = f"write `!/{output}**` into .gitignore"
            problems.append(Diagnostic(IGNORED_OUTPUT, message, Span(min(ignored)), hint))
    return tuple(problems)


def enclosing_settings(root: str) -> str | None:
    """The settings of the project around a folder of one, relative to it."""
    above = ".."
    while not os.path.exists(os.path.join(root, ".git")):
        parent = os.path.dirname(root)
        if parent == root:
            return None
        root = parent
        if os.path.exists(os.path.join(root, SETTINGS_FILE)):
            return f"{above}/{SETTINGS_FILE}"
        above += "/.."
    return None


def _walk(root: str) -> Iterator[str]:
    """Every file below a folder, relative to it, but for those of Git and of a store of ours."""
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(f"{root}/{folder}"))
        except OSError:
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not path.isprintable():
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield path
            elif entry.name != ".git" and not path.endswith(LOCAL_STORE):
                folders.append(path)
