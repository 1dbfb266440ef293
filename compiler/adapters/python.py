"""Python text -> the functions a module defines, and what they take. Nothing is imported."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_TRANSPARENT_DECORATORS = frozenset(("handler",))
"""Decorators that leave the arguments as they are: the platform's own."""


class Definition(NamedTuple):
    """A function: the arguments that can be given by name; `open` when it takes any name.

    `outputs` are the names in `@handler(outputs=[...])`, None where there are none to read.
    """

    line: int
    column: int
    required: tuple[str, ...]
    optional: tuple[str, ...]
    open: bool
    outputs: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Outline:
    """Names at the top of a module. A definition is None where reading alone cannot tell it.

    `open` when names may come from elsewhere too: a star import, a `__getattr__`.
    `imports` are the first parts of the modules that it imports, anywhere in it.
    """

    definitions: Mapping[str, Definition | None]
    open: bool
    imports: frozenset[str]


_UNREAD = Outline({}, open=True, imports=frozenset())


class NotPython(Exception):
    """The text does not parse; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@lru_cache(maxsize=256)
def outline(content: bytes, version: str) -> Outline:
    """Raises NotPython.

    `version` is the Python that will run the text, such as `3.12`. What a newer one than ours may
    mean by it, reading cannot tell: then the outline is open and empty.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape is its author's affair
            module = ast.parse(content)
    except SyntaxError as error:
        if tuple(map(int, version.split("."))) > sys.version_info[:2]:
            return _UNREAD
        place = (max(1, error.lineno or 1), max(1, error.offset or 1))
        raise NotPython(error.msg, *place) from None
    except ValueError as error:
        raise NotPython(str(error), 1, 1) from None
    except (RecursionError, MemoryError):
        return _UNREAD  # valid for all we know
    names: dict[str, Definition | None] = {}
    for node in _statements(module.body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            # Of two definitions, only running the module tells which one stays.
            names[node.name] = None if node.name in names else _signature(node)
        else:
            names.update(dict.fromkeys(_bound_names(node)))
    is_open = "*" in names or "__getattr__" in names
    return Outline(names, is_open, frozenset(_imports(module)))


def _imports(module: ast.Module) -> Iterator[str]:
    for node in _all_statements(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")


def _all_statements(module: ast.Module) -> Iterator[ast.AST]:
    """Those in functions and classes, too; no expression, which cannot hold any."""
    waiting: list[ast.AST] = [*module.body]
    while waiting:
        node = waiting.pop()
        yield node
        for name in _BODIES:
            inner = getattr(node, name, None)
            if isinstance(inner, list):  # and not the expression of a conditional
                waiting += inner


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of the module itself, also under `if`, `try` and `with`; in order."""
    waiting = body[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        parts = [node, *getattr(node, "handlers", []), *getattr(node, "cases", [])]
        inner = [
            statement
            for part in parts
            for name in ("body", "orelse", "finalbody")
            for statement in getattr(part, name, [])
        ]
        waiting += inner[::-1]


def _bound_names(node: ast.stmt) -> Iterator[str]:
    """Names that a statement of the module binds, whatever it is."""
    if isinstance(node, ast.ClassDef):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield (alias.asname or alias.name).split(".")[0]
    else:
        for each in _own_parts(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                yield each.id
            elif isinstance(each, (ast.MatchAs, ast.MatchStar)) and each.name:
                yield each.name


def _own_parts(node: ast.stmt) -> Iterator[ast.AST]:
    """The expressions and patterns of a statement, without the statements in it."""
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += [each for each in ast.iter_child_nodes(part) if not isinstance(each, ast.stmt)]


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Definition | None:
    if not all(_is_transparent(each) for each in node.decorator_list) or node.args.posonlyargs:
        return None
    arguments = node.args
    plain = [each.arg for each in arguments.args]
    split = len(plain) - len(arguments.defaults)
    required, optional = plain[:split], plain[split:]
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        (required if default is None else optional).append(argument.arg)
    return Definition(
        node.lineno,
        node.col_offset + 1,
        tuple(required),
        tuple(optional),
        arguments.kwarg is not None,
        _outputs(node.decorator_list),
    )


def _outputs(decorators: list[ast.expr]) -> tuple[str, ...] | None:
    for decorator in decorators:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "outputs":
                return _literal_names(keyword.value)
    return None


def _literal_names(value: ast.expr) -> tuple[str, ...] | None:
    """Names of a literal list: strings, or mappings with a `name` (digitalhub.md section 6)."""
    try:
        items = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(items, (list, tuple)):
        return None
    names = [item.get("name") if isinstance(item, dict) else item for item in items]
    literal = tuple(name for name in names if isinstance(name, str))
    return literal if len(literal) == len(names) else None


def _is_transparent(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in _TRANSPARENT_DECORATORS
