"""Python text -> the functions a module defines, and what they take. Nothing is imported."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_TRANSPARENT_DECORATORS = frozenset(("handler",))
"""Decorators that leave the arguments as they are: the platform's own."""


class Definition(NamedTuple):
    """A function: the arguments that can be given by name; `open` when it takes any name."""

    line: int
    column: int
    required: tuple[str, ...]
    optional: tuple[str, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class Outline:
    """Names at the top of a module. A definition is None where reading alone cannot tell it.

    `open` when names may come from elsewhere too: a star import, a `__getattr__`.
    """

    definitions: Mapping[str, Definition | None]
    open: bool


class NotPython(Exception):
    """The text does not parse; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@lru_cache(maxsize=256)
def outline(content: bytes) -> Outline:
    """Raises NotPython."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape is its author's affair
            module = ast.parse(content)
    except SyntaxError as error:
        raise NotPython(error.msg, error.lineno or 1, error.offset or 1) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotPython(str(error) or "nested too deeply", 1, 1) from None
    names: dict[str, Definition | None] = {}
    for node in _statements(module.body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names[node.name] = _signature(node)
        else:
            names.update(dict.fromkeys(_bound_names(node)))
    return Outline(names, open="*" in names or "__getattr__" in names)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of the module itself, also under `if`, `try` and `with`."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _statements(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body)


def _bound_names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield (alias.asname or alias.name).split(".")[0]
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


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
    )


def _is_transparent(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in _TRANSPARENT_DECORATORS
