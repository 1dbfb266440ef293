"""A command -> its exit code, with its output as it comes; nothing of it outlives this process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

_LINE = 64 * 1024
"""Bytes after which a line that does not end is handed on in parts."""

_EVENT = 16 * 1024 * 1024
_LOOK_SECONDS = 0.02
_LAST_WORDS_SECONDS = 1

_GRACE_SECONDS = 25
"""Between SIGTERM and SIGKILL: a service ends what is under way."""


async def run_child(
    command: Sequence[str],
    told: Callable[[str], None],
    *,
    heard: Callable[[str], None] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: str | None = None,
) -> int:
    """Runs it with stdout and stderr line by line to `told`. Raises OSError when it cannot start.

    Its standard input is a pipe that closes with this process. When this is cancelled the child and
    its children are told to end, and after a while made to.

    With `heard` it gets another pipe, named by a last argument `--events=<descriptor>`: what is
    said there, it alone says.
    """
    events, passed = _pipe() if heard is not None else (None, [])
    process = await asyncio.create_subprocess_exec(
        *command,
        *(f"--events={each}" for each in passed),
        pass_fds=passed,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=folder,
        start_new_session=True,  # a Ctrl-C is for us: we tell them
    )
    for each in passed:
        os.close(each)
    assert process.stdout is not None
    readers = [_read(process.stdout, told, _LINE)]
    if events is not None and heard is not None:
        readers.append(_read(await _reader(events), heard, _EVENT))
    reading = asyncio.gather(*readers)
    try:
        return await _exit_code(process, reading)
    finally:
        if process.returncode is None:
            _signal(process.pid, signal.SIGTERM)
            with suppress(asyncio.TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(_exit_code(process, None), _GRACE_SECONDS)
        _signal(process.pid, signal.SIGKILL)  # what it left behind, and would keep the output open
        await _exit_code(process, None)
        with suppress(asyncio.TimeoutError):  # what left the group may hold the output for ever
            await asyncio.wait_for(reading, _LAST_WORDS_SECONDS)
        process._transport.close()  # type: ignore[attr-defined]


async def _exit_code(
    process: asyncio.subprocess.Process, reading: asyncio.Future[list[None]] | None
) -> int:
    """`wait` would wait for all that hold its output, too: children of its own that it has left.

    Raises what reading raises: nobody may be there any more to be told.
    """
    while process.returncode is None:
        if reading is not None and reading.done():
            reading.result()
        await asyncio.sleep(_LOOK_SECONDS)
    return process.returncode


def _pipe() -> tuple[int, list[int]]:
    reading, writing = os.pipe()
    return reading, [writing]


async def _reader(pipe: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader),
        open(pipe, "rb", buffering=0),  # noqa: SIM115 - the transport closes it
    )
    return reader


async def _read(stream: asyncio.StreamReader, told: Callable[[str], None], longest: int) -> None:
    rest = b""
    while chunk := await stream.read(_LINE):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) >= longest:
            lines, rest = [*lines, rest], b""
        for line in lines:
            told(line.decode("utf-8", "replace"))
        await asyncio.sleep(0)
    if rest:
        told(rest.decode("utf-8", "replace"))


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
