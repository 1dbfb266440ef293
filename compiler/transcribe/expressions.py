"""An expression of a script -> its value; `Unknown`, where only running tells it.

That is also a value that may have been changed, or that depends on what is done before it.
"""

from __future__ import annotations

import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from gitopsc.adapters.python_expressions import parts_of
from gitopsc.adapters.python_statements import Expression, Statement
from gitopsc.transcribe import sentences
from gitopsc.transcribe.aliases import Aliases, Budget
from gitopsc.transcribe.cells import Notebook
from gitopsc.transcribe.outline import walruses_in
from gitopsc.transcribe.platform import CREATING, Platform
from gitopsc.transcribe.values import (
    Bound,
    Class,
    Data,
    Entity,
    FunctionRef,
    Instance,
    Own,
    Project,
    RunRef,
    Sdk,
    Unknown,
    merged,
)

PACKAGES = ("digitalhub", "digitalhub_core")
_USUAL = ("dh", "dhcore", *PACKAGES)
"""What scripts call the SDK."""

_LONGEST = 100_000
"""Characters of a text that is put together."""

_MAKING = re.compile(r"\b(?:run|trigger|new_\w+|log_\w+)\s*\(")
"""Calls that may make something, in text that is not read."""


class Expressions(ABC):
    """What is known while a notebook is followed, and what expressions come to by that."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._names: dict[str, Any] = {}
        self._module: dict[str, Any] = {}
        """The names of the script, while a function of it is followed."""
        self._budget = Budget()
        self._aliases = Aliases(self._budget)
        self._defined: list[tuple[Own, int]] = []
        """All functions of the script, and their cells."""
        self._called: set[int] = set()
        self._active: list[Statement] = []
        self._returned: list[list[Any]] = []
        self._globals: list[list[str]] = []
        self._is_left = False
        """Whether the function that was called last has raised, for sure."""
        self.cell = 1
        self.platform = Platform()

    @property
    def line(self) -> int:
        return self._budget.line

    @abstractmethod
    def _call(self, expression: Expression) -> Any:
        """What a call gives, with all that it does."""

    def _value(self, expression: Expression) -> Any:
        self._budget.step(expression.line)
        value = self._evaluated(expression)
        return Unknown(expression.text) if self._aliases.is_changed(value) else value

    def _evaluated(self, expression: Expression) -> Any:
        match expression.kind:
            case "literal":
                return expression.value
            case "name":
                return self._name(expression.text)
            case "list":
                return self._list(expression)
            case "mapping":
                return self._mapping(expression)
            case "joined" | "sum":
                return self._joined(expression)
            case "attribute":
                return self._attribute(expression)
            case "subscript":
                return self._subscript(expression)
            case "call":
                return self._call(expression)
            case "walrus":
                self._names[expression.value] = value = self._value(expression.inner[0])
                return value
            case "deep":
                if _MAKING.search(expression.text):
                    self._tell_deep(expression.line)
            case "conditional":
                return self._conditional(expression)
            case "comprehension" | "lambda":
                self._again(expression)
            case _:
                for each in expression.inner:
                    self._value(each)
                # Of `a < b < (c := d)`, not all may be evaluated.
                for name in walruses_in(expression.inner):
                    self._names[name] = Unknown(name)
        return Unknown(expression.text)

    def _name(self, name: str) -> Any:
        if name not in self._names and name in _USUAL:
            return Sdk()
        if name not in self._names and CREATING.fullmatch(name):
            return Sdk(name)  # of `from digitalhub import *`
        return self._names.get(name, Unknown(name))

    def _list(self, expression: Expression) -> Any:
        found: list[Any] = []
        for each in expression.inner:
            value = self._value(each.inner[0] if each.kind == "splat" else each)
            if each.kind == "splat" and isinstance(value, list):
                found += value
            else:
                found.append(Unknown(each.text) if each.kind == "splat" else value)
        return self._bounded(found, expression)

    def _mapping(self, expression: Expression) -> Any:
        found: dict[str, Any] = {}
        pairs = zip(expression.inner[::2], expression.inner[1::2], strict=True)
        is_known = True
        for left, right in pairs:
            if left.kind == "splat":
                more = self._value(left.inner[0])
                is_known &= isinstance(more, dict)
                found |= more if isinstance(more, dict) else {}
            else:
                key, value = self._value(left), self._value(right)
                is_known &= isinstance(key, str)
                found[str(key)] = value
        return self._bounded(found, expression) if is_known else Unknown(expression.text)

    def _joined(self, expression: Expression) -> Any:
        parts = [self._value(each) for each in expression.inner]
        if expression.kind == "sum" and all(isinstance(part, list) for part in parts):
            return self._bounded([item for part in parts for item in part], expression)
        is_text = expression.kind == "joined" or any(isinstance(part, str) for part in parts)
        if is_text and all(isinstance(part, (str, int, float)) for part in parts):
            text = "".join(str(part) for part in parts)
            if len(text) <= _LONGEST:
                return text
        known = "-".join(part for part in parts if isinstance(part, str))
        return Unknown(expression.text, known[:_LONGEST])

    def _attribute(self, expression: Expression) -> Any:
        owner, name = self._value(expression.inner[0]), str(expression.value)
        match owner:
            case Data() if name == "key":
                return owner
            case Data() | FunctionRef() if name == "name":
                return owner.name
            case Instance() if name in owner.attributes and name not in owner.of.others:
                return owner.attributes[name]
            case FunctionRef() | Project() | Sdk() if name:
                return Bound(owner, name)
        return Unknown(expression.text)

    def _subscript(self, expression: Expression) -> Any:
        owner, *keys = [self._value(each) for each in expression.inner]
        key = keys[0] if len(keys) == 1 else None
        if isinstance(owner, RunRef) and owner.is_outputs and isinstance(key, str):
            return Data("dataitem", key)
        if isinstance(owner, dict) and isinstance(key, str) and key in owner:
            return owner[key]
        if isinstance(owner, list) and isinstance(key, int) and -len(owner) <= key < len(owner):
            return owner[key]
        return Unknown(expression.text)

    def _conditional(self, expression: Expression) -> Any:
        """`a if b else c`, `a and b`: the first of them is always evaluated."""
        first, *others = expression.inner
        decided = self._decided(first)
        if decided is not None and len(others) == 2:
            return self._value(others[0 if decided else 1])
        before = self._names
        outcomes = [before] if len(others) < 2 else []
        values = []
        self.platform.conditions.append(first.text)
        for each in others:
            self._names = dict(before)
            values.append(self._value(each))
            outcomes.append(self._names)
        self.platform.conditions.pop()
        self._names, self._is_left = self._merged(outcomes), False
        return merged(values, expression.text) if len(others) == 2 else Unknown(expression.text)

    def _again(self, expression: Expression) -> None:
        """A comprehension or a lambda: how often it is evaluated is unknown, and its variables are
        local."""
        self._escape([expression])
        before = dict(self._names)
        self._names |= {name: Unknown(name) for name in expression.value or ()}
        self.platform.loops.append("a lambda" if expression.kind == "lambda" else "a loop")
        for each in expression.inner:
            self._value(each)
        self.platform.loops.pop()
        bound = {*walruses_in([expression])}
        own = expression.value or ()
        bound |= {name for name in before if self._names[name] is not before[name]} - {*own}
        self._names, self._is_left = {**before, **{name: Unknown(name) for name in bound}}, False

    # What is known

    def _decided(self, condition: Expression) -> bool | None:
        if re.fullmatch(r"__name__\s*==\s*(['\"])__main__\1", condition.text):
            return True
        value = self._value(condition)
        return value if isinstance(value, bool) else None

    def _change_all(self, changed: Iterable[Expression]) -> None:
        """An assignment to `x[0][1]` changes `x[0]` and `x`."""
        for target in changed:
            if target.kind == "name":
                self._aliases.change(self._value(target))
                continue
            owner = self._value(target.inner[0])
            for key in target.inner[1:]:
                self._value(key)
            self._aliases.change(owner)
            part = target.inner[0]
            while part.kind in ("attribute", "subscript"):
                part = part.inner[0]
                if not any(each.kind == "call" for each in parts_of(part)):
                    self._aliases.change(self._value(part))
            if isinstance(owner, Unknown):
                self._escape([target])
                self._aliases.change_unknown()

    def _escape(self, expressions: Iterable[Expression]) -> None:
        """The lists and mappings in what has become `Unknown`: it may be one of them."""
        parts = itertools.chain.from_iterable(map(parts_of, expressions))
        self._aliases.escape(self._names.get(each.text) for each in parts if each.kind == "name")

    def _forget(self) -> None:
        """From here on any name may have another value."""
        names = (name for name, value in self._names.items() if _is_plain(value))
        self._names |= {name: Unknown(name) for name in names}

    def _bounded(self, value: Any, expression: Expression) -> Any:
        return value if self._aliases.is_bounded(value) else Unknown(expression.text)

    def _merged(self, outcomes: list[dict[str, Any]]) -> dict[str, Any]:
        """The names after one of several ways; one that only some bind is used after those."""
        if len(outcomes) == 1:
            return outcomes[0]
        names = dict.fromkeys(name for each in outcomes for name in each)
        self._budget.look_at(len(names))
        return {
            name: merged([each[name] for each in outcomes if name in each], name) for name in names
        }

    def _tell_deep(self, line: int) -> None:
        place = self._notebook.place(self.cell, line)
        self.platform.problems.append(sentences.too_deep(place))


def _is_plain(value: Any) -> bool:
    """Whether it is neither an entity of the platform nor a function or object of the script."""
    return not isinstance(value, (Entity, Own, Class, Instance))
