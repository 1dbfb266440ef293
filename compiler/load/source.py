"""A function's `source` -> its files: inline text, a file, a folder, an archive, or what is pinned.

What is wrong comes back in place of the source, as a diagnostic.
"""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from gitopsc.adapters.archive import BadArchive, unpack
from gitopsc.load import sentences
from gitopsc.load.reach import Reached, reach
from gitopsc.model.descriptor import INLINE_MODULE, FunctionDescriptor, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.lock import FunctionPin, SourcePin, files_digest
from gitopsc.model.memo import Memo
from gitopsc.model.names import cleaned
from gitopsc.model.program import Fetch, FunctionVersion
from gitopsc.model.remote import NotRemote, Remote, is_remote, remote_of
from gitopsc.model.source import (
    MOST_BYTES,
    FunctionFile,
    SourceFile,
    Span,
    Tree,
    Unreadable,
    is_source,
)

_CACHED = re.compile(r"(^|/)__pycache__/|\.pyc$|(^|/)\.DS_Store$")
"""What machines leave in folders; no function is made of it, ignored by Git or not."""

_COPYABLE = re.compile(r"(?! )[A-Za-z0-9_./+=,@ -]+(?<! )")


class Sources(NamedTuple):
    """Where sources are looked up, and how the lock calls functions.

    `unread` files are not a part of any source; `memo` knows what was read before.
    """

    project: Project
    tree: Tree
    keys: Mapping[FunctionVersion, str]
    unread: Container[str]
    memo: Memo


class Source(NamedTuple):
    """A function's files, the file or folder they are, and the module of a bare handler.

    The platform's column of digitalhub.md section 1.2 says which module that is. `all_of_it` is
    the module for whose sake all files of a folder are used, with what it loads others by.
    """

    files: tuple[FunctionFile, ...]
    origin: str | None = None
    module: str = INLINE_MODULE
    is_file: bool = False
    archive: str | None = None
    fetch: Fetch | None = None
    content: str | None = None
    all_of_it: tuple[str, str] | None = None


class Unavailable(NamedTuple):
    """A source that cannot be loaded. `problem` is None where it has been reported already."""

    problem: Diagnostic | None = None


def find_source(sources: Sources, function: FunctionDescriptor) -> Source | Unavailable:
    source = function.source
    inline = source.inline_keys
    if source.path is not None and is_remote(source.path):
        if inline:
            span = function.span("spec", "source", inline[-1])
            return Unavailable(sentences.text_and_remote(span))
        return _remote_source(sources, function, source.path)
    if inline:
        return _inline_source(function, inline)
    if source.path is None:
        return Source(())
    return _local_source(sources, function, source.path)


def _inline_source(function: FunctionDescriptor, keys: list[str]) -> Source | Unavailable:
    source = function.source
    span = function.span("spec", "source", keys[-1])
    if len(keys) > 1:
        return Unavailable(sentences.two_texts(span))
    path = posixpath.normpath(source.path) if source.path else INLINE_MODULE
    place = function.span("spec", "source", "source")
    if path == "." or not _is_relative(path):
        return Unavailable(sentences.outside(source.path or "", place))
    if not _COPYABLE.fullmatch(path):
        return Unavailable(sentences.not_copyable(source.path or "", place))
    try:
        if source.code is not None:
            content = source.code.encode()
        else:
            content = base64.b64decode("".join((source.base64 or "").split()), validate=True)
        content.decode("utf-8")
    except (binascii.Error, ValueError):
        return Unavailable(sentences.not_base64(span))
    file = FunctionFile(path, content)
    return Source((file,), None, file.path)


# Local sources


