"""`gitopsc compile`: a folder -> its output, written or checked, and a summary.

Most compiles find nothing changed, so only what it takes to see that is imported here.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable

from gitopsc.adapters import memory
from gitopsc.adapters.folder import Listing, listing_digest, owned_by, start_listing
from gitopsc.adapters.git import has_unstaged
from gitopsc.commands.terminal import wants_colour
from gitopsc.model.files import OWNERSHIP_LIST
from gitopsc.model.printable import printable


def run(arguments: argparse.Namespace) -> int:
    root = os.path.realpath(arguments.path)
    began = time.time_ns()
    arguments.no_cache = arguments.no_cache or not memory.is_usable(root)
    listing = start_listing(root)  # Git works while we do
    chosen = arguments.output and os.path.realpath(arguments.output)
    shown = (arguments.path, arguments.output, arguments.format, wants_colour())
    key = memory.key(root, os.getcwd(), chosen, *shown)
    remembered = None if arguments.no_cache else memory.recall(key)
    parts = remembered.parts if remembered is not None else {}
    fresh = {name for name, part in parts.items() if part.is_fresh()}
    if remembered is not None and len(fresh) == len(parts):
        targets = [folder for folder, _ in remembered.targets]
        is_same = remembered.listing == listing_digest(root, listing, targets)
        if is_same:
            sys.stdout.write(remembered.printed[0])
            sys.stderr.write(remembered.printed[1])
            read = [path for part in parts.values() for path in part.read]
            return staged_status(arguments, listing, remembered.targets, read)
    from gitopsc.commands.changed import compile_changed

    return compile_changed(arguments, listing, key, remembered, fresh, began)


def staged_status(
    arguments: argparse.Namespace,
    listing: Listing,
    targets: Iterable[tuple[str, str]],
    read: Iterable[str],
) -> int:
    """1, and a word, when a hook has to stop a commit: of half an output, or of one without source.

    `targets` are output folders and how people see them; `read` are paths below the root.
    """
    if not arguments.fail_on_change or not listing().is_repository:
        return 0
    files = listing().files
    prefix = os.path.normpath(arguments.path)
    untracked = sorted(path for path in read if files.get(path, True) is None)
    for path in untracked:
        shown = os.path.normpath(os.path.join(prefix, path))
        print(f"gitopsc: stage `{printable(shown)}`: the output is made of it", file=sys.stderr)
    unstaged = [
        shown
        for folder, shown in targets
        if has_unstaged(folder, owned_by(folder).paths | {OWNERSHIP_LIST})
    ]
    if unstaged:
        print(f"gitopsc: stage the output: `git add {' '.join(unstaged)}`", file=sys.stderr)
    return 1 if unstaged or untracked else 0
