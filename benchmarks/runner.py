"""What the runner costs: requests beside a bare application on the same server, a job's start, and
a service that follows new data beside one that does not.

Prints the tables that the README quotes. Ratios are to what is measured beside it in the same run.

    python benchmarks/runner.py [--requests 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RUNNER = ROOT / "templates" / "runtimes" / "python" / "runner" / "gitopsc_runner"
CLIENTS = 16
REPEATS = 5
_children: list[int] = []

HANDLERS = """
import sys
import time

def plain(context, event):
    return "ok"

async def coroutine(context, event):
    return "ok"

def job():
    print("called", time.time())

def init(context):
    with open(context.project.get_artifact("day").as_file(), "rb") as file:
        context.data = file.read()

async def follows(context, event):
    return "ok" if context.data else "no"
"""

BARE = """
import sys
import uvicorn

async def application(scope, receive, send):
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})

uvicorn.run(application, port=int(sys.argv[1]), lifespan="off", log_level="warning",
            access_log=False, server_header=False)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="of each client")
    count = parser.parse_args().requests
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, {CLIENTS} clients\n")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "function").mkdir()
        (folder / "function" / "main.py").write_text(HANDLERS)
        (folder / "bare.py").write_text(BARE)
        print("\n".join([*_requests(folder, count), "", *_starts(folder), ""]))
        print("\n".join(_following(folder, count)))


def _requests(folder: Path, count: int) -> Iterator[str]:
    yield "| a trivial answer | requests per second | p50 | p99 |"
    yield "|---|---|---|---|"
    floor: tuple[float, float, float] | None = None
    for name, command in (
        ("bare application", [str(folder / "bare.py")]),
        ("handler, a coroutine", _runner(folder, "coroutine", "serve")),
        ("handler, in a thread", _runner(folder, "plain", "serve")),
    ):
        with _serving(command, is_bare=floor is None) as port:
            asyncio.run(_load(port, max(count // 10, 1)))
            rate, middle, last = asyncio.run(_load(port, count))
        floor = floor or (rate, middle, last)
        yield (
            f"| {name} | {rate:,.0f}, {rate / floor[0]:.2f}x "
            f"| {middle * 1000:.1f} ms | {last * 1000:.1f} ms, {last / floor[2]:.1f}x |"
        )


def _starts(folder: Path) -> Iterator[str]:
    """From starting a process to the handler's first line."""
    yield "| from a process' start | |"
    yield "|---|---|"
    code = "import time; print('called', time.time())"
    floor = min(_called(["-c", code]) for _ in range(REPEATS))
    called = min(_called(_runner(folder, "job", "job")) for _ in range(REPEATS))
    yield f"| to Python's first line | {floor * 1000:.0f} ms |"
    yield f"| to a job's handler | {called * 1000:.0f} ms, {called / floor:.1f}x |"


def _following(folder: Path, count: int) -> Iterator[str]:
    """The same service twice, with 10 MB of data: the second gets new data each second, and
    switches. Its memory is the most that it took."""
    yield "| a service with 10 MB of data | requests per second | p99 | memory |"
    yield "|---|---|---|---|"
    producer = _Producer(folder)
    producer.make()
    floor: tuple[float, float, float] | None = None
    for name, follow in (("reads it once", None), ("follows: new data each second", "switch")):
        command = _runner(folder, "follows", "serve", init="init", follow=follow, **producer.read)
        command += ["--interval", "0.2"]
        with _serving(command, is_bare=False) as port:
            asyncio.run(_load(port, max(count // 10, 1)))
            with producer.making(each=1.0 if follow else 10**6):
                rate, _, last = asyncio.run(_load(port, 4 * count))
            memory = _most_memory(_children[-1])
        floor = floor or (rate, last, memory)
        yield (
            f"| {name} | {rate:,.0f}, {rate / floor[0]:.2f}x | {last * 1000:.1f} ms, "
            f"{last / floor[1]:.1f}x | {memory / 1e6:.0f} MB, {memory / floor[2]:.2f}x |"
        )
    yield f"\nIt switched {producer.made - 1} times."


class _Producer:
    """What a schedule makes, tick by tick."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(RUNNER.parent))
        from gitopsc_runner.settings import StoreAddress
        from gitopsc_runner.store import Store

        url = (folder / "followed").as_uri()
        self._store = Store(StoreAddress(url, {}), "x", "x")
        self._file = folder / "day.bin"
        self.made = 0
        key = "store://x/artifact/artifact/day"
        self.read = {
            "clocks": {"nightly": {"schedule": "* * * * *"}},
            "references": {key: {"key": key, "producer": "nightly"}},
            "stores": {"default": {"url": url}},
        }

    def make(self) -> None:
        from gitopsc_runner.store import Entity, Record

        self.made += 1
        self._file.write_bytes(os.urandom(10_000_000))
        path = self._store.keep_data(self._file, "artifact", "day")
        tick = int(time.time()) - 10_000 + self.made
        entity = Entity("artifact", "artifact", "day", f"{tick}", path)
        record = Record("x", "x", "nightly", "f", "x", {"day": entity})
        self._store.keep_tick("nightly", tick, record, time.time())

    @contextmanager
    def making(self, each: float) -> Iterator[None]:
        ended = threading.Event()

        def make() -> None:
            while not ended.wait(each):
                self.make()

        thread = threading.Thread(target=make)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _most_memory(process: int) -> int:
    """Bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _called(command: Sequence[str]) -> float:
    begun = time.time()
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("called"))
    return float(line.split()[1]) - begun


def _runner(folder: Path, handler: str, action: str, **more: Any) -> list[str]:
    names = ("compute", "environment", "function", "project", "run")
    settings: dict[str, Any] = {
        "action": action,
        "handler": handler,
        "module": "main.py",
        **dict.fromkeys(names, "x"),
        **{key: value for key, value in more.items() if value is not None},
    }
    if action == "job":
        settings["stores"] = {"default": {"url": (folder / "store").as_uri()}}
    path = folder / f"{handler}.json"
    path.write_text(json.dumps(settings))
    flags = ["--again", "--drain", "0", "--host", "127.0.0.1", "--health-port", "0"]
    return [str(RUNNER), "--settings", str(path), "--source", str(folder / "function"), *flags]


@contextmanager
def _serving(command: Sequence[str], *, is_bare: bool) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more = [str(port)] if is_bare else ["--port", str(port)]
    process = subprocess.Popen([sys.executable, *command, *more], stdout=subprocess.DEVNULL)
    _children.append(process.pid)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


async def _load(port: int, count: int) -> tuple[float, float, float]:
    """Requests per second, and the median and the 99th percentile of their seconds."""
    seconds: list[float] = []
    begun = time.perf_counter()
    await asyncio.gather(*(_client(port, count, seconds) for _ in range(CLIENTS)))
    rate = len(seconds) / (time.perf_counter() - begun)
    return rate, statistics.median(seconds), sorted(seconds)[int(len(seconds) * 0.99)]


async def _client(port: int, count: int, seconds: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        begun = time.perf_counter()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert await reader.readexactly(2) == b"ok"
        seconds.append(time.perf_counter() - begun)
    writer.close()


if __name__ == "__main__":
    main()
