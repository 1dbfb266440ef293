"""`gitopsc finish-merge`: the output of a merge that was made in this clone, made right.

What `init --git` has Git's hooks start. A merge that others have made is never rewritten.
"""

from __future__ import annotations

import argparse
import os
import sys

from gitopsc.adapters.clone import Clone
from gitopsc.adapters.folder import output_folders, owned_by, start_listing
from gitopsc.adapters.git import GitRefused
from gitopsc.commands import compile as compiling
from gitopsc.commands.nested import run_nested
from gitopsc.model.files import OWNERSHIP_LIST
from gitopsc.model.printable import printable

DESCRIPTION = (
    "For Git's hooks: after a merge, compile, and put the output into the merge's commit. With"
    " --before-commit, do that for a merge that waits for its commit, and for no other commit."
)

_COMPILE = "run `gitopsc compile`, and commit what it writes"
_READ = (".json", ".py", ".yaml", ".yml")
"""Files that may be what an output is made of."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "squash",
        metavar="SQUASH",
        nargs="?",
        choices=("0", "1"),
        default="1" if os.environ.get("PRE_COMMIT_IS_SQUASH_MERGE") == "1" else "0",
        help="what Git tells its post-merge hook: 1 after `git merge --squash`",
    )
    parser.add_argument(
        "--before-commit", action="store_true", help="as a pre-commit hook, which Git tells nothing"
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        clone = Clone(os.getcwd())
        if arguments.before_commit:
            return _before_commit(clone) if clone.is_merging() else 0
        return _after_merge(clone, is_squash=arguments.squash == "1")
    except GitRefused as error:
        _say(f"the output of this merge was not looked at: {error}")
        return 1


def _say(text: str) -> None:
    print(f"gitopsc: {printable(text)}", file=sys.stderr)


def _after_merge(clone: Clone, *, is_squash: bool) -> int:
    """What others have merged, and what is not committed, is only looked at."""
    uncommitted = _uncommitted(clone)
    if is_squash or uncommitted or not clone.is_own_merge():
        if _compile(clone, "--check"):
            if uncommitted and not is_squash:
                _say(f"`{uncommitted}` is not committed, so the merge stays as it is")
            _say("its commit will have the output of both sides" if is_squash else _COMPILE)
        return 0
    if status := _compile_and_stage(clone):
        _say(f"the merge is made, and its output is stale: fix this, {_COMPILE}")
        return status
    if clone.staged():
        clone.amend()
        _say("the merge's commit has the output of both sides now")
    return 0


def _before_commit(clone: Clone) -> int:
    if found := _unstaged(clone):
        _say(f"stage `{found}`: the output of this merge is made of it")
        return 1
    return _compile_and_stage(clone)


def _compile_and_stage(clone: Clone) -> int:
    before = _owned(clone)
    status = _compile(clone)
    if not status:
        clone.stage(before | _owned(clone))
    return status


def _compile(clone: Clone, *options: str) -> int:
    return run_nested(compiling, [os.path.relpath(clone.root), *options])


def _owned(clone: Clone) -> set[str]:
    """All files of all outputs, relative to the repository."""
    outputs = output_folders(clone.root, start_listing(clone.root)().files)
    return {
        f"{output}{path}"
        for output in outputs
        for path in (*owned_by(f"{clone.root}/{output}").paths, OWNERSHIP_LIST)
    }


def _uncommitted(clone: Clone) -> str | None:
    """A file that would be compiled, and is in no commit."""
    return min(clone.staged(), default=None) or _unstaged(clone)


def _unstaged(clone: Clone) -> str | None:
    owned = _owned(clone)
    found = [path for path in clone.modified() if path not in owned]
    found += [path for path in clone.untracked() if path not in owned and path.endswith(_READ)]
    return min(found, default=None)
