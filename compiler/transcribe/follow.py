"""Cells -> what they make on the platform: functions, runs, data and triggers, in their order.

Assignments are followed, and the script's own functions, and calls of the SDK. A value that only
running tells is `Unknown`, with its text: also one that may have been changed, or that depends on
what is done before it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitopsc.adapters.python_expressions import parts_of
from gitopsc.adapters.python_statements import Expression, NotPython, Statement, statements
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.source import Span
from gitopsc.transcribe import sentences
from gitopsc.transcribe.aliases import Aliases, Budget
from gitopsc.transcribe.cells import Notebook
from gitopsc.transcribe.outline import bound_in, globals_in, makes_at, walruses_in
from gitopsc.transcribe.platform import CREATING, Platform, TooMuch
from gitopsc.transcribe.values import (
    Arguments,
    Bound,
    Class,
    Data,
    Entity,
    FunctionRef,
    Instance,
    Own,
    Project,
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

_LONGEST = 100_000
"""Characters of a text that is put together."""

_READING = frozenset(
    ("any", "all", "bool", "copy", "count", "deepcopy", "dict", "dumps", "endswith", "enumerate")
) | {
    *("float", "format", "get", "index", "int", "isinstance", "items", "join", "keys", "len"),
    *("list", "lower", "max", "min", "pprint", "print", "range", "repr", "sorted", "split"),
    *("startswith", "str", "strip", "sum", "tuple", "type", "upper", "values", "zip"),
}
"""Functions and methods that leave what they get as it is."""

_MAKING = re.compile(r"\b(?:run|trigger|new_\w+|log_\w+)\s*\(")
"""Calls that may make something, in text that is not read."""

_REACHING = ("eval", "exec", "globals", "locals", "vars")
"""Functions by which a script reaches its names."""

_LEAVING = ("exit(", "quit(", "sys.exit(", "os._exit(")
_TRANSPARENT = ("staticmethod", "handler", "dh.handler")
"""Decorators that leave a function what it is."""


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
        except (TooMuch, RecursionError):
            place = notebook.place(cell.number, following.line)
            platform.problems.append(sentences.too_much(place))
            break
    following.tell_uncalled()
    return platform.script, platform.problems


class _Following:
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

    def tell_uncalled(self) -> None:
        """Functions of the script that nothing calls, and that would make something."""
        for own, cell in self._defined:
            if id(own.definition) not in self._called:
                self._tell_uncalled(own.definition, cell)

    def _tell_uncalled(self, definition: Statement, cell: int) -> None:
        line = makes_at(definition)
        if line is not None:
            place = self._notebook.place(cell, line)
            name = definition.targets[0].text
            self.platform.problems.append(sentences.never_called(name, place))

    # Statements

    def statements(self, found: Iterable[Statement]) -> bool:
        """Whether they leave the function, or the script."""
        return any(self._statement(each) for each in found)

    def _statement(self, statement: Statement) -> bool:
        self._budget.step(statement.line)
        match statement.word:
            case "if":
                return self._if(statement)
            case "loop":
                self._loop(statement)
            case "try":
                return self._try(statement)
            case "finally":
                tried, last = statement.branches
                ended = self.statements(tried)
                return self.statements(last) or ended
            case "deep":
                self._tell_deep(statement.line)
            case "def":
                self._names[statement.targets[0].text] = self._function(statement)
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
        if statement.bound or isinstance(value, Unknown):
            self._escape(statement.values)
        self._change_all(statement.changed)
        for target in statement.targets:
            self._assign(target, value)
        for name in statement.bound:
            self._names[name] = Unknown(name)
        if statement.word == "return" and self._returned:
            self._returned[-1].append(value)
        is_exit = any(each.text.startswith(_LEAVING) for each in statement.values[:1])
        is_left, self._is_left = self._is_left, False
        return statement.word in ("return", "raise") or is_exit or is_left

    def _tell_deep(self, line: int) -> None:
        place = self._notebook.place(self.cell, line)
        self.platform.problems.append(sentences.too_deep(place))

    def _function(self, statement: Statement) -> Any:
        """Unknown where a decorator may replace it, or where it is a generator."""
        defaults = {
            name: self._value(default)
            for name, default in statement.parameters
            if default is not None
        }
        decorators = [each.text for each in statement.values]
        for each in statement.values:
            self._value(each)
        own = Own(
            statement,
            defaults=defaults,
            around=dict(self._names) if self._active else {},
            is_static=decorators == ["staticmethod"],
        )
        self._defined.append((own, self.cell))
        is_plain = all(each in _TRANSPARENT for each in decorators) and not statement.is_lazy
        return own if is_plain else Unknown(statement.targets[0].text)

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
        """Of a condition with a known value, the branch that is taken is followed alone."""
        before = self._names
        outcomes: list[dict[str, Any]] = []
        left: list[bool] = []
        condition = ""
        for index, branch in enumerate(statement.branches):
            self._names = before
            has_condition = index < len(statement.values)
            decided = self._decided(statement.values[index]) if has_condition else True
            before, self._is_left = self._names, False
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
        self._names = self._merged(outcomes) if outcomes else before
        return all(left)

    def _decided(self, condition: Expression) -> bool | None:
        if re.fullmatch(r"__name__\s*==\s*(['\"])__main__\1", condition.text):
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
        self._escape(statement.values)
        self._change_all(statement.changed)
        before = self._names
        bound = {*statement.bound, *bound_in(statement.branches)}
        names = {**before, **{name: Unknown(name) for name in bound}}
        self.platform.loops.append("a loop")
        after, _ = self._branch(statement.branches[0], names, "")
        self.platform.loops.pop()
        self._names = self._merged([before, names, after])

    def _try(self, statement: Statement) -> bool:
        before = self._names
        tried, ended = self._branch(statement.branches[0], before, "")
        outcomes = [] if ended else [tried]
        left = [ended]
        bound = {name: Unknown(name) for name in bound_in(statement.branches[:1])}
        until = self._merged([before, {**before, **bound}])
        for handler in statement.branches[1:]:
            names, ended = self._branch(handler, until, "an exception comes")
            left.append(ended)
            if not ended:
                outcomes.append(names)
        self._names = self._merged(outcomes) if outcomes else tried
        return all(left)

    def _class(self, statement: Statement) -> None:
        for each in statement.values:
            self._value(each)
        before = dict(self._names)
        self.statements(statement.branches[0])
        self._aliases.escape(self._names.get(name) for name in bound_in(statement.branches))
        methods = {
            each.targets[0].text: made
            for each in statement.branches[0]
            if each.word == "def" and isinstance(made := self._names.get(each.targets[0].text), Own)
        }
        changed = globals_in(statement.branches[0])
        name = statement.targets[0].text
        is_plain = not statement.values
        defined = {each.targets[0].text for each in statement.branches[0] if each.word == "def"}
        made = Class(methods, frozenset(defined - {*methods})) if is_plain else Unknown(name)
        self._names = {**before, **{each: Unknown(each) for each in changed}, name: made}

    def _import(self, imported: Iterable[tuple[str, str]]) -> None:
        for bound, whole in imported:
            package, _, name = whole.partition(".")
            is_sdk = package in _PACKAGES
            if bound != "*":
                shown = name.rpartition(".")[2]
                self._names[bound] = Sdk(shown) if is_sdk else Unknown(bound)
            elif not is_sdk:
                self._forget()

    def _forget(self) -> None:
        """From here on any name may have another value."""
        names = (name for name, value in self._names.items() if _is_plain(value))
        self._names |= {name: Unknown(name) for name in names}

    # Expressions

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

    # Values

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


def _is_plain(value: Any) -> bool:
    """Whether it is neither an entity of the platform nor a function or object of the script."""
    return not isinstance(value, (Entity, Own, Class, Instance))


def _is_method_of_entity(given: Sequence[Any]) -> bool:
    """Whether these are the arguments of `getattr(f, "run")`."""
    return len(given) == 2 and isinstance(given[0], Entity) and isinstance(given[1], str)
