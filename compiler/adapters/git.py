"""Git, by running `git`: which files of a folder belong to the repository.

Starting the program costs some two milliseconds; importing a library for it costs seventy times
that, on a path that every command takes.
"""

from __future__ import annotations

import os
import subprocess


class GitRefused(Exception):
    """There is a repository, and Git will not list it; the message is Git's."""


def list_files(folder: str) -> dict[str, bool | None] | None:
    """Files below `folder` that Git tracks, or would if they were added; relative to it.

    The value says whether a tracked file is executable, which Git knows on file systems that do
    not; None for an untracked one. Names that are not UTF-8 are left out: no descriptor can refer
    to them. None when `folder` is in no repository. Raises GitRefused.
    """
    tracked = _run(folder, "--stage")
    if tracked is None:
        return None
    files: dict[str, bool | None] = {}
    for line in tracked:
        mode, _, name = line.partition("\t")
        files[name] = mode.startswith("100755")
    for name in _run(folder, "--others", "--exclude-standard") or ():
        if not name.endswith("/"):
            files.setdefault(name, None)
    return files


def has_unstaged(folder: str) -> bool:
    """Whether a commit would leave out a file below `folder`, or take it in an older state."""
    if not os.path.isdir(folder):
        return False
    try:
        return bool(_run(folder, "--others", "--exclude-standard") or _run(folder, "--modified"))
    except GitRefused:
        return False


def _run(folder: str, *options: str) -> list[str] | None:
    # A hook runs with GIT_DIR and GIT_INDEX_FILE of its own repository, which may not be this one.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment["LC_ALL"] = "C"
    if index := _index_of_hook(folder):
        environment["GIT_INDEX_FILE"] = index
    try:
        done = subprocess.run(
            ["git", "ls-files", "-z", *options],
            cwd=folder,
            env=environment,
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _raise_inside_repository(folder, str(error))
        return None
    if done.returncode != 0:
        _raise_inside_repository(folder, done.stderr.decode("utf-8", "replace"))
        return None
    decoded = (_decoded(raw) for raw in done.stdout.split(b"\0"))
    return [name for name in decoded if name]


def _index_of_hook(folder: str) -> str | None:
    """The index that `git commit` makes for some of the files, when it is of this repository."""
    named = os.environ.get("GIT_INDEX_FILE")
    path = os.path.realpath(named) if named else ""
    root = _repository(folder)
    inside = root is not None and path.startswith(os.path.realpath(f"{root}/.git") + os.sep)
    return path if inside and os.path.isfile(path) else None


def _raise_inside_repository(folder: str, words: str) -> None:
    """Outside every repository a refusal is an answer; inside one it is not."""
    if _repository(folder) is not None:
        raise GitRefused(words.strip().split("\n")[0].removeprefix("fatal: "))


def _repository(folder: str) -> str | None:
    """The nearest folder around it, or itself, that holds a `.git`."""
    folder = os.path.abspath(folder)
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
