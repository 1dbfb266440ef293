"""A function's files -> the data that its handler names, and what its init function changes.

Followed are calls by name, through functions of the module and of modules beside it; names may be
constants. What only running the code tells is not guessed (design.md section 3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from gitopsc.adapters.python import DataCall
from gitopsc.load.modules import Modules, reached_functions
from gitopsc.model.program import DataUse
from gitopsc.model.reference import StoreKey
from gitopsc.model.source import Span

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

_SECRET = re.compile(r"\w[\w.-]*")
_OF_THE_PLATFORM = re.compile(
    r"(?:delete|get|import|list|new|update)"
    r"_(?:artifact|dataitem|function|model|run|secret|task|trigger|workflow)s?(?:_versions)?"
    r"|export|run|search_entity|share|unshare"
)
"""Methods that the platform's project has: what is called `project` may be something else."""


class CodeUse(NamedTuple):
    """The data that a function's code names, sorted by place; a variable of a module that its init
    function changes; the methods of the project that it calls and the runner does not have, each
    with its place; the arguments of the handler that have to be data; and the names of secrets that
    it asks for, each with its first place."""

    data: tuple[DataUse, ...]
    init_assigns: str | None
    not_covered: tuple[tuple[str, Span], ...] = ()
    opened: tuple[str, ...] = ()
    secrets: tuple[tuple[str, Span], ...] = ()


def read_code(modules: Modules, module: str, handler: str, init: str | None) -> CodeUse:
    """`handler` and `init` are functions in the file `module`."""
    found: set[DataUse] = set()
    asked: set[tuple[str, Span]] = set()
    opened: tuple[str, ...] = ()
    secrets: set[tuple[Span, str]] = set()
    roots = [handler, *([init] if init else [])]
    for path, function, body in reached_functions(modules, module, roots):
        opened = body.opened if (path, function) == (module, handler) else opened
        asked |= {
            (call.method, _place(modules, path, call))
            for call in body.asked
            if _OF_THE_PLATFORM.fullmatch(call.method) and call.method not in COVERED
        }
        secrets |= {
            (_place(modules, path, call), name)
            for call in body.asked
            if call.method == "get_secret"
            and _SECRET.fullmatch(name := _named(modules, path, call) or "")
        }
        uses = (_use(modules, path, call) for call in body.data)
        found |= {use for use in uses if use is not None}
    data = tuple(sorted(found, key=lambda use: (use.span, use.verb, use.name or "")))
    bodies = reached_functions(modules, module, [init]) if init else ()
    assigns = next((body.assigns for _, _, body in bodies if body.assigns), None)
    not_covered = tuple(sorted(asked, key=lambda each: (each[1], each[0])))
    first = {name: span for span, name in sorted(secrets, reverse=True)}
    return CodeUse(data, assigns, not_covered, opened, tuple(sorted(first.items())))


def _named(modules: Modules, path: str, call: DataCall) -> str | None:
    """What a call names, by a text or by a constant of a module."""
    if call.name is None and call.symbol is not None:
        return modules.constant(path, call.symbol)
    return call.name


def _use(modules: Modules, path: str, call: DataCall) -> DataUse | None:
    verb: Literal["makes", "reads"] = "reads" if call.method.startswith("get_") else "makes"
    type_, kind = _TYPES[call.method.rpartition("_")[2]]
    name = _named(modules, path, call)
    key = StoreKey.parse(name) if name is not None else None
    if name is not None and "/" in name:
        if key is None or key.version is not None or verb == "makes":
            return None  # of one version, or nothing that the platform knows
        span = _place(modules, path, call)
        return DataUse("reads", key.type, key.kind, key.name, span, key.project)
    if verb == "reads" and name is None:
        return None
    return DataUse(verb, type_, kind or call.kind, name, _place(modules, path, call))


def _place(modules: Modules, path: str, call: DataCall) -> Span:
    return modules.span(path, call.line, call.column, len("project"))
