"""What the terminal can show."""

from __future__ import annotations

import os
import sys


def wants_colour() -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not plain
