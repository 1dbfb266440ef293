"""How a run ends: the exit codes that a Job's failure policy knows."""

DONE = 0
FAILED = 1
"""The handler or the init function raised."""

UNUSABLE = 76
"""Trying again cannot help: a handler that is not there, parameters that do not fit."""


class Unusable(Exception):
    """The settings and the source do not fit together; the message says how."""
