"""Cells -> what they make on the platform: functions, runs, data and triggers, in their order.

Assignments are followed, and calls of the SDK's project, its functions and its runs. A value that
only running tells is `Unknown`, with its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gitopsc.adapters.python_statements import Expression, NotPython, Statement, statements
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.names import cleaned
from gitopsc.model.reference import StoreKey
from gitopsc.model.source import Span
from gitopsc.transcribe import sentences
from gitopsc.transcribe.cells import Notebook


class Unknown(NamedTuple):
    """What only running it tells; `known` are the parts of a joined text that are written."""

    text: str
    known: str = ""


class Data(NamedTuple):
    """An entity by its name, of this project unless its key says another."""

    type: str
    name: str
    kind: str | None = None
    key: str | None = None


class FunctionRef(NamedTuple):
    name: str


class RunRef(NamedTuple):
    """`run`, or all that it makes."""

    function: str
    is_outputs: bool = False


class _Project(NamedTuple):
    pass


class _Workflow(NamedTuple):
    name: str


@dataclass(slots=True)
class Made:
    """A function, data, a run or a trigger. `keys` are arguments of the call that made it, some of
    them `Unknown`; `of` is the function of a run or a trigger, `action` what a run does."""

    what: str
    name: str
    span: Span
    keys: dict[str, Any]
    kind: str = ""
    of: str = ""
    action: str = ""


@dataclass(slots=True)
class Script:
    """What a notebook makes, in its order. `project` is its name, if it says one; `workflows` are
    the sources of what is left out."""

    project: str | None = None
    workflows: set[str] = field(default_factory=set)
    made: list[Made] = field(default_factory=list)

    def of(self, what: str) -> list[Made]:
        return [each for each in self.made if each.what == what]


def follow(notebook: Notebook) -> tuple[Script, list[Diagnostic]]:
    following = _Following(notebook)
    for cell in notebook.cells:
        try:
            found = statements(cell.text)
        except NotPython as error:
            place = notebook.place(cell.number, error.line)
            following.problems.append(sentences.not_python(cell.number, str(error), place))
            continue
        following.cell = cell.number
        following.statements(found)
    return following.script, following.problems


_NAME_KEYS = ("name", "identifier", "entity_name")
_PROJECTS = ("get_or_create_project", "get_project", "load_project", "new_project")
_PACKAGES = ("dh", "digitalhub", "dhcore", "digitalhub_core")
"""What scripts call the SDK."""

_DEEPEST = 20
"""Functions of a script that call each other."""

_TYPES = {"artifact": "artifact", "dataitem": "dataitem", "model": "model"}
_ITSELF = ("refresh", "wait", "stop", "save")
"""Methods that give what they are called on."""

_PROJECT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")

_ORDER: Mapping[str, Sequence[str]] = {
    "artifact": ("name", "kind"),
    "function": ("name", "kind"),
    "dataitem": ("name", "kind"),
    "model": ("name", "kind"),
    "run": ("action",),
    "trigger": ("action", "kind", "name"),
    "workflow": ("name", "kind"),
}
"""The arguments that a call may have by their place."""


class _Following:
    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._names: dict[str, Any] = {}
        self._other_functions: set[str] = set()
        self._loops = 0
        self._functions: dict[str, Sequence[Statement]] = {}
        self._called: list[str] = []
        self.cell = 1
        self.script = Script()
        self.problems: list[Diagnostic] = []

    # Statements

    def statements(self, found: Iterable[Statement]) -> None:
        for each in found:
            if each.word == "def":
                self._functions[each.targets[0]] = each.body
                continue
            if each.word:
                self._compound(each)
                continue
            value = self._value(each.value) if each.value is not None else Unknown("...")
            if each.value is not None and each.value.kind == "other":
                value = Unknown(each.value.text)
            self._names.update(dict.fromkeys(each.targets, value))

    def _compound(self, statement: Statement) -> None:
        """What is assigned where it may not be done, or done again, is known only if it is the
        same as before."""
        before = dict(self._names)
        self._loops += statement.word in ("for", "while")
        self.statements(statement.body)
        self._loops -= statement.word in ("for", "while")
        if statement.word in ("if", "for", "while"):
            for name, value in self._names.items():
                is_entity = isinstance(value, (FunctionRef, RunRef, Data, _Project))
                if before.get(name) != value and not is_entity:
                    self._names[name] = Unknown(name)

    def _place(self, expression: Expression) -> Span:
        return self._notebook.place(self.cell, expression.line)

    # Expressions

    def _value(self, expression: Expression) -> Any:
        match expression.kind:
            case "literal":
                return expression.value
            case "name":
                return self._names.get(expression.value, Unknown(expression.text))
            case "list":
                return [self._value(each) for each in expression.inner]
            case "mapping":
                return self._mapping(expression)
            case "joined":
                return self._joined(expression)
            case "attribute":
                return self._attribute(expression)
            case "subscript":
                return self._subscript(expression)
            case "call":
                return self._call(expression)
        for each in expression.inner:
            self._value(each)
        return Unknown(expression.text)

    def _mapping(self, expression: Expression) -> Any:
        values = [self._value(each) for each in expression.inner]
        keys = values[::2]
        if not all(isinstance(key, (str, int, float, bool)) for key in keys):
            return Unknown(expression.text)
        return {str(key): value for key, value in zip(keys, values[1::2], strict=True)}

    def _joined(self, expression: Expression) -> Any:
        parts = [self._value(each) for each in expression.inner]
        if all(isinstance(part, list) for part in parts) and parts:
            return [item for part in parts for item in part]
        is_told = all(isinstance(part, (str, int, float)) for part in parts)
        if is_told and (expression.text[:1] in "fFrRbBuU\"'(" or any(map(_is_text, parts))):
            return "".join(str(part) for part in parts)
        return Unknown(expression.text, "-".join(part for part in parts if isinstance(part, str)))

    def _attribute(self, expression: Expression) -> Any:
        owner = self._value(expression.inner[0])
        if isinstance(owner, Data) and expression.value == "key":
            return owner
        if isinstance(owner, (Data, FunctionRef)) and expression.value == "name":
            return owner.name
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

    # Calls

    def _call(self, expression: Expression) -> Any:
        called, *arguments = expression.inner
        positional = [self._value(each) for each in arguments]
        named = {key: self._value(value) for key, value in expression.named}
        if called.kind != "attribute":
            self._call_own(str(called.value))
            return Unknown(expression.text)
        owner, method = self._value(called.inner[0]), str(called.value)
        place = self._place(expression)
        if method in _PROJECTS:
            return self._project(named.get("name", positional[0] if positional else None), place)
        if called.inner[0].text in _PACKAGES and method.startswith(("get_", "log_", "new_")):
            # The project is the first argument there.
            positional = positional[1:] if "project" not in named else positional
            owner = _Project()
        if isinstance(owner, _Project):
            found = self._of_project(method, positional, named, expression)
            return found if found is not None else Unknown(expression.text)
        if method in _ITSELF and isinstance(owner, (RunRef, FunctionRef, Data)):
            return owner
        if isinstance(owner, FunctionRef) and method in ("run", "trigger"):
            keys = {**dict(zip(_ORDER[method], positional, strict=False)), **named}
            return (
                self._run(owner, keys, place)
                if method == "run"
                else self._trigger(owner, keys, place)
            )
        if isinstance(owner, RunRef) and method == "output":
            name = named.get("output_name", positional[0] if positional else None)
            return Data("dataitem", name) if isinstance(name, str) else Unknown(expression.text)
        if isinstance(owner, RunRef) and method == "outputs":
            return owner._replace(is_outputs=True)
        return Unknown(expression.text)

    def _call_own(self, name: str) -> None:
        """A function of the script, such as `main()`: what it does is done; its arguments are not
        known."""
        if name in self._functions and name not in self._called and len(self._called) < _DEEPEST:
            self._called.append(name)
            before = dict(self._names)
            self.statements(self._functions[name])
            self._names = before
            self._called.pop()

    def _project(self, name: Any, place: Span) -> _Project:
        if isinstance(name, str):
            known = name if _PROJECT_NAME.fullmatch(name) else cleaned(name) or None
            if self.script.project not in (None, known):
                self.problems.append(sentences.second_project(name, place))
            elif known != name and self.script.project is None:
                self.problems.append(sentences.renamed_project(name, str(known), place))
            self.script.project = self.script.project or known
        elif isinstance(name, Unknown) and self.script.project is None:
            known = cleaned(name.known)
            self.script.project = known or None
            shown = known or "the folder's name"
            self.problems.append(sentences.project_name(name.text, shown, place))
        return _Project()

    def _of_project(
        self,
        method: str,
        positional: Sequence[Any],
        named: dict[str, Any],
        expression: Expression,
    ) -> Any:
        verb, _, what = method.partition("_")
        place = self._place(expression)
        keys = {**dict(zip(_ORDER.get(what, ("name",)), positional, strict=False)), **named}
        name = next((keys[key] for key in _NAME_KEYS if key in keys), None)
        if (verb, what) == ("new", "secret"):
            if isinstance(name, str):
                self.problems.append(sentences.secret(name, place))
        elif verb == "new" and what == "workflow":
            shown = name if isinstance(name, str) else "..."
            self.problems.append(sentences.workflow(shown, place))
            if isinstance(source := keys.get("code_src"), str):
                self.script.workflows.add(source)
            return _Workflow(shown)
        elif (verb, what) == ("get", "function") and isinstance(name, str):
            return FunctionRef(name)
        elif (verb, what) == ("new", "function"):
            return self._function(name, keys, place)
        elif what in _TYPES:
            return self._data(verb, what, name, keys, place)
        return None

    def _function(self, name: Any, keys: dict[str, Any], place: Span) -> Any:
        if not isinstance(name, str):
            text = name.text if isinstance(name, Unknown) else "..."
            self.problems.append(sentences.no_name("a function", text, place))
            return None
        kind = keys.get("kind", "python")
        if kind != "python":
            shown = kind if isinstance(kind, str) else "..."
            self.problems.append(sentences.other_kind(f"function `{name}`", shown, place))
            self._other_functions.add(name)
            return FunctionRef(name)
        self._other_functions.discard(name)
        if not self._is_in_a_loop(f"function `{name}`", place):
            self.script.made.append(Made("function", name, place, keys, "python"))
        return FunctionRef(name)

    def _data(self, verb: str, what: str, name: Any, keys: dict[str, Any], place: Span) -> Any:
        key = StoreKey.parse(name) if isinstance(name, str) else None
        if key is not None:
            return Data(key.type, key.name, key.kind, str(name))
        if not isinstance(name, str):
            if verb in ("new", "log"):
                text = name.text if isinstance(name, Unknown) else "..."
                self.problems.append(sentences.no_name(f"a {what}", text, place))
            return None
        kind = keys.get("kind")
        shown = kind if isinstance(kind, str) else None
        known = (each for each in self.script.of("data") if each.name == name)
        found = next((each for each in known if each.action == what), None)
        if verb in ("new", "log"):
            if not self._is_in_a_loop(f"{what} `{name}`", place):
                made = Made("data", name, place, keys, shown or what, action=what)
                made.keys["is_logged"] = verb == "log"
                self.script.made.append(made)
        elif found is not None:
            shown = found.kind
        return Data(what, name, shown)

    def _run(self, function: FunctionRef, keys: dict[str, Any], place: Span) -> Any:
        if function.name in self._other_functions:
            return RunRef(function.name)
        action = keys.pop("action", None)
        if action not in ("job", "serve", "build"):
            shown = action if isinstance(action, str) else "..."
            self.problems.append(sentences.unknown_action(function.name, shown, place))
        elif not self._is_in_a_loop(f"a run of `{function.name}`", place):
            made = Made("run", "", place, keys, of=function.name, action=action)
            self.script.made.append(made)
        return RunRef(function.name)

    def _trigger(self, function: FunctionRef, keys: dict[str, Any], place: Span) -> Any:
        name, kind = keys.pop("name", None), keys.pop("kind", None)
        action = keys.pop("action", None)
        if function.name in self._other_functions:
            return None
        if not isinstance(name, str) or kind not in ("lifecycle", "scheduler"):
            text = name.text if isinstance(name, Unknown) else str(name)
            self.problems.append(sentences.no_name("a trigger", text, place))
        elif not self._is_in_a_loop(f"trigger `{name}`", place):
            made = Made("trigger", name, place, keys, kind, function.name, str(action))
            self.script.made.append(made)
        return None

    def _is_in_a_loop(self, what: str, place: Span) -> bool:
        if self._loops:
            self.problems.append(sentences.in_a_loop(what, place))
        return bool(self._loops)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
