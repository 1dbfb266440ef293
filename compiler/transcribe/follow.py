"""Cells -> what they make on the platform: functions, runs, data and triggers, in their order.

Assignments are followed, and the script's own functions, and calls of the SDK. A value that only
running tells is `Unknown`, with its text: also one that may have been changed, or that depends on
what is done before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitopsc.adapters.python_statements import Expression, NotPython, Statement, statements
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.transcribe import sentences
from gitopsc.transcribe.cells import Notebook
from gitopsc.transcribe.platform import ACTIONS, CREATING, Platform
from gitopsc.transcribe.values import (
    Arguments,
    Class,
    Data,
    Entity,
    FunctionRef,
    Instance,
    Own,
    RunRef,
    Script,
    Sdk,
    Unknown,
    merged,
)

_PACKAGES = ("digitalhub", "digitalhub_core")
_USUAL = ("dh", "dhcore", *_PACKAGES)
"""What scripts call the SDK."""

_DEEPEST = 20
"""Functions of a script that call each other."""

_MOST_STEPS = 200_000
"""Statements and expressions that are followed."""

_LARGEST = 2_000
"""Items of a value."""

_LONGEST = 100_000
"""Characters of a text that is put together."""

_NESTED = 30
"""Lists and mappings in each other."""

_READING = frozenset(
    ("any", "all", "bool", "copy", "count", "deepcopy", "dict", "dumps", "endswith", "enumerate")
) | {
    *("float", "format", "get", "index", "int", "isinstance", "items", "join", "keys", "len"),
    *("list", "lower", "max", "min", "pprint", "print", "range", "repr", "sorted", "split"),
    *("startswith", "str", "strip", "sum", "tuple", "type", "upper", "values", "zip"),
}
"""Functions and methods that leave what they get as it is."""


_ITEMS_A_STEP = 20
"""Items of a value that are looked at in the time of a step."""


class _TooMuch(Exception):
    """A script that does more than anybody wants to wait for."""


def follow(notebook: Notebook) -> tuple[Script, list[Diagnostic]]:
    following = _Following(notebook)
    platform = following.platform
    for cell in notebook.cells:
        try:
            found = statements(cell.text)
        except NotPython as error:
            place = notebook.place(cell.number, error.line)
            platform.problems.append(sentences.not_python(cell.number, str(error), place))
            continue
        try:
            following.cell = cell.number
            following.statements(found)
        except (_TooMuch, RecursionError):
            place = notebook.place(cell.number, following.line)
            platform.problems.append(sentences.too_much(place))
            break
    following.tell_uncalled()
    return platform.script, platform.problems


class _Following:
    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._names: dict[str, Any] = {}
        self._changed: dict[int, Any] = {}
        """Lists and mappings that may no longer be what they were, by their identity."""
        self._defined: list[tuple[Own, int]] = []
        """All functions of the script, and their cells."""
        self._called: set[int] = set()
        self._active: list[Statement] = []
        self._returned: list[list[Any]] = []
        self._globals: list[list[str]] = []
        self._steps = 0
        self.cell = 1
        self.line = 1
        self.platform = Platform()

    def tell_uncalled(self) -> None:
        """Functions of the script that nothing calls, and that would make something."""
        for own, cell in self._defined:
            if id(own.definition) not in self._called:
                self._tell_uncalled(own.definition, cell)

    def _tell_uncalled(self, definition: Statement, cell: int) -> None:
        for call in _calls(definition.branches[0]):
            method = str(call.inner[0].value)
            given = [each.value for each in call.inner[1:2]]
            given += [value.value for key, value in call.named if key == "action"]
            if method == "new_function" or (method == "run" and set(given) & set(ACTIONS)):
                place = self._notebook.place(cell, call.line)
                name = definition.targets[0].text
                self.platform.problems.append(sentences.never_called(name, place))
                return

    # Statements

    def statements(self, found: Iterable[Statement]) -> bool:
        """Whether they leave the function."""
        return any(self._statement(each) for each in found)

    def _statement(self, statement: Statement) -> bool:
        self._step(statement.line)
        match statement.word:
            case "if":
                return self._if(statement)
            case "loop":
                self._loop(statement)
            case "try":
                return self._try(statement)
            case "def":
                own = Own(statement)
                self._defined.append((own, self.cell))
                self._names[statement.targets[0].text] = own
            case "class":
                self._class(statement)
            case "import":
                self._import(statement.imported)
            case "global":
                if self._globals:
                    self._globals[-1] += statement.bound
            case _:
                return self._plain(statement)
        return False

    def _plain(self, statement: Statement) -> bool:
        value: Any = None
        for each in statement.values:
            value = self._value(each)
        for each in statement.changed:
            self._change(self._value(each))
        for target in statement.targets:
            self._assign(target, value)
        for name in statement.bound:
            self._names[name] = Unknown(name)
        if statement.word == "return" and self._returned:
            self._returned[-1].append(value)
        return statement.word in ("return", "raise")

    def _assign(self, target: Expression, value: Any) -> None:
        if target.kind == "name":
            self._names[target.text] = value
            return
        owner = self._value(target.inner[0])
        if isinstance(owner, Instance):
            before = owner.attributes.get(str(target.value), value)
            is_sure = not (self.platform.loops or self.platform.conditions)
            known = value if is_sure else merged([before, value], target.text)
            owner.attributes[str(target.value)] = known

    def _if(self, statement: Statement) -> bool:
        """A condition that reading decides decides here, too."""
        before = self._names
        outcomes: list[dict[str, Any]] = []
        left: list[bool] = []
        condition = ""
        for index, branch in enumerate(statement.branches):
            self._names = before
            has_condition = index < len(statement.values)
            decided = self._decided(statement.values[index]) if has_condition else True
            if decided is False:
                continue
            if decided is None:
                condition = statement.values[index].text
            elif condition:
                condition = f"not {condition}" if not has_condition else condition
            names, ended = self._branch(branch, before, condition)
            left.append(ended)
            if not ended:
                outcomes.append(names)
            if decided:
                break
        else:
            outcomes.append(before)
            left.append(False)
        self._names = _merged(outcomes) if outcomes else before
        return all(left)

    def _decided(self, condition: Expression) -> bool | None:
        if condition.text.startswith("__name__"):
            return True
        value = self._value(condition)
        return value if isinstance(value, bool) else None

    def _branch(
        self, body: Iterable[Statement], before: Mapping[str, Any], condition: str
    ) -> tuple[dict[str, Any], bool]:
        """The names after it, and whether it leaves the function."""
        self._names = dict(before)
        if condition:
            self.platform.conditions.append(condition)
        ended = self.statements(body)
        if condition:
            self.platform.conditions.pop()
        return self._names, ended

    def _loop(self, statement: Statement) -> None:
        for each in statement.values:
            self._value(each)
        before = self._names
        names = {**before, **{name: Unknown(name) for name in statement.bound}}
        self.platform.loops.append("a loop")
        after, _ = self._branch(statement.branches[0], names, "")
        self.platform.loops.pop()
        self._names = _merged([names, after])

    def _try(self, statement: Statement) -> bool:
        before = self._names
        tried, ended = self._branch(statement.branches[0], before, "")
        outcomes = [] if ended else [tried]
        left = [ended]
        for handler in statement.branches[1:]:
            names, ended = self._branch(handler, _merged([before, tried]), "an exception comes")
            left.append(ended)
            if not ended:
                outcomes.append(names)
        self._names = _merged(outcomes) if outcomes else tried
        return all(left)

    def _class(self, statement: Statement) -> None:
        before = dict(self._names)
        self.statements(statement.branches[0])
        methods = {
            each.targets[0].text: Own(each) for each in statement.branches[0] if each.word == "def"
        }
        self._names = {**before, statement.targets[0].text: Class(methods)}

    def _import(self, imported: Iterable[tuple[str, str]]) -> None:
        for bound, whole in imported:
            package, _, name = whole.partition(".")
            is_sdk = package in _PACKAGES
            if bound != "*":
                shown = name.rpartition(".")[2]
                self._names[bound] = Sdk(shown) if is_sdk else Unknown(bound)

    # Expressions

    def _value(self, expression: Expression) -> Any:
        self._step(expression.line)
        value = self._evaluated(expression)
        if isinstance(value, (list, dict)) and self._is_changed(value):
            return Unknown(expression.text)
        return value

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
            case "conditional":
                return self._conditional(expression)
            case "comprehension" | "lambda":
                self._again(expression)
            case _:
                for each in expression.inner:
                    self._value(each)
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
                is_known &= isinstance(key, (str, int, float, bool))
                found[str(key)] = value
        return self._bounded(found, expression) if is_known else Unknown(expression.text)

    def _joined(self, expression: Expression) -> Any:
        parts = [self._value(each) for each in expression.inner]
        if all(isinstance(part, list) for part in parts) and parts:
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
            case Instance() if name in owner.attributes:
                return owner.attributes[name]
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
        self.platform.conditions.append(first.text)
        values = [self._value(each) for each in others]
        self.platform.conditions.pop()
        return merged(values, expression.text) if len(others) == 2 else Unknown(expression.text)

    def _again(self, expression: Expression) -> None:
        """What is done as often as only running tells; its names are its own."""
        before = dict(self._names)
        self._names |= {name: Unknown(name) for name in expression.value or ()}
        self.platform.loops.append("a lambda" if expression.kind == "lambda" else "a loop")
        for each in expression.inner:
            self._value(each)
        self.platform.loops.pop()
        self._names = before

    # Calls

    def _call(self, expression: Expression) -> Any:
        called, *rest = expression.inner
        place = self._notebook.place(self.cell, expression.line)
        text = expression.text
        if called.kind != "attribute":
            target = self._value(called)
            given = self._arguments(rest, expression.named)
            match target:
                case Own():
                    return self._call_own(target, given, text)
                case Class():
                    return self._instance(target, given, text)
                case Sdk(name) if name:
                    return self.platform.of_sdk(name, given, text, place)
            self._pass(called.text, given)
            return Unknown(text)
        owner, method = self._value(called.inner[0]), str(called.value)
        given = self._arguments(rest, expression.named)
        if isinstance(owner, Entity):
            return self.platform.of_entity(owner, method, given, text, place)
        if isinstance(owner, Instance) and method in owner.of.methods:
            return self._call_own(owner.of.methods[method]._replace(owner=owner), given, text)
        if CREATING.fullmatch(method):
            return self.platform.of_project(method, given, text, place)
        self.platform.of_unknown(called.inner[0].text, method, given, place)
        if isinstance(owner, (list, dict)) and method not in _READING:
            self._change(owner)
        self._pass(method, given)
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
            elif isinstance(value, dict):
                keys |= value
            else:
                more.append(f"**{each.text}")
        return Arguments(positional, keys, ", ".join(more))

    def _call_own(self, own: Own, given: Arguments, text: str) -> Any:
        """A function of the script, such as `main()`: what it does is done."""
        definition = own.definition
        if len(self._active) > _DEEPEST or any(each is definition for each in self._active):
            self._pass(text, given)
            return Unknown(text)
        before = self._names
        self._called.add(id(definition))
        self._active.append(definition)
        self._returned.append([])
        self._globals.append([])
        self._names = {**before, **self._bound(own, given)}
        self.statements(definition.branches[0])
        self._active.pop()
        after, returned = self._names, self._returned.pop()
        changed = self._globals.pop()
        self._names = {**before, **{name: after[name] for name in changed if name in after}}
        return merged(returned, text) if returned else None

    def _bound(self, own: Own, given: Arguments) -> dict[str, Any]:
        """The parameters of a call, as far as it is known what they are."""
        found: dict[str, Any] = {}
        positional = [own.owner, *given.positional] if own.owner else [*given.positional]
        by_place = True
        for name, default in own.definition.parameters:
            if name.startswith("*"):
                by_place = by_place and name.startswith("**")
                found[name.lstrip("*")] = Unknown(name)
            elif positional and by_place:
                found[name] = positional.pop(0)
            elif name in given.named:
                found[name] = given.named[name]
            else:
                is_default = default is not None and not given.more
                found[name] = self._value(default) if is_default and default else Unknown(name)
        return found

    def _instance(self, made: Class, given: Arguments, text: str) -> Instance:
        instance = Instance(made, {})
        if "__init__" in made.methods:
            self._call_own(made.methods["__init__"]._replace(owner=instance), given, text)
        return instance

    # Values

    def _pass(self, called: str, given: Arguments) -> None:
        """What a function that nobody knows gets may be another afterwards."""
        if called.rpartition(".")[2] not in _READING:
            for value in (*given.positional, *given.named.values()):
                self._change(value)

    def _change(self, value: Any) -> None:
        if isinstance(value, (list, dict)):
            self._changed[id(value)] = value

    def _is_changed(self, value: Any) -> bool:
        if not self._changed:
            return False
        return any(id(each) in self._changed for each, _ in self._within(value))

    def _bounded(self, value: Any, expression: Expression) -> Any:
        for count, (_, depth) in enumerate(self._within(value)):
            if count > _LARGEST or depth > _NESTED:
                return Unknown(expression.text)
        return value

    def _within(self, value: Any) -> Iterator[tuple[Any, int]]:
        """It and all that stands in it, with how deep."""
        left = [(value, 0)]
        for count in itertools.count():
            if not left:
                break
            if count % _ITEMS_A_STEP == 1:
                self._step(self.line)
            each, depth = left.pop()
            yield each, depth
            inner = each.values() if isinstance(each, dict) else each
            if isinstance(each, (list, dict)):
                left += ((item, depth + 1) for item in inner)

    def _step(self, line: int) -> None:
        self.line = line
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _TooMuch


def _merged(outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """The names after one of several ways; one that only some bind is used after those."""
    if len(outcomes) == 1:
        return outcomes[0]
    names = dict.fromkeys(name for each in outcomes for name in each)
    return {name: merged([each[name] for each in outcomes if name in each], name) for name in names}


def _calls(found: Iterable[Statement]) -> Iterator[Expression]:
    """All calls in statements that nothing was done with."""
    for statement in found:
        for value in statement.values:
            yield from _calls_in(value)
        for branch in statement.branches:
            yield from _calls(branch)


def _calls_in(expression: Expression) -> Iterator[Expression]:
    if expression.kind == "call":
        yield expression
    for each in (*expression.inner, *(value for _, value in expression.named)):
        yield from _calls_in(each)
