"""Questions on a terminal -> what `gitopsc init` is asked for. Enter takes what stands in brackets;
each answer has an option of its own, and nothing is asked of programs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from gitopsc.adapters.schema import violations
from gitopsc.commands.arguments import CI_TEMPLATES, CONTROLLERS
from gitopsc.model.names import project_name

_NONE = "none"


class Interrupted(Exception):
    """The terminal was closed, or Ctrl-C pressed, before all was answered."""


def is_on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(arguments: argparse.Namespace) -> None:
    """Sets what the options would. Raises Interrupted."""
    root = Path(arguments.path)
    notebooks = sorted(path.name for path in root.glob("*.ipynb")) if root.is_dir() else []
    try:
        if notebooks:
            notebook = _choice("Notebook to begin with", notebooks)
            arguments.from_notebook = str(root / notebook) if notebook else None
        if arguments.from_notebook is None:
            default = project_name(root.resolve().name)
            arguments.project = _setting("Name of the project", default, "project")
        question = "Registry that images are pushed to"
        arguments.registry = _setting(question, _NONE, "registry")
        arguments.controller = _choice("Controller", CONTROLLERS)
        arguments.ci = _choice("Reviews of pull requests on", CI_TEMPLATES)
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        raise Interrupted from None


def _choice(question: str, choices: Sequence[str]) -> str | None:
    def fault(answer: str) -> str | None:
        return None if answer in choices else f"answer {', '.join(choices)} or {_NONE}"

    return _answer(f"{question} ({', '.join(choices)})", _NONE, fault)


def _setting(question: str, default: str, key: str) -> str | None:
    return _answer(question, default, partial(setting_fault, key))


def _answer(question: str, default: str, fault: Callable[[str], str | None]) -> str | None:
    """Until it is one that can be; None for `none`."""
    while True:
        sys.stderr.write(f"{question} [{default}]: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        answer = line.strip() or default
        if answer == _NONE:
            return None
        wrong = fault(answer)
        if wrong is None:
            return answer
        print(f"  {wrong}", file=sys.stderr)


def setting_fault(key: str, value: str) -> str | None:
    """What is wrong with a value of the settings, as what to write instead."""
    found = violations("gitopsc", {key: value})
    return found[0].schema.get("x-hint", "choose another") if found else None
