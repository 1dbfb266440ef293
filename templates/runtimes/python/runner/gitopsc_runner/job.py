"""A handler -> one call, what it made in the store, and an exit code."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import nuclio_sdk

from gitopsc_runner.collect import collect, summary
from gitopsc_runner.handler import find_function, fitted, load_module
from gitopsc_runner.outcome import DONE, UNUSABLE, Overdue, Stopped, Waiting
from gitopsc_runner.project import Project, Run
from gitopsc_runner.sdk import install, undecorated
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import SCHEDULED, open_store

_GRACE_SECONDS = 10
"""After the deadline, for a handler that is told of it and does not stop."""

_PAUSE = 1
"""Seconds between two looks at the records upstream."""


def run_job(
    settings: Settings,
    source: Path,
    logger: nuclio_sdk.Logger,
    signalled: threading.Event,
    *,
    again: bool,
) -> int:
    """Calls init, if there is one, then the handler. What they raise passes through.

    A run that has its record is done, unless it is to be done `again`. Raises Waiting when data
    upstream is not there in time, before anything of the function is touched; Stopped when SIGTERM
    came before the handler was done, though it has caught that.
    """
    store = open_store(settings)
    name = SCHEDULED if settings.scheduled else settings.compute
    again = again or settings.scheduled
    if store is not None and not again and (done := store.record(settings.run, name)):
        if store.has_all_of(done):
            logger.info_with("done already", **summary(done))
            return DONE
        logger.warn_with("done before, and its data is gone: it runs again", run=settings.run)
        again = True
    project, run = Project(settings, store), Run(settings)
    _wait_a_while(settings, project, logger)
    install(project)
    module = load_module(source, settings.module)
    handler, decorated = undecorated(find_function(module, settings, settings.handler))
    context = nuclio_sdk.Context(logger=logger)
    context.project, context.run = project, run
    offered = {
        "context": context,
        "event": nuclio_sdk.Event(body=dict(settings.parameters)),
        "project": project,
        "run": run,
    }
    inputs = {argument: project.input(read) for argument, read in settings.inputs.items()}
    arguments = fitted(handler, {**settings.parameters, **inputs}, offered)
    logger.info_with("calling", handler=settings.handler)
    with _deadline(settings.deadline, logger) if settings.deadline else nullcontext():
        if settings.init is not None:
            init = find_function(module, settings, settings.init)
            _call(init, fitted(init, settings.init_parameters, {"context": context}))
        returned = _call(handler, arguments)
    if signalled.is_set():
        raise Stopped
    record = collect(settings, project, run, returned, decorated)
    if store is not None:
        record = store.keep_record(record, name, again=again)
    logger.info_with("done", **summary(record))
    return DONE


def _wait_a_while(settings: Settings, project: Project, logger: nuclio_sdk.Logger) -> None:
    """A pod that ends and is tried again costs more, and looks failed: most data comes soon."""
    end = time.monotonic() + settings.wait
    is_said = False
    while True:
        try:
            return wait_for(settings, project)
        except Waiting as waiting:
            if time.monotonic() >= end:
                raise
            if not is_said:
                logger.info_with("waiting", reason=str(waiting), seconds=settings.wait)
            is_said = True
        time.sleep(_PAUSE)


def wait_for(settings: Settings, project: Project) -> None:
    """Raises Waiting when a run that produces what is read has no record yet."""
    missing = set()
    for read in (*settings.inputs.values(), *settings.references.values()):
        if "producer" in read and project.record_of(read) is None:
            missing.add(f"`{read['producer']}`")
    if missing:
        raise Waiting(f"data of {', '.join(sorted(missing))} is not there yet")


def _call(function: Any, arguments: dict[str, Any]) -> Any:
    returned = function(**arguments)
    if inspect.isawaitable(returned):

        async def awaited() -> Any:
            return await returned

        return asyncio.run(awaited())
    return returned


@contextmanager
def _deadline(seconds: int, logger: nuclio_sdk.Logger) -> Iterator[None]:
    """Raises Overdue in what is inside; what does not listen is left behind with the process."""
    words = f"the handler has not returned within {seconds} seconds"
    has_passed = False

    def overdue(_: int, __: object) -> None:
        nonlocal has_passed
        has_passed = True
        raise Overdue(words)

    def leave() -> None:
        logger.error_with("the deadline has passed", error=words, exit_code=UNUSABLE)
        os._exit(UNUSABLE)

    watchdog = threading.Timer(seconds + _GRACE_SECONDS, leave)
    watchdog.daemon = True
    before = signal.signal(signal.SIGALRM, overdue)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    watchdog.start()
    try:
        yield
        if has_passed:
            raise Overdue(words)  # which the handler has caught
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        watchdog.cancel()
