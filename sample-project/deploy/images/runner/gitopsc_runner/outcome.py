"""How a run ends: the exit codes that a Job's failure policy knows."""

DONE = 0
FAILED = 1
"""The handler or the init function raised."""

STOPPED = 143
"""SIGTERM came: 128 + 15, as a shell would say it."""

UNUSABLE = 76
"""Trying again cannot help: a handler that is not there, parameters that do not fit."""


class Stopped(BaseException):
    """SIGTERM came. No handler of the function's own exceptions catches it."""


class Unusable(Exception):
    """The settings and the source do not fit together; the message says how."""
