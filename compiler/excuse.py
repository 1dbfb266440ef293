"""Project and what was found in it -> the same, where what the settings allow is a note.

An entry of `allow` has a code, a pattern of paths and a reason; a warning tells of one that nothing
needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gitopsc.adapters.glob import matcher
from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import UNUSED_ALLOWANCE, Diagnostic


def excuse(project: Project, found: Iterable[Diagnostic], *, is_whole: bool) -> list[Diagnostic]:
    """Where not all was looked at, an entry may be needed by what was not."""
    if not project.allowed:
        return list(found)
    allowances = [(each, matcher([each.pattern])) for each in project.allowed]
    used = set()
    told = []
    for problem in found:
        path = project.relative(problem.span.path)
        for allowance, matches in allowances:
            if allowance.code == problem.code.id and matches(path):
                used.add(allowance)
                problem = replace(problem, allowed=allowance.reason)
                break
        told.append(problem)
    for allowance, _ in allowances:
        if allowance not in used and is_whole:
            message = f"nothing in `{allowance.pattern}` is {allowance.code}"
            hint = "remove the entry"
            told.append(Diagnostic(UNUSED_ALLOWANCE, message, allowance.span, hint))
    return told
