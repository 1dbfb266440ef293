"""Directory, or a commit of one -> Tree: which files there are, and a way to each one's bytes."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

from gitopsc.adapters import source_cache
from gitopsc.adapters.folder import (
    Listing,
    enclosing_settings,
    ignored_outputs,
    output_folders,
    owned_below,
    start_listing,
)
from gitopsc.adapters.git import (
    Commit,
    CommittedFile,
    GitRefused,
    kept_with_lf,
    left_out_of_checkout,
    open_commit,
)
from gitopsc.adapters.memory import stamp_at, stamp_of
from gitopsc.model.diagnostic import GIT_REFUSED, HIDDEN_FILES, NO_REPOSITORY, Diagnostic
from gitopsc.model.files import OWNERSHIP_LIST, SETTINGS_FILE, without_tools
from gitopsc.model.ownership import ownership
from gitopsc.model.source import MOST_BYTES, SourceFile, Span, Tree, Unreadable


def scan(folder: str, listing: Listing | None = None) -> tuple[Tree, tuple[Diagnostic, ...]]:
    """The files below `folder` that Git does not ignore, without those in an output folder.

    design.md section 1: untracked files count, so a new descriptor compiles before `git add`.
    Outside a repository every file counts, and a warning says so. `listing` is Git's, when it was
    asked before.
    """
    root = os.path.realpath(folder)
    diagnostics: tuple[Diagnostic, ...] = ()
    try:
        listed, is_repository = (listing or start_listing(root))()
    except GitRefused as error:
        hint = "fix that, or trust the folder: `git config --global --add safe.directory <it>`"
        problem = Diagnostic(
            GIT_REFUSED, f"Git does not list this folder: {error}", Span("."), hint
        )
        return Tree(os.path.basename(root), {}), (problem,)
    if not is_repository:
        message = "this folder is in no Git repository, so no file is ignored"
        hint = "run `git init`, or list what to leave out under `exclude` in gitopsc.yaml"
        diagnostics = (Diagnostic(NO_REPOSITORY, message, Span("."), hint),)
    outputs = output_folders(root, listed)
    with_lf = cache(lambda: kept_with_lf(root) if is_repository else frozenset())

    def is_listed(path: str) -> bool:
        """Nothing of a file that nobody else has is ever shown, by whatever name."""
        return path in listed and not path.startswith(outputs)

    files: dict[str, SourceFile] = {}
    missing: list[str] = []
    for path in sorted(listed):
        if not path.startswith(outputs):
            file = _source_file(root, path, listed[path], is_listed, with_lf)
            if file is not None:
                files[path] = file
            elif listed[path] is not None and path.endswith(_DESCRIBING):
                missing.append(path)
    diagnostics += _hidden(root, missing, listed)
    owned = owned_below(root, outputs)
    vendored: dict[str, SourceFile] = {}
    for output, paths in owned.items():
        for path in (f"{output}{each}" for each in paths if _VENDORED.match(each)):
            known = path in listed
            file = _source_file(root, path, listed[path], is_listed, with_lf) if known else None
            if file is not None:
                vendored[path] = file
    if is_repository:
        diagnostics += ignored_outputs(root, listed, owned)
    tree = Tree(
        os.path.basename(root),
        files,
        enclosing_settings(root),
        tuple(sorted(path.rstrip("/") for path in outputs)),
        vendored=vendored,
        cached=source_cache.recall,
        is_root=os.path.exists(f"{root}/.git"),
    )
    return tree, diagnostics


_DESCRIBING = (".yaml", ".yml", ".json")


def _hidden(root: str, missing: Sequence[str], listed: Container[str]) -> tuple[Diagnostic, ...]:
    """Files that Git keeps out of the checkout of a project that is there: what they describe
    would be taken for deleted."""
    left_out = left_out_of_checkout(root) if missing else frozenset[str]()
    hidden = [
        path
        for path in missing
        if path in left_out and not _is_of_hidden_project(root, path, listed)
    ]
    if not hidden:
        return ()
    more = f", and {len(hidden) - 1} more" if len(hidden) > 1 else ""
    message = f"the sparse checkout leaves out `{hidden[0]}`{more}: what is there would be deleted"
    hint = "`git sparse-checkout add` its folder; or name the folder of a project that is whole"
    return (Diagnostic(HIDDEN_FILES, message, Span("."), hint),)


def _is_of_hidden_project(root: str, path: str, listed: Container[str]) -> bool:
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        settings = f"{folder}/{SETTINGS_FILE}".lstrip("/")
        if settings in listed:
            return not os.path.lexists(f"{root}/{settings}")
    return False


@contextmanager
def scan_revision(
    folder: str, revision: str, objects: str | None = None
) -> Iterator[tuple[Tree, Mapping[str, Mapping[str, bytes]]]]:
    """The same of a commit, and each output folder in it, with the files that it owns.

    What the working tree holds has no part in it. Contents can be read as long as the context is
    open. `objects` is a folder with more of Git's objects. Raises GitRefused.
    """
    with open_commit(folder, revision, objects) as (commit, prefix):
        listed = without_tools(
            {
                path.removeprefix(prefix): file
                for path, file in commit.files.items()
                if path.startswith(prefix)
            }
        )
        outputs = tuple(
            path.removesuffix(OWNERSHIP_LIST)
            for path in listed
            if path.rpartition("/")[2] == OWNERSHIP_LIST
        )
        sources = {
            path: _committed_file(commit, path, listed, outputs)
            for path in sorted(listed)
            if path.isprintable()
        }
        owned = {
            output: ownership(
                commit.content(listed[f"{output}{OWNERSHIP_LIST}"]).decode("utf-8", "replace")
            ).paths
            for output in outputs
        }
        vendored = [
            f"{output}{path}" for output in owned for path in owned[output] if _VENDORED.match(path)
        ]
        tree = Tree(
            os.path.basename(os.path.realpath(folder)),
            {path: file for path, file in sources.items() if not path.startswith(outputs)},
            _settings_around(commit, prefix),
            tuple(sorted(path.rstrip("/") for path in outputs)),
            vendored={path: sources[path] for path in vendored if path in sources},
            cached=source_cache.recall,
            is_root=not prefix,
        )
        written = {
            output.rstrip("/"): {
                path: commit.content(listed[output + path])
                for path in sorted((*owned[output], OWNERSHIP_LIST))
                if output + path in listed
            }
            for output in outputs
        }
        yield tree, written


def _committed_file(
    commit: Commit, path: str, listed: Mapping[str, CommittedFile], outputs: tuple[str, ...]
) -> SourceFile:
    file = listed[path]
    if file.mode != _LINK:
        is_executable = file.mode == _EXECUTABLE
        return SourceFile(path, _committed(commit, file), is_executable, length=file.size)
    target = commit.content(file).decode("utf-8", "replace")
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or meant.startswith("../"):
        refusal = _refusal("it is a link that leads outside the folder")
        return SourceFile(path, refusal, is_link=True, leads_outside=True)
    if meant not in listed:
        return SourceFile(path, _refusal("it is a link to no file"), is_link=True)
    if meant.startswith(outputs):
        refusal = _refusal("it is a link to a file that Git ignores, or to an output")
        return SourceFile(path, refusal, is_link=True, leads_outside=True)
    found = listed[meant]
    return SourceFile(path, _committed(commit, found), is_link=True, length=found.size)


_LINK, _EXECUTABLE = "120000", "100755"


def _committed(commit: Commit, file: CommittedFile) -> Callable[..., bytes]:
    def read(most: int = MOST_BYTES) -> bytes:
        try:
            return commit.content(file, most)
        except GitRefused as error:
            raise Unreadable(str(error)) from None

    return read


def _settings_around(commit: Commit, prefix: str) -> str | None:
    """The settings of the project around a folder of one, relative to it."""
    above = ".."
    folder = prefix.rstrip("/")
    while folder:
        folder = folder.rpartition("/")[0]
        if f"{folder}/{SETTINGS_FILE}".lstrip("/") in commit.files:
            return f"{above}/{SETTINGS_FILE}"
        above += "/.."
    return None


_VENDORED = re.compile(r"images/[^/]+/source/")


def _source_file(
    root: str,
    path: str,
    executable: bool | None,
    is_listed: Callable[[str], bool],
    with_lf: Callable[[], Container[str]],
) -> SourceFile | None:
    """`with_lf` are the files that Git stores with other line ends than they have here: what a
    function is made of is the same on every machine."""
    full = f"{root}/{path}"
    try:
        status = os.lstat(full)
    except (FileNotFoundError, NotADirectoryError):
        return None  # tracked, but deleted from the working tree
    except OSError as error:  # in a folder that nobody may look into
        refusal = _refusal((error.strerror or "it cannot be read").lower())
        return SourceFile(path, refusal, bool(executable), length=0)
    mode = status.st_mode
    if stat.S_ISREG(mode):
        if executable is None:
            executable = bool(mode & stat.S_IXUSR)
        read = _with_stored_line_ends(path, _reader(full), with_lf)
        return SourceFile(path, read, executable, stamp=stamp_of(status))
    if not stat.S_ISLNK(mode):
        return None  # a submodule, a socket
    target = os.path.realpath(full)
    if not os.path.isfile(target):
        refusal = _refusal("it is a link to no file")
        return SourceFile(path, refusal, is_link=True, stamp=stamp_at(full))
    if target.startswith(root + os.sep) and not is_listed(target[len(root) + 1 :]):
        refusal = _refusal("it is a link to a file that Git ignores, or to an output")
        return SourceFile(path, refusal, is_link=True, leads_outside=True, stamp=stamp_at(full))
    if not target.startswith(root + os.sep):
        refusal = _refusal("it is a link that leads outside the folder")
        return SourceFile(path, refusal, is_link=True, leads_outside=True, stamp=stamp_at(full))
    return SourceFile(path, _reader(target), is_link=True, stamp=stamp_at(full))


def _with_stored_line_ends(
    path: str, read: Callable[..., bytes], with_lf: Callable[[], Container[str]]
) -> Callable[..., bytes]:
    def read_as_stored(most: int = MOST_BYTES) -> bytes:
        content = read(most)
        if b"\r\n" in content and path in with_lf():
            content = content.replace(b"\r\n", b"\n")
        return content

    return read_as_stored


def _reader(full: str) -> Callable[..., bytes]:
    def read(most: int = MOST_BYTES) -> bytes:
        try:
            descriptor = os.open(full, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                content = os.read(descriptor, min(most, os.fstat(descriptor).st_size + 1))
                while len(content) < most and (more := os.read(descriptor, most - len(content))):
                    content += more
                return content
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Unreadable((error.strerror or "it cannot be read").lower()) from None

    return read


def _refusal(reason: str) -> Callable[..., bytes]:
    def read(_: int = 0) -> bytes:
        raise Unreadable(reason)

    return read
