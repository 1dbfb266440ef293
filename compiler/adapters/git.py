"""Git, by running `git`: which files of a folder belong to the repository.

Starting the program costs some two milliseconds; importing a library for it costs seventy times
that, on a path that every command takes.
"""

from __future__ import annotations

import os
import subprocess


def list_files(folder: str) -> list[str] | None:
    """Files below `folder` that Git tracks, or would if they were added; relative to it.

    Names that are not UTF-8 are left out: no descriptor can refer to them. None when `folder` is
    in no repository, or Git is not there, or will not say.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    # A hook runs with GIT_DIR and GIT_INDEX_FILE of its own repository, which may not be this one.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    listed = set(done.stdout.split(b"\0"))
    return sorted(name for raw in listed if (name := _decoded(raw)) and not name.endswith("/"))


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
