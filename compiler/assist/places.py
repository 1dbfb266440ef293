"""A word in a descriptor -> where what it names is made, and all the places that name it."""

from __future__ import annotations

from collections.abc import Iterator

from gitopsc.assist.cursor import Cursor
from gitopsc.model.artifact import ClusterObject
from gitopsc.model.assistance import Asked
from gitopsc.model.compilation import Compilation
from gitopsc.model.descriptor import FUNCTION_KINDS, FunctionDescriptor, RunDescriptor
from gitopsc.model.fix import Fix
from gitopsc.model.program import Program
from gitopsc.model.reference import FunctionKey, StoreKey
from gitopsc.model.source import Span


def found_at(asked: Asked, cursor: Cursor, compilation: Compilation) -> Iterator[Span]:
    """Of a function its descriptor, of a handler its definition, of data the run that makes it."""
    word = cursor.word.strip("\"'")
    for program in compilation.programs:
        if cursor.key == "function":
            yield from (each.name_span for each in _functions(program, word))
        elif cursor.key in ("handler", "init_function"):
            yield from _definitions(asked, program, word)
        elif word.startswith("store://") or cursor.way[-1:] == ("inputs",):
            yield from _producers(program, word)


def renamed(asked: Asked, cursor: Cursor, compilation: Compilation) -> Iterator[Fix]:
    """A function's name, and every reference to it."""
    word = cursor.word.strip("\"'")
    is_name = cursor.key == "name" and cursor.kind in FUNCTION_KINDS and not cursor.way
    if not is_name and cursor.key != "function":
        return
    for program in compilation.programs:
        key = FunctionKey.parse(word)
        name = key.name if key is not None else word
        found = _functions(program, word)
        for function in found:
            yield Fix("replace", function.name_span, asked.name)
        entities = program.project.entities
        triggers = [trigger.run for trigger in entities.triggers if trigger.run is not None]
        if found:
            for run in (*entities.runs, *entities.tasks, *triggers):
                yield from _reference(run, name, asked.name)


def objects_of(path: str, cursor: Cursor, compilation: Compilation) -> Iterator[ClusterObject]:
    """What the run of a name in a file comes to in clusters, with paths in the tree."""
    word = cursor.word.strip("\"'")
    if cursor.key != "name" or cursor.way or not (cursor.kind or "").endswith(":run"):
        return
    around = [each for each, _ in compilation.objects if path.startswith(each.prefix)]
    own = max(around, key=lambda each: len(each.prefix), default=None)
    for project, objects in compilation.objects:
        if project is not own:
            continue
        folder = f"{project.prefix}{project.output}"
        for each in objects:
            if each.run == word:
                yield each._replace(path=f"{folder}/{each.path}")


def _functions(program: Program, word: str) -> list[FunctionDescriptor]:
    key = FunctionKey.parse(word)
    if key is None or key.project not in (None, program.project.name):
        return []
    return [
        each
        for each in program.project.entities.functions
        if each.name == key.name and key.id in (None, each.id) and not each.is_copy
    ]


def _definitions(asked: Asked, program: Program, word: str) -> Iterator[Span]:
    name = word.rpartition(":")[2]
    for function in program.functions:
        own = function.descriptor
        span = own.span("spec", "source")
        if own.path == asked.path and span.line <= asked.line <= max(span.end_line, span.line):
            signature = function.signatures.get(name)
            if signature is not None and signature.span is not None:
                yield signature.span


def _producers(program: Program, word: str) -> Iterator[Span]:
    key = StoreKey.parse(word)
    names = (key.type, key.name) if key is not None else ("dataitem", word)
    for run in program.runs:
        for made, span in run.made(program.project.name):
            if (made.type, made.name) == names:
                yield span
    for data in program.project.entities.data:
        if data.name == names[1]:
            yield data.name_span


def _reference(run: RunDescriptor, old: str, new: str) -> Iterator[Fix]:
    """With the project and the id that it may have."""
    text = run.spec.function
    key = FunctionKey.parse(text) if text is not None else None
    if text is None or key is None or key.name != old or "function" not in run.written:
        return
    head = text[: text.index(f"/{old}", len("python://")) + 1] if "://" in text else ""
    span = run.span("spec", "function")
    if span.line == span.end_line and span.end_column - span.column >= len(text):
        yield Fix("replace", span, f"{head}{new}{text[len(head) + len(old) :]}")
