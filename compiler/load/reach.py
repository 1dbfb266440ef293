"""The files of a folder and a handler's module in it -> those that the handler uses.

Of Python files, the ones that imports lead to; of all others, each that is not left out. What is
imported by a name that no import tells (importlib, pickle) may be anywhere: then all files are used
(design.md section 4a).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from gitopsc.adapters.glob import matcher
from gitopsc.adapters.python import Import, NotPython, Outline
from gitopsc.load.outlines import outline_of
from gitopsc.model.descriptor import SourceChoice
from gitopsc.model.memo import Memo
from gitopsc.model.source import SourceFile, Unreadable

_LEFT_OUT = re.compile(
    r"(?:.*/)?(?:(?:docs|tests)/.*|(?:README|LICENSE|CHANGELOG)[^/]*|[^/]*\.ipynb)"
)
"""Files beside code that no function needs."""


class Reached(NamedTuple):
    """Paths below the folder; and the module that may use all files, with what it does that by."""

    paths: tuple[str, ...]
    all_of_it: tuple[str, str] | None = None


def reach(
    files: Mapping[str, SourceFile], module: str, choice: SourceChoice, prefix: str, memo: Memo
) -> Reached:
    """`files` are by their paths below the folder; the paths of a project start with `prefix`."""
    modules = _Modules(files, memo)
    reached = modules.reached_from(module)
    in_project = {path: file.path.removeprefix(prefix) for path, file in files.items()}
    included, excluded = _matcher(choice.include), _matcher(choice.exclude)
    all_of_it = None if choice.include else modules.loads

    def is_kept(path: str) -> bool:
        if path in reached or included(in_project[path]):
            return True
        if excluded(in_project[path]):
            return False
        is_data = not path.endswith(".py") and not _LEFT_OUT.fullmatch(path)
        return all_of_it is not None or is_data

    return Reached(tuple(filter(is_kept, files)), all_of_it)


def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Most settings have none, and the library takes its time to import."""
    return matcher(patterns) if patterns else lambda _: False


class _Modules:
    """The Python files of a folder that is importable, as PYTHONPATH has it."""

    def __init__(self, files: Mapping[str, SourceFile], memo: Memo) -> None:
        self._files = files
        self._memo = memo
        self._folders = {
            "/".join(parts[:end])
            for parts in (path.split("/") for path in files)
            for end in range(1, len(parts))
        }
        self.loads: tuple[str, str] | None = None

    def reached_from(self, module: str) -> set[str]:
        """Paths: the module, and what it and they import or name in a string."""
        reached: set[str] = set()
        waiting = [module] if module in self._files else []
        while waiting:
            path = waiting.pop()
            if path in reached:
                continue
            reached.add(path)
            outline = self._outline(path) if path.endswith(".py") else None
            if outline is None:
                continue
            if outline.loads is not None and self.loads is None:
                self.loads = (path, outline.loads)
            for each in outline.imports:
                waiting += self._imported(path, each)
            for text in outline.strings:
                waiting += self._named(path, text)
        return reached

    def _outline(self, path: str) -> Outline | None:
        """Nothing of what cannot be read, which is told of where it is loaded.

        What is not valid Python, for all we know, may import anything.
        """
        file = self._files[path]
        try:
            return None if file.is_link else outline_of(file.content, self._memo)
        except Unreadable:
            return None
        except NotPython:
            self.loads = self.loads or (path, "syntax that gitopsc does not know")
            return None

    def _imported(self, path: str, statement: Import) -> Iterator[str]:
        module, base = statement.module, ""
        if statement.level:
            parts = path.split("/")[:-1]
            base = "/".join(parts[: len(parts) - (statement.level - 1)])
        place = posixpath.join(base, module.replace(".", "/")) if module else base
        yield from self._packages_around(place)
        yield from self._module_at(place)
        for name in statement.names:
            if name == "*" and place in self._folders:
                below = f"{place}/"
                inside = (each[len(below) :] for each in self._files if each.startswith(below))
                yield from (
                    below + each
                    for each in inside
                    if each.endswith(".py")
                    and ("/" not in each or each.partition("/")[2] == "__init__.py")
                )
            else:
                yield from self._module_at(posixpath.join(place, name))

    def _module_at(self, place: str) -> Iterator[str]:
        for path in (f"{place}/__init__.py", f"{place}.py"):
            if path.lstrip("/") in self._files:
                yield path.lstrip("/")

    def _packages_around(self, place: str) -> Iterator[str]:
        """What importing a module runs before it."""
        parts = place.split("/")[:-1]
        for end in range(1, len(parts) + 1):
            path = "/".join([*parts[:end], "__init__.py"])
            if path in self._files:
                yield path

    def _named(self, path: str, text: str) -> Iterator[str]:
        """A file by its path or its end, or a module by its name, perhaps with what is in it."""
        folder = posixpath.dirname(path)
        for base in dict.fromkeys(("", folder)):
            named = posixpath.normpath(posixpath.join(base, text))
            if named in self._files:
                yield named
        if text.endswith(".py"):
            end = text.lstrip("./")
            yield from (each for each in self._files if f"/{each}".endswith(f"/{end}"))
        parts = text.partition(":")[0].split(".")
        while parts and all(part.isidentifier() for part in parts):
            place = "/".join(parts)
            found = [*self._module_at(place)]
            if found:
                found += [each for each in (f"{place}/__main__.py",) if each in self._files]
                yield from self._packages_around(place)
                yield from found
                return
            parts.pop()
