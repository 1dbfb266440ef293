"""Arguments -> a job or a service -> exit code."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import nuclio_sdk

from gitopsc_runner.outcome import FAILED, STOPPED, UNUSABLE, Stopped, Unusable
from gitopsc_runner.settings import read_settings


def main(argv: Sequence[str] | None = None) -> int:
    """0 done, 1 the handler raised, 76 trying again cannot help. Log lines go to stdout."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)  # the first process of a container has no default for it
    logger = nuclio_sdk.Logger("INFO")
    logger.set_handler("default", sys.stdout, nuclio_sdk.logger.JSONFormatter())
    try:
        settings = read_settings(arguments.settings)
        logger.info_with(
            "starting", project=settings.project, run=settings.run, function=settings.function
        )
        if settings.action == "job":
            from gitopsc_runner.job import run_job

            return run_job(settings, arguments.source, logger)
        from gitopsc_runner.service import run_service

        return run_service(
            settings, arguments.source, logger, arguments.port, arguments.health_port
        )
    except Stopped:
        logger.info_with("stopped", exit_code=STOPPED)
        return STOPPED
    except Unusable as error:
        logger.error_with("this run cannot work", error=str(error), exit_code=UNUSABLE)
        return UNUSABLE
    except (Exception, SystemExit) as error:
        logger.error_with(
            "the function raised",
            error=repr(error),
            traceback=traceback.format_exc(),
            exit_code=FAILED,
        )
        return FAILED


def _stop(_: int, __: object) -> None:
    raise Stopped


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gitopsc_runner", description="Run a function.")
    parser.add_argument("--settings", type=Path, default=Path("/etc/gitopsc/run.json"))
    parser.add_argument("--source", type=Path, default=Path("/opt/function"))
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--health-port", type=int, default=8082)
    return parser
