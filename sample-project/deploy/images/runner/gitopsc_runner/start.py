"""Arguments -> a job or a service -> exit code."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import nuclio_sdk

from gitopsc_runner.log import make_logger
from gitopsc_runner.outcome import (
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

_GRACE_SECONDS = 20
"""After SIGTERM; Kubernetes kills after 30."""

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
    stream = sys.stdout if arguments.events is None else _events(arguments.events)
    logger = make_logger(stream)
    function = ""
    try:
        settings = read_settings(arguments.settings)
        function = settings.function
        logger = make_logger(stream, settings.secrets)
        logger.info_with("starting", project=settings.project, run=settings.run, function=function)
        _require_secrets(settings)
        return _run(settings, arguments, logger)
    except Stopped:
        logger.info_with("stopped", reason="SIGTERM came", exit_code=STOPPED)
        return STOPPED
    except Waiting as waiting:
        logger.info_with("waiting", reason=str(waiting), exit_code=WAITING)
        return WAITING
    except Unusable as error:
        message = "this run cannot work"
        logger.error_with(message, function=function, error=str(error), exit_code=UNUSABLE)
        return UNUSABLE
    except Overdue as error:
        message = "the deadline has passed"
        logger.error_with(message, function=function, error=str(error), exit_code=UNUSABLE)
        return UNUSABLE
    except StoreFailed as error:
        message = "the store failed"
        logger.error_with(message, function=function, error=str(error), exit_code=FAILED)
        return FAILED
    except BaseException as error:  # SystemExit and KeyboardInterrupt, too
        hint = {"hint": _missing(error)} if isinstance(error, ModuleNotFoundError) else {}
        logger.error_with(
            "the function raised",
            function=function,
            error=repr(error),
            traceback=traceback.format_exc(),
            **hint,
            exit_code=FAILED,
        )
        return FAILED


def _missing(error: ModuleNotFoundError) -> str:
    """Only what imports lead to is in an image."""
    words = f"if `{error.name}` is a file of the source, name it under `source: {{include: [...]}}`"
    return f"{words} in gitopsc.yaml; else add its package to `requirements`"


def _run(settings: Settings, arguments: argparse.Namespace, logger: nuclio_sdk.Logger) -> int:
    if settings.action == "job":
        from gitopsc_runner.job import run_job

        return run_job(settings, arguments.source, logger, _SIGNALLED, again=arguments.again)
    from gitopsc_runner.memory import memory_limit
    from gitopsc_runner.service import Listening, run_service

    listening = Listening(
        arguments.host,
        arguments.port,
        arguments.health_port,
        arguments.drain,
        waits=not arguments.no_wait,
        memory=arguments.memory or memory_limit(),
    )
    return run_service(settings, arguments.source, logger, listening)


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
    parser.add_argument("--events", type=int, help="a descriptor for log lines (default: stdout)")
    parser.add_argument(
        "--with-parent", action="store_true", help="end when standard input is closed"
    )
    return parser
