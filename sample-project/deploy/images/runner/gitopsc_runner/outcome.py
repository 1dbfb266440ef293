"""How a run ends: the exit codes that a Job's failure policy knows."""

DONE = 0
FAILED = 1
"""The handler or the init function raised, or the store failed."""

WAITING = 75
"""Data upstream or a secret is not there yet: try again later. Nothing has happened so far."""

UNUSABLE = 76
"""Trying again cannot help: a handler that is not there, parameters that do not fit."""

STOPPED = 75
"""SIGTERM came before the work was done: try again, as after an eviction. A Job's failure policy
counts neither, and would take 143 for a failure and 0 for success."""


class Stopped(BaseException):
    """SIGTERM came. No handler of the function's own exceptions catches it."""


class Overdue(BaseException):
    """The deadline has passed. No handler of the function's own exceptions catches it."""


class Waiting(Exception):
    """Data that the run reads, or a secret, is not there yet; the message says which."""


class Unusable(Exception):
    """The settings and the source do not fit together; the message says how."""


class StoreFailed(Exception):
    """The store cannot be reached, or refuses; the message says which and why.

    `may_pass` when it is worth a try later: what is wrong is neither the address nor a permission.
    """

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class BadRecord(StoreFailed):
    """The store holds something that the runner did not write."""
