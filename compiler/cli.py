"""Arguments -> one command -> exit code.

0 clean; 1 problems found, or output stale; 2 wrong usage; 3 a bug of ours.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from gitopsc import __version__
from gitopsc.model.files import SETTINGS_FILE

_EXIT_CODES = (
    "exit codes: 0 clean; 1 problems found or output stale; 2 wrong usage; 3 a bug of ours"
)


COMMANDS = {
    "compile": "write the images and manifests of a project or a repository",
    "validate": "say what is wrong, and write nothing",
    "lock": "pin what is fetched, and requirements, in gitopsc.lock",
    "graph": "print the lineage",
    "diff": "say what merging a change does in clusters",
    "review": "check a pull request in CI, and say in it what merging does",
    "images": "list the images that pods start, and which a registry lacks",
    "requirements": "list what a cluster must have: Secrets, accounts, classes",
    "run": "run a job or a service on this machine",
    "status": "say how runs have ended, and what they made",
    "data": "say where data lies, show its beginning, or copy it",
    "store": "list what of a store nothing needs any more, or delete it",
    "explain": "explain a diagnostic, or what a run comes to",
    "schema": "print or write the JSON Schemas",
    "init": "start a project",
    "import": "turn an export of the platform into a tidy repository",
    "finish-merge": "make the output right after a merge, for Git's hooks",
    "lsp": "serve editors: problems, completion, definitions as one types",
    "completion": "print the completion script of a shell",
}
"""Each is a module of `commands/`, which has its arguments, its description and `run`."""

_MODULES = {"import": "import_", "finish-merge": "finish_merge"}
"""Commands whose names no module can have."""

_IN_PLACE = ("import", "init")
"""Commands that write to the folder they are started in, or to a new one."""


def nearest_project() -> str:
    """This folder, or the nearest one around it with settings or a repository, as Git has it."""
    here = os.getcwd()
    folder = here
    while not any(os.path.exists(os.path.join(folder, each)) for each in (SETTINGS_FILE, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return "."
        folder = parent
    return os.path.relpath(folder, here)


def console() -> NoReturn:
    """The process is this command's alone: nothing is swept up that ends with it anyway."""
    gc.disable()
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = status or 1  # nobody reads any more
    os._exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Never raises, but for SystemExit of argparse."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        return _no_command(words[0])
    try:
        os.getcwd()
    except FileNotFoundError:
        print("gitopsc: this folder was deleted: change to another one", file=sys.stderr)
        return 2
    arguments = parser(*words[:1]).parse_args(words)
    if arguments.command == "completion":
        arguments.parser = parser(*COMMANDS)
    if getattr(arguments, "path", "") is None and arguments.command not in _IN_PLACE:
        arguments.path = nearest_project()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # data is UTF-8, whatever the locale
    try:
        status: int = _module(arguments.command).run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        return _our_bug()
    return status


def _no_command(word: str) -> int:
    from gitopsc.model.diagnostic import did_you_mean

    hint = did_you_mean(word, COMMANDS) or "`gitopsc --help` lists all"
    print(f"gitopsc: no command is called `{word}`; {hint}", file=sys.stderr)
    return 2


class _Version(argparse.Action):
    """Looks only when it is asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from gitopsc.adapters.installed import came_from

        where = came_from()
        print(f"gitopsc {__version__} ({where})" if where else f"gitopsc {__version__}")
        parser.exit()


def parser(*names: str) -> argparse.ArgumentParser:
    """All commands, and the arguments of those that are named: only these are imported."""
    root = argparse.ArgumentParser(
        prog="gitopsc",
        description="Compile function and run descriptors for a GitOps controller.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    root.add_argument(
        "--version", action=_Version, nargs=0, help="show the version and where it came from"
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, epilog=_EXIT_CODES, allow_abbrev=False)
        if name in names:
            module = _module(name)
            command.description = module.DESCRIPTION
            module.add_arguments(command)
    return root


def _module(command: str) -> Any:
    return import_module(f"gitopsc.commands.{_MODULES.get(command, command)}")


def _our_bug() -> int:
    import traceback

    traceback.print_exc()
    print("\ngitopsc: a bug of gitopsc, not of your files: please report it", file=sys.stderr)
    return 3
