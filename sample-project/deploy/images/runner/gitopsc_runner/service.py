"""A handler -> an HTTP service: requests on one port, health and metrics on another."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import nuclio_sdk
import uvicorn
import uvloop

from gitopsc_runner.application import Application
from gitopsc_runner.connection import bounded_protocol
from gitopsc_runner.follow import Follower, Means, Served
from gitopsc_runner.handler import Handler, find_function, fitted, load_module
from gitopsc_runner.health import Health
from gitopsc_runner.memory import Budget, memory_taken
from gitopsc_runner.outcome import DONE, Unusable, Waiting
from gitopsc_runner.project import Project
from gitopsc_runner.sdk import install, preparing, undecorated
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import Store
from gitopsc_runner.upstream import Upstream, find_upstream

GRACE_SECONDS = 20
"""For requests under way after SIGTERM; with the drain before, Kubernetes' 30 are not up."""

_ACCEPTED_AT_ONCE = 16
_UNREADY_SECONDS = 5
"""Until a kubelet has asked three times, and others have heard."""

_LONGEST_PAUSE = 15
"""Seconds between two looks at the records upstream."""


class Listening(NamedTuple):
    """Where a service listens. Port 0 is any free one.

    For `drain` seconds after SIGTERM it still answers, as long as others may not have heard, and
    tells each client to come back by another connection. It waits for data upstream only if it
    `waits`. It may take `memory` bytes, and looks for new data each `interval` seconds; it `tells`
    each request if somebody looks on.
    """

    host: str
    port: int
    health_port: int
    drain: float
    waits: bool
    memory: int
    interval: float | None = None
    tells: bool = False


def run_service(
    settings: Settings,
    store: Store | None,
    source: Path,
    logger: nuclio_sdk.Logger,
    listening: Listening,
) -> int:
    """Serves until SIGTERM. Live from the start; started but for the time that init takes; ready
    once the data upstream is there, init has returned and it listens."""
    requests = _bound(listening.host, listening.port)
    health = Health(_bound(listening.host, listening.health_port), listening.memory)
    upstream = _await_data(settings, store, logger, health, waits=listening.waits)
    project = Project(settings, store, upstream)
    install(project)
    module = load_module(source, settings.module)
    handler, _ = undecorated(find_function(module, settings, settings.handler))
    init = None
    if settings.init is not None:
        init = find_function(module, settings, settings.init)
    preparation = _Preparation(settings, store, logger, init)
    context = preparation.context(project)
    application = Application(handler, context, Budget(listening.memory), tells=listening.tells)
    logger.info_with("calling", init=settings.init)
    before = memory_taken()
    starting = preparation.begin(context)
    server = _Server(application, health, listening)

    def follow() -> None:
        if store is not None:
            forget = threading.Thread(target=store.forget_failure, args=(settings.run,))
            forget.daemon = True
            forget.start()
        if store is None or not settings.clocks:
            return
        loop = asyncio.get_running_loop()
        means = Means(
            prepare=lambda found: preparation.ready(found, loop),
            switch=lambda served: application.switch(served.context),
            restart=server.restart,
            init_memory=max(memory_taken() - before, 0),
            memory=listening.memory,
        )
        Follower(settings, store, Served(context, upstream), means, logger).follow(
            listening.interval
        )

    uvloop.run(server.run_after(starting, requests, logger, follow))
    application.threads.shutdown(wait=False, cancel_futures=True)
    logger.info_with("stopped")
    return DONE


class _Preparation:
    """How `init` is called: on a context of its own each time."""

    def __init__(
        self,
        settings: Settings,
        store: Store | None,
        logger: nuclio_sdk.Logger,
        init: Handler | None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._logger = logger
        self._init = init

    def context(self, project: Project) -> nuclio_sdk.Context:
        context = nuclio_sdk.Context(logger=self._logger)
        context.project, context.run, context.root = project, project.run, Path.cwd()
        return context

    def begin(self, context: nuclio_sdk.Context) -> Coroutine[Any, Any, object] | None:
        """Calls it. One that is a coroutine is still to be awaited."""
        if self._init is None:
            return None
        arguments = fitted(self._init, self._settings.init_parameters, {"context": context})
        started = self._init(**arguments)
        return started if inspect.iscoroutine(started) else None

    def ready(self, upstream: Upstream, loop: asyncio.AbstractEventLoop) -> Served:
        """From another thread, while the one of `loop` serves."""
        project = Project(self._settings, self._store, upstream)
        context = self.context(project)
        with preparing(project):
            started = self.begin(context)
            if started is not None:
                asyncio.run_coroutine_threadsafe(started, loop).result()
        return Served(context, upstream)


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
        self._is_restarting = False

    async def run_after(
        self,
        starting: Coroutine[Any, Any, object] | None,
        requests: socket.socket,
        logger: nuclio_sdk.Logger,
        serving_begins: Callable[[], None],
    ) -> None:
        """An init that is a coroutine runs in the loop that the handler will run in."""
        if starting is not None:
            await starting
        # The loop accepts one connection of each socket in a turn: by one alone, who comes after a
        # hundred that are refused and come again would wait for a hundred turns.
        sockets = [requests, *(requests.dup() for _ in range(_ACCEPTED_AT_ONCE - 1))]
        serving = asyncio.ensure_future(self.serve(sockets=sockets))
        while not self.started and not serving.done():
            await asyncio.sleep(0.01)
        if not self._application.is_draining:
            self._health.state = "ready"
            port = requests.getsockname()[1]
            logger.info_with("serving", port=port, health_port=self._health.port)
            serving_begins()
        await serving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._is_restarting:
            return  # it ends soon
        if self._application.is_draining or not self._drain:
            self.should_exit = True
            return
        self._application.is_draining = True
        threading.Timer(self._drain, self._stop).start()

    def restart(self) -> None:
        """Ends like by a signal. But nobody has taken the pod out of the service: that is done once
        it is not ready."""
        self._is_restarting = True
        self._health.state = "waiting"
        self._application.is_draining = True
        seconds = self._drain + _UNREADY_SECONDS if self._drain else 0
        threading.Timer(seconds, self._stop).start()

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
    settings: Settings,
    store: Store | None,
    logger: nuclio_sdk.Logger,
    health: Health,
    *,
    waits: bool,
) -> Upstream:
    """Returns when the records of all runs upstream are there (design.md section 4a)."""
    pause = 1
    while True:
        try:
            upstream = find_upstream(settings, store, time.time(), None)
            health.state = "starting"
            return upstream
        except Waiting as waiting:
            if not waits:
                raise
            health.state = "waiting"
            logger.info_with("waiting", reason=str(waiting), seconds=pause)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
