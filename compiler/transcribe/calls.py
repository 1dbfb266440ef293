"""A call of a script -> what it gives, by the platform or by a function of the script."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from gitopsc.adapters.python_statements import Expression, Statement
from gitopsc.model.source import Span
from gitopsc.transcribe import sentences
from gitopsc.transcribe.expressions import Expressions
from gitopsc.transcribe.outline import globals_in, makes_at
from gitopsc.transcribe.platform import CREATING
from gitopsc.transcribe.values import (
    Arguments,
    Bound,
    Class,
    Entity,
    Instance,
    Own,
    Sdk,
    Unknown,
    merged,
)

_DEEPEST = 20
"""Functions of a script that call each other."""

_READING = frozenset(
    ("any", "all", "bool", "copy", "count", "deepcopy", "dict", "dumps", "endswith", "enumerate")
) | {
    *("float", "format", "get", "index", "int", "isinstance", "items", "join", "keys", "len"),
    *("list", "lower", "max", "min", "pprint", "print", "range", "repr", "sorted", "split"),
    *("startswith", "str", "strip", "sum", "tuple", "type", "upper", "values", "zip"),
}
"""Functions and methods that leave what they get as it is."""

_REACHING = ("eval", "exec", "globals", "locals", "vars")
"""Functions by which a script reaches its names."""


class Calls(Expressions):
    """Calls of the SDK, and of the functions and classes of the script."""

    @abstractmethod
    def statements(self, found: Iterable[Statement]) -> bool:
        """Whether they leave the function, or the script."""

    def _call(self, expression: Expression) -> Any:
        called, *rest = expression.inner
        place = self._notebook.place(self.cell, expression.line)
        text = expression.text
        if called.kind != "attribute":
            target = self._value(called)
            given = self._arguments(rest, expression.named)
            match target:
                case Own():
                    return self._call_own(target, given, text, place)
                case Class():
                    return self._instance(target, given, text, place)
                case Sdk(name) if name:
                    return self.platform.of_sdk(name, given, text, place)
                case Bound(owner, method):
                    return self.platform.of_entity(owner, method, given, text, place)
                case Unknown("getattr") if _is_method_of_entity(given.positional):
                    return Bound(*given.positional)
                case Unknown(known):
                    method = known.rpartition(".")[2]
                    self.platform.of_unknown(known, method, given, place)
                    self._aliases.change_unknown(method)
                    if known in _REACHING:
                        self._forget()
            self._pass(called.text, given, place)
            return Unknown(text)
        owner, method = self._value(called.inner[0]), str(called.value)
        given = self._arguments(rest, expression.named)
        if isinstance(owner, Entity):
            return self.platform.of_entity(owner, method, given, text, place)
        if isinstance(owner, Instance) and method in owner.of.methods:
            own = replace(owner.of.methods[method], owner=owner)
            return self._call_own(own, given, text, place)
        if CREATING.fullmatch(method):
            return self.platform.of_project(method, given, text, place)
        self.platform.of_unknown(called.inner[0].text, method, given, place)
        if isinstance(owner, Unknown):
            self._aliases.change_unknown(method)
        elif method not in _READING:
            self._aliases.change(owner)
        self._pass(method, given, place)
        return Unknown(text)

    def _arguments(
        self, rest: Iterable[Expression], named: Iterable[tuple[str, Expression]]
    ) -> Arguments:
        positional: list[Any] = []
        keys: dict[str, Any] = {}
        more: list[str] = []
        for each in rest:
            value = self._value(each.inner[0] if each.kind == "splat" else each)
            if each.kind != "splat":
                positional.append(value if not more else Unknown(each.text))
            elif isinstance(value, list):
                positional += value
            else:
                more.append(each.text)
        for key, each in named:
            value = self._value(each)
            if key != "**":
                keys[key] = value
            elif isinstance(value, dict) and all(map(str.isidentifier, value)):
                keys |= value
            else:
                more.append(f"**{each.text}")
        return Arguments(positional, keys, ", ".join(more))

    def _call_own(self, own: Own, given: Arguments, text: str, place: Span) -> Any:
        """A function of the script, such as `main()`: what it does is done, with the names of the
        script, and of the function that it is defined in."""
        definition = own.definition
        if len(self._active) > _DEEPEST or any(each is definition for each in self._active):
            self._pass(text, given._replace(positional=[*given.positional, own]), place)
            return Unknown(text)
        before = self._names
        if not self._active:
            self._module = before
        self._called.add(id(definition))
        self._active.append(definition)
        self._returned.append([])
        self._globals.append([])
        self._names = {**self._module, **own.around, **self._bound(own, given)}
        ended = self.statements(definition.branches[0])
        self._active.pop()
        after, returned = self._names, self._returned.pop()
        self._is_left = ended and not returned
        changed = {name: after[name] for name in self._globals.pop() if name in after}
        self._module = {**self._module, **changed}
        if self._globals:
            self._globals[-1] += changed
        self._names = {**before, **changed}
        value = merged(returned, text) if returned else None
        return Unknown(text) if definition.is_async and not isinstance(value, Entity) else value

    def _bound(self, own: Own, given: Arguments) -> dict[str, Any]:
        """The parameters of a call, as far as it is known what they are."""
        found: dict[str, Any] = {}
        positional = [*given.positional]
        if own.owner is not None and not own.is_static:
            positional = [own.owner, *positional]
        by_place = True
        for name, _ in own.definition.parameters:
            if name.startswith("*"):
                by_place = by_place and name.startswith("**")
                found[name.lstrip("*")] = Unknown(name)
                self._aliases.escape([*given.positional, *given.named.values()])
            elif positional and by_place:
                found[name] = positional.pop(0)
            elif name in given.named:
                found[name] = given.named[name]
            else:
                is_known = name in own.defaults and not given.more
                found[name] = own.defaults[name] if is_known else Unknown(name)
        return found

    def _instance(self, made: Class, given: Arguments, text: str, place: Span) -> Any:
        if "__new__" in made.methods:
            self._pass(text, given, place)
            return Unknown(text)
        instance = Instance(made, {})
        if "__init__" in made.methods:
            begin = replace(made.methods["__init__"], owner=instance)
            self._call_own(begin, given, text, place)
        return instance

    def _pass(self, called: str, given: Arguments, place: Span) -> None:
        """An unknown function may change its arguments, and call those that are functions."""
        for value in (*given.positional, *given.named.values()):
            if isinstance(value, Own):
                self._names |= {
                    name: Unknown(name) for name in globals_in(value.definition.branches[0])
                }
                if makes_at(value.definition) is not None:
                    name = value.definition.targets[0].text
                    self.platform.problems.append(sentences.handed_on(name, place))
            elif isinstance(value, Bound):
                if value.method in ("run", "trigger") or CREATING.fullmatch(value.method):
                    shown = f"{getattr(value.owner, 'name', 'project')}.{value.method}"
                    self.platform.problems.append(sentences.handed_on(shown, place))
            elif called.rpartition(".")[2] not in _READING:
                self._aliases.change(value)


def _is_method_of_entity(given: Sequence[Any]) -> bool:
    """Whether these are the arguments of `getattr(f, "run")`."""
    return len(given) == 2 and isinstance(given[0], Entity) and isinstance(given[1], str)
