"""A function's files -> the signatures of its handler and init, by reading and never importing."""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from gitopsc.adapters.python import Definition
from gitopsc.load import sentences
from gitopsc.load.outlines import NotPython, outline_of
from gitopsc.load.source import Source, Sources, module_of
from gitopsc.model.descriptor import FunctionDescriptor
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.memo import Memo
from gitopsc.model.program import Signature
from gitopsc.model.source import FunctionFile, Span, Tree


class Handler(NamedTuple):
    """Signatures by name, as far as reading tells them, and the modules beside a file that stay
    there. What `is_unread` is not valid Python, or has no such function. `unreturned` are the
    outputs that a decorator names, of a handler that returns nothing."""

    signatures: Mapping[str, Signature] = {}
    left_behind: frozenset[str] = frozenset()
    is_unread: bool = False
    unreturned: tuple[str, ...] = ()


_UNREAD = Handler(is_unread=True)


def read_handler(
    sources: Sources, function: FunctionDescriptor, loaded: Source
) -> tuple[Handler, list[Diagnostic]]:
    """The handler and init have to be in the module."""
    module = module_of(function, loaded.module)
    span = function.span("spec", "source", "handler")
    file = next((found for found in loaded.files if found.path == module), None)
    if file is None:
        if not loaded.files or loaded.fetch is not None:  # a ready image may have it inside
            return Handler(), []
        written = function.source.handler
        return _UNREAD, [sentences.no_module(written, module, loaded.files, span)]
    if not module.endswith(".py"):
        return _UNREAD, [sentences.not_a_module(module, span)]
    try:
        names = outline_of(file.content, sources.memo)
    except NotPython as error:
        return _UNREAD, [sentences.not_python(function, file, error, span)]
    problems: list[Diagnostic] = []
    left_behind: frozenset[str] = frozenset()
    if loaded.is_file:
        left_behind = frozenset(_left_behind(file, names.packages, sources.tree))
        place = function.span("spec", "source", "source")
        folder = posixpath.dirname(str(loaded.origin)) or "."
        problems += [
            sentences.not_copied(name, file, folder, function.source.function_name, place)
            for name in sorted(left_behind)
        ]
        problems += [
            sentences.file_not_copied(text, file, place)
            for text in _files_left_behind(file, names.strings, sources)
            if _is_first_of_file(sources, function)
        ]
    wanted = {function.source.function_name: span}
    if function.source.init_function is not None:
        place = function.span("spec", "source", "init_function")
        wanted[function.source.init_function] = place
    elif (
        "init" not in wanted
        and _is_init(file, names.definitions.get("init"))
        and not _is_init_of_another(sources, function, names.definitions)
    ):
        problems.append(sentences.uncalled_init(file.path, span))
    for name, place in wanted.items():
        if name not in names.definitions and not names.open:
            problems.append(sentences.unknown_handler(file.path, name, names.definitions, place))
    main = names.definitions.get(function.source.function_name)
    unreturned = () if main is None or main.returns else main.outputs or ()
    found = ((name, names.definitions.get(name)) for name in wanted)
    signatures = {
        name: _signature(file, definition) for name, definition in found if definition is not None
    }
    if loaded.all_of_it is not None:
        problems.append(sentences.all_of_it(function, loaded.all_of_it, span))
    is_unread = function.source.function_name not in signatures and not names.open
    return Handler(signatures, left_behind, is_unread, unreturned), problems


def _is_init_of_another(
    sources: Sources, function: FunctionDescriptor, known: Container[str]
) -> bool:
    """Whether the file has a second handler, which that is the init function of, or may be meant
    for: of a function with errors, or with an init function that is not in the file."""
    own = function.source
    if own.path is None:
        return False
    for each in sources.project.entities.functions:
        path, init = each.source.path, each.source.init_function
        if not each.valid:
            source = each.written.get("source")
            path = source.get("source") if isinstance(source, dict) else None
        elif each.source.function_name == own.function_name:
            continue
        is_meant = not each.valid or init == "init" or (init is not None and init not in known)
        if is_meant and isinstance(path, str) and _same_path(path, own.path):
            return True
    return False


def _same_path(one: str, other: str) -> bool:
    return posixpath.normpath(one) == posixpath.normpath(other)


def _is_init(file: FunctionFile, definition: Definition | None) -> bool:
    """Whether a function takes what init functions do."""
    return definition is not None and _signature(file, definition).arguments[:1] == ("context",)


def with_code(files: Iterable[FunctionFile], memo: Memo) -> Iterator[FunctionFile]:
    """Each Python file with the digest of its code: comments decide no result."""
    for file in files:
        try:
            code = outline_of(file.content, memo).code if file.path.endswith(".py") else None
        except NotPython:
            code = None
        yield file if code is None else replace(file, code=code)


def _signature(file: FunctionFile, found: Definition) -> Signature:
    span = None
    if file.origin is not None:
        end = found.column + len("def")
        span = Span(file.origin, found.line, found.column, found.line, end)
    return Signature(found.required, found.optional, found.open, found.outputs, span)


def _is_first_of_file(sources: Sources, function: FunctionDescriptor) -> bool:
    """What is wrong with a file is told once, though several functions are in it."""
    path = function.source.path
    sharing = (
        (each.name, each.id or "")
        for each in sources.project.entities.functions
        if each.valid and each.source.path == path
    )
    return (function.name, function.id or "") == min(sharing)


def _files_left_behind(
    file: FunctionFile, strings: Iterable[str], sources: Sources
) -> Iterator[str]:
    """Texts of a module that are the paths of files here, as those see them who start it here."""
    beside, project = posixpath.dirname(str(file.origin)), sources.project.folder
    for text in strings:
        paths = {posixpath.normpath(posixpath.join(each, text)) for each in (beside, project)}
        if "/" in text and not paths.isdisjoint(sources.tree.files):
            yield text


def _left_behind(file: FunctionFile, imports: Iterable[str], tree: Tree) -> Iterator[str]:
    """Modules that a file imports, and that lie beside it and stay there."""
    folder = posixpath.dirname(str(file.origin))
    for name in {*imports} - {posixpath.basename(file.path).removesuffix(".py")}:
        beside = posixpath.join(folder, name)
        if f"{beside}.py" in tree.files or f"{beside}/__init__.py" in tree.files:
            yield name