def _local_source(
    sources: Sources, function: FunctionDescriptor, written: str
) -> Source | Unavailable:
    project, tree = sources.project, sources.tree
    span = function.span("spec", "source", "source")
    inside = _candidates(project, function, written)
    if not inside:
        return Unavailable(sentences.outside(written, span))
    for origin in inside:
        path = posixpath.normpath(project.prefix + origin)
        file = tree.files.get(path)
        if file is not None and path.endswith(".zip"):
            unpacked = _unpacked(file, project, span)
            if isinstance(unpacked, Unavailable):
                return unpacked
            return Source(unpacked, origin, archive=path)
        if file is not None:
            # A file keeps the path it was given, so that `pkg.mod:fn` finds it.
            files = _read([(inside[0], file)], project, span)
            if isinstance(files, Unavailable):
                return files
            return Source(files, origin, inside[0], is_file=True)
        below = [
            (posixpath.relpath(found.path, path), found)
            for found in tree.below("" if path == "." else path)
            if found.path not in sources.unread and not _CACHED.search(found.path)
        ]
        if below:
            return _folder(sources, function, origin, dict(below))
    return Unavailable(_missing(sources, written, span))


def find_context(
    sources: Sources, function: FunctionDescriptor, written: str
) -> Source | Unavailable:
    """The folder of a Dockerfile, which an image is built from: all of it, as builders have it."""
    project, tree = sources.project, sources.tree
    span = function.span("spec", "dockerfile")
    inside = _candidates(project, function, written)
    if not inside:
        return Unavailable(sentences.outside(written, span))
    for origin in inside:
        if posixpath.normpath(project.prefix + origin) in tree.files:
            folder = posixpath.dirname(origin)
            if not folder:
                return Unavailable(sentences.project_as_context(written, span))
            below = sorted(tree.below(project.prefix + folder), key=lambda found: found.path)
            named = [
                (posixpath.relpath(each.path, project.prefix + folder), each) for each in below
            ]
            files = _read(named, project, span)
            return files if isinstance(files, Unavailable) else Source(files, folder)
    return Unavailable(_missing(sources, written, span))


def _candidates(project: Project, function: FunctionDescriptor, written: str) -> list[str]:
    """Looked up in the project's folder, then in the descriptor's (design.md section 1); none for
    a path that leads out of both."""
    beside = posixpath.dirname(project.relative(function.path))
    paths = [posixpath.normpath(written), posixpath.normpath(posixpath.join(beside, written))]
    inside = [path for path in dict.fromkeys(paths) if _is_relative(path)]
    return [] if written.startswith("/") else inside


def _missing(sources: Sources, written: str, span: Span) -> Diagnostic:
    project = sources.project
    known = [each for each in sources.tree.files if each.startswith(project.prefix)]
    names = [project.relative(path) for path in known]
    return sentences.missing(written, project.name, posixpath.normpath(written), names, span)


def module_of(function: FunctionDescriptor, bare: str) -> str:
    """The file of the handler, below the source's folder; `bare` is that of a bare function."""
    name = function.source.module_name
    return name.replace(".", "/") + ".py" if name else bare


def _folder(
    sources: Sources, function: FunctionDescriptor, origin: str, files: Mapping[str, SourceFile]
) -> Source | Unavailable:
    project = sources.project
    span = function.span("spec", "source", "source")
    module = module_of(function, INLINE_MODULE)
    chosen = Reached(tuple(files))  # of which the module is missing, which is told of later
    if module in files:
        chosen = reach(files, module, project.choice, project.prefix, sources.memo)
    read = _read([(path, files[path]) for path in chosen.paths], project, span)
    if isinstance(read, Unavailable):
        return read
    return Source(read, origin, all_of_it=chosen.all_of_it)


def _read(
    named: Sequence[tuple[str, SourceFile]], project: Project, span: Span
) -> tuple[FunctionFile, ...] | Unavailable:
    """Files under the paths they get; all of them, or none."""
    size = sum(file.size for _, file in named if not file.is_link)
    if size > MOST_BYTES:
        return Unavailable(sentences.too_large(size, span))
    files = []
    for path, file in named:
        relative = project.relative(file.path)
        if not _COPYABLE.fullmatch(relative):
            return Unavailable(sentences.not_copyable(relative, span))
        if file.is_link:
            return Unavailable(sentences.is_link(relative, span))
        try:
            files.append(FunctionFile(path, file.content, file.executable, file.path))
        except Unreadable as error:
            return Unavailable(sentences.unreadable(relative, error, span))
    return tuple(files)


