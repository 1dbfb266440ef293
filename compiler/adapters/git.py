"""Git, by running `git`: which files of a folder belong to the repository.

Starting the program costs some two milliseconds; importing a library for it costs seventy times
that, on a path that every command takes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Container


class GitRefused(Exception):
    """There is a repository, and Git will not list it; the message is Git's."""


Files = dict[str, bool | None]


def start_listing(folder: str) -> Callable[[], Files | None]:
    """Has Git list the files below `folder` that it tracks, or would if they were added.

    What is returned gives their paths, relative to it. The value says whether a tracked file is
    executable, which Git knows on file systems that do not; None for an untracked one. Names that
    are not UTF-8 are left out: no descriptor can refer to them. None when `folder` is in no
    repository. Raises GitRefused.
    """
    running = [_start(folder, *each) for each in (["--stage"], ["--others", "--exclude-standard"])]

    def listing() -> Files | None:
        outcomes = [_outcome(each) for each in running]
        tracked, untracked = (_lines(folder, each) for each in outcomes)
        if tracked is None:
            return None
        files: Files = {}
        for line in tracked:
            mode, _, name = line.partition("\t")
            files[name] = mode.startswith("100755")
        for name in untracked or ():
            if not name.endswith("/"):
                files.setdefault(name, None)
        return files

    return listing


def has_unstaged(folder: str, owned: Container[str]) -> bool:
    """Whether a commit would leave out a file of ours below `folder`, or take an older state.

    `owned` are relative to it. A tracked file that is gone was ours.
    """
    if not os.path.isdir(folder):
        return False
    try:
        for options in (["--others", "--exclude-standard"], ["--modified"]):
            for name in _lines(folder, _outcome(_start(folder, *options))) or ():
                if name in owned or not os.path.lexists(f"{folder}/{name}"):
                    return True
    except GitRefused:
        return False
    return False


Running = subprocess.Popen[bytes] | OSError


def _start(folder: str, *options: str) -> Running:
    # A hook runs with GIT_DIR and GIT_INDEX_FILE of its own repository, which may not be this one.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment["LC_ALL"] = "C"
    if index := _index_of_hook(folder):
        environment["GIT_INDEX_FILE"] = index
    command = ["git", "ls-files", "-z", *options]
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe)
    except OSError as error:
        return error


def _outcome(running: Running) -> bytes | str:
    """What Git printed, or why it did not."""
    if isinstance(running, OSError):
        return str(running)
    with running:
        try:
            out, err = running.communicate(timeout=60)
        except subprocess.TimeoutExpired as error:
            running.kill()
            return str(error)
    return out if running.returncode == 0 else err.decode("utf-8", "replace")


def _lines(folder: str, outcome: bytes | str) -> list[str] | None:
    if isinstance(outcome, str):
        _raise_inside_repository(folder, outcome)
        return None
    try:
        return outcome.decode("utf-8").split("\0")[:-1]
    except UnicodeDecodeError:
        decoded = (_decoded(raw) for raw in outcome.split(b"\0"))
        return [name for name in decoded if name]


def _index_of_hook(folder: str) -> str | None:
    """The index that `git commit` makes for some of the files, when it is of this repository."""
    named = os.environ.get("GIT_INDEX_FILE")
    path = os.path.realpath(named) if named else ""
    root = _repository(folder)
    inside = root is not None and path.startswith(_git_folder(root) + os.sep)
    return path if inside and os.path.isfile(path) else None


def _git_folder(root: str) -> str:
    """Where Git keeps what is of this working tree; a linked one has a file that says where."""
    place = os.path.join(root, ".git")
    if os.path.isfile(place):
        with open(place, encoding="utf-8", errors="replace") as file:
            named = file.read().removeprefix("gitdir:").strip()
        place = os.path.join(root, named)
    return os.path.realpath(place)


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
