"""A runner beside a container -> files that say that it is alive, and with which code it has ended.

A shell in the container removes the first again and again, and waits for the second.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

_BEAT_SECONDS = 5


class Beside:
    """`end` is the path of the file that gets the exit code."""

    def __init__(self, end: str) -> None:
        self._end = Path(end)
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        alive = self._end.with_name("alive")
        while True:
            alive.touch()
            time.sleep(_BEAT_SECONDS)

    def ends(self, code: int) -> None:
        whole = self._end.with_name(f"{self._end.name}.new")
        whole.write_text(f"{code}\n")
        os.replace(whole, self._end)
