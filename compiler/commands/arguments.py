"""Arguments that several commands have, and the types of arguments."""

from __future__ import annotations

import argparse
import os
from datetime import datetime

RUN = "RUN"
"""What stands for the name of a run; shells complete it."""


CONTROLLERS = ("argocd", "flux")
CI_TEMPLATES = ("github", "github-branch", "gitlab", "gitlab-branch")
"""Those with `branch` keep the output off branches."""


def add_path(parser: argparse.ArgumentParser) -> None:
    """A folder to read, which `cli` finds when none is given."""
    parser.add_argument(
        "path",
        nargs="?",
        type=existing_folder,
        metavar="PATH",
        help="a folder (default: the project or repository that this one is in)",
    )


def add_path_option(parser: argparse.ArgumentParser) -> None:
    """The same for commands whose names are of something else."""
    parser.add_argument(
        "--path",
        type=existing_folder,
        metavar="PATH",
        help="a folder (default: the project or repository that this one is in)",
    )


def add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=("text", "json", "github", "gitlab", "junit", "sarif"),
        default="text",
        help="how to report: text for people, JSON, annotations of a GitHub workflow, GitLab's"
        " code quality, JUnit's XML, or SARIF",
    )


def add_selection(parser: argparse.ArgumentParser) -> None:
    """`--base`, which states compare with, is the command's own."""
    words = "names (`*` fits any), kind:, label:, path:, state:; +x, x+ and @x with what is near"
    for way, what in (("select", "only what SELECTOR chooses"), ("exclude", "all but that")):
        parser.add_argument(
            f"--{way}",
            metavar="SELECTOR",
            nargs="+",
            action="extend",
            default=[],
            help=f"{what}: {words}",
        )


def add_state_base(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--base", metavar="REF", help="what `state:new` and `state:modified` are compared with"
    )


def add_environment(parser: argparse.ArgumentParser, what: str) -> None:
    """`what` says what is of that environment alone."""
    names = ("--env", "--environment")
    parser.add_argument(*names, dest="environment", metavar="E", help=what)


def add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        metavar="URL",
        help="where data is kept: a folder, or a URL of fsspec (default: .gitopsc/store)",
    )


def folder(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return text


def existing_folder(text: str) -> str:
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"`{text}` is not a folder")
    return text


def notebook(text: str) -> str:
    """Or a script."""
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"there is no file `{text}`")
    if text.endswith((".ipynb", ".py")):
        return text
    raise argparse.ArgumentTypeError(f"`{text}` is not an .ipynb or a .py file")


def export(text: str) -> str:
    """A folder, or a notebook or script."""
    if os.path.isdir(text) or (os.path.isfile(text) and text.endswith((".ipynb", ".py"))):
        return text
    raise argparse.ArgumentTypeError(f"`{text}` is not a folder, an .ipynb or a .py file")


def moment(text: str) -> str:
    """A time with its zone, in RFC 3339."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        example = "2026-01-31T12:00:00Z"
        raise argparse.ArgumentTypeError(f"`{text}` is not a time with a zone, such as {example}")
    return found.isoformat()


def days(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"`{text}` is not a number of days")
    return int(text)


def port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        message = f"`{text}` is not a port: write a number from 0 to 65535; 0 chooses a free one"
        raise argparse.ArgumentTypeError(message)
    return int(text)
