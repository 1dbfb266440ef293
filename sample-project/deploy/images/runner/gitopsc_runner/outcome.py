"""How a run ends: the exit codes that a Job's failure policy knows."""

DONE = 0
FAILED = 1
"""The handler or the init function raised, or the store failed."""

WAITING = 75
"""Data upstream is not there yet: try again later. Nothing has happened so far."""

UNUSABLE = 76
"""Trying again cannot help: a handler that is not there, parameters that do not fit."""

STOPPED = 143
"""SIGTERM came: 128 + 15, as a shell would say it."""


class Stopped(BaseException):
    """SIGTERM came. No handler of the function's own exceptions catches it."""


class Overdue(BaseException):
    """The deadline has passed. No handler of the function's own exceptions catches it."""


class Waiting(Exception):
    """Data that the run reads has not been made yet; the message says by which runs."""


class Unusable(Exception):
    """The settings and the source do not fit together; the message says how."""


class StoreFailed(Exception):
    """The store cannot be reached, or refuses; the message says which and why."""
