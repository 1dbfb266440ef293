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
from gitopsc.adapters.git import GitRefused, has_unstaged, modified, staged_content
from gitopsc.model.files import OWNERSHIP_LIST
from gitopsc.model.printable import printable

_SUFFIXES = (".yaml", ".yml", ".json")


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
    prefix = os.path.normpath(arguments.path)
    sources = _unstaged(arguments.path, listing, {*read})
    for path in sources:
        shown = os.path.normpath(os.path.join(prefix, path))
        print(f"gitopsc: stage `{printable(shown)}`: the output is made of it", file=sys.stderr)
    unstaged = [
        shown
        for folder, shown in targets
        if has_unstaged(folder, owned_by(folder).paths | {OWNERSHIP_LIST})
    ]
    if unstaged:
        print(f"gitopsc: stage the output: `git add {' '.join(unstaged)}`", file=sys.stderr)
    return 1 if unstaged or sources else 0


def _unstaged(folder: str, listing: Listing, read: set[str]) -> list[str]:
    """Those of the files that are not staged as they were read, and descriptors that are gone here
    and not there; all, where Git does not say which."""
    files, root = listing().files, os.path.realpath(folder)
    try:
        changed = {*modified(root)}
        gone = [path for path in changed if _is_gone_descriptor(root, path)]
    except GitRefused:
        return sorted(read)
    unread = (path for path in read if path in changed or files.get(path, True) is None)
    return sorted({*unread, *gone})


def _is_gone_descriptor(root: str, path: str) -> bool:
    """Raises GitRefused."""
    if not path.endswith(_SUFFIXES) or os.path.lexists(os.path.join(root, path)):
        return False
    from gitopsc.model.descriptor import OUR_KIND_LINE  # nearly always, nothing is gone

    return OUR_KIND_LINE.search(staged_content(root, path)) is not None
