"""A handler -> an ASGI application: an event in, a response out, and no way to take it down."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import time
import traceback
import types
import uuid
from base64 import b64decode
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timezone
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import ijson
import nuclio_sdk
import nuclio_sdk.json_encoder

from gitopsc_runner.handler import Handler, fitted
from gitopsc_runner.health import IN_PROGRESS, REQUESTS, SECONDS
from gitopsc_runner.memory import Budget, Charge, Exhausted, TooLarge
from gitopsc_runner.sdk import keep_to

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a request's body; a larger one is answered with 413."""

BODY_SECONDS = 60
"""For a client to send a whole body; a slower one is answered with 408."""

_COPIES = 2
"""What a body takes while its parts are put together, in bytes for each of its own."""

_PARSED = 25
"""What JSON takes once it is parsed, at worst: `[[],[],...]`."""

_SMALL = 128 * 1024
"""Bytes of JSON that are parsed at once: 50 ms at worst, in which nobody else is answered."""

_PIECE = 16 * 1024
_DEEPEST = 500
_TOKENS_AT_ONCE = 10_000
_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
"""Strings, also one without an end, and brackets outside of them."""

THREADS = 40
"""Requests that are handled at the same time, by handlers that are not coroutines."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_Result = TypeVar("_Result")
_END = object()
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_SERVERS = ("connection", "content-length", "keep-alive", "transfer-encoding", "upgrade")
"""Headers that say how an answer is sent, which is not the handler's to say."""

_WITHOUT_BODY = (204, 205, 304)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Application:
    """The handler behind HTTP. Handlers that are not coroutines run in threads.

    While it `is_draining`, each answer ends its connection, so that the client's next request goes
    to a process that stays. It `tells` each request in the log if somebody looks on.
    """

    def __init__(
        self,
        handler: Handler,
        context: nuclio_sdk.Context,
        budget: Budget,
        *,
        tells: bool = False,
    ) -> None:
        self.tells = tells
        self.logger = context.logger
        self.budget = budget
        self.is_draining = False
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._handler = handler
        self._encode = nuclio_sdk.json_encoder.Encoder().encode
        self._is_coroutine = inspect.iscoroutinefunction(handler)
        self.switch(context)

    def switch(self, context: nuclio_sdk.Context) -> None:
        """Requests that come from now on get this one; those under way keep what they have."""
        offered = {"context": context, "event": None}
        for name in ("project", "run"):
            offered[name] = getattr(context, name, None)
        self._served = (fitted(self._handler, {}, offered), offered["project"])

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _Request(self, scope, receive, send).answer()

    async def call(self, event: nuclio_sdk.Event) -> Any:
        """What the handler returns. Raises Exception, whatever it raises itself."""
        arguments, project = self._served
        keep_to(project)
        if "event" in arguments:
            arguments = {**arguments, "event": event}
        if self._is_coroutine:
            try:
                return await self._handler(**arguments)
            except (Exception, asyncio.CancelledError):
                raise
            except BaseException as error:
                raise _Left(repr(error)) from error
        return await self.in_thread(lambda: self._handler(**arguments))

    async def in_thread(self, call: Callable[[], _Result]) -> _Result:
        def guarded() -> _Result:
            try:
                return call()
            except BaseException as error:
                if isinstance(error, Exception) and not isinstance(error, StopIteration):
                    raise
                raise _Left(repr(error)) from error  # no future carries these

        run = copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self.threads, run, guarded)

    def response(self, returned: Any) -> Mapping[str, Any]:
        """As nuclio-sdk has it; nothing for None."""
        if returned is None:
            returned = ""
        response: Mapping[str, Any] = nuclio_sdk.Response.from_entrypoint_output(
            self._encode, returned
        )
        return response


class _Left(Exception):
    """The handler tried to end the process."""


