"""A folder named on the command line -> its tree; and whether to print in colour."""

from __future__ import annotations

import os
import sys

from compiler.model.diagnostic import Diagnostic
from compiler.model.source import Tree
from compiler.scan import scan


def read_tree(path: str) -> tuple[Tree | None, tuple[Diagnostic, ...]]:
    """None, and a sentence on stderr, when there is no such folder."""
    if not os.path.isdir(path):
        print(f"gitopsc: `{path}` is no folder", file=sys.stderr)
        return None, ()
    return scan(path)


def wants_colour() -> bool:
    return (
        sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
