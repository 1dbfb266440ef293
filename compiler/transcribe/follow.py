"""Cells -> what they make on the platform: functions, runs, data and triggers, in their order.

Assignments are followed, and the script's own functions, and calls of the SDK. A value that only
running tells is `Unknown`, with its text: also one that may have been changed, or that depends on
what is done before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gitopsc.adapters.python_statements import Expression, NotPython, Statement, statements
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.transcribe import sentences
from gitopsc.transcribe.calls import Calls
from gitopsc.transcribe.cells import Notebook
from gitopsc.transcribe.expressions import PACKAGES
from gitopsc.transcribe.outline import bound_in, globals_in, makes_at
from gitopsc.transcribe.platform import TooMuch
from gitopsc.transcribe.values import Class, Instance, Own, Script, Sdk, Unknown, merged

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


class _Following(Calls):
    """Statements, one after another."""

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
            is_sdk = package in PACKAGES
            if bound != "*":
                shown = name.rpartition(".")[2]
                self._names[bound] = Sdk(shown) if is_sdk else Unknown(bound)
            elif not is_sdk:
                self._forget()
