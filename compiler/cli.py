"""Arguments -> one command -> exit code.

0 clean; 1 problems found, or output stale; 2 wrong usage; 3 a bug of ours.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from compiler import __version__

_EXIT_CODES = (
    "exit codes: 0 clean; 1 problems found or output stale; 2 wrong usage; 3 a bug of ours"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Never raises, but for SystemExit of argparse."""
    arguments = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # data is UTF-8, whatever the locale
    try:
        if arguments.command == "compile":
            from compiler.commands import compile as command

            return command.run(arguments)
        from compiler.commands import graph

        return graph.run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        return _our_bug()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gitopsc",
        description="Compile function and run descriptors for a GitOps controller.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"gitopsc {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    compile_ = commands.add_parser(
        "compile",
        help="write the images and manifests of a project or a repository",
        description="Compile PATH and write what differs. With --check, write nothing.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    _add_path(compile_)
    compile_.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="write there instead of the project's output folder; the content is the same",
    )
    compile_.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when the output is stale"
    )
    compile_.add_argument(
        "--fail-on-change", action="store_true", help="exit 1 when a file was written or removed"
    )
    compile_.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to report (default: text)"
    )
    graph = commands.add_parser(
        "graph",
        help="print the lineage as a Mermaid flowchart",
        description="Print the lineage of PATH as a Mermaid flowchart.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    _add_path(graph)
    return parser


def _add_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", nargs="?", default=".", metavar="PATH", help="a folder (default: this one)"
    )


def _our_bug() -> int:
    import traceback

    traceback.print_exc()
    print("\ngitopsc: a bug of gitopsc, not of your files: please report it", file=sys.stderr)
    return 3
