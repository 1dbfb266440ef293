"""A connection of a client -> its requests, as uvicorn reads them, in bounded memory and time.

A client that sends too much before its request begins, or takes too long with it, is answered and
left; one connection too many is not taken.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_LIMIT = 32 * 1024
"""Bytes of a request's line and headers; more are answered with 431."""

HEADER_LINES = 100
HEADERS_SECONDS = 10
"""From the first byte of a request to the end of its headers; a slower one is answered with 408."""

_PIPELINED = 8
_PIECE = 16 * 1024
_CONNECTION_BYTES = 1024 * 1024
_FEWEST = 64
"""Connections that are taken, however little memory there is."""


def bounded_protocol(memory_limit: int) -> type[HttpToolsProtocol]:
    """The protocol of a service that may take so many bytes."""
    most = max(_FEWEST, memory_limit // _CONNECTION_BYTES)

    class Bounded(Connection):
        most_connections = most
        idle: ClassVar[dict[Connection, None]] = {}
        receiving: ClassVar[dict[Connection, None]] = {}

    return Bounded


class Connection(HttpToolsProtocol):
    """One connection."""

    most_connections = _FEWEST
    idle: ClassVar[dict[Connection, None]] = {}
    """Those of which no request is under way, the oldest first."""

    receiving: ClassVar[dict[Connection, None]] = {}
    """Those whose body is under way, the oldest first."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_refused = False
        self._in_headers = True
        self._size = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections and not self._make_room():
            self._refuse("503 Service Unavailable")
            return
        self.idle[self] = None
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        self.idle.pop(self, None)
        self.receiving.pop(self, None)
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            if self._is_refused or self.parser is None or self.transport.is_closing():
                return
            piece = data[start : start + _PIECE]
            if self._in_headers:
                self._size += len(piece)
                if self._deadline is None:
                    self._begin()
            super().data_received(piece)
            if self._in_headers and self._size > HEADERS_LIMIT:
                self._refuse("431 Request Header Fields Too Large")

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) < HEADER_LINES:
            super().on_header(name, value)
        elif not self._is_refused:
            self._refuse("431 Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self.idle.pop(self, None)
        self._size = 0
        self._stop_clock()
        if self._is_refused:
            return
        if len(self.pipeline) >= _PIPELINED:
            self._refuse("503 Service Unavailable")
            return
        self.receiving[self] = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_headers = True
        self.receiving.pop(self, None)
        if not self._is_refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.transport.is_closing():
            self._leave()
            return
        self.idle[self] = None
        super().on_response_complete()

    def _make_room(self) -> bool:
        """Whether one could go that asks for nothing, or that is slow with its body.

        Who has asked is answered in time.
        """
        oldest = next(iter(self.idle), None) or next(iter(self.receiving), None)
        if oldest is not None:
            oldest._is_refused = True
            self.idle.pop(oldest, None)
            self.receiving.pop(oldest, None)
            oldest.transport.abort()
        return oldest is not None

    def _begin(self) -> None:
        self._deadline = self.loop.call_later(HEADERS_SECONDS, self._overdue)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _overdue(self) -> None:
        self._deadline = None
        if not self._size:
            self.transport.close()  # nothing was asked
        elif not self._is_refused:
            self._refuse("408 Request Timeout")

    def _refuse(self, status: str) -> None:
        """Says so where no answer is under way, and closes."""
        self._is_refused = True
        self._stop_clock()
        if self.cycle is None or self.cycle.response_complete:
            head = f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(head.encode())
        self._leave()
        self.transport.close()

    def _leave(self) -> None:
        """Nobody is there any more to be answered; what waits in a row is not begun."""
        self.pipeline.clear()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