class _Refused(Exception):
    """A request that no handler hears of, with the status and the words of its answer."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


async def _parts_until(
    leaving: asyncio.Future[None], parts: AsyncGenerator[Any, None]
) -> AsyncGenerator[Any, None]:
    """Ends with _Gone when the client leaves, though a coroutine is asleep.

    A thread cannot be woken: what it makes is waited for.
    """
    try:
        while True:
            coming = asyncio.ensure_future(_outcome(parts))
            waited: set[asyncio.Future[Any]] = {coming, leaving}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                coming.cancel()
                await asyncio.wait({coming})
                raise _Gone
            item, error = coming.result()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        await parts.aclose()


async def _outcome(parts: AsyncGenerator[Any, None]) -> tuple[Any, BaseException | None]:
    """SystemExit in a task would end the loop: it is a value here."""
    try:
        return await anext(parts, _END), None
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return None, error


class _Gone(Exception):
    """The client has left."""


class _Request:
    """One request, and how far its answer has come."""

    def __init__(
        self, application: Application, scope: Mapping[str, Any], receive: Receive, send: Send
    ) -> None:
        self._application = application
        self._scope = scope
        self._receive = receive
        self._hand_over = send
        self._identifier = uuid.uuid4().hex
        self._status = 0

    async def answer(self) -> None:
        begun = time.monotonic()
        IN_PROGRESS.inc()
        try:
            if not self._has_body():
                event = _event(self._scope, b"", b"", self._identifier)
                await self._respond(await self._application.call(event))
                return
            with self._application.budget.charges() as charge:
                body = await self._body_in_time(charge)
                parsed = await self._parsed(body)
                event = _event(self._scope, body, parsed, self._identifier)
                del body, parsed
                returned = await self._application.call(event)
                del event
                await self._respond(returned)
        except _Gone:
            self._status = self._status or 499
        except TooLarge:
            await self._say(413, "the body takes more memory than this service has for bodies")
        except Exhausted:
            await self._say(503, "other requests take all memory for bodies: try again")
        except _Refused as refusal:
            await self._say(refusal.status, str(refusal))
        except Exception as error:
            self._application.logger.error_with(
                "the handler raised",
                request=self._identifier,
                error=repr(error),
                traceback=traceback.format_exc(),
            )
            if self._status:
                # A part is sent: the server breaks the connection, and says this of it.
                raise _Left(f"the answer to request {self._identifier} broke off") from None
            await self._say(500, f"request {self._identifier} failed")
        finally:
            IN_PROGRESS.dec()
            seconds = time.monotonic() - begun
            SECONDS.observe(seconds)
            REQUESTS.labels(_known(self._scope["method"]), self._status).inc()
            if self._application.tells:
                self._application.logger.info_with(
                    "request",
                    method=_known(self._scope["method"]),
                    path=str(self._scope["path"]),
                    status=self._status,
                    seconds=round(seconds, 3),
                )

    async def _send(self, message: Message) -> None:
        try:
            await self._hand_over(message)
        except RuntimeError as error:
            if "closed" not in str(error):
                raise
            raise _Gone from None  # before the server has noticed

    def _has_body(self) -> bool:
        names = [name for name, _ in self._scope["headers"]]
        if b"transfer-encoding" in names:
            return True
        return b"content-length" in names and self._announced() != b"0"

    def _announced(self) -> bytes:
        headers: dict[bytes, bytes] = dict(self._scope["headers"])
        return headers.get(b"content-length", b"0")

    def _is_json(self) -> bool:
        headers = dict(self._scope["headers"])
        return _is_json(headers.get(b"content-type", b"").decode("latin-1"))

    async def _body_in_time(self, charge: Charge) -> bytes:
        try:
            return await asyncio.wait_for(self._body(charge), BODY_SECONDS)
        except asyncio.TimeoutError:
            raise _Refused(408, "the body has not come in time") from None

    async def _body(self, charge: Charge) -> bytes:
        """Charged for what it may come to before it is read, or as it comes."""
        times = _COPIES + (_PARSED if self._is_json() else 0)
        announced = self._announced()
        if announced.isdigit():
            if int(announced) > BODY_LIMIT:
                raise _Refused(413, f"a body has at most {BODY_LIMIT} bytes")
            charge.raise_to(int(announced) * times)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > BODY_LIMIT:
                raise _Refused(413, f"a body has at most {BODY_LIMIT} bytes")
            charge.raise_to(size * times)
            if not message.get("more_body", False):
                return b"".join(parts)

    async def _parsed(self, body: bytes) -> Any:
        """As the platform has it: JSON is parsed. Raises _Refused when it is not JSON."""
        if not body or not self._is_json():
            return body
        try:
            return json.loads(body) if len(body) <= _SMALL else await _in_pieces(body)
        except (ValueError, RecursionError, ijson.JSONError):
            raise _Refused(400, "the body is not the JSON it says it is") from None

    async def _respond(self, returned: Any) -> None:
        whole = returned.body if isinstance(returned, nuclio_sdk.Response) else returned
        if not isinstance(whole, (types.GeneratorType, types.AsyncGeneratorType)):
            response = self._application.response(returned)
            body = _content(response)
            length = {"content-length": str(len(body))}
            if response["status_code"] in _WITHOUT_BODY:
                body, length = b"", {}
            await self._start(response, length)
            await self._send({"type": "http.response.body", "body": body})
            return
        await self._stream(returned, whole)

    async def _stream(self, returned: Any, generator: Any) -> None:
        """Sends part after part, until the client has left; then no more is asked for."""
        leaving = asyncio.ensure_future(self._client_left())
        parts = self._parts(generator)
        if isinstance(generator, types.AsyncGeneratorType):
            parts = _parts_until(leaving, parts)
        try:
            await self._send_parts(returned, parts, leaving)
        finally:
            leaving.cancel()
            await parts.aclose()
            if isinstance(generator, types.AsyncGeneratorType):
                await generator.aclose()
            else:
                await self._application.in_thread(generator.close)

    async def _client_left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _send_parts(
        self, returned: Any, parts: AsyncGenerator[Any, None], leaving: asyncio.Future[None]
    ) -> None:
        first = await anext(parts, None)  # before the status: it may raise, or be a Response
        head = first if isinstance(first, nuclio_sdk.Response) else _text(first)
        if isinstance(returned, nuclio_sdk.Response):
            head = nuclio_sdk.Response(
                returned.headers, _text(first), returned.content_type, returned.status_code
            )
        response = self._application.response(head)
        await self._start(response, {})
        await self._send_part(_content(response))
        async for part in parts:
            if leaving.done():
                raise _Gone
            body = part.body if isinstance(part, nuclio_sdk.Response) else part
            await self._send_part(_content(self._application.response(_text(body))))
        await self._send({"type": "http.response.body", "body": b""})

    async def _parts(self, generator: Any) -> AsyncGenerator[Any, None]:
        """The items of a generator of either kind; a thread waits for those of the plain one."""
        if isinstance(generator, types.AsyncGeneratorType):
            async for item in generator:
                yield item
            return
        while True:
            item = await self._application.in_thread(lambda: next(generator, _END))
            if item is _END:
                return
            yield item

    async def _start(self, response: Mapping[str, Any], more: Mapping[str, str]) -> None:
        own = {str(key).lower(): str(value) for key, value in response["headers"].items()}
        headers = {
            "content-type": response["content_type"],
            "x-request-id": self._identifier,
            **{key: value for key, value in own.items() if key not in _SERVERS},
            **more,
        }
        if self._application.is_draining:
            headers["connection"] = "close"
        encoded = [(key.encode("latin-1"), each.encode("latin-1")) for key, each in headers.items()]
        for key, value in headers.items():
            if not _HEADER_NAME.fullmatch(key) or _CONTROL.search(value):
                raise ValueError(f"{key!r}: {value!r} is not a header")  # or it would be several
        status = int(response["status_code"])
        if not 200 <= status <= 599:
            raise ValueError(f"{status} is not a status of an answer")
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})
        self._status = status

    async def _send_part(self, body: bytes) -> None:
        if body:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def _say(self, status: int, words: str) -> None:
        response = nuclio_sdk.Response(body=f"{words}\n", status_code=status)
        body = _content(self._application.response(response))
        await self._start(self._application.response(response), {"content-length": str(len(body))})
        await self._send({"type": "http.response.body", "body": body})


async def _check_depth(body: bytes) -> None:
    """Raises ValueError for values that are nested deeper than `json` reads them.

    What each level costs the parser grows with its depth.
    """
    depth = 0
    for number, token in enumerate(_TOKENS.finditer(body)):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            if depth > _DEEPEST:
                raise ValueError("nested too deep")
        elif first in b"]}":
            depth -= 1
        if number % _TOKENS_AT_ONCE == 0:
            await asyncio.sleep(0)


async def _in_pieces(body: bytes) -> Any:
    """Parses JSON while others are answered, too."""
    await _check_depth(body)
    found: list[Any] = []
    events = ijson.sendable_list()
    parser = ijson.items_coro(events, "", use_float=True)
    for start in range(0, len(body), _PIECE):
        parser.send(body[start : start + _PIECE])
        found += events
        del events[:]
        await asyncio.sleep(0)
    parser.close()
    found += events
    if len(found) != 1:
        raise ValueError("not one value")
    return found[0]


def _is_json(content_type: str) -> bool:
    return content_type.split(";")[0].strip().lower() == "application/json"


def _event(scope: Mapping[str, Any], body: bytes, parsed: Any, identifier: str) -> nuclio_sdk.Event:
    headers = {
        key.decode("latin-1").title(): value.decode("latin-1") for key, value in scope["headers"]
    }
    return nuclio_sdk.Event(
        body=parsed,
        content_type=headers.get("Content-Type", ""),
        trigger=nuclio_sdk.TriggerInfo("http", "http"),
        fields=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers=headers,
        _id=identifier,
        method=scope["method"],
        path=scope["path"],
        size=len(body),
        timestamp=datetime.now(timezone.utc),
        url=f"{scope['scheme']}://{headers.get('Host', '')}{scope['path']}",
        _type="",
    )


def _text(part: Any) -> Any:
    """A part of a stream as a body: text or bytes."""
    if part is None:
        return ""
    return part if isinstance(part, (str, bytes)) else str(part)


def _content(response: Mapping[str, Any]) -> bytes:
    body = str(response["body"])
    return b64decode(body) if response["body_encoding"] == "base64" else body.encode()


def _known(method: str) -> str:
    """A label has few values, whatever clients send."""
    known = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    return method if method in known else "other"
