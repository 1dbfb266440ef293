"""What descriptors' names become in a cluster and on disk."""

from __future__ import annotations

import re
from functools import lru_cache

RUN_NAME_LIMIT = 52
"""Longest cleaned name of a run: a Job adds `-` and ten digits, and a pod's name ends at 63."""


_PROJECT_LIMIT = 38


@lru_cache(maxsize=100_000)
def cleaned(name: str) -> str:
    """design.md section 4: lower case, each stretch of other characters one `-`, trimmed."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def project_name(folder: str) -> str:
    """What a project in a folder of that name is called, where nothing says its name: the
    platform's rules allow 2 to 38 characters."""
    name = cleaned(folder)[:_PROJECT_LIMIT].strip("-")
    return name if len(name) > 1 else "my-project"
