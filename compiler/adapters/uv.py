"""Requirements and a Python version -> every package with its version and hashes, by running uv."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

_SECONDS = 600
_PACKAGE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?==[A-Za-z0-9.!+_-]+( ; [^\\]+)? \\"
)
_HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?")
_NEEDS_PYTHON = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+) (depends on|requires) Python"
    r" ?(?P<python>[<>=!~0-9.,]+)"
)
_NO_VERSION = re.compile(r"there is no version of (?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+?)[ ,]")
_NOT_FOUND = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+) was not found in the (package registry|provided)"
)


class NoUv(Exception):
    """uv is not on this machine."""


class Unresolved(Exception):
    """No set of packages meets the requirements; `name` is of the one at fault, if that is told."""

    def __init__(self, message: str, name: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.hint = hint


def locked(requirements: Sequence[str], python_version: str) -> str:
    """A requirements file with hashes, for Linux. Raises NoUv or Unresolved."""
    command = [
        *(find_uv(), "pip", "compile", "-", "--generate-hashes", "--no-header", "--no-annotate"),
        *("--no-strip-markers", "--no-strip-extras", "--quiet", "--no-progress"),
        *("--python-version", python_version, "--python-platform", "x86_64-manylinux_2_28"),
    ]
    environment = {key: each for key, each in os.environ.items() if key != "VIRTUAL_ENV"}
    try:
        with tempfile.TemporaryDirectory(prefix="gitopsc-") as folder:
            done = subprocess.run(
                command,
                input="".join(f"{each}\n" for each in requirements),
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                env=environment,
                cwd=folder,  # settings for uv that lie here are another project's
            )
    except subprocess.TimeoutExpired:
        raise Unresolved(f"uv has not answered within {_SECONDS} seconds") from None
    except OSError as error:
        raise NoUv(str(error)) from None
    if done.returncode:
        raise _explained(done.stderr, python_version)
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
    for line in lines:
        if not _PACKAGE.fullmatch(line) and not _HASH.fullmatch(line):
            raise Unresolved(f"uv answers with something that has no hash: `{line[:100]}`")
    return "".join(f"{line}\n" for line in lines)


def find_uv() -> str:
    """The one beside this Python, or on the PATH. Raises NoUv."""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise NoUv("uv is not on this machine")
    return found


def _explained(words: str, python_version: str) -> Unresolved:
    """uv tells the whole of its reasoning; people need the one sentence that is about them."""
    text = re.sub(r"[^!-~]+", " ", words).strip()
    if match := _NEEDS_PYTHON.search(text):
        message = f"`{match['name']}=={match['version']}` needs Python {match['python']}"
        message += f", and the function has {python_version}"
        hint = (
            f"exports hold the versions of the laptop that wrote them: write `{match['name']}`"
            " and let `gitopsc lock` choose, or take a newer `python_version`"
        )
        return Unresolved(message, match["name"], hint)
    if match := _NO_VERSION.search(text):
        message = f"there is no `{match['name']}=={match['version']}` for Python {python_version}"
        return Unresolved(message, match["name"], f"write `{match['name']}`, or another version")
    if match := _NOT_FOUND.search(text):
        return Unresolved(f"there is no package `{match['name']}`", match["name"])
    return Unresolved(re.sub(r"^error: ", "", text)[:300] or "uv fails without a word")
