"""Arguments -> a job or a service -> exit code."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

import nuclio_sdk

from gitopsc_runner.log import Masks, Tail, make_logger
from gitopsc_runner.outcome import (
    DONE,
    FAILED,
    STOPPED,
    UNUSABLE,
    WAITING,
    Overdue,
    Stopped,
    StoreFailed,
    Unusable,
    Waiting,
)
from gitopsc_runner.settings import Settings, read_settings
from gitopsc_runner.store import Failure, Store, open_store
from gitopsc_runner.upstream import tick_of

_GRACE_SECONDS = 20
"""After SIGTERM; Kubernetes kills after 30."""

_TRACE_LINES = 12
"""Of a traceback that are kept with a failure."""

_SIGNALLED = threading.Event()
"""SIGTERM has come."""


def main(argv: Sequence[str] | None = None) -> int:
    """0 done; 1 the handler raised; 75 try again later; 76 trying again cannot help.

    Log lines go to stdout, or to the descriptor that `--events` names.
    """
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)  # the first process of a container has no default for it
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    if arguments.with_parent:
        _end_with_parent()
    tail = Tail()
    sys.stdout, sys.stderr = tail.of(sys.stdout), tail.of(sys.stderr)
    stream = sys.stdout if arguments.events is None else _events(arguments.events)
    logger = make_logger(stream, Masks())
    function = ""
    try:
        if arguments.inquire is not None:
            from gitopsc_runner.inquire import answer

            stream.write(f"{json.dumps(answer(arguments.inquire))}\n")
            return DONE
        settings = read_settings(arguments.settings)
        function = settings.function
        masks = Masks(settings.secrets)
        logger = make_logger(stream, masks)
        logger.info_with("starting", project=settings.project, run=settings.run, function=function)
        _require_secrets(settings)

        def last_words() -> str:
            return masks.hidden(tail.text())

        if settings.action == "job":
            return _job(settings, arguments, logger, last_words)
        return _service(settings, arguments, logger, last_words)
    except BaseException as error:  # SystemExit and KeyboardInterrupt, too
        ending = _ending(error)
        if ending.code in (WAITING, STOPPED):
            logger.info_with(ending.message, **ending.details, exit_code=ending.code)
        else:
            details = {"function": function, **ending.details, "exit_code": ending.code}
            logger.error_with(ending.message, **details)
        return ending.code


class _Ending(NamedTuple):
    """An exit code, and what a line of the log says of it."""

    code: int
    message: str
    details: Mapping[str, str]


def _ending(error: BaseException) -> _Ending:
    if isinstance(error, Stopped):
        return _Ending(STOPPED, "stopped", {"reason": "SIGTERM came"})
    if isinstance(error, Waiting):
        return _Ending(WAITING, "waiting", {"reason": str(error)})
    if isinstance(error, Unusable):
        return _Ending(UNUSABLE, "this run cannot work", {"error": str(error)})
    if isinstance(error, Overdue):
        return _Ending(UNUSABLE, "the deadline has passed", {"error": str(error)})
    if isinstance(error, StoreFailed):
        return _Ending(FAILED, "the store failed", {"error": str(error)})
    details = {
        "error": repr(error),
        "traceback": "".join(traceback.format_exception(type(error), error, _own_frames(error))),
    }
    if isinstance(error, ImportError):
        from gitopsc_runner.sdk import hint_of

        hint = hint_of(error)
        if hint is None and isinstance(error, ModuleNotFoundError):
            hint = _missing(error)
        details |= {"hint": hint} if hint is not None else {}
    elif isinstance(error, FileNotFoundError) and _is_a_file_of_the_repository(error.filename):
        details["hint"] = _NOT_HERE
    elif _OF_AN_INPUT.search(str(error)):
        details["hint"] = "an input is not its data: `as_file()` is its file, `as_df()` its table"
    return _Ending(FAILED, "the function raised", details)


def _own_frames(error: BaseException) -> TracebackType | None:
    """From the function's first frame on, where there is one: the runner's own say nothing."""
    here = os.path.dirname(__file__)
    frame = error.__traceback__
    while frame is not None and os.path.dirname(frame.tb_frame.f_code.co_filename) == here:
        frame = frame.tb_next
    return frame or error.__traceback__


def _is_a_file_of_the_repository(name: object) -> bool:
    """Whether somebody means a file: it has an ending, or is in a folder."""
    return isinstance(name, str) and not os.path.isabs(name) and ("." in name or "/" in name)


_DATA = "(Artifact|Dataitem|Model)"
_OF_AN_INPUT = re.compile(rf"'{_DATA}' object|gitopsc_runner\.entities\.{_DATA}|, not {_DATA}$")
_NOT_HERE = (
    "a run has its source and a folder to work in, not the repository: declare the file as data and"
    " read it as an input"
)


def _missing(error: ModuleNotFoundError) -> str:
    """Only what imports lead to is in an image."""
    words = f"add the package of `{error.name}` to `requirements`; if it is a module of yours, make"
    words += " the source a folder that has it, and if nothing imports it by its name, list it"
    return f"{words} under `source: {{include: [...]}}` in gitopsc.yaml"


def _job(
    settings: Settings,
    arguments: argparse.Namespace,
    logger: nuclio_sdk.Logger,
    last_words: Callable[[], str],
    now: Callable[[], float] = time.time,
) -> int:
    from gitopsc_runner.job import Attempt, run_job, tried_again

    store = open_store(settings)
    with tried_again():
        tick = tick_of(settings, store, now()) if settings.schedule is not None else None
    attempt = Attempt(
        settings,
        store,
        tick,
        logger,
        _SIGNALLED,
        again=arguments.again,
        waits=not arguments.no_wait,
        now=now,
    )
    with _kept_failure(settings, store, arguments.source, last_words, now, tick):
        return run_job(attempt, arguments.source)


def _service(
    settings: Settings,
    arguments: argparse.Namespace,
    logger: nuclio_sdk.Logger,
    last_words: Callable[[], str],
) -> int:
    from gitopsc_runner.memory import memory_limit
    from gitopsc_runner.service import Listening, run_service

    listening = Listening(
        arguments.host,
        arguments.port,
        arguments.health_port,
        arguments.drain,
        waits=not arguments.no_wait,
        memory=arguments.memory or memory_limit(),
        interval=arguments.interval,
        tells=arguments.tell_requests,
    )
    store = open_store(settings)
    with _kept_failure(settings, store, arguments.source, last_words, time.time):
        return run_service(settings, store, arguments.source, logger, listening)


@contextmanager
def _kept_failure(
    settings: Settings,
    store: Store | None,
    source: Path,
    last_words: Callable[[], str],
    now: Callable[[], float],
    tick: int | None = None,
) -> Iterator[None]:
    """What raises in here leaves a word of it in the store, as well as it can."""
    begun = now()
    try:
        yield
    except BaseException as error:
        ending = _ending(error)
        if store is not None and ending.code in (FAILED, UNUSABLE):
            failure = Failure(
                compute=settings.compute,
                at=now(),
                seconds=now() - begun,
                error=Masks(settings.secrets).hidden(ending.details["error"]),
                exit_code=ending.code,
                tick=tick,
                lines=[*last_words().splitlines(), *_end_of(ending, settings, source)],
            )
            with suppress(Exception):
                store.keep_failure(settings.run, failure)
        raise


def _end_of(ending: _Ending, settings: Settings, source: Path) -> list[str]:
    """The end of a traceback, as far as there is one, with paths in the function's source."""
    trace = Masks(settings.secrets).hidden(ending.details.get("traceback", ""))
    trace = trace.replace(f'"{source}/', '"')
    return trace.rstrip().splitlines()[-_TRACE_LINES:]


