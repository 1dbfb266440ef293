"""Patterns as in .gitignore -> a test of paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_LONGEST = 500


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path (relative, with `/`) is meant; what is no pattern means nothing."""
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(each for each in patterns if is_pattern(each)).match_file


def is_pattern(text: str) -> bool:
    """Whether it is one that takes little time: each further `*` multiplies what is tried."""
    from pathspec import GitIgnoreSpec

    parts = text.split("/")
    if len(text) > _LONGEST or parts.count("**") > 2:
        return False
    if any(len(re.findall(r"\*+", part)) > 2 for part in parts):
        return False
    try:
        GitIgnoreSpec.from_lines([text])
    except ValueError:
        return False
    return True
