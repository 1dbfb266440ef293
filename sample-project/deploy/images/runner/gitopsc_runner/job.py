"""A handler -> one call, what it made in the store, and an exit code."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import nuclio_sdk

from gitopsc_runner.collect import collect, summary
from gitopsc_runner.handler import find_function, fitted, load_module
from gitopsc_runner.outcome import DONE, UNUSABLE, Overdue, Stopped, StoreFailed, Waiting
from gitopsc_runner.project import Project
from gitopsc_runner.sdk import install, undecorated
from gitopsc_runner.settings import Settings
from gitopsc_runner.shards import gathered, own_shards
from gitopsc_runner.store import Record, Store
from gitopsc_runner.upstream import JOB, Upstream, find_upstream, name_of_record

_GRACE_SECONDS = 10
"""After the deadline, for a handler that is told of it and does not stop."""

_PAUSE = 1
"""Seconds between two looks at the records upstream."""


class Attempt(NamedTuple):
    """One try of a job. `tick` is that of a run which the clock starts.

    A run that has its record is done, unless it is to be done `again`. It waits for data upstream
    only if it `waits`.
    """

    settings: Settings
    store: Store | None
    tick: int | None
    logger: nuclio_sdk.Logger
    signalled: threading.Event
    again: bool = False
    waits: bool = True
    now: Callable[[], float] = time.time


def run_job(attempt: Attempt, source: Path) -> int:
    """Calls init, if there is one, then the handler. What they raise passes through.

    Raises Waiting when data upstream is not there in time, before anything of the function is
    touched; Stopped when SIGTERM came before the handler was done, though it has caught that.
    """
    if attempt.settings.count is not None:
        return _run_shards(attempt, attempt.settings.count, source)
    settings, store, logger = attempt.settings, attempt.store, attempt.logger
    again = attempt.again
    with tried_again():
        if store is not None and not again and (done := _done_at(attempt, store)) is not None:
            if _is_done(attempt, store, done):
                return DONE
            again = True
        upstream = _wait_a_while(attempt)
        name = name_of_record(settings, upstream)
        if store is not None and not again and name != settings.compute:
            # What was read may be what was read before: then there is nothing new to make.
            done = store.record(settings.run, name)
            if done is not None and _is_done(attempt, store, done):
                return DONE
        _keep_begun(attempt)
    record = _done_now(attempt, upstream, source)
    begun = record.begun or attempt.now()
    if store is not None:
        tick = attempt.tick
        if tick is None or name != settings.compute:
            record = store.keep_record(record, name, again=again or tick is not None)
        store.keep_tick(settings.run, int(begun) if tick is None else tick, record, attempt.now())
    logger.info_with("done", **summary(record))
    return DONE


def _run_shards(attempt: Attempt, count: int, source: Path) -> int:
    """The shard of this pod, or all of them, one after the other, where nobody says which.

    Each has a record of its own, and who finds those of all writes the record of the run. A shard
    that is done is not done again; a shard that fails fails the Job.
    """
    settings, store, logger = attempt.settings, attempt.store, attempt.logger
    again = attempt.again
    with tried_again():
        if store is not None and not again and (done := _done_at(attempt, store)) is not None:
            if _is_done(attempt, store, done):
                return DONE
            again = True
        upstream = _wait_a_while(attempt)
        _keep_begun(attempt)
    for index in own_shards(count):
        if store is not None and not attempt.again:
            with tried_again():
                if _shard(settings, store, index) is not None:
                    logger.info_with("shard done already", index=index)
                    continue
        record = _done_now(attempt, upstream, source, index)
        if store is not None:
            store.keep_shard(record, index)
        logger.info_with("shard done", index=index, **summary(record))
    if store is None:
        return DONE
    made: list[Record] = []
    while len(made) < count and (shard := _shard(settings, store, len(made))) is not None:
        made.append(shard)
    if len(made) == count:
        record = store.keep_record(gathered(store, made), settings.compute, again=again)
        store.keep_tick(settings.run, int(record.begun or 0), record, attempt.now())
        logger.info_with("done", **summary(record))
    return DONE


def _shard(settings: Settings, store: Store, index: int) -> Record | None:
    """If all that it has made is there."""
    shard = store.shard(settings.run, settings.compute, index)
    return shard if shard is not None and store.has_all_of(shard) else None


def _keep_begun(attempt: Attempt) -> None:
    if attempt.store is not None:
        settings, job = attempt.settings, os.environ.get(JOB, "")
        begun = {"at": attempt.now(), "compute": settings.compute, "job": job}
        attempt.store.keep_begun(settings.run, begun)


def _done_now(attempt: Attempt, upstream: Upstream, source: Path, index: int = 0) -> Record:
    """Calls the functions, and times them."""
    begun = attempt.now()
    return replace(
        _called(attempt, upstream, source, index),
        parameters=attempt.settings.parameters,
        reads=upstream.versions(attempt.settings),
        begun=begun,
        seconds=attempt.now() - begun,
    )


@contextmanager
def tried_again() -> Iterator[None]:
    """Nothing of the function has happened yet: a store that fails now may not fail later."""
    try:
        yield
    except StoreFailed as error:
        if error.may_pass:
            raise Waiting(str(error)) from None
        raise


def _done_at(attempt: Attempt, store: Store) -> Record | None:
    """What says that there is nothing to do, whatever is read."""
    run, compute = attempt.settings.run, attempt.settings.compute
    if attempt.tick is None:
        return store.record(run, compute)
    found = store.tick(run, attempt.tick)
    return found.record if found is not None and found.record.compute == compute else None


def _is_done(attempt: Attempt, store: Store, done: Record) -> bool:
    """If all that was made is there. A tick then has it, too."""
    logger, run = attempt.logger, attempt.settings.run
    if not store.has_all_of(done):
        logger.warn_with("done before, and its data is gone: it runs again", run=run)
        return False
    if attempt.tick is not None:
        store.keep_tick(run, attempt.tick, done, attempt.now())
    logger.info_with("done already", **summary(done))
    return True


def _called(attempt: Attempt, upstream: Upstream, source: Path, index: int) -> Record:
    """Everything of the function happens in here."""
    settings, logger = attempt.settings, attempt.logger
    project = Project(settings, attempt.store, upstream, attempt.tick)
    run = project.run
    os.environ.setdefault("RUN_ID", settings.run)
    install(project)
    module = load_module(source, settings.module)
    handler, decorated = undecorated(find_function(module, settings, settings.handler))
    context = nuclio_sdk.Context(logger=logger)
    context.project, context.run, context.root = project, run, Path.cwd()
    context.index, context.count = index, settings.count or 1
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
    if attempt.signalled.is_set():
        raise Stopped
    record = collect(settings, project, run, returned, decorated)
    for remark in project.remarks:
        logger.warn_with("not all is kept", reason=remark)
    return record


def _wait_a_while(attempt: Attempt) -> Upstream:
    """A pod that ends and is tried again costs more, and looks failed: most data comes soon."""
    settings, logger = attempt.settings, attempt.logger
    end = time.monotonic() + settings.wait
    is_said = False
    while True:
        try:
            upstream = find_upstream(
                settings, attempt.store, attempt.now(), attempt.tick, waits=attempt.waits
            )
        except (Waiting, StoreFailed) as reason:
            is_over = time.monotonic() >= end
            if is_over or (isinstance(reason, StoreFailed) and not reason.may_pass):
                raise
            if not is_said:
                logger.info_with("waiting", reason=str(reason), seconds=settings.wait)
            is_said = True
        else:
            for remark in upstream.remarks:
                logger.warn_with("older data is read", reason=remark)
            return upstream
        time.sleep(_PAUSE)


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
