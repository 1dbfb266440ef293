"""Stand-ins for the platform's packages, so that a handler's imports work without them.

A package that is really installed is left alone: then it is the function's, with what it needs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NoReturn, TypeVar

from gitopsc_runner.entities import COVERAGE, Artifact, Dataitem, Model, not_covered
from gitopsc_runner.outcome import Unusable
from gitopsc_runner.project import Project, Run

_Function = TypeVar("_Function", bound=Callable[..., Any])
_OUTPUTS = "__gitopsc_outputs__"
_RUNTIME = "digitalhub_runtime_python"
_PLATFORM = "digitalhub"
_STAND_IN = "What gitopsc's runner has of it."

_NOT_COVERED = f"""not covered by gitopsc's runner; {COVERAGE}, or add `{_PLATFORM}` to the \
requirements, and a platform"""

_SUBPACKAGES = frozenset(
    ("client", "context", "entities", "errors", "factory", "readers", "registry", "runtimes")
) | {"stores", "utils"}
"""Of the platform's package; what else is imported from its top are functions."""

_newest: list[Project] = []
"""The one that functions get, if they ask for it by its name, where nothing says which they are of:
in a thread that an init function has started."""

_own: ContextVar[Project | None] = ContextVar("_own", default=None)
"""The one of a request or of an init function, however long that takes."""


def handler(outputs: list[Any] | None = None) -> Callable[[_Function], _Function]:
    """The platform's decorator: names what the function returns. The function stays as it is."""

    def named(function: _Function) -> _Function:
        setattr(function, _OUTPUTS, list(outputs or []))
        return function

    return named


def undecorated(function: Callable[..., Any]) -> tuple[Callable[..., Any], list[Any]]:
    """A handler as it is written, and what its decorator calls its outputs.

    The real decorator hands what the function returns to the platform; here that is the runner's.
    """
    if hasattr(function, _OUTPUTS):
        return function, getattr(function, _OUTPUTS)
    wrapped = getattr(function, "__wrapped__", None)
    code = getattr(function, "__code__", None)
    if wrapped is None or code is None or _RUNTIME not in code.co_filename:
        return function, []
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=False))
    return wrapped, list(cells["outputs"].cell_contents or []) if "outputs" in cells else []


@contextmanager
def preparing(project: Project) -> Iterator[None]:
    """Whoever asks for the project in here gets this one, and afterwards, if nothing is raised,
    whoever has none of his own."""
    before = _newest[-1]
    token = _own.set(project)
    _newest[:] = [project]
    try:
        yield
    except BaseException:
        _newest[:] = [before]
        raise
    finally:
        _own.reset(token)


def keep_to(project: Project) -> None:
    """Whoever asks for the project in this context, such as in a request, gets this one."""
    _own.set(project)


def _get_project(name: str, **_: Any) -> Project:
    project = _own.get() or _newest[-1]
    if name != project.name:
        raise Unusable(f"the run is of project `{project.name}`, and knows no `{name}`")
    return project


def install(project: Project) -> None:
    """Puts the stand-ins where imports find them; they give this project from now on."""
    _newest[:] = [project]
    if _is_missing(_RUNTIME):
        sys.modules[_RUNTIME] = _module(_RUNTIME, __path__=[], handler=handler)
    if _is_missing(_PLATFORM):
        sys.modules[_PLATFORM] = _module(_PLATFORM, __path__=[], **_known())
    if not any(isinstance(each, _Submodules) for each in sys.meta_path):
        sys.meta_path.append(_Submodules())


def _known() -> dict[str, Any]:
    """What the package has at its top."""
    known: dict[str, Any] = {
        "Artifact": Artifact,
        "Dataitem": Dataitem,
        "Model": Model,
        "Project": Project,
        "Run": Run,
        "get_or_create_project": _get_project,
        "get_project": _get_project,
    }
    for name in dir(Project):
        if name.startswith(("get_", "list_", "log_", "new_")):
            known[name] = _at_top(name)
    return known


def _at_top(name: str) -> Callable[..., Any]:
    """`digitalhub.log_artifact(project="p", ...)`: the project's method of that name."""
    is_of_project = name.startswith(("list_", "log_", "new_"))

    def called(*arguments: Any, project: str | None = None, **named: Any) -> Any:
        if project is None and is_of_project and arguments:
            project, *rest = arguments
            arguments = tuple(rest)
        found = _own.get() or _newest[-1]
        found = _get_project(project) if project is not None else found
        return getattr(found, name)(*arguments, **named)

    called.__name__ = name
    return called


class _Submodules(MetaPathFinder, Loader):
    """`digitalhub.entities...` and all that is below: handlers import classes from there."""

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        package, *below = name.split(".")
        if not below or package not in (_PLATFORM, _RUNTIME) or not _is_missing(package):
            return None
        if package == _PLATFORM and below[0] not in _SUBPACKAGES:
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _module(spec.name, __path__=[], handler=handler, **_known())

    def exec_module(self, module: ModuleType) -> None:
        pass


def _is_missing(name: str) -> bool:
    known = sys.modules.get(name)
    return find_spec(name) is None if known is None else known.__doc__ == _STAND_IN


def hint_of(error: ImportError) -> str | None:
    """What to do where a name is imported that the stand-ins lack."""
    package = (error.name or "").split(".")[0]
    if package not in (_PLATFORM, _RUNTIME) or not _is_missing(package):
        return None
    return f"what is imported is {_NOT_COVERED}"


def _class_of(name: str) -> type:
    """A class of the platform by its name: ours, or one of which nothing is made."""
    for known in (Artifact, Dataitem, Model):
        if name.startswith(known.__name__):
            return known

    def not_made(self: object, *_: Any, **__: Any) -> NoReturn:
        not_covered(name)

    return type(name, (), {"__init__": not_made})


def _module(name: str, **content: Any) -> ModuleType:
    module = ModuleType(name, _STAND_IN)

    def missing(attribute: str) -> type:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if attribute[:1].isupper() and "." in name:
            return _class_of(attribute)  # for an annotation, as nearly always
        raise AttributeError(f"`{name}.{attribute}` is {_NOT_COVERED}")

    vars(module).update(content, __getattr__=missing)
    return module
