"""What the runner costs: requests beside a bare application on the same server, and a job's start.

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
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNNER = ROOT / "templates" / "runtimes" / "python" / "runner" / "gitopsc_runner"
CLIENTS = 16
REPEATS = 5

HANDLERS = """
import sys
import time

def plain(context, event):
    return "ok"

async def coroutine(context, event):
    return "ok"

def job():
    print("called", time.time())
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
        print("\n".join([*_requests(folder, count), "", *_starts(folder)]))


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


def _called(command: Sequence[str]) -> float:
    begun = time.time()
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("called"))
    return float(line.split()[1]) - begun


def _runner(folder: Path, handler: str, action: str) -> list[str]:
    names = ("compute", "environment", "function", "project", "run")
    settings = {
        "action": action,
        "handler": handler,
        "module": "main.py",
        **dict.fromkeys(names, "x"),
    }
    if action == "job":
        settings["stores"] = {"default": {"url": (folder / "store").as_uri()}}  # type: ignore[assignment]
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
