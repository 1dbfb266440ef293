"""A handler -> one call, and an exit code."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import nuclio_sdk

from gitopsc_runner.handler import find_function, fitted, load_module
from gitopsc_runner.outcome import DONE, Unusable
from gitopsc_runner.settings import Settings


def run_job(settings: Settings, source: Path, logger: nuclio_sdk.Logger) -> int:
    """Calls init, if there is one, then the handler. What they raise passes through.

    This runner has no store: a run that reads or declares data cannot be done by it, and is
    refused before anything happens rather than called complete.
    """
    if data := sorted({*settings.inputs, *settings.references, *settings.outputs}):
        raise Unusable(f"this runner has no store yet, and the run needs one for {', '.join(data)}")
    module = load_module(source, settings.module)
    handler = find_function(module, settings, settings.handler)
    context = nuclio_sdk.Context(logger=logger)
    offered = {"context": context, "event": nuclio_sdk.Event(body=dict(settings.parameters))}
    if settings.init is not None:
        init = find_function(module, settings, settings.init)
        _call(init, fitted(init, settings.init_parameters, {"context": context}))
    result = _call(handler, fitted(handler, settings.parameters, offered))
    logger.info_with("the handler returned", type=type(result).__name__)
    return DONE


def _call(function: Any, arguments: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(function):
        return asyncio.run(function(**arguments))
    return function(**arguments)
