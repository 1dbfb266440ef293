"""A clone of the user's own: its settings, its hooks, and the merge that was just made in it.

Here Git runs as its user runs it, with what the clone's own configuration says, for hooks and
signatures are meant to be; a repository that is merely read is asked by `git.py`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gitopsc.adapters.git import GitRefused, repository_around

_MERGED = "Merge made by"
"""How Git begins its note of a merge that it made here; one that came from elsewhere is a
`Fast-forward`."""


_WAITING = ("MERGE_HEAD", "SQUASH_MSG")


class Clone:
    """Raises GitRefused where a folder is in no repository, and where Git fails."""

    def __init__(self, folder: str) -> None:
        root = repository_around(folder)
        if root is None:
            raise GitRefused("this is in no Git repository: run `git init` first")
        self.root = root

    def _git(
        self, *command: str, given: str | None = None, environment: Mapping[str, str] = {}
    ) -> str:
        try:
            done = subprocess.run(
                ["git", *command],
                cwd=self.root,
                env={**os.environ, **environment},
                input=given,
                capture_output=True,
                check=False,
                encoding="utf-8",
                errors="surrogateescape",
            )
        except OSError as error:
            raise GitRefused(f"Git cannot be started: {error.strerror}") from None
        if done.returncode:
            words = done.stderr.strip() or f"`git {command[0]}` failed"
            raise GitRefused(words.removeprefix("fatal: "))
        return done.stdout

    def _asked(self, *command: str) -> str | None:
        """None where Git says no."""
        try:
            return self._git(*command).strip()
        except GitRefused:
            return None

    # What `init --git` sets up

    def set(self, name: str, value: str) -> bool:
        """In the clone's own configuration; whether it was another one."""
        if self._asked("config", "--local", "--get", name) == value:
            return False
        self._git("config", "--local", name, value)
        return True

    def attribute(self, name: str, path: str) -> str:
        """As Git has it for a path relative to the clone, which need not be there."""
        return self._git("check-attr", "-z", name, "--", path).split("\0")[2]

    def hook(self, name: str) -> Path:
        """Where Git looks for it: `core.hooksPath` may say another folder than its own."""
        folder = self._git("rev-parse", "--git-path", "hooks").strip()
        return Path(self.root, folder) / name

    # A merge

    def is_own_merge(self) -> bool:
        """Whether HEAD is a merge that was just made here, and that nobody else has."""
        parents = (self._asked("rev-list", "--parents", "--max-count=1", "HEAD") or "").split()[1:]
        before = self._asked("rev-parse", "--quiet", "--verify", "ORIG_HEAD")
        noted = self._asked("reflog", "show", "--max-count=1", "--format=%gs", "HEAD") or ""
        shared = self._asked(
            "for-each-ref", "--contains=HEAD", "--count=1", "--format=%(refname)", "refs/remotes"
        )
        is_made_here = _MERGED in noted and len(parents) > 1 and parents[0] == before
        return is_made_here and shared == ""

    def is_merging(self) -> bool:
        """Whether a merge waits for its commit; a squashed one is known by its message."""
        places = (self._git("rev-parse", "--git-path", name).strip() for name in _WAITING)
        return any(Path(self.root, place).exists() for place in places)

    def modified(self) -> tuple[str, ...]:
        """Tracked files that differ from what is staged."""
        return self._paths("ls-files", "--modified")

    def untracked(self) -> tuple[str, ...]:
        return self._paths("ls-files", "--others", "--exclude-standard")

    def staged(self) -> tuple[str, ...]:
        """Files that are not staged as HEAD has them."""
        return self._paths("diff", "--cached", "--name-only", "--no-ext-diff")

    def _paths(self, *command: str) -> tuple[str, ...]:
        return tuple(self._git(*command, "-z").split("\0")[:-1])

    def stage(self, paths: Iterable[str]) -> None:
        """As they are on disk; those that are gone are gone from the index, too."""
        listed = "".join(f"{path}\0" for path in sorted(paths))
        self._git("update-index", "--add", "--remove", "-z", "--stdin", given=listed)

    def amend(self) -> None:
        """HEAD with what is staged: only its tree changes, and its signature where it has one.

        Git is still merging when its hook runs, so `git commit --amend` is refused.
        """
        written = self._git("cat-file", "commit", "HEAD")
        head, _, message = written.partition("\n\n")
        lines = head.split("\n")
        tree = self._git("write-tree").strip()
        if not any(line.startswith("gpgsig") for line in lines):
            made = "\n".join([f"tree {tree}", *lines[1:], "", message])
            commit = self._git("hash-object", "-t", "commit", "-w", "--stdin", given=made)
        else:
            commit = self._signed(tree, lines, message)
        note = "merge: with the output of both sides"
        old = self._git("rev-parse", "HEAD").strip()
        self._git("update-ref", "-m", note, "HEAD", commit.strip(), old)

    def _signed(self, tree: str, lines: Sequence[str], message: str) -> str:
        fields = [line.partition(" ") for line in lines if not line.startswith(" ")]
        if others := {name for name, _, _ in fields} - _SIGNED_FIELDS:
            raise GitRefused(f"its commit is signed and has {min(others)}: amend it yourself")
        values = {name: value for name, _, value in fields}
        name, _, rest = values["author"].partition(" <")
        address, _, moment = rest.partition("> ")
        author = {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": address,
            "GIT_AUTHOR_DATE": f"@{moment}",
        }
        encoding = values.get("encoding", "UTF-8")
        parents = [value for name, _, value in fields if name == "parent"]
        named = [part for parent in parents for part in ("-p", parent)]
        command = ("-c", f"i18n.commitEncoding={encoding}", "commit-tree", "--gpg-sign")
        return self._git(*command, *named, "-F", "-", tree, given=message, environment=author)


_SIGNED_FIELDS = {"tree", "parent", "author", "committer", "encoding", "gpgsig", "gpgsig-sha256"}
