"""Whose a file is. What another user of the machine may have written is not believed."""

from __future__ import annotations

import os
import stat

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def is_own(status: os.stat_result) -> bool:
    """Whether it belongs to the user who runs this. Systems without owners say yes."""
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def is_private(status: os.stat_result) -> bool:
    """Whether only that user can have written it: no group and nobody else may."""
    return is_own(status) and not (hasattr(os, "geteuid") and status.st_mode & _OTHERS)
