"""An output that was written -> whether a hook has to stop the commit: of half of it, or of one
without its sources.

Only light modules are imported here, as in `compile`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable

from gitopsc.adapters.folder import Listing, owned_by
from gitopsc.adapters.git import has_unstaged
from gitopsc.model.files import OWNERSHIP_LIST
from gitopsc.model.printable import printable


def staged_status(
    arguments: argparse.Namespace,
    listing: Listing,
    targets: Iterable[tuple[str, str]],
    read: Iterable[str],
) -> int:
    """1, and a word, when it has to.

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
