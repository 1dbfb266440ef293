"""`gitopsc compile`: a folder -> its output, written or checked, and a summary.

Most compiles find nothing changed, so only what it takes to see that is imported here.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from gitopsc.adapters import memory
from gitopsc.adapters.folder import listing_digest, start_listing
from gitopsc.adapters.git import GitRefused
from gitopsc.adapters.previous import Base, folders_at, start_base
from gitopsc.commands.arguments import add_format, add_path, add_selection, folder
from gitopsc.commands.staged import staged_status
from gitopsc.commands.terminal import wants_colour

DESCRIPTION = "Compile PATH and write what differs. With --check, write nothing."


_NO_PLACE = (
    "gitopsc compile: a part has no place in the project's own output, of which the rest would be"
    " stale; write it to a folder of its own with `-o DIR`, or only compare it with `--check`"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=folder,
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
    parser.add_argument(
        "--base",
        metavar="REF",
        help="the commit whose output clusters have: what they would refuse is an error (default:"
        " where this branch left the default branch of `origin`, else HEAD)",
    )
    add_selection(parser)
    add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    root = os.path.realpath(arguments.path)
    began = time.time_ns()
    is_part = bool(arguments.select or arguments.exclude)
    if is_part and not arguments.check and arguments.output is None:
        print(_NO_PLACE, file=sys.stderr)
        return 2
    arguments.no_cache = arguments.no_cache or is_part or not memory.is_usable(root)
    listing = start_listing(root)  # Git works while we do
    base = start_base(root, arguments.base)
    chosen = arguments.output and os.path.realpath(arguments.output)
    shown = (arguments.path, arguments.output, arguments.format, wants_colour())
    key = memory.key(root, os.getcwd(), chosen, *shown)
    remembered = None if arguments.no_cache else memory.recall(key)
    parts = remembered.parts if remembered is not None else {}
    compared = {name: part.compared() for name, part in parts.items()}
    known = {name: each for name, each in compared.items() if each is not None}
    held = remembered.base if remembered is not None else None
    if remembered is not None and not _has_base(remembered, root, base):
        known, held = {}, None
    elif remembered is not None and not any(each is None or each[1] for each in compared.values()):
        targets = [folder for folder, _ in remembered.targets]
        is_same = remembered.listing == listing_digest(root, listing, targets)
        if is_same:
            sys.stdout.write(remembered.printed[0])
            sys.stderr.write(remembered.printed[1])
            if any(known[name][0] is not part for name, part in parts.items()):
                fresh = {name: part for name, (part, _) in known.items()}
                memory.remember(key, remembered._replace(parts=fresh))  # with the times of today
            read = [path for part in parts.values() for path in part.read]
            return staged_status(arguments, listing, remembered.targets, read)
    from gitopsc.commands.changed import compile_changed
    from gitopsc.commands.recompiling import Request

    return compile_changed(Request(arguments, listing, base, key, held, known, began))


def _has_base(remembered: memory.Memory, root: str, base: Base) -> bool:
    """Whether clusters have what they had: the same commit, or the same in the output's folders."""
    try:
        commit = base()
    except GitRefused:
        return False
    known, folders, held = remembered.base
    return commit == known or folders_at(root, commit, folders) == held
