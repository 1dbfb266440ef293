"""Directory -> Tree: which files there are, and a way to each one's bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from compiler.adapters.git import list_files
from compiler.model.diagnostic import NO_REPOSITORY, Diagnostic
from compiler.model.source import OWNERSHIP_LIST, SourceFile, Span, Tree, Unreadable


def scan(folder: str) -> tuple[Tree, tuple[Diagnostic, ...]]:
    """The files below `folder` that Git does not ignore, without those in an output folder.

    design.md section 1: untracked files count, so a new descriptor compiles before `git add`.
    Outside a repository every file counts, and a warning says so.
    """
    root = os.path.realpath(folder)
    diagnostics: tuple[Diagnostic, ...] = ()
    paths = list_files(root)
    if paths is None:
        paths = sorted(_walk(root, ""))
        message = "this folder is in no Git repository, so no file is ignored"
        hint = "run `git init`, or list what to leave out under `exclude` in gitopsc.yaml"
        diagnostics = (Diagnostic(NO_REPOSITORY, message, Span("."), hint),)
    outputs = tuple(
        path.removesuffix(OWNERSHIP_LIST)
        for path in paths
        if path == OWNERSHIP_LIST or path.endswith("/" + OWNERSHIP_LIST)
    )
    files = {}
    for path in paths:
        if not path.startswith(outputs):
            file = _source_file(root, path)
            if file is not None:
                files[path] = file
    return Tree(os.path.basename(root), files), diagnostics


def _source_file(root: str, path: str) -> SourceFile | None:
    full = f"{root}/{path}"
    try:
        mode = os.lstat(full).st_mode
    except OSError:
        return None  # tracked, but deleted from the working tree
    if stat.S_ISREG(mode):
        return SourceFile(path, _reader(full), bool(mode & stat.S_IXUSR))
    if not stat.S_ISLNK(mode):
        return None  # a submodule, a socket
    target = os.path.realpath(full)
    if os.path.isdir(target):
        return None
    if not target.startswith(root + os.sep):
        return SourceFile(path, _refusal("it is a link that leads outside the folder"))
    return SourceFile(path, _reader(target), os.access(target, os.X_OK))


def _reader(full: str) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with open(full, "rb", buffering=0) as file:
                return file.read()
        except OSError as error:
            raise Unreadable((error.strerror or "it cannot be read").lower()) from None

    return read


def _refusal(reason: str) -> Callable[[], bytes]:
    def read() -> bytes:
        raise Unreadable(reason)

    return read


def _walk(root: str, folder: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(f"{root}/{folder}"))
    except OSError:
        return
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if not path.isprintable():
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield path
        elif entry.name != ".git":
            yield from _walk(root, path)
