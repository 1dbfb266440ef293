"""Source folder and settings -> the functions to call, and what to call them with."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from gitopsc_runner.outcome import Unusable
from gitopsc_runner.settings import Settings

Handler = Callable[..., Any]


def load_module(source: Path, module: str) -> ModuleType:
    """The handler's module, by its path, as on the platform; the source folder is importable.

    Raises Unusable when it is not there, or newer than this Python. What it raises itself while it
    is imported passes through.
    """
    path = source / module
    if not path.is_file():
        raise Unusable(f"the module {module} is not in the source folder {source}")
    if str(source) not in sys.path:
        sys.path.insert(0, str(source))
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    if spec is None or spec.loader is None:
        raise Unusable(f"the module {module} is not a Python file")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, loaded)
    try:
        spec.loader.exec_module(loaded)
    except SyntaxError as error:
        place = f"{Path(error.filename or module).name}:{error.lineno}"
        raise Unusable(f"this Python does not know the syntax at {place}: {error.msg}") from error
    return loaded


def find_function(module: ModuleType, settings: Settings, name: str) -> Handler:
    function = getattr(module, name, None)
    if not callable(function):
        raise Unusable(f"{settings.module} defines no function {name}")
    return function  # type: ignore[no-any-return]


def fitted(
    function: Handler, given: Mapping[str, Any], offered: Mapping[str, Any]
) -> dict[str, Any]:
    """Keyword arguments for a call: `given`, and of what is `offered` only what is asked for.

    Raises Unusable when the function cannot be called with them.
    """
    name = getattr(function, "__name__", "the handler")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return dict(given)  # written in C: only the call can tell
    asked = signature.parameters
    arguments = {**given, **{key: value for key, value in offered.items() if key in asked}}
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise Unusable(f"{name} cannot be called: {error}") from None
    return arguments