def _unpacked(
    file: SourceFile, project: Project, span: Span
) -> tuple[FunctionFile, ...] | Unavailable:
    relative = project.relative(file.path)
    try:
        files = tuple(entry for entry in unpack(file.content) if is_source(entry.path))
    except Unreadable as error:
        return Unavailable(sentences.unreadable(relative, error, span))
    except BadArchive as error:
        return Unavailable(sentences.bad_archive(relative, error, span))
    if not files:
        return Unavailable(sentences.empty_archive(relative, span))
    return _uncopyable(files, span) or files


def _uncopyable(files: Iterable[FunctionFile], span: Span) -> Unavailable | None:
    wrong = next((file.path for file in files if not _COPYABLE.fullmatch(file.path)), None)
    return Unavailable(sentences.not_copyable(wrong, span)) if wrong is not None else None


def _is_relative(path: str) -> bool:
    return not path.startswith("/") and path != ".." and not path.startswith("../")


# Pinned sources


def platform_refusal(function: FunctionDescriptor) -> Diagnostic | None:
    """Of a remote source that only gitopsc takes."""
    remote = _remote(function.source.path or "")
    if isinstance(remote, NotRemote) or remote is None or function.source.inline_keys:
        return None
    if refusal := remote.refused_by_platform:
        return sentences.refused_by_platform(refusal, function.span("spec", "source", "source"))
    return None


def _remote(written: str) -> Remote | NotRemote | None:
    if not is_remote(written):
        return None
    try:
        return remote_of(written)
    except NotRemote as error:
        return error


def _remote_source(
    sources: Sources, function: FunctionDescriptor, written: str
) -> Source | Unavailable:
    """What the lock says that a URL is: files that were vendored, or what a builder fetches."""
    span = function.span("spec", "source", "source")
    try:
        remote = remote_of(written)
    except NotRemote as error:
        return Unavailable(sentences.not_remote(error, span))
    if function.spec.image is not None:
        return Source(())  # it is in there
    pin = _source_pin(sources, function, written, span)
    if isinstance(pin, Unavailable):
        return pin
    if sources.project.fetches and remote.has_builder:
        return Source((), fetch=Fetch(remote, pin), content=pin.content)
    files = _vendored(sources, function, pin, span)
    if isinstance(files, Unavailable):
        return files
    return _uncopyable(files, span) or Source(files, content=pin.content)


def _source_pin(
    sources: Sources, function: FunctionDescriptor, written: str, span: Span
) -> SourcePin | Unavailable:
    lock = sources.project.lock
    key = sources.keys[function.name, function.id]
    if key in lock.edited or not lock.is_whole:
        return Unavailable()  # which was reported at its own place
    pin = lock.pins.get(key, FunctionPin()).source
    if pin is None:
        return Unavailable(sentences.not_locked(function.name, span))
    if pin.written != written:
        return Unavailable(sentences.source_changed(function.name, lock, key, span))
    return pin


def _vendored(
    sources: Sources, function: FunctionDescriptor, pin: SourcePin, span: Span
) -> tuple[FunctionFile, ...] | Unavailable:
    """The pinned files out of the output that is here, or out of the user's cache."""
    project, tree = sources.project, sources.tree
    differing = None
    for name in (function.name, f"{function.name}:{function.id}"):
        prefix = f"{project.prefix}{project.output}/images/{cleaned(name)}/source/"
        try:
            files = tuple(
                FunctionFile(path, file.content, path in pin.executable)
                for path, file in tree.vendored_below(prefix)
                if is_source(path)
            )
        except Unreadable:
            continue
        if files and files_digest(files) == pin.content:
            return files
        differing = differing or (project.relative(prefix) if files else None)
    if (cached := tree.cached(pin.content)) is not None:
        return cached
    return Unavailable(sentences.not_fetched(function.name, differing, span))
