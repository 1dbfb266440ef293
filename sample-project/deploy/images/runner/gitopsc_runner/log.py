"""Names of secret variables -> a logger whose lines are JSON, without their values; last lines."""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Iterable
from typing import IO, Any

import nuclio_sdk
import nuclio_sdk.logger

_SHORTEST = 4
"""Shorter values are not secrets, and masking them would mask half of every line."""


_TAIL = 16 * 1024
"""Characters of what a job has printed that are kept."""

_TAIL_LINES = 30


class Masks:
    """Hides the values of secret variables, in every form that prints them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = [os.environ.get(name, "") for name in secrets]
        values = [value for value in values if len(value) >= _SHORTEST]
        # As it is, as JSON has it, as a traceback has it, and as JSON has that.
        plain = {form for value in values for form in (value, repr(value)[1:-1])}
        forms = plain | {json.dumps(form)[1:-1] for form in plain}
        self._values = sorted(forms, key=lambda form: (-len(form), form))

    def hidden(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, "***")
        return text


class _Masked(nuclio_sdk.logger.JSONFormatter):  # type: ignore[misc]
    def __init__(self, masks: Masks) -> None:
        super().__init__()
        self._masks = masks

    def format(self, record: logging.LogRecord) -> str:
        return self._masks.hidden(super().format(record))


class Tail:
    """The end of what is written to some streams, whoever writes."""

    def __init__(self) -> None:
        self._parts: deque[str] = deque()
        self._size = 0

    def of(self, stream: IO[str]) -> IO[str]:
        """The same stream, with what is written to it kept here."""
        kept: Any = _Kept(stream, self)
        return kept  # type: ignore[no-any-return]

    def add(self, text: str) -> None:
        part = text[-_TAIL:]
        self._parts.append(part)
        self._size += len(part)
        while self._size > _TAIL and len(self._parts) > 1:
            self._size -= len(self._parts.popleft())

    def text(self) -> str:
        return "\n".join("".join(self._parts)[-_TAIL:].splitlines()[-_TAIL_LINES:])


class _Kept:
    def __init__(self, stream: IO[str], tail: Tail) -> None:
        self._stream = stream
        self._tail = tail

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        self._tail.add(text)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def make_logger(stream: IO[str], masks: Masks) -> nuclio_sdk.Logger:
    """One for the process: a second call replaces what the first one masks."""
    logger = nuclio_sdk.Logger("INFO")
    logger.set_handler("default", stream, _Masked(masks))
    logger._logger.propagate = False  # or a function's own logging would print it again, unmasked
    return logger
