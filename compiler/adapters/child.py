"""A command -> its exit code, with its output as it comes; nothing of it outlives this process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

_LINE = 64 * 1024
"""Bytes after which a line that does not end is handed on in parts."""

_LOOK_SECONDS = 0.02

_GRACE_SECONDS = 25
"""Between SIGTERM and SIGKILL: a service ends what is under way."""


async def run_child(
    command: Sequence[str],
    told: Callable[[str], None],
    *,
    environment: Mapping[str, str] | None = None,
    folder: str | None = None,
) -> int:
    """Runs it with stdout and stderr line by line to `told`. Raises OSError when it cannot start.

    Its standard input is a pipe that closes with this process. When this is cancelled the child and
    its children are told to end, and after a while made to.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=folder,
        start_new_session=True,  # a Ctrl-C is for us: we tell them
    )
    reading = asyncio.ensure_future(_read(process, told))
    try:
        return await _exit_code(process)
    finally:
        if process.returncode is None:
            _signal(process.pid, signal.SIGTERM)
            with suppress(asyncio.TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(_exit_code(process), _GRACE_SECONDS)
        _signal(process.pid, signal.SIGKILL)  # what it left behind, and would keep the output open
        await process.wait()
        await reading


async def _exit_code(process: asyncio.subprocess.Process) -> int:
    """`wait` would wait for all that hold its output, too: children of its own that it has left."""
    while process.returncode is None:
        await asyncio.sleep(_LOOK_SECONDS)
    return process.returncode


async def _read(process: asyncio.subprocess.Process, told: Callable[[str], None]) -> None:
    assert process.stdout is not None
    rest = b""
    while chunk := await process.stdout.read(_LINE):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) >= _LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            told(line.decode("utf-8", "replace"))
        await asyncio.sleep(0)
    if rest:
        told(rest.decode("utf-8", "replace"))


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
