"""Sources that `gitopsc lock` has fetched, in the user's cache, by the digest of their content.

`compile` finds them in the output that is committed; where that is not there, here.
"""

from __future__ import annotations

from gitopsc.adapters.archive import BadArchive, pack, unpack
from gitopsc.adapters.cache import cache_folder, keep_private, read_private
from gitopsc.model.lock import files_digest
from gitopsc.model.source import FunctionFile


def recall(digest: str) -> tuple[FunctionFile, ...] | None:
    """The files of a source; None when they are not here, or not what they were."""
    content = read_private(_place(digest))
    try:
        files = unpack(content) if content is not None else ()
    except BadArchive:
        return None
    return files if files_digest(files) == digest else None


def keep(files: tuple[FunctionFile, ...]) -> bool:
    """Whether the machine let them be kept."""
    return keep_private(_place(files_digest(files)), pack(files))


def _place(digest: str) -> str:
    return cache_folder("sources", f"{digest}.zip")
