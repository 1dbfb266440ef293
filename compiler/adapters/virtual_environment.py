"""A Python version and requirements -> a virtual environment in the user's cache, made once.

It is keyed by what it is made of, so it is never stale; it may be deleted at any time.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import IO, NamedTuple

from gitopsc.adapters.atomic import lock_now
from gitopsc.adapters.cache import cache_folder
from gitopsc.adapters.child import run_child
from gitopsc.adapters.owner import is_private
from gitopsc.adapters.uv import NoUv, find_uv

_READY = "gitopsc-ready"
"""A file that says that all is installed; without it the environment is made again."""

_TOLD = 30
"""Lines of an installer's last words."""


class NotPrepared(Exception):
    """The environment cannot be made; the message says why, and `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Requirements(NamedTuple):
    """The text of a requirements file; with hashes, nothing else may be installed."""

    text: str
    is_hashed: bool = False

    @classmethod
    def of(cls, lines: Iterable[str]) -> Requirements:
        return cls("".join(f"{line}\n" for line in lines))


async def prepared(
    python_version: str, files: Sequence[Requirements], began: Callable[[], None]
) -> str:
    """The path of its Python. `files` are installed one after another, as in the image.

    Calls `began` when there is something to do. Raises NotPrepared.
    """
    folder = _folder(python_version, files)
    python = _python(folder)
    try:
        os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
        if not is_private(os.lstat(_home())):
            message = f"{_home()}: another user may write there, so nothing in it is run"
            raise NotPrepared(message, "set XDG_CACHE_HOME to a folder of your own")
        if _is_whole(folder):
            return python
        with open(f"{folder}.lock", "wb") as lock:
            await _locked(lock)
            if not _is_whole(folder):
                began()
                shutil.rmtree(folder, ignore_errors=True)
                await _make(folder, python_version, files)
                with open(os.path.join(folder, _READY), "wb"):
                    pass
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "make room, or set XDG_CACHE_HOME to a folder that can be written"
        raise NotPrepared(f"{folder}: {reason}", hint) from None
    return python


def is_prepared(python_version: str, files: Sequence[Requirements]) -> bool:
    """Whether it is there already."""
    return _is_whole(_folder(python_version, files))


def _folder(python_version: str, files: Sequence[Requirements]) -> str:
    key = [python_version, platform.machine(), sys.platform, *(each.text for each in files)]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    return os.path.join(_home(), f"{python_version}-{name}")


def _python(folder: str) -> str:
    return os.path.join(folder, "bin", "python")


def _is_whole(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, _READY)) and os.path.exists(_python(folder))


def _home() -> str:
    return os.path.abspath(cache_folder("environments"))


async def _locked(lock: IO[bytes]) -> None:
    """Waits while another process, or another task of this one, makes the same."""
    while not lock_now(lock.fileno()):
        await asyncio.sleep(0.1)


async def _make(folder: str, version: str, files: Sequence[Requirements]) -> None:
    try:
        uv = find_uv()
    except NoUv:
        await _make_with_pip(folder, version, files)
        return
    hint = f"install Python {version}, or let uv do it: `uv python install {version}`"
    command = [uv, "venv", "--quiet", "--no-project", "--python", _own(version) or version, folder]
    try:
        await _run(command, f"Python {version} is not on this machine", hint)
    except NotPrepared as error:
        if "download" not in str(error).lower() or "never" in str(error):
            raise
        hint = f"install Python {version}, or try again with a network: uv could not download it"
        raise NotPrepared(str(error), hint) from None
    python = _python(folder)
    await _install([uv, "pip", "install", "--quiet", "--python", python], folder, files)


def _own(version: str) -> str | None:
    """The Python that runs this, if it is of that version."""
    is_own = sys.version_info[:2] == tuple(map(int, version.split(".")))
    return sys.executable if is_own else None


async def _make_with_pip(folder: str, version: str, files: Sequence[Requirements]) -> None:
    base = shutil.which(f"python{version}")
    if base is not None and await run_child([base, "--version"], lambda _: None):
        base = None  # a shim of a version that is not there
    base = base or _own(version)
    if base is None:
        hint = f"install Python {version}, or uv, which brings it"
        raise NotPrepared(f"Python {version} is not on this machine", hint)
    hint = f"fix the Python at {base}, or install uv"
    await _run([base, "-m", "venv", folder], f"Python {version} makes no environment", hint)
    python = _python(folder)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    await _install(pip, folder, files)


async def _install(command: Sequence[str], folder: str, files: Sequence[Requirements]) -> None:
    for number, requirements in enumerate(files):
        path = os.path.join(folder, f"requirements-{number}.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(requirements.text)
        hashes = ["--require-hashes"] if requirements.is_hashed else []
        hint = "fix the requirements, or the network; `gitopsc lock` finds versions that fit"
        message = "the requirements cannot be installed"
        await _run([*command, *hashes, "-r", path], message, hint)


async def _run(command: Sequence[str], message: str, hint: str) -> None:
    words: list[str] = []

    def told(line: str) -> None:
        words.append(line)
        del words[:-_TOLD]

    kept = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {key: each for key, each in os.environ.items() if key not in kept}
    # Settings for uv or pip that lie where this was called are another project's.
    if await run_child(command, told, environment=environment, folder=_home()):
        raise NotPrepared("\n".join([message, *(f"  {word}" for word in words if word)]), hint)