def _require_secrets(settings: Settings) -> None:
    """A pod that could not start without them would hold what it asks for until they come."""
    for variable, place in settings.secrets.items():
        if place and variable not in os.environ:
            secret, _, key = place.partition("/")
            raise Waiting(f"`{variable}` is missing: key `{key}` of Secret `{secret}`")


def _stop(_: int, __: object) -> None:
    """A handler that does not end when it is told to is left behind with the process."""
    _SIGNALLED.set()
    watchdog = threading.Timer(_GRACE_SECONDS, lambda: os._exit(STOPPED))
    watchdog.daemon = True
    watchdog.start()
    raise Stopped


def _events(descriptor: int) -> IO[str]:
    """Nobody else's: a function that prints does not write there, nor does what it starts."""
    os.set_inheritable(descriptor, False)
    return open(descriptor, "w", encoding="utf-8", buffering=1)


def _end_with_parent() -> None:
    """Its end of the pipe closes when it is gone, however it went. Handlers get no input.

    The process leads a group of its own: all of it ends.
    """
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait() -> None:
        while os.read(pipe, 1024):
            pass
        os.killpg(0, signal.SIGTERM)
        time.sleep(_GRACE_SECONDS)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gitopsc_runner", description="Run a function.")
    parser.add_argument("--settings", type=Path, default=Path("/etc/gitopsc/run.json"))
    parser.add_argument("--source", type=Path, default=Path("/opt/function"))
    parser.add_argument("--again", action="store_true", help="do a job that is done again")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--health-port", type=int, default=8082)
    parser.add_argument(
        "--drain", type=float, default=5, help="seconds to answer on after SIGTERM (default: 5)"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="end when data upstream is not there yet"
    )
    parser.add_argument(
        "--memory", type=int, help="bytes that a service may take (default: the container's limit)"
    )
    parser.add_argument(
        "--interval",
        type=float,
        help="seconds between two looks for new data (default: as often as that may come)",
    )
    parser.add_argument(
        "--tell-requests", action="store_true", help="a line of the log for each request"
    )
    parser.add_argument(
        "--inquire", type=Path, help="answer the questions in a file of JSON, and run nothing"
    )
    parser.add_argument("--events", type=int, help="a descriptor for log lines (default: stdout)")
    parser.add_argument(
        "--with-parent", action="store_true", help="end when standard input is closed"
    )
    return parser
