"""A sign on a terminal that something takes its time, by yaspin."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaspin.core import Yaspin


class Spinner:
    """Turns on stderr from `turn` to `rest`, and leaves nothing there; only on a terminal."""

    def __init__(self) -> None:
        self._turning: Yaspin | None = None

    def turn(self, text: str) -> None:
        self.rest()
        if sys.stderr.isatty():
            from yaspin import yaspin  # nobody else needs it

            self._turning = yaspin(text=text, stream=sys.stderr)
            self._turning.start()

    def rest(self) -> None:
        if self._turning is not None:
            self._turning.stop()
            self._turning = None
