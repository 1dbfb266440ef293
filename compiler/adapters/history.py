"""A clone -> the commits whose state somebody may still want: branches, tags and the last days."""

from __future__ import annotations

from gitopsc.adapters.git import GitRefused, start_asking

_TIPS = ("refs/heads", "refs/remotes", "refs/tags")
_ALL = ("--branches", "--remotes", "--tags")


def wanted_commits(folder: str, since: int) -> tuple[str, ...]:
    """HEAD, every branch and tag, and what they have from `since` on (in seconds since 1970), each
    state once. Raises GitRefused where a clone does not have all of that."""
    if _asked(folder, "rev-parse", "--is-shallow-repository") == "true":
        raise GitRefused("the clone is shallow, and has not all states: `git fetch --unshallow`")
    if _promises(folder):
        raise GitRefused("the clone is partial, and has not all states: make a whole one")
    tips = _asked(folder, "for-each-ref", "--format=%(objectname) %(*objectname)", *_TIPS)
    commits = [line.split()[-1] for line in tips.splitlines()]
    commits.append(_asked(folder, "rev-parse", "--verify", "HEAD"))
    commits += _asked(folder, "rev-list", f"--max-age={since}", "HEAD", *_ALL).split()
    given = "".join(f"{commit}\n" for commit in commits)
    listed = _asked(folder, "log", "--no-walk=unsorted", "--stdin", "--format=%T %H", given=given)
    trees: dict[str, str] = {}
    for line in listed.splitlines():
        tree, _, commit = line.partition(" ")
        trees.setdefault(tree, commit)
    return tuple(sorted(trees.values()))


def _promises(folder: str) -> bool:
    """Whether a remote has what the clone lacks."""
    try:
        return bool(_asked(folder, "config", "--get-regexp", r"^remote\..*\.promisor$"))
    except GitRefused:
        return False


def _asked(folder: str, *command: str, given: str = "") -> str:
    return start_asking(folder, command, given.encode())().decode("utf-8", "replace").strip()
