"""Patterns as in .gitignore -> a test of paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path (relative, with `/`) is meant; what is no pattern means nothing."""
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(each for each in patterns if is_pattern(each)).match_file


def is_pattern(text: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([text])
    except ValueError:
        return False
    return True
