"""A function's files -> the signatures of its handler and init, by reading and never importing."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gitopsc.adapters.python import Definition, NotPython, Outline, outline
from gitopsc.load import sentences
from gitopsc.load.source import Source, Sources
from gitopsc.model.descriptor import FunctionDescriptor
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.memo import Memo, step_key
from gitopsc.model.program import Signature
from gitopsc.model.source import FunctionFile, Span, Tree


class Handler(NamedTuple):
    """Signatures by name, as far as reading tells them, and what the module imports."""

    signatures: Mapping[str, Signature] = {}
    imports: frozenset[str] = frozenset()


def module_of(function: FunctionDescriptor, source: Source) -> str:
    """The file of the handler, below the source's folder."""
    name = function.source.module_name
    return name.replace(".", "/") + ".py" if name else source.module


def read_handler(
    sources: Sources, function: FunctionDescriptor, loaded: Source
) -> tuple[Handler, list[Diagnostic]]:
    """The handler and init have to be in the module."""
    module = module_of(function, loaded)
    span = function.span("spec", "source", "handler")
    file = next((found for found in loaded.files if found.path == module), None)
    if file is None:
        if not loaded.files or loaded.fetch is not None:  # a ready image may have it inside
            return Handler(), []
        written = function.source.handler
        return Handler(), [sentences.no_module(written, module, loaded.files, span)]
    if not module.endswith(".py"):
        return Handler(), [sentences.not_a_module(module, span)]
    try:
        names = _outline(file.content, function.python_version, sources.memo)
    except NotPython as error:
        return Handler(), [sentences.not_python(function, file, error, span)]
    problems: list[Diagnostic] = []
    if loaded.is_file:
        problems += _left_behind(function, file, str(loaded.origin), names.imports, sources.tree)
    wanted = {function.source.function_name: span}
    if function.source.init_function is not None:
        place = function.span("spec", "source", "init_function")
        wanted[function.source.init_function] = place
    for name, place in wanted.items():
        if name not in names.definitions and not names.open:
            problems.append(sentences.unknown_handler(file.path, name, names.definitions, place))
    found = ((name, names.definitions.get(name)) for name in wanted)
    signatures = {
        name: _signature(file, definition) for name, definition in found if definition is not None
    }
    return Handler(signatures, names.imports), problems


def _outline(content: bytes, version: str, memo: Memo) -> Outline:
    """Raises NotPython."""
    key = step_key("outline", version, content)
    known = memo.recall(key)
    if known is not None:
        definitions, is_open, imports = known
        named = {name: each and Definition(*each) for name, each in definitions.items()}
        return Outline(named, is_open, frozenset(imports))
    found = outline(content, version)
    plain = {name: each and tuple(each) for name, each in found.definitions.items()}
    memo.keep(key, (plain, found.open, sorted(found.imports)))
    return found


def _signature(file: FunctionFile, found: Definition) -> Signature:
    span = None
    if file.origin is not None:
        end = found.column + len("def")
        span = Span(file.origin, found.line, found.column, found.line, end)
    return Signature(found.required, found.optional, found.open, found.outputs, span)


def _left_behind(
    function: FunctionDescriptor,
    file: FunctionFile,
    origin: str,
    imports: Iterable[str],
    tree: Tree,
) -> Iterator[Diagnostic]:
    """Modules that the source imports, and that lie beside it and stay there."""
    folder = posixpath.dirname(str(file.origin))
    stem = posixpath.basename(file.path).removesuffix(".py")
    for name in sorted(set(imports) - {stem}):
        beside = posixpath.join(folder, name)
        if f"{beside}.py" in tree.files or f"{beside}/__init__.py" in tree.files:
            handler = function.source.function_name
            where = posixpath.dirname(origin) or "."
            span = function.span("spec", "source", "source")
            yield sentences.not_copied(name, file, where, stem, handler, span)
