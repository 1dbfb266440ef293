"""The state of a service -> `/live`, `/started`, `/ready` and `/metrics`, for kubelets and
Prometheus."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from gitopsc_runner.connection import bounded_protocol

REQUESTS = Counter("gitopsc_requests", "Requests that were answered.", ("method", "status"))
SECONDS = Histogram("gitopsc_request_seconds", "From a request's arrival to its answer's end.")
IN_PROGRESS = Gauge("gitopsc_requests_in_progress", "Requests that are being answered.")
DATA = Gauge(
    "gitopsc_data_tick_seconds", "The tick of the data that is served.", ("data", "version")
)
SWITCHES = Counter("gitopsc_data_switches", "Switches to newer data.")
KEPT = Counter("gitopsc_data_kept", "Newer data that is not served, by why.", ("reason",))


class Health:
    """Answers from a thread of its own: a busy handler cannot make it late.

    While data upstream is awaited, which may take days, a service is not ready, and started: a
    kubelet ends what does not start.
    """

    def __init__(self, bound: socket.socket, memory: int) -> None:
        self.state: Literal["starting", "waiting", "ready"] = "starting"
        self.port = bound.getsockname()[1]
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            http=bounded_protocol(memory),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            server_header=False,
        )
        server = uvicorn.Server(config)
        bound.listen()  # a kubelet that asks before the thread has begun waits, and is not refused
        threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[bound])), daemon=True, name="health"
        ).start()

    async def _answer(
        self, scope: Mapping[str, Any], _: object, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        body, kind = b"", "text/plain"
        statuses = {
            "/live": 200,
            "/started": 503 if self.state == "starting" else 200,
            "/ready": 200 if self.state == "ready" else 503,
        }
        status = statuses.get(scope["path"], 404)
        if scope["path"] == "/metrics":
            status, body, kind = 200, generate_latest(), CONTENT_TYPE_LATEST
        headers = {"content-type": kind, "content-length": str(len(body))}
        encoded = [(key.encode(), value.encode()) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})
