"""The runtimes: which tasks their functions have, and who starts what they run.

Another one is a row of this table, and what CONTRIBUTING.md lists beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Runtime(NamedTuple):
    """`actions` are those of its tasks. Where it has a runner, that starts handlers; the images of
    others start by themselves. `whole` are the keys without which a function is none."""

    actions: tuple[str, ...]
    has_runner: bool
    whole: frozenset[str]


RUNTIMES: Mapping[str, Runtime] = {
    "container": Runtime(
        actions=("deploy", "job", "serve"), has_runner=False, whole=frozenset(("image",))
    ),
    "python": Runtime(
        actions=("build", "job", "serve"),
        has_runner=True,
        whole=frozenset(("python_version", "source")),
    ),
}
"""By the kind of a function."""


def runtime_of(kind: str) -> str:
    """Of a function, a task or a run, by its kind."""
    return kind.partition("+")[0]


def action_of(kind: str) -> str:
    """Of a task or a run, by its kind."""
    return kind.partition("+")[2].removesuffix(":run")


def has_runner(kind: str) -> bool:
    """The same of one of those kinds."""
    return RUNTIMES[runtime_of(kind)].has_runner
