"""Arguments -> one command -> exit code.

0 clean; 1 problems found, or output stale; 2 wrong usage; 3 a bug of ours.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from gitopsc import __version__
from gitopsc.model.files import SETTINGS_FILE

_EXIT_CODES = (
    "exit codes: 0 clean; 1 problems found or output stale; 2 wrong usage; 3 a bug of ours"
)


_MODULES = {"import": "import_"}
"""Commands whose names are words of Python."""

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
    arguments = parser().parse_args(argv)
    if getattr(arguments, "path", "") is None and arguments.command not in _IN_PLACE:
        arguments.path = nearest_project()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # data is UTF-8, whatever the locale
    try:
        # Only the command that was asked for is imported, and what it needs.
        command = import_module(
            f"gitopsc.commands.{_MODULES.get(arguments.command, arguments.command)}"
        )
        status: int = command.run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        return _our_bug()
    return status


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="gitopsc",
        description="Compile function and run descriptors for a GitOps controller.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    root.add_argument("--version", action="version", version=f"gitopsc {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, description: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=_EXIT_CODES,
            allow_abbrev=False,
        )

    _add_compile(
        command(
            "compile",
            "write the images and manifests of a project or a repository",
            "Compile PATH and write what differs. With --check, write nothing.",
        )
    )
    validate = command(
        "validate",
        "say what is wrong, and write nothing",
        "Say what is wrong with the descriptors below PATH. Nothing is written.",
    )
    _add_path(validate)
    _add_format(validate)
    lock = command(
        "lock",
        "pin what is fetched, and requirements, in gitopsc.lock",
        "Pin the remote sources and the requirements of the functions below PATH. What is pinned"
        " and still fits is kept. This is the only command that uses the network.",
    )
    _add_path(lock)
    lock.add_argument(
        "--check",
        action="store_true",
        help="write and fetch nothing; exit 1 when a pin is missing or does not fit",
    )
    lock.add_argument(
        "--upgrade",
        nargs="*",
        metavar="NAME",
        help="pin the functions NAME anew, or without NAME all of them",
    )
    lock.add_argument(
        "--no-requirements",
        action="store_true",
        help="keep the requirements that are locked and fit, and lock no others",
    )
    _add_format(lock)
    graph = command(
        "graph", "print the lineage", "Print the lineage of PATH: what reads and makes what."
    )
    _add_path(graph)
    graph.add_argument(
        "--format",
        choices=("mermaid", "dot", "json"),
        default="mermaid",
        help="a Mermaid flowchart, Graphviz' DOT, or JSON (default: mermaid)",
    )
    run = command(
        "run",
        "run a job or a service on this machine",
        "Run the job or the service NAME here, in a virtual environment with its Python version and"
        " requirements. What the store has as done is not done again.",
    )
    run.add_argument("name", metavar="NAME", help="a run, or `<project>/<run>`")
    _add_path(run)
    run.add_argument(
        "--upstream", action="store_true", help="first the jobs whose data it reads, and theirs"
    )
    run.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter, as JSON or else as text; may be given again",
    )
    run.add_argument(
        "--store",
        metavar="URL",
        help="where data is kept: a folder, or a URL of fsspec (default: .gitopsc/store)",
    )
    run.add_argument(
        "--port", type=_port, default=8080, help="where a service listens (default: 8080)"
    )
    run.add_argument("--force", action="store_true", help="do again what is done")
    explain = command(
        "explain",
        "explain a diagnostic by its code",
        "Explain CODE, such as C401, with an example. Without CODE, list all.",
    )
    explain.add_argument("code", nargs="?", metavar="CODE", help="a code or a name of a diagnostic")
    schema = command(
        "schema",
        "print or write the JSON Schemas",
        "Print the JSON Schema NAME, complete in itself. Without NAME, list all.",
    )
    schema.add_argument(
        "name", nargs="?", metavar="NAME", help="a kind, `descriptor` for all kinds, or `gitopsc`"
    )
    schema.add_argument(
        "-o", "--output", metavar="DIR", help="write it, or without NAME all, as files there"
    )
    init = command(
        "init",
        "start a project",
        "Write a small project that compiles at once into PATH. No file is overwritten.",
    )
    _add_path(init, type_=_folder)
    import_ = command(
        "import",
        "turn an export of the platform into a tidy repository",
        "Write what the platform exported into FOLDER as a tidy repository into PATH: files by"
        " name, inline sources beside their functions, no ids. Both are compiled and compared.",
    )
    import_.add_argument(
        "folder", type=_existing_folder, metavar="FOLDER", help="a folder with an export"
    )
    import_.add_argument(
        "path",
        nargs="?",
        type=_folder,
        metavar="PATH",
        help="the folder to write (default: FOLDER-tidy)",
    )
    _add_format(import_)
    completion = command(
        "completion",
        "print the completion script of a shell",
        "Print a script that completes gitopsc's commands and options in SHELL.",
    )
    completion.add_argument(
        "shell", choices=("bash", "fish", "zsh"), metavar="SHELL", help="bash, fish or zsh"
    )
    completion.set_defaults(parser=root)
    return root


def _add_compile(parser: argparse.ArgumentParser) -> None:
    _add_path(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=_folder,
        metavar="DIR",
        help="write there instead of the project's output folder; the content is the same",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when the output is stale"
    )
    parser.add_argument(
        "--fail-on-change",
        action="store_true",
        help="for hooks: exit 1 when a file was written or removed, or is not staged yet",
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="compile all, and remember nothing of it"
    )
    _add_format(parser)


def _add_path(parser: argparse.ArgumentParser, type_: Callable[[str], str] | None = None) -> None:
    parser.add_argument(
        "path",
        nargs="?",
        default="." if type_ else None,
        type=type_ or _existing_folder,
        metavar="PATH",
        help="a folder (default: this one)"
        if type_
        else "a folder (default: the project or repository that this one is in)",
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"`{text}` is no port: 0 to 65535 are, 0 is any free one")
    return int(text)


def _folder(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return text


def _existing_folder(text: str) -> str:
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"`{text}` is no folder")
    return text


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=("text", "json", "github", "sarif"),
        default="text",
        help="how to report: text for people, JSON, annotations of a GitHub workflow, or SARIF",
    )


def _our_bug() -> int:
    import traceback

    traceback.print_exc()
    print("\ngitopsc: a bug of gitopsc, not of your files: please report it", file=sys.stderr)
    return 3
