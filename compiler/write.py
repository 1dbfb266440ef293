"""OutputFiles -> directory: writes what differs, removes what it owns and no longer makes.

design.md section 4. `.gitopsc-files` names what the folder's files are ours. It is written first
with the names to come, so that a kill at any moment leaves no file that the next compile takes for
somebody else's; every file is replaced in one step, so none is ever half written.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gitopsc.adapters.atomic import lock_now, replace_file
from gitopsc.adapters.folder import owned_by, owned_on_all_sides, tracked_below
from gitopsc.adapters.git import kept_with_lf
from gitopsc.adapters.memory import Stamp, stamp_at
from gitopsc.adapters.processes import spread
from gitopsc.model.diagnostic import (
    BUSY,
    FOREIGN_FILE,
    KEPT_FILE,
    NOT_WRITTEN,
    UNKNOWN_OWNED,
    Diagnostic,
    has_errors,
    in_order,
)
from gitopsc.model.files import OWNERSHIP_LIST
from gitopsc.model.output import Change, OutputFile
from gitopsc.model.ownership import OwnershipList, is_mark, is_marked
from gitopsc.model.source import Span

_TEMPORARY = ".gitopsc-tmp"
_LOCK_SECONDS = 30
_SHOWN_LINES = 20
"""Lines of an ownership list that are told to be wrong; a list that is all wrong has thousands."""

_MANY = 1_000
"""Changed files from which on folders are written by several processes: making a file is work."""

_SHARES = 8
"""Of the files of one output folder; a process takes several where there are fewer processors."""


class Target(NamedTuple):
    """An output folder, how people see it (`shown` goes before its files), and what it holds.

    With `listed`, `files` are only some of that: the others are as they were when the list of what
    the folder owns had this stamp, which every write changes.
    """

    folder: Path
    shown: str
    files: tuple[OutputFile, ...]
    listed: Stamp | None = None


class Superseded(Exception):
    """Another compile has written to a folder of which only some files were given."""


def write(targets: Sequence[Target]) -> tuple[tuple[Change, ...], tuple[Diagnostic, ...]]:
    """Makes each folder hold exactly these files of ours; returns what changed, sorted.

    All folders are locked and compared before the first is written: a refusal changes nothing.
    Raises Superseded.
    """
    try:
        with ExitStack() as locks:
            for target in sorted(targets):
                target.folder.mkdir(parents=True, exist_ok=True)
                locks.enter_context(_locked(target))
            changes, problems = _compare(targets)
            if not has_errors(problems):
                for target in targets:
                    _remove_leftovers(target)
                work = [(target, changes[target.shown]) for target in targets]
                sizes = sorted(len(each) for _, each in work)
                # Beside the largest, whose folders are shared.
                spread(_apply, work, worthwhile=sum(sizes[:-1]) >= _MANY)
            return () if has_errors(problems) else _flat(changes), problems
    except _Busy as error:
        message = f"another compile has been writing here for {_LOCK_SECONDS} seconds"
        hint = "wait for it, or stop it"
        return (), (Diagnostic(BUSY, message, Span(error.target.shown), hint),)
    except OSError as error:
        return (), (_refused(error),)


def drift(targets: Sequence[Target]) -> tuple[tuple[Change, ...], tuple[Diagnostic, ...]]:
    """What `write` would change. Touches nothing. Raises Superseded."""
    try:
        changes, problems = _compare(targets)
        return () if has_errors(problems) else _flat(changes), problems
    except OSError as error:
        return (), (_refused(error, "fix the cause, and check again"),)


# Comparing


_Changes = dict[str, tuple[Change, ...]]
"""What differs in each target, by its `shown`."""


def _flat(changes: _Changes) -> tuple[Change, ...]:
    return tuple(sorted(change for each in changes.values() for change in each))


def _compare(targets: Sequence[Target]) -> tuple[_Changes, tuple[Diagnostic, ...]]:
    changes: _Changes = {}
    problems: list[Diagnostic] = []
    for target in targets:
        if target.listed not in (None, stamp_at(f"{target.folder}/{OWNERSHIP_LIST}")):
            raise Superseded
        changes[target.shown] = _differences(target, problems)
    return changes, in_order(problems)


def _differences(target: Target, problems: list[Diagnostic]) -> tuple[Change, ...]:
    if target.folder.exists() and not target.folder.is_dir():
        problems.append(_in_the_way(target.shown, "a file"))
        return ()
    folder = os.fspath(target.folder)
    owned, unknown = _owned(target)
    problems += [_unknown_line(target, *each) for each in unknown[:_SHOWN_LINES]]
    with_lf = cache(lambda: kept_with_lf(os.path.realpath(folder)))
    reached: dict[str, bool] = {}
    changes = []
    for file in target.files:
        shown = f"{target.shown}/{file.path}"
        if not _is_reachable(target, file.path, reached, problems):
            continue
        try:
            found = _read(f"{folder}/{file.path}", len(file.content))
        except FileNotFoundError:
            changes.append(Change(shown, "created"))
            continue
        if found is None:
            problems.append(_in_the_way(shown, "a link or a folder"))
        elif found != file.content and not (
            _is_with_crlf(file.content, f"{folder}/{file.path}") and file.path in with_lf()
        ):
            if file.path not in owned and file.path != OWNERSHIP_LIST:
                problems.append(_in_the_way(shown, "a file"))
            changes.append(Change(shown, "changed"))
    wanted = {file.path for file in target.files}
    leftover = [
        path
        for path in sorted(owned - wanted)
        if _is_reachable(target, path, reached, []) and _is_removable(target.folder / path)
    ]
    tracked = None
    for path in leftover:
        is_ours = is_marked(path, lambda place, mark: _begins(f"{folder}/{place}", mark))
        if not is_ours and tracked is None:
            tracked = tracked_below(folder)
        if is_ours or path in (tracked or ()):
            changes.append(Change(f"{target.shown}/{path}", "removed"))
        else:
            problems.append(_kept(target, path))
    return _without_the_list(target, changes)


def _owned(target: Target) -> OwnershipList:
    if target.listed is not None:
        return OwnershipList(frozenset(file.path for file in target.files))
    return owned_on_all_sides(target.folder)


def _is_with_crlf(content: bytes, place: str) -> bool:
    """Whether a file differs by nothing but its line ends, all of them."""
    if b"\r" in content or b"\0" in content:
        return False
    lines = content.count(b"\n")
    if os.path.getsize(place) - len(content) != lines or not lines:
        return False
    found = _read(place, len(content) + lines)
    return found is not None and found.replace(b"\r\n", b"\n") == content


def _begins(place: str, text: str) -> bool:
    """Whether a file begins with a text, by whatever line ends. What cannot be read does not."""
    mark = text.encode()
    try:
        with open(
            os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb", buffering=0
        ) as file:
            head = file.read(len(mark) + mark.count(b"\n"))
            return head.replace(b"\r\n", b"\n").startswith(mark)
    except OSError:
        return False


def _kept(target: Target, path: str) -> Diagnostic:
    message = f"`{OWNERSHIP_LIST}` names this file, and nothing shows that gitopsc wrote it"
    hint = "it stays, for it is not in Git; delete it if it is an older output"
    return Diagnostic(KEPT_FILE, message, Span(f"{target.shown}/{path}"), hint)


def _unknown_line(target: Target, number: int, text: str) -> Diagnostic:
    shown = text if text.isprintable() else ascii(text)[1:-1]
    message = f"gitopsc never writes `{shown[:100]}`, so this list cannot own it"
    place = Span(f"{target.shown}/{OWNERSHIP_LIST}", number, 1, number, len(text) + 1)
    hint = "remove the line, and ask who added it: gitopsc deletes files that the list names"
    return Diagnostic(UNKNOWN_OWNED, message, place, hint)


def _without_the_list(target: Target, changes: list[Change]) -> tuple[Change, ...]:
    """People need not hear of the ownership list, unless nothing else is to say."""
    listed = f"{target.shown}/{OWNERSHIP_LIST}"
    return tuple(each for each in changes if each.path != listed) or tuple(changes)


def _is_reachable(
    target: Target, path: str, reached: dict[str, bool], problems: list[Diagnostic]
) -> bool:
    """Whether the folders above a file are folders, or not there yet; `reached` remembers them."""
    folder = path.rpartition("/")[0]
    if not folder:
        return True
    if folder not in reached:
        reached[folder] = _is_reachable(target, folder, reached, problems)
        if reached[folder] and (what := _no_folder(f"{os.fspath(target.folder)}/{folder}")):
            problems.append(_in_the_way(f"{target.shown}/{folder}", what))
            reached[folder] = False
    return reached[folder]


def _no_folder(place: str) -> str | None:
    """What is where a folder has to be; None where one is, or nothing yet."""
    try:
        mode = os.lstat(place).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        return "a link"
    return None if stat.S_ISDIR(mode) else "a file"


def _is_removable(place: Path) -> bool:
    """A folder that somebody put in the place of our file is theirs."""
    return os.path.lexists(place) and (place.is_symlink() or not place.is_dir())


def _read(place: str, size: int) -> bytes | None:
    """The content of a file of that size, with what shows that it is larger.

    None when something else stands there. Raises FileNotFoundError.
    """
    if not stat.S_ISREG(os.lstat(place).st_mode):
        return None
    descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        found = os.read(descriptor, size + 1)
        while len(found) <= size and (more := os.read(descriptor, size + 1 - len(found))):
            found += more
        return found
    finally:
        os.close(descriptor)


def _in_the_way(shown: str, what: str) -> Diagnostic:
    return Diagnostic(
        FOREIGN_FILE,
        f"{what} is in the way, and gitopsc did not write it",
        Span(shown),
        "delete it if it is an older output; else move it, or choose another `output` folder",
    )


_WRITTEN = "what was written is whole; fix the cause and compile again"


def _refused(error: OSError, hint: str = _WRITTEN) -> Diagnostic:
    place = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else "."
    reason = (error.strerror or "the write failed").lower()
    return Diagnostic(NOT_WRITTEN, reason, Span(place), hint)


# Writing


def _apply(work: tuple[Target, Sequence[Change]]) -> None:
    target, changes = work
    if not changes:
        return
    contents = {file.path: file.content for file in target.files}
    paths = {change.path.removeprefix(target.shown + "/"): change.action for change in changes}
    owned_before = _owned(target).paths
    if target.listed is not None:
        contents[OWNERSHIP_LIST] = (target.folder / OWNERSHIP_LIST).read_bytes()
    owned_after = contents.keys() - {OWNERSHIP_LIST}
    made: set[str] = set()

    def replace(path: str) -> None:
        _replace(os.fspath(target.folder), path, contents[path], made)

    def replace_all(share: Sequence[str]) -> None:
        for path in share:
            replace(path)

    if not owned_after <= owned_before:
        claimed = "".join(f"{path}\n" for path in sorted(owned_before | owned_after))
        _replace(os.fspath(target.folder), OWNERSHIP_LIST, claimed.encode(), made)
    for are_marks in (False, True):
        written = []
        for path, action in sorted(paths.items()):
            if is_mark(path) == are_marks and action == "removed":
                (target.folder / path).unlink(missing_ok=True)
                _remove_empty_folders(target.folder, path)
            elif is_mark(path) == are_marks and path != OWNERSHIP_LIST:
                written.append(path)
        spread(replace_all, _by_folders(written), worthwhile=len(written) >= _MANY)
    replace(OWNERSHIP_LIST)


def _by_folders(paths: Iterable[str]) -> Sequence[Sequence[str]]:
    """In shares of nearly one size; files of one folder stay together, for they are written by way
    of one name."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    shares: list[list[str]] = [[] for _ in range(_SHARES)]
    for _, inside in sorted(folders.items(), key=lambda each: (-len(each[1]), each[0])):
        min(shares, key=len).extend(inside)
    return [share for share in shares if share]


