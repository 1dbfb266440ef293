"""Statements -> what they bind, and whether they make something, without following them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from gitopsc.adapters.python_expressions import parts_of
from gitopsc.adapters.python_statements import Expression, Statement
from gitopsc.transcribe.platform import ACTIONS


def bound_in(branches: Iterable[Iterable[Statement]]) -> Iterator[str]:
    """All names that statements bind, but for those of functions and classes in them."""
    for statement in itertools.chain.from_iterable(branches):
        yield from statement.bound
        yield from (each.text for each in statement.targets if each.kind == "name")
        yield from (name for name, _ in statement.imported)
        yield from walruses_in(statement.values)
        if statement.word not in ("def", "class"):
            yield from bound_in(statement.branches)


def walruses_in(expressions: Iterable[Expression]) -> Iterator[str]:
    for expression in expressions:
        yield from (each.value for each in parts_of(expression) if each.kind == "walrus")


def globals_in(found: Iterable[Statement]) -> Iterator[str]:
    """Names that are declared `global` or `nonlocal`, also in functions."""
    for statement in found:
        if statement.word == "global":
            yield from statement.bound
        for branch in statement.branches:
            yield from globals_in(branch)


def makes_at(definition: Statement) -> int | None:
    """The line of a function that makes something of the platform, if there is one."""
    for call in _calls(definition.branches[0]):
        method = str(call.inner[0].value)
        given = [each.value for each in call.inner[1:2]]
        given += [value.value for key, value in call.named if key == "action"]
        if method == "new_function" or (method == "run" and set(map(str, given)) & set(ACTIONS)):
            return call.line
    return None


def _calls(found: Iterable[Statement]) -> Iterator[Expression]:
    for statement in found:
        for value in statement.values:
            yield from (each for each in parts_of(value) if each.kind == "call")
        for branch in statement.branches:
            yield from _calls(branch)
