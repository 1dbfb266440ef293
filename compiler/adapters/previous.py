"""The base of a change -> what of it clusters have: the manifests that a commit holds.

The base is the commit that somebody names, else where this branch left the default branch of
`origin`, else HEAD. Only light modules are imported here, as in `memory`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from gitopsc.adapters.git import GitRefused, commit_of, path_in_repository, start_asking
from gitopsc.model.previous import Later, Previous

_DEFAULT_BRANCHES = tuple(f"refs/remotes/origin/{each}" for each in ("HEAD", "main", "master"))
"""A clone knows which branch is the default one; what CI fetches by itself may not."""

_MANIFEST = re.compile(r"(?:.*/)?manifests/[^/]+/[^/]+\.yaml")


Base = Callable[[], str | None]
"""Waits for the base to be found, which is once. Raises GitRefused for a commit that somebody has
named and that is not there."""


def start_base(folder: str, named: str | None) -> Base:
    """Has Git find the base; what is returned gives its commit, None where there is none."""
    if named is not None:
        return cache(lambda: commit_of(folder, named))
    listed = start_asking(folder, ("for-each-ref", "--format=%(refname)", *_DEFAULT_BRANCHES))

    @cache
    def base() -> str | None:
        try:
            known = listed().decode("utf-8", "replace").split()
        except GitRefused:
            return None  # there is no repository
        for branch in (each for each in _DEFAULT_BRANCHES if each in known):
            try:
                return start_asking(folder, ("merge-base", "HEAD", branch))().decode().strip()
            except GitRefused:  # the clone is shallow
                continue
        try:
            return commit_of(folder, "HEAD")
        except GitRefused:
            return None  # there is no commit yet

    return base


def folders_at(folder: str, commit: str | None, below: Iterable[str]) -> str:
    """Names of the contents of some folders (with paths below `folder`) in a commit, as one text.

    As long as it is the same, so is what they held.
    """
    paths = sorted(f"{path_in_repository(folder)}{each}" for each in below)
    if commit is None or not paths:
        return ""
    try:
        return start_asking(folder, ("ls-tree", "-z", "--full-tree", commit, *paths))().decode()
    except (GitRefused, UnicodeDecodeError):
        return commit


def previous_at(folder: str, commit: str | None) -> Previous:
    """The manifests below a folder as a commit has them; none where it cannot be asked. Git is not
    asked before somebody looks."""
    if commit is None:
        return Previous()
    names = Later(lambda: _names_at(folder, commit))
    return Previous(names, lambda paths: _contents(folder, {each: names[each] for each in paths}))


def _names_at(folder: str, commit: str) -> Mapping[str, str]:
    prefix = path_in_repository(folder)
    command = ("ls-tree", "-r", "-z", "--full-tree", commit, *([prefix] if prefix else []))
    try:
        listed = start_asking(folder, command)().decode("utf-8", "surrogateescape")
    except GitRefused:
        return {}
    names = {}
    for line in listed.split("\0")[:-1]:
        about, _, path = line.partition("\t")
        if _MANIFEST.fullmatch(path) and about.split()[1] == "blob":
            names[path.removeprefix(prefix)] = about.split()[2]
    return names


def _contents(folder: str, names: Mapping[str, str]) -> Mapping[str, bytes]:
    if not names:
        return {}
    given = "".join(f"{name}\n" for name in names.values()).encode()
    from gitopsc.model.source import Unreadable

    found = {}
    place = 0
    try:
        answer = start_asking(folder, ("cat-file", "--batch"), given)()
        for path in names:
            end = answer.index(b"\n", place)
            size = int(answer[place:end].split()[-1])
            found[path] = answer[end + 1 : end + 1 + size]
            place = end + size + 2
    except (GitRefused, ValueError) as error:  # of a partial clone, or half an answer
        raise Unreadable(str(error)) from None
    return found


def previous_on_disk(folder: str, outputs: Iterable[str]) -> Previous:
    """The manifests of output folders (with `/` at their ends), where nothing else remembers them.

    A content is known by what it is.
    """
    contents = {}
    for output in outputs:
        for place, _, names in os.walk(os.path.join(folder, output, "manifests")):
            for name in names:
                path = os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")
                if _MANIFEST.fullmatch(path):
                    try:
                        with open(os.path.join(place, name), "rb") as file:
                            contents[path] = file.read()
                    except OSError:
                        continue
    return Previous(
        dict.fromkeys(contents, ""), lambda paths: {each: contents[each] for each in paths}
    )
