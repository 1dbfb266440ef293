"""What clients send takes a service neither its memory nor its time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gitopsc_runner.connection import HEADERS_LIMIT
from gitopsc_runner.memory import Budget, Exhausted, TooLarge
from test_runner import free_port, get, serving

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
LIMIT = 256 * MIB

HANDLERS = """
def plain(context, event):
    return str(len(event.body or ""))

async def coroutine(context, event):
    return str(len(event.body or ""))
"""


@pytest.fixture(scope="module", params=["plain", "coroutine"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, int, int]]:
    """A service in 256 MiB: its port, its health port and its process."""
    source = tmp_path_factory.mktemp("source")
    (source / "main.py").write_text(HANDLERS)
    flags = ("--drain", "0", "--memory", str(LIMIT))
    with serving(source, *flags, handler=request.param) as (url, health, process):
        yield int(url.rpartition(":")[2]), health, process.pid


def memory(pid: int, key: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{key}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def answer(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        with contextlib.suppress(OSError):
            client.sendall(sent)
        found = b""
        with contextlib.suppress(OSError):
            while part := client.recv(65536):
                found += part
        return found


def request(size: int, kind: str = "application/octet-stream") -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {size}\r\n\r\n".encode()


def test_too_many_bytes_of_headers(service: tuple[int, int, int]) -> None:
    port, _, pid = service
    before = memory(pid, "VmRSS")
    line = b"x-filler: " + b"x" * 1000 + b"\r\n"
    for sent in (
        b"GET / HTTP/1.1\r\n" + line * 1000,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1000,
        b"GET /" + b"x" * MIB,
        b"GET / HTTP/1.1\r\nx: " + b"x" * MIB,
    ):
        said = answer(port, sent)
        assert said == b"" or b" 431 " in said or b" 400 " in said
    assert memory(pid, "VmRSS") < before + 20 * MIB
    fits = b"GET / HTTP/1.1\r\nConnection: close\r\nx: " + b"x" * (HEADERS_LIMIT // 2) + b"\r\n\r\n"
    assert b" 200 " in answer(port, fits)


def test_bodies_larger_than_there_is_memory_for(service: tuple[int, int, int]) -> None:
    port, _, _ = service
    assert b" 413 " in answer(port, request(17 * MIB))
    assert b" 413 " in answer(port, request(3 * MIB, "application/json"))
    body = json.dumps(list(range(300_000))).encode()
    said = answer(port, request(len(body), "application/json") + body)
    assert said.endswith(b"300000")
    for wrong in (b"[" * 200_000, b"[1," * 100_000, b'{"a":1} ' * 40_000):
        said = answer(port, request(len(wrong), "application/json") + wrong)
        assert b" 400 " in said


async def hostile(port: int, health: int, until: float) -> None:
    """Many clients of each kind, until a time."""

    async def client(target: int, sent: Callable[[], Iterator[bytes]], pause: float) -> None:
        while time.monotonic() < until:
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                reader, writer = await asyncio.open_connection("127.0.0.1", target)
                try:
                    for part in sent():
                        writer.write(part)
                        await asyncio.wait_for(writer.drain(), max(0.1, until - time.monotonic()))
                        await asyncio.sleep(pause)
                        if time.monotonic() > until:
                            break
                    await asyncio.wait_for(reader.read(100), max(0.1, until - time.monotonic()))
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.01)

    def headers() -> Iterator[bytes]:
        yield b"GET / HTTP/1.1\r\n"
        for number in range(100_000):
            yield b"x%d: " % number + b"x" * 8000 + b"\r\n"

    def bodies() -> Iterator[bytes]:
        yield request(16 * MIB)
        yield from [b"x" * MIB] * 16

    def lists() -> Iterator[bytes]:
        body = b"[" + b",".join([b"[]"] * 800_000) + b"]"
        yield request(len(body), "application/json")
        yield body

    def trickle() -> Iterator[bytes]:
        yield request(16 * MIB)
        yield from [b"x"] * 1000

    def chunked() -> Iterator[bytes]:
        yield b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        yield from [b"100000\r\n" + b"x" * MIB + b"\r\n"] * 20

    def pipelined() -> Iterator[bytes]:
        yield from [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1000] * 10

    def idle() -> Iterator[bytes]:
        yield b""

    kinds = [
        *((port, headers, 0.0, 20), (port, bodies, 0.0, 60), (port, lists, 0.0, 4)),
        *((port, trickle, 0.2, 40), (port, chunked, 0.0, 10), (port, pipelined, 0.0, 2)),
        *((port, idle, 0.0, 60), (health, idle, 0.0, 100), (health, headers, 0.0, 5)),
    ]
    await asyncio.gather(
        *(client(target, sent, pause) for target, sent, pause, count in kinds for _ in range(count))
    )


def attack(port: int, health: int, seconds: float) -> None:
    """In a process of its own, for it takes all of one; of what processor time others leave, for
    clients are on other machines."""
    os.nice(19)
    asyncio.run(hostile(port, health, time.monotonic() + seconds))


@pytest.fixture
def idle_port(tmp_path: Path) -> Iterator[int]:
    """Of a server that nothing attacks: how late it answers is this machine's own slowness."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=tmp_path, stdout=silent, stderr=silent)
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.05)
    yield port
    process.kill()
    process.wait()


