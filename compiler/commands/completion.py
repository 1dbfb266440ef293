"""`gitopsc completion`: a shell -> the script that completes commands, options and names in it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import shtab
from gitopsc.adapters.schema import schema_titles
from gitopsc.commands.arguments import RUN
from gitopsc.commands.explain import CODE_OR_RUN
from gitopsc.commands.schema import SCHEMA
from gitopsc.model.diagnostic import CODES

_RUNS = "gitopsc run 2>/dev/null | tail -n +2 | cut -d\\  -f1"
"""Prints the names of all runs here. It has no quotes, which shells would read twice."""


DESCRIPTION = "Print a script that completes gitopsc's commands and options in SHELL."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "shell", choices=("bash", "fish", "zsh"), metavar="SHELL", help="bash, fish or zsh"
    )


def run(arguments: argparse.Namespace) -> int:
    for action in _actions(arguments.parser):
        if action.dest in ("path", "folder", "output"):
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.metavar == CODE_OR_RUN:
            action.choices = [code.id for code in CODES]
        elif action.metavar == SCHEMA:
            action.choices = list(schema_titles())
        elif action.metavar == RUN:
            action.complete = shtab.cmd(_RUNS)  # type: ignore[attr-defined]
    print(shtab.complete(arguments.parser, arguments.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
