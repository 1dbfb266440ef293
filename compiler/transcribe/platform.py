"""Calls of the platform's SDK -> what they make, or why it is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.names import cleaned
from gitopsc.model.reference import FunctionKey, StoreKey
from gitopsc.model.source import Span
from gitopsc.transcribe import sentences
from gitopsc.transcribe.values import (
    REST,
    Arguments,
    Bound,
    Data,
    Entity,
    FunctionRef,
    Made,
    Project,
    RunRef,
    Script,
    Sdk,
    Unknown,
    WorkflowRef,
)

ACTIONS = ("job", "serve", "build")
CREATING = re.compile(
    r"(?:new|log|get)_(?:artifact|dataitem|function|model)|new_(?:project|secret|workflow)"
    r"|get_or_create_project"
)
"""Methods that only the platform's project has, whatever it is called."""

_PROJECTS = ("get_or_create_project", "get_project", "load_project", "new_project")
_NAME_KEYS = ("name", "identifier", "entity_name")
_ITSELF = ("refresh", "wait", "stop", "save")
"""Methods that give what they are called on."""

_TYPES = ("artifact", "dataitem", "model")
_KINDS: Mapping[str, tuple[str, str]] = {
    "log_croissant": ("dataitem", "croissant"),
    "log_generic_artifact": ("artifact", "artifact"),
    "log_generic_dataitem": ("dataitem", "dataitem"),
    "log_generic_model": ("model", "model"),
    "log_huggingface": ("model", "huggingface"),
    "log_mlflow": ("model", "mlflow"),
    "log_sklearn": ("model", "sklearn"),
    "log_table": ("dataitem", "table"),
}
"""Methods of data of one kind: its type, and the kind."""

_MAKES = re.compile(
    r"(?:new|import|load|create)_(?:artifact|containerimage|dataitem|extension|function|model|run"
    r"|task|trigger|workflow)|(?:set|run)_(?:function|workflow)"
)
"""What also makes something, also in versions of the SDK that are older."""

_NAMED = ("name", "kind", "uuid", "description", "labels", "embedded")
_ORDER: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("new_artifact", "new_dataitem", "new_model"), (*_NAMED, "path")),
    **dict.fromkeys(("new_function", "new_workflow"), _NAMED),
    **dict.fromkeys(("log_artifact", "log_model"), ("name", "kind", "source")),
    **dict.fromkeys(_KINDS, ("name", "source")),
    "log_dataitem": ("name", "kind", "source", "data"),
    "new_run": ("kind", "uuid", "labels", "task"),
    "new_secret": ("name", "uuid", "description", "labels", "embedded", "secret_value"),
    "new_trigger": ("name", "kind", "task", "function", "workflow", *_NAMED[2:], "template"),
    "run": ("action", "wait", "log_info"),
    "trigger": ("action", "kind", "name", "template"),
}
"""The arguments that a call may have by their place."""

_MOST_MADE = 2_000
_LARGEST = 10_000_000
"""Characters of all that is made."""

_OF_RUNS = frozenset(("inputs", "local_execution", "parameters"))
"""Arguments by which a run of the platform is known."""

_OF_ACTION = re.compile(r"python\+([a-z]+)(?::|$)")
_PROJECT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


class TooMuch(Exception):
    """A script that does more than anybody wants to wait for."""


