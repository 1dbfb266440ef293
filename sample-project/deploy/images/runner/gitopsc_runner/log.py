"""Names of secret variables -> a logger whose lines are JSON, without their values."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from typing import IO

import nuclio_sdk
import nuclio_sdk.logger

_SHORTEST = 4
"""Shorter values are not secrets, and masking them would mask half of every line."""


class _Masked(nuclio_sdk.logger.JSONFormatter):  # type: ignore[misc]
    def __init__(self, values: Iterable[str]) -> None:
        super().__init__()
        # As it is, as JSON has it, as a traceback has it, and as JSON has that.
        plain = {form for value in values for form in (value, repr(value)[1:-1])}
        forms = plain | {json.dumps(form)[1:-1] for form in plain}
        self._values = sorted(forms, key=lambda form: (-len(form), form))

    def format(self, record: logging.LogRecord) -> str:
        line: str = super().format(record)
        for value in self._values:
            line = line.replace(value, "***")
        return line


def make_logger(stream: IO[str], secrets: Iterable[str] = ()) -> nuclio_sdk.Logger:
    """One for the process: a second call replaces what the first one masks."""
    values = (os.environ.get(name, "") for name in secrets)
    logger = nuclio_sdk.Logger("INFO")
    formatter = _Masked(value for value in values if len(value) >= _SHORTEST)
    logger.set_handler("default", stream, formatter)
    logger._logger.propagate = False  # or a function's own logging would print it again, unmasked
    return logger
