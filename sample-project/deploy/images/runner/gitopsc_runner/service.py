"""A handler -> an HTTP service: requests on one port, health on another."""

from __future__ import annotations

import asyncio
import inspect
import json
import socketserver
import threading
import traceback
import uuid
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import nuclio_sdk
import nuclio_sdk.json_encoder
import uvicorn

from gitopsc_runner.handler import Handler, find_function, fitted, load_module
from gitopsc_runner.outcome import DONE, Unusable
from gitopsc_runner.settings import Settings

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of a request's body; a larger one is answered with 413."""

GRACE_SECONDS = 25
"""For requests under way after SIGTERM; Kubernetes kills after 30."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def run_service(
    settings: Settings,
    source: Path,
    logger: nuclio_sdk.Logger,
    port: int,
    health_port: int,
) -> int:
    """Serves until SIGTERM. Live from the start, ready once init has returned and it listens."""
    if data := sorted({*settings.inputs, *settings.references}):
        raise Unusable(f"this runner has no store yet, and the run needs one for {', '.join(data)}")
    health = _Health(health_port)
    module = load_module(source, settings.module)
    handler = find_function(module, settings, settings.handler)
    context = nuclio_sdk.Context(logger=logger)
    if settings.init is not None:
        init = find_function(module, settings, settings.init)
        arguments = fitted(init, settings.init_parameters, {"context": context})
        if inspect.iscoroutinefunction(init):
            asyncio.run(init(**arguments))
        else:
            init(**arguments)
    fitted(handler, {}, {"context": context, "event": None})
    config = uvicorn.Config(
        Application(handler, context),
        host="0.0.0.0",
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    health.server = uvicorn.Server(config)
    logger.info_with("serving", port=port)
    health.server.run()
    return DONE


class Application:
    """The handler as an ASGI application. Handlers that are no coroutines run in threads."""

    def __init__(self, handler: Handler, context: nuclio_sdk.Context) -> None:
        self.handler = handler
        self.context = context
        self.encoder = nuclio_sdk.json_encoder.Encoder()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        identifier = uuid.uuid4().hex
        try:
            body = await _body(receive)
        except _Gone:
            return
        except _TooLarge:
            await _send_text(send, 413, f"a body has at most {BODY_LIMIT} bytes\n", identifier)
            return
        try:
            event = _event(scope, body, identifier)
        except ValueError:
            await _send_text(send, 400, "the body is not the JSON it says it is\n", identifier)
            return
        try:
            answer = await self._call(event)
            response = nuclio_sdk.Response.from_entrypoint_output(self.encoder.encode, answer)
            await _send(send, response, identifier)
        except Exception as error:
            self.context.logger.error_with(
                "the handler raised",
                request=identifier,
                error=repr(error),
                traceback=traceback.format_exc(),
            )
            await _send_text(send, 500, f"request {identifier} failed\n", identifier)

    async def _call(self, event: nuclio_sdk.Event) -> Any:
        arguments = fitted(self.handler, {}, {"context": self.context, "event": event})
        if inspect.iscoroutinefunction(self.handler):
            return await self.handler(**arguments)
        return await asyncio.to_thread(self.handler, **arguments)


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_LIMIT:
            raise _TooLarge
        if not message.get("more_body", False):
            return b"".join(parts)


def _event(scope: Mapping[str, Any], body: bytes, identifier: str) -> nuclio_sdk.Event:
    """As the platform makes it: a JSON body is parsed. Raises ValueError when it is not JSON."""
    headers = {
        key.decode("latin-1").title(): value.decode("latin-1") for key, value in scope["headers"]
    }
    content_type = headers.get("Content-Type", "")
    is_json = content_type.split(";")[0].strip().lower() == "application/json"
    return nuclio_sdk.Event(
        body=json.loads(body) if is_json and body else body,
        content_type=content_type,
        trigger=nuclio_sdk.TriggerInfo("http", "http"),
        fields=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
        headers=headers,
        _id=identifier,
        method=scope["method"],
        path=scope["path"],
        size=len(body),
    )


async def _send(send: Send, response: Mapping[str, Any], identifier: str) -> None:
    body = str(response["body"])
    content = b64decode(body) if response["body_encoding"] == "base64" else body.encode()
    headers = {
        "content-type": response["content_type"],
        "x-request-id": identifier,
        **{str(key).lower(): str(value) for key, value in response["headers"].items()},
        "content-length": str(len(content)),
    }
    encoded = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers.items()]
    status = int(response["status_code"])
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})


async def _send_text(send: Send, status: int, text: str, identifier: str) -> None:
    response = nuclio_sdk.Response(body=text, status_code=status)
    await _send(send, nuclio_sdk.Response.from_entrypoint_output(str, response), identifier)


class _Health:
    """`/live` and `/ready`, in a thread of its own: a busy handler cannot make it late."""

    def __init__(self, port: int) -> None:
        self.server: uvicorn.Server | None = None
        health = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ready = health.server is not None and health.server.started
                status = {"/live": 200, "/ready": 200 if ready else 503}.get(self.path, 404)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        socketserver.TCPServer.allow_reuse_address = True
        server = ThreadingHTTPServer(("", port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