@dataclass(slots=True)
class Platform:
    """`loops` and `conditions` are those around the call that is followed, the outer ones first."""

    script: Script = field(default_factory=Script)
    problems: list[Diagnostic] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    _size: int = 0
    _others: set[str] = field(default_factory=set)
    """Functions of other runtimes."""

    def of_sdk(self, name: str, given: Arguments, text: str, place: Span) -> Any:
        """A function of the SDK, which takes the project as its first argument, or by name."""
        if name in _PROJECTS:
            return self._project(given, place)
        if not name.startswith("get_") and "project" not in given.named:
            given = given.without_first()
        return self.of_project(name, given, text, place)

    def of_project(self, method: str, given: Arguments, text: str, place: Span) -> Any:
        if method in _PROJECTS:
            return self._project(given, place)
        keys = given.keys(_ORDER.get(method, ("name",)))
        name = next((keys[key] for key in _NAME_KEYS if key in keys), keys.get(REST))
        verb, _, what = method.partition("_")
        if method == "new_secret":
            if isinstance(name, str):
                self.problems.append(sentences.secret(name, place))
        elif method == "new_workflow":
            return self._workflow(name, keys, place)
        elif method == "get_workflow" and isinstance(name, str):
            return WorkflowRef(name)
        elif method == "get_function" and isinstance(name, str):
            return FunctionRef(name)
        elif method == "new_function":
            return self._function(name, keys, place)
        elif what in _TYPES and verb in ("new", "log", "get"):
            return self._data(verb, what, name, keys, place)
        elif method in _KINDS:
            type_, kind = _KINDS[method]
            return self._data("log", type_, name, {"kind": kind, **keys}, place)
        elif method == "new_run" and (own := _function_in(keys, self.script.project)) is not None:
            keys["action"] = _action_in(keys.pop("kind", ""))
            return self._run(own, keys, place)
        elif (
            method == "new_trigger" and (own := _function_in(keys, self.script.project)) is not None
        ):
            keys["action"] = _action_in(keys.pop("task", ""))
            return self._trigger(own, keys, place)
        elif _MAKES.fullmatch(method):
            self.problems.append(sentences.not_followed(method, place))
        return Unknown(text)

    def of_entity(
        self, owner: Entity, method: str, given: Arguments, text: str, place: Span
    ) -> Any:
        if method in _ITSELF and not isinstance(owner, (Project, Sdk)):
            return owner
        match owner:
            case Sdk(name):
                return self.of_sdk(method, given, text, place) if not name else Unknown(text)
            case Project():
                return self.of_project(method, given, text, place)
            case FunctionRef() if method == "run":
                return self._run(owner, given.keys(_ORDER["run"]), place)
            case FunctionRef() if method == "trigger":
                return self._trigger(owner, given.keys(_ORDER["trigger"]), place)
            case WorkflowRef() if method in ("run", "trigger"):
                self._scheduled(owner, given.keys(()), place)
            case RunRef() if method == "outputs":
                return owner._replace(is_outputs=True)
            case RunRef() if method == "output":
                keys = given.keys(("output_name",))
                made = keys.get("output_name")
                return Data("dataitem", made) if isinstance(made, str) else Unknown(text)
        return Unknown(text)

    def of_unknown(self, owner: str, method: str, given: Arguments, place: Span) -> None:
        """A run of an unknown function. Calls without a known action may be of any library, and are
        not told of."""
        action = given.keys(("action",)).get("action")
        is_run = isinstance(action, Unknown) and not _OF_RUNS.isdisjoint(given.named)
        if method in ("run", "trigger") and (action in ACTIONS or is_run):
            what = "a trigger" if method == "trigger" else "a run"
            self.problems.append(sentences.unknown_function(what, owner, place))

    def _project(self, given: Arguments, place: Span) -> Project:
        keys = given.keys(("name",))
        name = keys.get("name", keys.get(REST))
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
            called = f"called `{known}`" if known else "called after its folder"
            self.problems.append(sentences.project_name(name.text, called, place))
        return Project()

    def _workflow(self, name: Any, keys: Mapping[str, Any], place: Span) -> WorkflowRef:
        shown = name if isinstance(name, str) else "..."
        self.problems.append(sentences.workflow(shown, place))
        if isinstance(source := keys.get("code_src"), str):
            self.script.workflows.add(source)
        return WorkflowRef(shown)

    def _scheduled(self, workflow: WorkflowRef, keys: Mapping[str, Any], place: Span) -> None:
        schedule = keys.get("schedule")
        if schedule is not None:
            shown = schedule.text if isinstance(schedule, Unknown) else str(schedule)
            self.problems.append(sentences.scheduled_workflow(workflow.name, shown, place))

    def _function(self, name: Any, keys: dict[str, Any], place: Span) -> Any:
        if not isinstance(name, str) or not name:
            return self._nameless("a function", name, place)
        kind = keys.get("kind", keys.get(REST, "python"))
        what = f"function `{name}`"
        if kind != "python":
            self._others.add(name)
            if isinstance(kind, Unknown):
                self.problems.append(sentences.unknown_key(what, "its kind", kind.text, place))
            else:
                self.problems.append(sentences.other_kind(what, str(kind), place))
            return FunctionRef(name)
        self._others.discard(name)
        self._make(Made("function", name, place, keys, "python"), what)
        return FunctionRef(name)

    def _data(self, verb: str, what: str, name: Any, keys: dict[str, Any], place: Span) -> Any:
        key = StoreKey.parse(name) if isinstance(name, str) else None
        if key is not None:
            return Data(key.type, key.name, key.kind, str(name))
        if not isinstance(name, str) or not name:
            return self._nameless(f"a {what}", name, place) if verb != "get" else Unknown(what)
        kind = keys.get("kind")
        shown = kind if isinstance(kind, str) else None
        known = (each for each in self.script.of("data") if each.name == name)
        found = next((each for each in known if each.action == what), None)
        if verb in ("new", "log"):
            keys["is_logged"] = verb == "log"
            made = Made("data", name, place, keys, shown or what, action=what)
            self._make(made, f"{what} `{name}`")
        elif found is not None:
            shown = found.kind
        return Data(what, name, shown)

    def _run(self, function: FunctionRef, keys: dict[str, Any], place: Span) -> Any:
        if function.name in self._others:
            return RunRef(function.name)
        action = keys.pop("action", keys.get(REST))
        what = f"a run of `{function.name}`"
        if action in ACTIONS:
            self._make(Made("run", "", place, keys, of=function.name, action=action), what)
        elif isinstance(action, Unknown):
            self.problems.append(sentences.unknown_key(what, "its action", action.text, place))
        else:
            self.problems.append(sentences.unknown_action(what, str(action or "..."), place))
        return RunRef(function.name)

    def _trigger(self, function: FunctionRef, keys: dict[str, Any], place: Span) -> Any:
        if function.name in self._others:
            return None
        name, kind, action = (keys.pop(key, keys.get(REST)) for key in ("name", "kind", "action"))
        if not isinstance(name, str) or not name:
            return self._nameless("a trigger", name, place)
        what = f"trigger `{name}`"
        if kind not in ("lifecycle", "scheduler"):
            text = kind.text if isinstance(kind, Unknown) else str(kind)
            self.problems.append(sentences.unknown_key(what, "its kind", text, place))
        elif action != "job":
            text = action.text if isinstance(action, Unknown) else str(action or "...")
            self.problems.append(sentences.triggered_action(what, text, place))
        else:
            self._make(Made("trigger", name, place, keys, kind, function.name), what)
        return None

    def _nameless(self, what: str, name: Any, place: Span) -> Unknown:
        text = name.text if isinstance(name, Unknown) else "..."
        self.problems.append(sentences.no_name(what, text, place))
        return Unknown(text)

    def _make(self, made: Made, what: str) -> None:
        """Functions and data that a condition decides on are no harm; what runs may be."""
        if self.loops:
            self.problems.append(sentences.in_a_loop(what, self.loops[-1], made.span))
            return
        if self.conditions and made.what in ("run", "trigger"):
            self.problems.append(sentences.conditional(what, self.conditions[-1], made.span))
        self._size += sum(len(str(value)) for value in made.keys.values())
        if len(self.script.made) >= _MOST_MADE or self._size > _LARGEST:
            raise TooMuch
        self.script.made.append(made)


def _function_in(keys: dict[str, Any], project: str | None) -> FunctionRef | None:
    """Takes the function away that a trigger or a run is made of: itself, or its key in the
    project."""
    found = keys.get("function")
    if isinstance(found, Bound) and found.method in ("id", "key"):
        found = found.owner
    if isinstance(found, str) and (key := FunctionKey.parse(found)) is not None:
        found = FunctionRef(key.name) if key.project in (None, project) else None
    if not isinstance(found, FunctionRef):
        return None
    del keys["function"]
    return found


def _action_in(kind: Any) -> Any:
    """That of `python+job`, `python+job:run` or `python+job://...`."""
    found = _OF_ACTION.match(kind) if isinstance(kind, str) else None
    return found[1] if found is not None else kind
