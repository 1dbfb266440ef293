"""The user's cache folder: what is in it may be deleted at any time, and is believed only when no
other user can have written it.

Only light modules are imported here, as in `memory`.
"""

from __future__ import annotations

import os

from gitopsc.adapters.atomic import replace_file
from gitopsc.adapters.owner import is_private

_FOLDER = "gitopsc"


def cache_home() -> str:
    """Where caches of all programs are; it need not be there yet."""
    return os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")


def cache_folder(*below: str) -> str:
    """That of gitopsc, or a folder in it."""
    return os.path.join(cache_home(), _FOLDER, *below)


def _is_private(folder: str) -> bool:
    """A folder of the cache, with those around it up to the cache's own."""
    top = cache_folder()
    while is_private(os.lstat(folder)):
        if folder == top or not folder.startswith(top):
            return True
        folder = os.path.dirname(folder)
    return False


def read_private(place: str) -> bytes | None:
    """The bytes of a file that no other user can have written; None for any other."""
    try:
        if not _is_private(os.path.dirname(place)):
            return None
        with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read() if is_private(os.fstat(file.fileno())) else None
    except (OSError, ValueError):
        return None


def keep_private(place: str, content: bytes) -> bool:
    """Writes a file; False where that is impossible, such as in a folder that is read-only."""
    folder = os.path.dirname(place)
    try:
        if not os.environ.get("XDG_CACHE_HOME"):
            os.stat(os.path.expanduser("~"))  # nobody's home is made here
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not _is_private(folder):
            return False
        replace_file(place, content, mode=0o600)
    except OSError:
        return False
    return True
