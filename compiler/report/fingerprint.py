"""A diagnostic -> what it is known by from commit to commit, also where lines before it change."""

from __future__ import annotations

import hashlib
from collections import Counter

from gitopsc.model.diagnostic import Diagnostic


def fingerprint(diagnostic: Diagnostic, seen: Counter[str]) -> str:
    """The same for the same problem on another line: a number tells equal ones apart."""
    parts = f"{diagnostic.code.id}\0{diagnostic.span.path}\0{diagnostic.message}"
    number = seen[parts]
    seen[parts] += 1
    return hashlib.sha256(f"{parts}\0{number}".encode("utf-8", "replace")).hexdigest()[:32]