def test_hostile_load(service: tuple[int, int, int], idle_port: int) -> None:
    """It stays up, answers others within a second, and gives back what it took."""
    port, health, pid = service
    waited: list[float] = []
    ready: list[float] = []
    idle: list[float] = []

    def ask(url: str, times: list[float]) -> None:
        began = time.monotonic()
        with urllib.request.urlopen(url, timeout=20) as response:
            assert response.status == 200
        times.append(time.monotonic() - began)

    async def normal(until: float) -> None:
        while time.monotonic() < until:
            await asyncio.to_thread(ask, f"http://127.0.0.1:{port}/", waited)
            await asyncio.to_thread(ask, f"http://127.0.0.1:{health}/ready", ready)
            await asyncio.to_thread(ask, f"http://127.0.0.1:{idle_port}/", idle)
            await asyncio.sleep(0.1)

    spawned = multiprocessing.get_context("spawn")
    attacker = spawned.Process(target=attack, args=(port, health, 12))
    attacker.start()
    asyncio.run(normal(time.monotonic() + 12))
    attacker.join()
    assert attacker.exitcode == 0
    print(f"{max(waited):.3f} s, {max(ready):.3f} s, {memory(pid, 'VmHWM') / MIB:.0f} MiB")
    assert len(waited) > 10
    assert memory(pid, "VmHWM") < LIMIT
    assert max(waited) < 1.0 + max(idle), (waited, idle)
    assert max(ready) < 1.0 + max(idle), (ready, idle)
    deadline = time.monotonic() + 15
    while memory(pid, "VmRSS") > 110 * MIB and time.monotonic() < deadline:
        time.sleep(0.2)
    assert memory(pid, "VmRSS") <= 110 * MIB
    assert get(f"http://127.0.0.1:{port}/")[0] == 200


def test_a_request_that_never_comes_is_not_waited_for(service: tuple[int, int, int]) -> None:
    *targets, _ = service
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", target), timeout=20))
            for target in targets
        ]
        began = time.monotonic()
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\n")
        for client in clients:
            with contextlib.suppress(ConnectionResetError):
                client.recv(100)
            assert time.monotonic() - began < 15


def test_bodies_that_never_come_lock_nobody_out(service: tuple[int, int, int]) -> None:
    """More of them than the service has connections for."""
    port, _, _ = service
    with contextlib.ExitStack() as stack:
        for _ in range(LIMIT // MIB + 50):
            client = socket.create_connection(("127.0.0.1", port), timeout=20)
            stack.enter_context(client).sendall(request(1000) + b"x")
        for _ in range(5):
            assert get(f"http://127.0.0.1:{port}/")[0] == 200


def test_a_budget() -> None:
    budget = Budget(400)
    with budget.charges() as one, budget.charges() as other:
        one.raise_to(60)
        one.raise_to(40)
        assert one.size == 60
        with pytest.raises(Exhausted):
            other.raise_to(41)
        with pytest.raises(TooLarge):
            other.raise_to(101)
        other.raise_to(40)
    with budget.charges() as charge:
        charge.raise_to(100)
