"""What running on a laptop is told, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from gitopsc.model.resolution import ResolvedRun

Status = Literal["done", "done before", "failed", "waiting", "not started", "stopped"]


class LocalRuns(NamedTuple):
    """Runs to do here, each after those it waits for.

    `folder` is the project's on disk; `again` names those that are done whatever the records say.
    `schemes` are those of the URLs that the runner opens. A service listens on `port`.
    """

    runs: tuple[ResolvedRun, ...]
    folder: str
    store: str
    schemes: tuple[str, ...]
    again: frozenset[str]
    port: int


class Preparing(NamedTuple):
    """An environment is being made, for the first time."""

    run: str
    python_version: str
    requirements: tuple[str, ...]


class Printed(NamedTuple):
    """A line that a function printed."""

    run: str
    text: str


class Logged(NamedTuple):
    """A line that the runner, or a function's logger, wrote."""

    run: str
    level: str
    message: str
    details: Mapping[str, Any]


class Ended(NamedTuple):
    """How a run ended. `made` is the runner's summary: outputs, results and metrics."""

    run: str
    status: Status
    seconds: float
    made: Mapping[str, Mapping[str, Any]]
    reason: str | None = None


Event = Preparing | Printed | Logged | Ended
