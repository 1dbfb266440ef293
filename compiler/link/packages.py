"""What a function imports and requires -> the imports that nothing in its image provides.

A platform's images bring `digitalhub[full]` and all that it needs; ours have what is required.
Which packages have which modules, and bring which others, is known of some hundred
(`templates/runtimes/python/packages.json`): where an unknown one is required, it may bring
anything, unless a lock says what it brings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from gitopsc.adapters.packaged import RUNTIME, known_packages, runner_requirements
from gitopsc.adapters.requirement import plain_name
from gitopsc.adapters.standard_library import last_version_with, standard_library
from gitopsc.link import sentences
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import Function, ModuleImport

_OF_THE_RUNNER = frozenset(("digitalhub", "digitalhub_runtime_python", "gitopsc_runner"))
_FARTHEST = 2
"""Letters, by which a slip is longer or shorter than what is meant."""

_SHARED = frozenset(("azure", "google", "opentelemetry", "ruamel"))
"""Names that the modules of many packages begin with."""


def unmet_imports(functions: Iterable[Function], schemes: tuple[str, ...]) -> Iterator[Diagnostic]:
    """Each import is told once, for all functions that share it.

    `schemes` are those of the project's URLs, whose drivers the runner requires.
    """
    found: dict[tuple[ModuleImport, str], list[Function]] = {}
    for function in functions:
        for each in _unmet(function, schemes):
            found.setdefault(each, []).append(function)
    for (module, package), lacking in found.items():
        version = last_version_with(module.name.split(".")[0])
        known = _near(module.name, standard_library(lacking[0].python_version))
        yield sentences.unmet_import(module, package, version, known, lacking)


def _near(name: str, python: Iterable[str]) -> list[str]:
    """Modules and packages that it may be a slip of, with its first letter and about its length."""
    packages = known_packages(RUNTIME)
    if name in packages.modules or name.replace("_", "-") in packages.requires:
        return []  # it is what it says
    return [
        each
        for each in {*python, *packages.modules, *packages.requires}
        if each.isidentifier() and each[:1] == name[:1] and abs(len(each) - len(name)) <= _FARTHEST
    ]


def _unmet(function: Function, schemes: tuple[str, ...]) -> Iterator[tuple[ModuleImport, str]]:
    """Modules with the package to require.

    Nothing is known of what is in an image of one's own, of what instructions install, and of
    requirements with errors.
    """
    required = function.descriptor.written.get("requirements")
    is_known = bool(required) == bool(function.requirements)
    if function.image or function.base_image or function.build.instructions or not is_known:
        return
    own = standard_library(function.python_version) | _OF_THE_RUNNER | _SHARED
    foreign = [each for each in function.imports if each.name.split(".")[0] not in own]
    if not foreign:
        return
    has = _installed(function, schemes)
    for each in foreign:
        packages = _packages(each)
        if has is not None and has.isdisjoint(packages) and _is_sure(function, each, has):
            yield each, packages[0]


def _installed(function: Function, schemes: tuple[str, ...]) -> frozenset[str] | None:
    """The names of the packages in its image; None where they are not known."""
    if function.packages is not None:
        lines = function.packages.packages.splitlines()
        return frozenset(name for line in lines if (name := plain_name(line)) is not None)
    requires = known_packages(RUNTIME).requires
    names = [plain_name(text) for text in function.requirements]
    if any(name is None or name not in requires for name in names):
        return None
    runner = [plain_name(text) for text in runner_requirements(RUNTIME, schemes)]
    return frozenset(_closure(name for name in (*names, *runner) if name is not None))


def _closure(names: Iterable[str]) -> set[str]:
    requires = known_packages(RUNTIME).requires
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += requires.get(name, ())
    return found


def _packages(module: ModuleImport) -> Sequence[str]:
    """That have a module of that name, as far as is known, the usual one first."""
    first = module.name.split(".")[0]
    known = known_packages(RUNTIME).modules.get(first)
    return known or (re.sub(r"[_.]+", "-", first).lower(),)


def _is_sure(function: Function, module: ModuleImport, has: frozenset[str]) -> bool:
    """Of a module that nobody knows, some locked package that nobody knows may be the one."""
    known = known_packages(RUNTIME)
    is_known = module.name.split(".")[0] in known.modules or not known.requires.keys().isdisjoint(
        _packages(module)
    )
    return is_known or function.packages is None or has <= known.requires.keys()
