"""A place in a descriptor -> the keys and values that fit there, and what a key means."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gitopsc.adapters.schema import schema_at
from gitopsc.assist.cursor import Cursor
from gitopsc.model.assistance import Suggestion
from gitopsc.model.compilation import Compilation
from gitopsc.model.descriptor import COMPILED_KINDS
from gitopsc.model.files import SETTINGS_FILE
from gitopsc.model.program import INJECTED_ARGUMENTS, Function, Program
from gitopsc.model.runtime import runtime_of

_TOP = ("kind", "name", "spec", "metadata")


def schema_of(cursor: Cursor, path: str) -> str | None:
    """The name of the schema of what the place is in."""
    if path.rpartition("/")[2] == SETTINGS_FILE:
        return "gitopsc"
    return cursor.kind.replace(":", ".") if cursor.kind in COMPILED_KINDS and cursor.kind else None


def suggestions(cursor: Cursor, path: str, compilation: Compilation) -> Iterator[Suggestion]:
    schema = schema_of(cursor, path)
    if cursor.key == "kind" and not cursor.way:
        yield from (Suggestion(kind, "value") for kind in sorted(COMPILED_KINDS))
        return
    if schema is None:
        if not cursor.way and cursor.key is None:
            yield from (Suggestion(key, "key") for key in _TOP)
        return
    if cursor.key is None:
        yield from _keys(schema, cursor, compilation)
    else:
        yield from _values(schema, cursor, compilation)


def described(cursor: Cursor, path: str) -> str | None:
    """What the key at the place means, as its schema says."""
    schema = schema_of(cursor, path)
    if schema is None:
        return None
    key = cursor.key if cursor.key is not None and cursor.word != cursor.key else cursor.word
    found = schema_at(schema, cursor.way).get("properties", {}).get(key.strip("\"':"))
    if found is None:
        return None
    return _documentation(schema_at(schema, (*cursor.way, key.strip("\"':"))))


def _keys(schema: str, cursor: Cursor, compilation: Compilation) -> Iterator[Suggestion]:
    """Those of the schema; of parameters and inputs the arguments of the handler."""
    if cursor.way in (("spec", "parameters"), ("spec", "inputs"), ("spec", "init_parameters")):
        function = _function(cursor, compilation)
        if function is not None:
            is_of_init = cursor.way[-1:] == ("init_parameters",)
            name = function.init if is_of_init else function.handler
            signature = function.signatures.get(name or "")
            for argument in signature.arguments if signature is not None else ():
                if argument not in INJECTED_ARGUMENTS:
                    yield Suggestion(argument, "value", f"an argument of `{name}`")
        return
    here = schema_at(schema, cursor.way)
    for key in here.get("properties", {}):
        yield Suggestion(key, "key", _documentation(schema_at(schema, (*cursor.way, key))))


def _values(schema: str, cursor: Cursor, compilation: Compilation) -> Iterator[Suggestion]:
    key, way = cursor.key or "", cursor.way
    programs = compilation.programs
    if way == ("spec",) and key == "function":
        runtime = runtime_of(cursor.kind or "")
        for function in _functions(programs):
            if function.descriptor.kind == runtime and function.is_newest:
                yield Suggestion(function.name, "function", _of_function(function))
        return
    if way == ("spec",) and key == "profile":
        names = {each for p in programs for e in p.project.environments for each in e.profiles}
        for name in sorted(names):
            yield Suggestion(name, "value", "a profile of the settings")
        return
    if way in (("spec", "inputs"), ("spec", "init_parameters"), ("spec", "parameters")):
        yield from _data(programs)
        return
    found = schema_at(schema, (*way, key))
    values = found.get("enum", [True, False] if found.get("type") == "boolean" else [])
    for value in values:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield Suggestion(text, "value")


def _data(programs: tuple[Program, ...]) -> Iterator[Suggestion]:
    """What runs make, and what is declared."""
    found: dict[str, str] = {}
    for program in programs:
        for run in program.runs:
            for key, _ in run.made(program.project.name):
                found[str(key)] = f"made by `{run.name}`"
        for data in program.project.entities.data:
            kind = data.kind
            for node in program.lineage.nodes:
                if node.name == data.name:
                    written = f"store://{program.project.name}/{node.type}/{kind}/{data.name}"
                    found.setdefault(written, f"declared in {data.path}")
    yield from (Suggestion(each, "data", found[each]) for each in sorted(found))


def _functions(programs: tuple[Program, ...]) -> Iterator[Function]:
    for program in programs:
        yield from program.functions


def _function(cursor: Cursor, compilation: Compilation) -> Function | None:
    """The one that the descriptor around the place names."""
    name = dict(cursor.values).get("function", "").strip("\"'").rpartition("/")[2]
    return next((each for each in _functions(compilation.programs) if each.name == name), None)


def _of_function(function: Function) -> str:
    if function.is_container:
        return f"a container of `{function.image}`"
    return f"`{function.handler}` in {function.origin or function.descriptor.path}"


def _documentation(schema: Mapping[str, Any]) -> str:
    text = str(schema.get("description", ""))
    examples = schema.get("examples", ())
    return f"{text}\n\nSuch as `{_written(examples[0])}`" if examples else text


def _written(example: Any) -> str:
    """In the braces of YAML, which JSON has too."""
    return example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