def _replace(folder: str, path: str, content: bytes, made: set[str]) -> None:
    """By way of a file beside it that only this process writes: the output folder is locked.

    Beside it, for a file system makes files of one folder near each other. `made` remembers the
    folders that are there.
    """
    parent = f"{folder}/{path}".rpartition("/")[0]
    if parent not in made:
        os.makedirs(parent, exist_ok=True)
        made.add(parent)
    replace_file(f"{folder}/{path}", content, temporary=f"{parent}/{_TEMPORARY}")


def _remove_leftovers(target: Target) -> None:
    """What a compile that was killed has left beside a file that it wrote."""
    folder = os.fspath(target.folder)
    paths = {file.path for file in target.files}
    if target.listed is None:
        paths |= owned_by(folder).paths
    reached: dict[str, bool] = {}
    for parent, path in {path.rpartition("/")[0]: path for path in paths}.items():
        if _is_reachable(target, path, reached, []):  # by way of no link
            with suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(f"{folder}/{parent}/{_TEMPORARY}")


def _remove_empty_folders(folder: Path, path: str) -> None:
    for parent in (folder / path).parents:
        if parent == folder:
            return
        try:
            parent.rmdir()
        except OSError:
            return  # something else is in it


class _Busy(Exception):
    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target


@contextmanager
def _locked(target: Target) -> Iterator[None]:
    """One writer at a time. The folder itself is locked, so no lock file is left behind."""
    descriptor = os.open(target.folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not lock_now(descriptor):
            if time.monotonic() > deadline:
                raise _Busy(target)
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
