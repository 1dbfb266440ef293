"""A function's files -> the data that its handler names, and what its init function changes.

Followed are calls by name, through functions of the module and of modules beside it; names may be
constants. What only running the code tells is not guessed (design.md section 3).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from gitopsc.adapters.python import Binding, Body, DataCall, NotPython, Outline
from gitopsc.load.outlines import outline_of
from gitopsc.model.memo import Memo
from gitopsc.model.program import DataUse
from gitopsc.model.reference import StoreKey
from gitopsc.model.source import FunctionFile, Span

_TYPES: Mapping[str, tuple[str, str | None]] = {
    "artifact": ("artifact", None),
    "croissant": ("dataitem", "croissant"),
    "dataitem": ("dataitem", None),
    "huggingface": ("model", "huggingface"),
    "mlflow": ("model", "mlflow"),
    "model": ("model", None),
    "sklearn": ("model", "sklearn"),
    "table": ("dataitem", "table"),
}
"""The last word of a method of the SDK -> the type of its data, and the kind where it is one."""

COVERED = ("get_run", "get_secret", "list_artifacts", "list_dataitems", "list_models")
"""Methods that the runner's project has besides those that log, make and get data."""

_OF_THE_PLATFORM = re.compile(
    r"(?:delete|get|import|list|new|update)"
    r"_(?:artifact|dataitem|function|model|run|secret|task|trigger|workflow)s?(?:_versions)?"
    r"|export|run|search_entity|share|unshare"
)
"""Methods that the platform's project has: what is called `project` may be something else."""

_MOST_FUNCTIONS = 2_000
"""That are followed from one handler."""


class CodeUse(NamedTuple):
    """The data that a function's code names, sorted by place; a variable of a module that its init
    function changes; and the methods of the project that it calls and the runner does not have,
    each with its place."""

    data: tuple[DataUse, ...]
    init_assigns: str | None
    not_covered: tuple[tuple[str, Span], ...] = ()


def read_code(
    files: Sequence[FunctionFile], module: str, handler: str, init: str | None, memo: Memo
) -> CodeUse:
    """`handler` and `init` are functions in the file `module`."""
    modules = _Modules(files, memo)
    found: set[DataUse] = set()
    asked: set[tuple[str, Span]] = set()
    for path, body in _reached(modules, module, [handler, *([init] if init else [])]):
        asked |= {
            (call.method, modules.span(path, call))
            for call in body.asked
            if _OF_THE_PLATFORM.fullmatch(call.method) and call.method not in COVERED
        }
        uses = (_use(modules, path, call) for call in body.data)
        found |= {use for use in uses if use is not None}
    data = tuple(sorted(found, key=lambda use: (use.span, use.verb, use.name or "")))
    bodies = _reached(modules, module, [init]) if init else ()
    assigns = next((body.assigns for _, body in bodies if body.assigns), None)
    return CodeUse(data, assigns, tuple(sorted(asked, key=lambda each: (each[1], each[0]))))


def _reached(modules: _Modules, module: str, roots: Sequence[str]) -> Iterator[tuple[str, Body]]:
    """The functions that are called from some, each with its file."""
    waiting = [(module, root) for root in roots]
    seen: set[tuple[str, str]] = set()
    while waiting and len(seen) < _MOST_FUNCTIONS:
        path, function = waiting.pop()
        outline = modules.outline(path)
        body = outline.bodies.get(function) if outline is not None else None
        if body is None or (path, function) in seen:
            continue
        seen.add((path, function))
        yield path, body
        waiting += [
            place for name in body.calls if (place := modules.place_of(path, name)) is not None
        ]


def _use(modules: _Modules, path: str, call: DataCall) -> DataUse | None:
    verb: Literal["makes", "reads"] = "reads" if call.method.startswith("get_") else "makes"
    type_, kind = _TYPES[call.method.rpartition("_")[2]]
    name = call.name
    if name is None and call.symbol is not None:
        name = modules.constant(path, call.symbol)
    key = StoreKey.parse(name) if name is not None else None
    if name is not None and "/" in name:
        if key is None or key.version is not None or verb == "makes":
            return None  # of one version, or nothing that the platform knows
        return DataUse("reads", key.type, key.kind, key.name, modules.span(path, call), key.project)
    if verb == "reads" and name is None:
        return None
    return DataUse(verb, type_, kind or call.kind, name, modules.span(path, call))


class _Modules:
    """The Python files of a function, as they import each other."""

    def __init__(self, files: Sequence[FunctionFile], memo: Memo) -> None:
        self._files = {file.path: file for file in files}
        self._memo = memo

    def outline(self, path: str) -> Outline | None:
        file = self._files.get(path)
        if file is None or not path.endswith(".py"):
            return None
        try:
            return outline_of(file.content, self._memo)
        except NotPython:
            return None

    def span(self, path: str, call: DataCall) -> Span:
        """In the file of the project; of inline text, its path in the image."""
        origin = self._files[path].origin or path
        return Span(origin, call.line, call.column, call.line, call.column + len("project"))

    def place_of(self, path: str, name: str) -> tuple[str, str] | None:
        """The file and the function that a name calls there."""
        outline = self.outline(path)
        if outline is None:
            return None
        if name in outline.bodies:
            return path, name
        found = self._target(path, outline, name)
        return found if found is not None and found[1] else None

    def constant(self, path: str, name: str) -> str | None:
        outline = self.outline(path)
        if outline is None:
            return None
        if name in outline.constants:
            return outline.constants[name]
        found = self._target(path, outline, name)
        other = self.outline(found[0]) if found is not None else None
        return other.constants.get(found[1]) if found is not None and other is not None else None

    def _target(self, path: str, outline: Outline, name: str) -> tuple[str, str] | None:
        """What an imported name means: `f`, `module.f` or `package.module.f`."""
        first, *rest = name.split(".")
        binding = outline.bindings.get(first)
        if binding is None:
            return None
        parts = [*([binding.name] if binding.name is not None else []), *rest]
        for end in range(len(parts) - 1, -1, -1):
            for module in self._modules(path, binding, parts[:end]):
                if len(parts) - end == 1:
                    return module, parts[end]
        return None

    def _modules(self, path: str, binding: Binding, more: Sequence[str]) -> Iterator[str]:
        base = ""
        if binding.level:
            folders = path.split("/")[:-1]
            base = "/".join(folders[: len(folders) - (binding.level - 1)])
        place = posixpath.join(base, *filter(None, binding.module.split(".")), *more)
        for each in (f"{place}.py", f"{place}/__init__.py"):
            if each in self._files:
                yield each
