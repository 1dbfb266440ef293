"""A command that another one starts, in the same process."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from types import ModuleType


def run_nested(command: ModuleType, words: Sequence[str]) -> int:
    """A module of `commands/` with the words of its command line -> its exit code."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    status: int = command.run(parser.parse_args(words))
    return status
