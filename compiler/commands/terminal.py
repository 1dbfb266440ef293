"""What the terminal can show."""

from __future__ import annotations

import os
import sys
from typing import IO


def wants_colour(stream: IO[str] | None = None) -> bool:
    """Whether what is written there is seen in colour; by default what goes to stderr."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return (stream or sys.stderr).isatty() and not plain
