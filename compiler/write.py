"""OutputFiles -> directory: writes what differs, removes what it owns and no longer makes.

design.md section 4. `.gitopsc-files` names what the folder's files are ours. It is written first
with the names to come, so that a kill at any moment leaves no file that the next compile takes for
somebody else's; every file is replaced in one step, so none is ever half written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from compiler.model.diagnostic import (
    BUSY,
    FOREIGN_FILE,
    NOT_WRITTEN,
    Diagnostic,
)
from compiler.model.output import Change, OutputFile
from compiler.model.source import OWNERSHIP_LIST, Span

_TEMPORARY = ".gitopsc-tmp"
_LOCK_SECONDS = 30


class Target(NamedTuple):
    """An output folder, and how people see it: `shown` goes before the names of its files."""

    folder: Path
    shown: str


def write(
    target: Target, files: Sequence[OutputFile]
) -> tuple[tuple[Change, ...], tuple[Diagnostic, ...]]:
    """Makes the folder hold exactly these files of ours; returns what changed, sorted."""
    try:
        target.folder.mkdir(parents=True, exist_ok=True)
        with _locked(target.folder):
            changes, problems = _compare(target, files)
            if not problems and changes:
                _apply(target, files, changes)
            return changes, problems
    except _Busy:
        message = f"another compile has been writing {target.shown} for {_LOCK_SECONDS} seconds"
        return (), (Diagnostic(BUSY, message, Span(target.shown), "wait for it, or stop it"),)
    except OSError as error:
        return (), (_refused(target, error),)


def drift(
    target: Target, files: Sequence[OutputFile]
) -> tuple[tuple[Change, ...], tuple[Diagnostic, ...]]:
    """What `write` would change. Touches nothing."""
    try:
        return _compare(target, files)
    except OSError as error:
        return (), (_refused(target, error),)


# Comparing


def _compare(
    target: Target, files: Sequence[OutputFile]
) -> tuple[tuple[Change, ...], tuple[Diagnostic, ...]]:
    owned = _owned(target.folder)
    changes: list[Change] = []
    problems: list[Diagnostic] = []
    if target.folder.exists() and not target.folder.is_dir():
        return (), (_in_the_way(target.shown, "a file"),)
    for file in files:
        if obstacle := _obstacle(target, file.path):
            problems.append(obstacle)
            continue
        try:
            found = (target.folder / file.path).read_bytes()
        except FileNotFoundError:
            changes.append(Change(f"{target.shown}/{file.path}", "created"))
            continue
        if found == file.content:
            continue
        if file.path not in owned and file.path != OWNERSHIP_LIST:
            problems.append(_in_the_way(f"{target.shown}/{file.path}", "a file that is not ours"))
        changes.append(Change(f"{target.shown}/{file.path}", "changed"))
    wanted = {file.path for file in files}
    for path in sorted(owned - wanted):
        if os.path.lexists(target.folder / path) and not _obstacle(target, path):
            changes.append(Change(f"{target.shown}/{path}", "removed"))
    shown = tuple(each for each in changes if not each.path.endswith("/" + OWNERSHIP_LIST))
    return tuple(sorted(shown or changes)), tuple(sorted(set(problems), key=lambda each: each.span))


def _owned(folder: Path) -> frozenset[str]:
    """Paths in the ownership list. A line that leads out of the folder owns nothing."""
    try:
        text = (folder / OWNERSHIP_LIST).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    lines = text.split("\n")
    return frozenset(
        line
        for line in lines
        if line and line.isprintable() and not {"", ".", ".."} & set(line.split("/"))
    )


def _obstacle(target: Target, path: str) -> Diagnostic | None:
    """What stands where one of our folders or files belongs: a link, a file, a folder."""
    place = target.folder
    parts = path.split("/")
    for depth, part in enumerate(parts, start=1):
        place = place / part
        shown = "/".join((target.shown, *parts[:depth]))
        if place.is_symlink():
            return _in_the_way(shown, "a link")
        if depth < len(parts) and place.exists() and not place.is_dir():
            return _in_the_way(shown, "a file")
        if depth == len(parts) and place.is_dir():
            return _in_the_way(shown, "a folder")
    return None


def _in_the_way(shown: str, what: str) -> Diagnostic:
    return Diagnostic(
        FOREIGN_FILE,
        f"{what} is in the way, and gitopsc did not write it",
        Span(shown),
        "move it, or choose another folder with `output` in gitopsc.yaml",
    )


def _refused(target: Target, error: OSError) -> Diagnostic:
    reason = (error.strerror or "the write failed").lower()
    name = Path(os.fsdecode(error.filename)).name if error.filename else target.shown
    hint = "what was written is whole; mend the cause and compile again"
    return Diagnostic(NOT_WRITTEN, f"`{name}`: {reason}", Span(target.shown), hint)


# Writing


def _apply(target: Target, files: Sequence[OutputFile], changes: Sequence[Change]) -> None:
    contents = {file.path: file.content for file in files}
    prefix = target.shown + "/"
    paths = {change.path.removeprefix(prefix): change.action for change in changes}
    owned_before = _owned(target.folder)
    owned_after = contents.keys() - {OWNERSHIP_LIST}
    try:
        if not owned_after <= owned_before:
            claimed = "".join(f"{path}\n" for path in sorted(owned_before | owned_after))
            _replace(target.folder, OWNERSHIP_LIST, claimed.encode())
        for path, action in paths.items():
            if action == "removed":
                (target.folder / path).unlink(missing_ok=True)
                _remove_empty_folders(target.folder, path)
            elif path != OWNERSHIP_LIST:
                _replace(target.folder, path, contents[path])
        _replace(target.folder, OWNERSHIP_LIST, contents[OWNERSHIP_LIST])
    finally:
        (target.folder / _TEMPORARY).unlink(missing_ok=True)


def _replace(folder: Path, path: str, content: bytes) -> None:
    """In one step, by way of a file that only this process writes: the folder is locked."""
    temporary = folder / _TEMPORARY
    temporary.write_bytes(content)
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary, place)


def _remove_empty_folders(folder: Path, path: str) -> None:
    for parent in (folder / path).parents:
        if parent == folder:
            return
        try:
            parent.rmdir()
        except OSError:
            return  # something else is in it


class _Busy(Exception):
    pass


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time. The folder itself is locked, so no lock file is left behind."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system: each file is still replaced in one step
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _Busy from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
