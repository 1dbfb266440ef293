"""A function's files -> the modules of others that it surely imports when it is called.

An import under `try` or `if` may be meant to fail, and one in a function that nobody calls is never
done: they are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gitopsc.load.modules import Modules, reached_functions
from gitopsc.model.program import ModuleImport

_MOVES_THE_PATH = re.compile(rb"\bsys\s*\.\s*path\b|\bsite\s*\.\s*addsitedir\b")
"""Then modules may be anywhere."""


def foreign_imports(
    modules: Modules, module: str, functions: Sequence[str]
) -> tuple[ModuleImport, ...]:
    """Each first part of a name once, at its first place; none where the code moves `sys.path`.

    `functions` of the file `module` are called.
    """
    if any(_MOVES_THE_PATH.search(content) for content in modules.contents()):
        return ()
    found: dict[str, ModuleImport] = {}
    for each in _certain_imports(modules, module, functions):
        first = found.setdefault(each.name.split(".")[0], each)
        if each.span < first.span:
            found[first.name.split(".")[0]] = each
    return tuple(sorted(found.values()))


def _certain_imports(
    modules: Modules, module: str, functions: Sequence[str]
) -> Iterator[ModuleImport]:
    called: dict[str, set[str | None]] = {}
    for path, function, _ in reached_functions(modules, module, functions):
        called.setdefault(path, {None}).add(function)
    waiting, seen = [module, *called], set()
    while waiting:
        path = waiting.pop()
        outline = modules.outline(path)
        if path in seen or outline is None:
            continue
        seen.add(path)
        for each in outline.imports:
            if not each.certain or each.function not in called.get(path, {None}):
                continue
            waiting += modules.imported(path, each)
            if not each.level and not modules.is_own(each.module.split(".")[0]):
                span = modules.span(path, each.line, each.column, len(each.module))
                yield ModuleImport(each.module, span)
