"""A handler -> an HTTP service: requests on one port, health and metrics on another."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
import time
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import nuclio_sdk
import uvicorn
import uvloop

from gitopsc_runner.application import Application
from gitopsc_runner.connection import bounded_protocol
from gitopsc_runner.handler import find_function, fitted, load_module
from gitopsc_runner.health import Health
from gitopsc_runner.job import wait_for
from gitopsc_runner.memory import Budget
from gitopsc_runner.outcome import DONE, Unusable, Waiting
from gitopsc_runner.project import Project, Run
from gitopsc_runner.sdk import install, undecorated
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import open_store

GRACE_SECONDS = 20
"""For requests under way after SIGTERM; with the drain before, Kubernetes' 30 are not up."""

_LONGEST_PAUSE = 15
"""Seconds between two looks at the records upstream."""


class Listening(NamedTuple):
    """Where a service listens. Port 0 is any free one.

    For `drain` seconds after SIGTERM it still answers, as long as others may not have heard, and
    tells each client to come back by another connection. It waits for data upstream only if it
    `waits`. It may take `memory` bytes.
    """

    host: str
    port: int
    health_port: int
    drain: float
    waits: bool
    memory: int


def run_service(
    settings: Settings, source: Path, logger: nuclio_sdk.Logger, listening: Listening
) -> int:
    """Serves until SIGTERM. Live from the start; started but for the time that init takes; ready
    once the data upstream is there, init has returned and it listens."""
    requests = _bound(listening.host, listening.port)
    health = Health(_bound(listening.host, listening.health_port), listening.memory)
    project, run = Project(settings, open_store(settings)), Run(settings)
    _await_data(settings, project, logger, health, waits=listening.waits)
    install(project)
    module = load_module(source, settings.module)
    handler, _ = undecorated(find_function(module, settings, settings.handler))
    context = nuclio_sdk.Context(logger=logger)
    context.project, context.run = project, run
    application = Application(handler, context, Budget(listening.memory))
    logger.info_with("calling", init=settings.init)
    starting = None
    if settings.init is not None:
        init = find_function(module, settings, settings.init)
        arguments = fitted(init, settings.init_parameters, {"context": context})
        starting = init(**arguments)
        if not inspect.iscoroutine(starting):
            starting = None
    server = _Server(application, health, listening)
    uvloop.run(server.run_after(starting, requests, logger))
    application.threads.shutdown(wait=False, cancel_futures=True)
    logger.info_with("stopped")
    return DONE


class _Server(uvicorn.Server):
    """Stops in two steps: first it ends connections that are answered, then it does not listen any
    more.

    It stays ready meanwhile: a pod that ends gets no new clients anyway, unless there is no other
    (kubernetes.md section 6).
    """

    def __init__(self, application: Application, health: Health, listening: Listening) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=bounded_protocol(listening.memory),
                ws="none",
                lifespan="off",
                log_level="critical",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._application = application
        self._health = health
        self._drain = listening.drain

    async def run_after(
        self, starting: object, requests: socket.socket, logger: nuclio_sdk.Logger
    ) -> None:
        """An init that is a coroutine runs in the loop that the handler will run in."""
        if inspect.iscoroutine(starting):
            await starting
        serving = asyncio.ensure_future(self.serve(sockets=[requests]))
        while not self.started and not serving.done():
            await asyncio.sleep(0.01)
        if not self._application.is_draining:
            self._health.state = "ready"
            port = requests.getsockname()[1]
            logger.info_with("serving", port=port, health_port=self._health.port)
        await serving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._application.is_draining or not self._drain:
            self.should_exit = True
            return
        self._application.is_draining = True
        threading.Timer(self._drain, self._stop).start()

    def _stop(self) -> None:
        self.should_exit = True


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has the port, before anything takes its time."""
    # With its protocol named, for else answers in two parts wait 40 ms for an acknowledgement.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Unusable(
            f"port {port} is unavailable: {error.strerror}; choose another with `--port`"
        ) from None
    return bound


def _await_data(
    settings: Settings, project: Project, logger: nuclio_sdk.Logger, health: Health, *, waits: bool
) -> None:
    """Returns when the records of all runs upstream are there (design.md section 4a)."""
    pause = 1
    while True:
        try:
            wait_for(settings, project)
            health.state = "starting"
            return
        except Waiting as waiting:
            if not waits:
                raise
            health.state = "waiting"
            logger.info_with("waiting", reason=str(waiting), seconds=pause)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
