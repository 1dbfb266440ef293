"""Lists, mappings and objects of a script -> which of them may no longer be what they were.

One value has several names. A change through an unknown value may change each value that it may
refer to: `e = d.get("x")`, `for v in [d]`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gitopsc.transcribe.platform import TooMuch
from gitopsc.transcribe.values import Entity, Instance, Unknown

_MOST_STEPS = 200_000
"""Statements and expressions that are followed."""

_ITEMS_A_STEP = 20
"""Items of a value that are looked at in the time of a step."""

_LARGEST = 2_000
"""Items of a value; so many characters of a text count for one."""

_CHARACTERS_AN_ITEM = 50
_NESTED = 30
"""Lists and mappings in each other."""

_CHANGING = frozenset(
    ("add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reverse")
) | {"setdefault", "sort", "update"}
"""Methods that change what they are called on."""


@dataclass(slots=True)
class Budget:
    """`line` is where following has come to."""

    line: int = 1
    _steps: int = 0

    def step(self, line: int) -> None:
        """Raises TooMuch."""
        self.line = line
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise TooMuch

    def look_at(self, items: int) -> None:
        self._steps += items // _ITEMS_A_STEP


@dataclass(slots=True)
class Aliases:
    """`_changed` are by their identity."""

    budget: Budget
    _changed: dict[int, Any] = field(default_factory=dict)
    _escaped: list[Any] = field(default_factory=list)

    def change(self, value: Any) -> None:
        """The attributes of an object become unknown, but for entities of the platform."""
        if isinstance(value, (list, dict)):
            self._changed[id(value)] = value
        elif isinstance(value, Instance):
            for name, each in value.attributes.items():
                if not isinstance(each, Entity):
                    value.attributes[name] = Unknown(name)

    def escape(self, values: Iterable[Any]) -> None:
        """Unknown values may refer to these."""
        self._escaped += [each for each in values if isinstance(each, (list, dict, Instance))]

    def change_unknown(self, method: str = "update") -> None:
        """A method of an unknown value is called."""
        if method in _CHANGING:
            for each in self._escaped:
                self.change(each)
            self._escaped = []

    def is_changed(self, value: Any) -> bool:
        if not self._changed or not isinstance(value, (list, dict)):
            return False
        return any(id(each) in self._changed for each, _ in self._within(value))

    def is_bounded(self, value: Any) -> bool:
        """Whether its size and depth are within the limits."""
        size = 0
        for each, depth in self._within(value):
            size += 1 + (len(each) // _CHARACTERS_AN_ITEM if isinstance(each, str) else 0)
            if size > _LARGEST or depth > _NESTED:
                return False
        return True

    def _within(self, value: Any) -> Iterator[tuple[Any, int]]:
        """It and all that stands in it, with how deep."""
        left = [(value, 0)]
        for count in itertools.count():
            if not left:
                break
            if count % _ITEMS_A_STEP == 1:
                self.budget.step(self.budget.line)
            each, depth = left.pop()
            yield each, depth
            inner = each.values() if isinstance(each, dict) else each
            if isinstance(each, (list, dict)):
                left += ((item, depth + 1) for item in inner)
