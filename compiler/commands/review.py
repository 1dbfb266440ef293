"""`gitopsc review`: a pull request, in the CI of its forge -> its annotations, a comment with what
merging does, labels, and files of all that.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from gitopsc.adapters.forge import Forge, ForgeRefused, forge_here
from gitopsc.adapters.git import GitRefused
from gitopsc.commands import compile as compiling
from gitopsc.commands import images as listing
from gitopsc.commands import validate as validating
from gitopsc.commands.arguments import add_path, folder
from gitopsc.commands.diff import Unreviewed, add_fail_on, fails, reviewed
from gitopsc.commands.nested import run_nested
from gitopsc.model.consequence import CLASSES
from gitopsc.report.review import MARKER, headline

DESCRIPTION = (
    "In the CI of a pull request: check the merge, annotate what is wrong, write what merging does"
    " into a comment that is kept up to date, and set labels. Elsewhere, only files are written."
)

_LABEL = "gitopsc: "
_FILES = {"markdown": "review.md", "json": "review.json", "html": "review.html"}
_LONGEST = 60_000
"""Characters of what a terminal shows, in a comment."""

_MOST_IMAGES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "--base", metavar="REF", help="what is merged into (default: the pull request's target)"
    )
    parser.add_argument(
        "--no-check",
        action="store_true",
        help="do not compare the output: it is kept off this branch",
    )
    parser.add_argument(
        "--comment",
        choices=("changes", "always", "failure", "never"),
        default="changes",
        help="when to write one; one that is there is kept up to date (default: changes)",
    )
    parser.add_argument("--labels", action="store_true", help=f"set labels such as `{_LABEL}runs`")
    parser.add_argument(
        "--missing-images", action="store_true", help="fail where a registry lacks an image"
    )
    add_fail_on(parser)
    parser.add_argument(
        "--reports",
        metavar="DIR",
        type=folder,
        default="gitopsc-review",
        help="where review.md, review.json and review.html go (default: gitopsc-review)",
    )


def run(arguments: argparse.Namespace) -> int:
    forge = forge_here()
    if arguments.base is None and forge is not None:
        arguments.base = f"origin/{forge.base}"
    if arguments.base is None:
        print("gitopsc review: name the branch that is merged into: `--base REF`", file=sys.stderr)
        return 2
    arguments.head, arguments.env, arguments.select, arguments.exclude = None, [], [], []
    try:
        os.makedirs(arguments.reports, exist_ok=True)
        Path(arguments.reports, ".gitignore").write_text("*\n", encoding="utf-8")
        outcome = _outcome(arguments, forge)
        for form, text in outcome.texts.items():
            Path(arguments.reports, _FILES[form]).write_text(text, encoding="utf-8")
        if forge is not None:
            _tell(arguments, forge, outcome)
    except GitRefused as error:
        hint = "in CI, fetch all commits (`fetch-depth: 0`, `GIT_DEPTH: 0`)"
        print(f"gitopsc review: {error}; {hint}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"gitopsc: `{error.filename}` cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"gitopsc: {outcome.summary}", file=sys.stderr)
    return 1 if outcome.has_failed else 0


class _Outcome(NamedTuple):
    """`texts` are what is written, by format; `classes` what happens, and how often."""

    summary: str
    texts: Mapping[str, str]
    classes: Mapping[str, int]
    has_failed: bool

    @property
    def status(self) -> str:
        return "failed" if self.has_failed else "changes" if self.classes else "clean"


def _outcome(arguments: argparse.Namespace, forge: Forge | None) -> _Outcome:
    """Raises GitRefused."""
    is_wrong = _annotate(arguments, forge)
    try:
        found = reviewed(arguments)
    except Unreviewed as error:
        summary = "This does not compile."
        shown = str(error)[:_LONGEST].replace("```", "` ` `")
        text = f"{MARKER}\n**{summary}**\n\n```\n{shown.rstrip()}\n```\n"
        sys.stderr.write(str(error))
        return _Outcome(summary, {"markdown": text}, {}, has_failed=True)
    warnings = [*found.review.warnings]
    if is_wrong:
        warnings.append("The output is stale: run `gitopsc compile`, and commit what it writes.")
    if arguments.missing_images and (lacking := _lacking_images(arguments)):
        warnings.append(lacking)
    has_failed = len(warnings) > len(found.review.warnings) or fails(
        found.review, arguments.fail_on
    )
    found = found._replace(review=replace(found.review, warnings=tuple(warnings)))
    return _Outcome(
        headline(found.review, found.subject),
        {form: found.text(form) for form in _FILES},
        found.review.classes,
        has_failed,
    )


def _annotate(arguments: argparse.Namespace, forge: Forge | None) -> bool:
    """Says what is wrong where the forge shows it, at its line; whether anything is."""
    form = forge.form if forge is not None else "text"
    command: ModuleType = validating if arguments.no_check else compiling
    options = [] if arguments.no_check else ["--check"]
    printed = StringIO()
    with redirect_stdout(printed):
        status = run_nested(command, [arguments.path, *options, "--format", form])
    if form == "gitlab":
        place = Path(arguments.reports, "code-quality.json")
        place.write_text(printed.getvalue(), encoding="utf-8")
    else:
        sys.stdout.write(printed.getvalue())
    return status != 0


def _lacking_images(arguments: argparse.Namespace) -> str | None:
    """A sentence on images that no pod could start."""
    printed = StringIO()
    with redirect_stdout(printed):
        status = run_nested(listing, [arguments.path, "--missing"])
    lines = printed.getvalue().splitlines()
    if not status:
        return None
    names = ", ".join(line.split()[1].rpartition("/")[2] for line in lines[:_MOST_IMAGES])
    more = f" and {len(lines) - _MOST_IMAGES} more" if len(lines) > _MOST_IMAGES else ""
    return f"Push the images before merging; a registry lacks {names or 'some'}{more}."


def _tell(arguments: argparse.Namespace, forge: Forge, outcome: _Outcome) -> None:
    """What a forge refuses is said, and fails nothing."""
    labels = {f"{_LABEL}{each}" for each in outcome.classes}
    forge.summarise(outcome.texts["markdown"])
    forge.tell(
        {
            "status": outcome.status,
            "summary": outcome.summary,
            "classes": json.dumps({**outcome.classes}, sort_keys=True),
            "labels": ",".join(sorted(labels)),
            "reports": arguments.reports,
        }
    )
    try:
        if arguments.comment != "never":
            _comment(arguments.comment, forge, outcome)
        if arguments.labels:
            forge.label(labels, [f"{_LABEL}{each}" for each in CLASSES])
    except ForgeRefused as error:
        print(f"gitopsc: {forge.name} took no comment or label: {error}", file=sys.stderr)


def _comment(mode: str, forge: Forge, outcome: _Outcome) -> None:
    """One that is there is kept up to date, whatever the mode."""
    known = next((id_ for id_, text in forge.comments() if text.startswith(MARKER)), None)
    modes = {"failed": ("always", "changes", "failure"), "changes": ("always", "changes")}
    if known is not None or mode in modes.get(outcome.status, ("always",)):
        forge.write_comment(known, outcome.texts["markdown"])
