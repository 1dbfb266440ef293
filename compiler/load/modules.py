"""The Python files of a function, as they import and call each other."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence

from gitopsc.adapters.python import Body, Import, NotPython, Outline
from gitopsc.load import sentences
from gitopsc.load.outlines import outline_of
from gitopsc.model.descriptor import FunctionDescriptor
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.memo import Memo
from gitopsc.model.source import FunctionFile, Span

_MOST_FUNCTIONS = 2_000
"""That are followed from one handler."""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in version.split(".") if each.isdecimal())


class Modules:
    """What names mean in each file. `inline` gives the place of a line of text that is no file of
    the project."""

    def __init__(
        self, files: Sequence[FunctionFile], memo: Memo, inline: Callable[[int], Span]
    ) -> None:
        self._inline = inline
        self._files = {file.path: file for file in files}
        self._memo = memo
        self._firsts = {path.partition("/")[0].removesuffix(".py") for path in self._files}

    def outline(self, path: str) -> Outline | None:
        file = self._files.get(path)
        if file is None or not path.endswith(".py"):
            return None
        try:
            return outline_of(file.content, self._memo)
        except NotPython:
            return None

    def contents(self) -> Iterator[bytes]:
        """Of all Python files."""
        return (file.content for path, file in self._files.items() if path.endswith(".py"))

    def newer_than(self, function: FunctionDescriptor) -> Iterator[Diagnostic]:
        """Syntax that the function's Python does not have."""
        own = _numbers(function.python_version)
        for path in self._files:
            outline = self.outline(path)
            for newer in outline.newer if outline is not None and own else ():
                if _numbers(newer.version) > own:
                    span = self.span(path, newer.line, newer.column, 1)
                    yield sentences.newer_python(function, newer.what, newer.version, span)
                    break

    def span(self, path: str, line: int, column: int, width: int) -> Span:
        """In the file of the project, or in the descriptor that has its text."""
        origin = self._files[path].origin
        if origin is None:
            return self._inline(line)
        return Span(origin, line, column, line, column + width)

    def imported(self, path: str, statement: Import) -> Iterator[str]:
        """The files that an import in a file reads."""
        for names in ((), *((name,) for name in statement.names)):
            yield from self._at(path, statement.module, statement.level, names)

    def is_own(self, name: str) -> bool:
        """Whether the first part of a module's name is a file or a folder of the function."""
        return name in self._firsts

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
            for module in self._at(path, binding.module, binding.level, parts[:end]):
                if len(parts) - end == 1:
                    return module, parts[end]
        return None

    def _at(self, path: str, module: str, level: int, more: Sequence[str]) -> Iterator[str]:
        base = ""
        if level:
            folders = path.split("/")[:-1]
            base = "/".join(folders[: len(folders) - (level - 1)])
        place = posixpath.join(base, *filter(None, module.split(".")), *more)
        for each in (f"{place}.py", f"{place}/__init__.py"):
            if each in self._files:
                yield each


def reached_functions(
    modules: Modules, module: str, roots: Sequence[str]
) -> Iterator[tuple[str, str, Body]]:
    """The functions that are called from some of a module, each with its file and name."""
    waiting = [(module, root) for root in roots]
    seen: set[tuple[str, str]] = set()
    while waiting and len(seen) < _MOST_FUNCTIONS:
        path, function = waiting.pop()
        outline = modules.outline(path)
        body = outline.bodies.get(function) if outline is not None else None
        if body is None or (path, function) in seen:
            continue
        seen.add((path, function))
        yield path, function, body
        waiting += [
            place for name in body.calls if (place := modules.place_of(path, name)) is not None
        ]
