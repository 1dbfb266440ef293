"""`gitopsc completion`: a shell -> the script that completes commands, options and names in it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import shtab
from gitopsc.adapters.schema import schema_titles
from gitopsc.commands.explain import CODE_OR_RUN
from gitopsc.model.diagnostic import CODES

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
        elif action.dest == "name":
            action.choices = list(schema_titles())
    print(shtab.complete(arguments.parser, arguments.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
