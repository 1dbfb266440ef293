"""The program that images start: a real process, real HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

RUNNER = ROOT / "templates" / "runtimes" / "python" / "runner" / "gitopsc_runner"

KEY = "store://demo/dataitem/table/a"

HANDLERS = """
import asyncio
import os
import sys
import time

def add(a, b=2):
    print("sum", a + b)
    return a + b

def fails():
    raise ValueError("on purpose")

def leaves():
    sys.exit(0)

def with_context(context, event, word):
    context.logger.info("said " + word + " " + event.body["word"])

async def later():
    await asyncio.sleep(0)
    print("later")

def with_project(project, run):
    print("project", project.name, "run", run.name)

def asks_too_much(project):
    project.get_secret("TOKEN")

def asks_the_platform(project):
    project.share("someone")

def stdlib():
    from digitalhub import delete_run

def logs_data(project):
    project.log_artifact("a", "artifact", __file__)

def a_lambda():
    return lambda: None

def exits_hard():
    while True:
        try:
            print("exits")
            time.sleep(60)
        except BaseException:
            pass

def measures(run):
    run.log_metric("loss", 0.5)
    run.log_metric("loss", 0.25)
    run.log_metrics({"best": 0.25, "odd": float("nan")})

class Own(BaseException):
    pass

def raises_own():
    raise Own("own")

def leaves_a_thread():
    import threading
    threading.Thread(target=time.sleep, args=(600,)).start()

def swallows():
    try:
        time.sleep(5)
    except:
        pass

class Later:
    def __await__(self):
        return iter(())

def gives_awaitable():
    async def word():
        return "awaited"
    return word()

def two_of_one_name(project):
    return 1, 2

two_of_one_name.__gitopsc_outputs__ = ["same", "same"]

def logs_secret():
    import logging
    logging.basicConfig()
    raise KeyError(os.environ["TOKEN"])

def tells():
    raise RuntimeError("the key is " + os.environ["TOKEN"])

def prepared(context):
    print("prepared", context.word)

def prepare(context, word):
    setattr(context, "word", word)

def broken_init(context):
    raise RuntimeError("no model")

def waits():
    print("waiting")
    try:
        time.sleep(30)
    except Exception:
        print("caught")

def where():
    print("cwd" if os.getcwd() in sys.path else "clean", os.path.dirname(__file__) in sys.path)

def iter_parts():
    yield "a"
    yield "b"

async def later_parts():
    for part in ("x", "y"):
        await asyncio.sleep(0)
        yield part

def ticks(context):
    try:
        while True:
            yield "tick"
            time.sleep(0.05)
    finally:
        context.closed = True

async def exits_later():
    yield "a"
    sys.exit(0)

async def sleeps(context):
    try:
        yield "a"
        await asyncio.sleep(3600)
    finally:
        context.woken = True

def breaks(starts):
    if starts:
        yield "a"
    raise ValueError("in a stream")

async def serve_later(context, event):
    await asyncio.sleep(0.2)
    return "later"

def slow(context):
    time.sleep(2)

def waits_for_data(context):
    print("data", context.project.get_artifact("a").name)

def serve(context, event):
    if event.path == "/raise":
        raise ValueError("in a request")
    if event.path == "/tuple":
        return 201, {"made": True}
    if event.path == "/text":
        return "text"
    if event.path == "/bytes":
        return b"bytes"
    if event.path == "/response":
        own = {"X-Own": "1"}
        return context.Response(body="x", headers=own, content_type="text/x", status_code=202)
    if event.path == "/slow":
        time.sleep(0.5)
    if event.path == "/exit":
        sys.exit(0)
    if event.path == "/stop":
        raise StopIteration
    if event.path == "/none":
        return None
    if event.path == "/list":
        return [1, context.project.name, context.run.name]
    if event.path == "/stream":
        return (part for part in ("a", b"b", 3))
    if event.path == "/stream-later":
        return later_parts()
    if event.path == "/stream-response":
        return context.Response(body=iter_parts(), content_type="text/x", status_code=203)
    if event.path == "/stream-raises":
        return breaks(True)
    if event.path == "/stream-never":
        return breaks(False)
    if event.path == "/stream-exits":
        return exits_later()
    if event.path == "/sleeps":
        return sleeps(context)
    if event.path == "/woken":
        return str(context.woken)
    if event.path == "/endless":
        return ticks(context)
    if event.path == "/closed":
        return str(context.closed)
    if event.path == "/nothing":
        return context.Response(body="x", status_code=204)
    if event.path == "/own":
        raise Own("own")
    if event.path == "/odd":
        return 1000, "odd"
    if event.path == "/bad-header":
        return context.Response(body="x", headers={"X-Own": "a\\r\\nX-Evil: b"})
    return {
        "body": event.body if not isinstance(event.body, bytes) else event.body.decode(),
        "method": event.method,
        "fields": event.fields,
        "word": context.word,
    }
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "function"
    (folder / "pkg").mkdir(parents=True)
    (folder / "main.py").write_text(HANDLERS)
    (folder / "pkg" / "my-mod.py").write_text("import main\nrun = main.add\n")
    (folder / "broken.py").write_text("import no_such_package\n")
    return folder


def start(source: Path, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
    path = source.parent / "run.json"
    known = {
        "action": "job",
        "compute": "0" * 64,
        "environment": "default",
        "function": "f",
        "handler": "add",
        "module": "main.py",
        "project": "demo",
        "run": "r",
    }
    path.write_text(json.dumps({**known, **settings}))
    command = [sys.executable, str(RUNNER), "--settings", str(path), "--source", str(source)]
    elsewhere = source.parent / "shared"
    elsewhere.mkdir(exist_ok=True)
    return subprocess.Popen(
        [*command, *arguments],
        cwd=elsewhere,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TOKEN": 'hush "hush"'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(source: Path, **settings: Any) -> tuple[int, str]:
    process = start(source, **settings)
    output, _ = process.communicate(timeout=30)
    return process.returncode, output


JOBS: list[tuple[dict[str, Any], int, str]] = [
    ({"parameters": {"a": 1}}, 0, "sum 3"),
    ({"parameters": {"a": 1, "b": 5}}, 0, '"results": {"output_0": 6}'),
    ({"module": "pkg/my-mod.py", "handler": "run", "parameters": {"a": 1}}, 0, "sum 3"),
    ({"handler": "later"}, 0, "later"),
    ({"handler": "with_context", "parameters": {"word": "ciao"}}, 0, "said ciao ciao"),
    ({"handler": "prepared", "init": "prepare", "init_parameters": {"word": "x"}}, 0, "prepared x"),
    ({"handler": "where"}, 0, "clean True"),
    ({"handler": "fails"}, 1, "on purpose"),
    ({"handler": "leaves"}, 1, "SystemExit"),
    ({"handler": "prepared", "init": "broken_init"}, 1, "no model"),
    ({"module": "broken.py"}, 1, "add the package of `no_such_package` to `requirements`"),
    ({"parameters": {}}, 76, "missing a required argument"),
    ({"parameters": {"a": 1, "c": 1}}, 76, "unexpected keyword argument"),
    ({"handler": "nothing"}, 76, "defines no function nothing"),
    ({"module": "none.py"}, 76, "none.py is not in the source folder"),
    ({"handler": "with_project"}, 0, "project demo run r"),
    ({"handler": "asks_too_much"}, 76, "the run does not name the secret `TOKEN`"),
    ({"handler": "asks_the_platform"}, 1, "`project.share` is not covered by gitopsc's runner"),
    ({"handler": "stdlib"}, 1, "what is imported is not covered by gitopsc's runner"),
    ({"handler": "logs_data"}, 76, "this run has no store: write `stores: {default: <URL>}`"),
    ({"inputs": {"a": {"key": "x"}}}, 76, "`x` is not a key of data"),
    ({"inputs": {"a": {"key": KEY, "producer": "other"}}}, 76, "this run has no store"),
    ({"inputs": {"a": {"key": KEY}}}, 76, "no run made store://demo/dataitem/table/a"),
    ({"handler": "a_lambda"}, 76, "is a function, which cannot be stored"),
    ({"handler": "waits", "deadline": 1}, 76, "has not returned within 1 seconds"),
    ({"handler": "exits_hard", "deadline": 1}, 76, "exits"),
    ({"handler": "measures"}, 0, '"metrics": {"loss": [0.5, 0.25], "best": 0.25, "odd": "nan"}'),
    ({"handler": "tells", "secrets": {"TOKEN": ""}}, 1, "the key is ***"),
    ({"handler": "logs_secret", "secrets": {"TOKEN": ""}}, 1, "***"),
    ({"handler": "raises_own"}, 1, "Own('own')"),
    ({"handler": "leaves_a_thread"}, 0, '"message": "done"'),
    ({"handler": "swallows", "deadline": 1}, 76, "has not returned within 1 seconds"),
    ({"handler": "gives_awaitable"}, 0, '"output_0": "awaited"'),
    ({"handler": "two_of_one_name"}, 76, "two outputs that are called `same`"),
    ({"colour": "red"}, 76, "another version of the compiler"),
]


@pytest.mark.parametrize(("settings", "code", "said"), JOBS)
def test_jobs(settings: Mapping[str, Any], code: int, said: str, source: Path) -> None:
    found, output = run(source, **settings)
    assert said in output
    assert "hush" not in output
    assert found == code, output


def test_log_lines_are_json(source: Path) -> None:
    _, output = run(source, parameters={"a": 1})
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert [line["message"] for line in lines] == ["starting", "calling", "done"]
    made = {"outputs": {}, "paths": {}, "results": {"output_0": 3}, "metrics": {}}
    assert lines[2]["with"] == made


def test_a_job_stops_when_it_is_told_to(source: Path) -> None:
    process = start(source, handler="waits")
    assert process.stdout is not None
    while "waiting" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 75
    assert "stopped" in output.splitlines()[-1]


def test_a_job_that_catches_its_end_is_not_done(source: Path) -> None:
    """What it returns is of half its work: neither success nor a record comes of it."""
    process = start(source, handler="swallows")
    assert process.stdout is not None
    while "calling" not in process.stdout.readline():
        pass
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 75, output
    assert '"done"' not in output


def test_a_secret_that_is_missing_is_waited_for(source: Path) -> None:
    code, output = run(source, parameters={"a": 1}, secrets={"NOT_THERE": "chat/token"})
    assert code == 75
    assert "`NOT_THERE` is missing: key `token` of Secret `chat`" in output.splitlines()[-1]


def test_settings_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    command = [sys.executable, str(RUNNER), "--settings", str(path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 76
    path.write_text("")
    empty = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (empty.returncode, "lacks their annotation" in empty.stdout) == (76, True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def service(source: Path) -> Iterator[str]:
    started = serving(source, handler="serve", init="prepare", init_parameters={"word": "ciao"})
    with started as (url, health, _):
        assert get(f"http://127.0.0.1:{health}/live")[0] == 200
        assert get(f"http://127.0.0.1:{health}/other")[0] == 404
        yield url


def wait_until_ready(port: int, process: subprocess.Popen[str]) -> None:
    wait_until(port, "/ready", process)


def wait_until(port: int, path: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if get(f"http://127.0.0.1:{port}{path}")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(process.communicate()[0])


def get(url: str, body: bytes | None = None, **headers: str) -> tuple[int, str, Mapping[str, str]]:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(url, data=body, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def test_a_service_answers(service: str) -> None:
    status, body, headers = get(f"{service}/x?country=IT")
    assert status == 200
    assert json.loads(body) == {
        "body": "",
        "method": "GET",
        "fields": {"country": "IT"},
        "word": "ciao",
    }
    assert headers["Content-Type"] == "application/json"
    posted = get(f"{service}/", b'{"text": "x"}', Content_Type="application/json")
    assert json.loads(posted[1])["body"] == {"text": "x"}
    assert get(f"{service}/tuple")[:2] == (201, '{"made": true}')
    assert get(f"{service}/text")[:2] == (200, "text")
    assert get(f"{service}/bytes")[1] == "bytes"
    status, body, headers = get(f"{service}/response")
    assert (status, body, headers["X-Own"]) == (202, "x", "1")


def test_a_service_survives(service: str) -> None:
    status, body, headers = get(f"{service}/raise")
    assert status == 500
    assert headers["X-Request-Id"] in body
    assert get(f"{service}/", b"{", Content_Type="application/json")[0] == 400
    assert get(f"{service}/text")[0] == 200


def answers(url: str, wanted: str) -> bool:
    """Whether it does so before long."""
    deadline = time.monotonic() + 10
    while get(url)[1] != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return get(url)[1] == wanted


def test_a_service_answers_in_parts(service: str) -> None:
    assert get(f"{service}/stream")[:2] == (200, "ab3")
    assert get(f"{service}/stream-later")[:2] == (200, "xy")
    status, body, headers = get(f"{service}/stream-response")
    assert (status, body, headers["Content-Type"]) == (203, "ab", "text/x")
    assert get(f"{service}/stream-never")[0] == 500
    with pytest.raises(http.client.IncompleteRead):
        get(f"{service}/stream-raises")
    assert get(f"{service}/nothing")[:2] == (204, "")
    with urllib.request.urlopen(f"{service}/endless", timeout=10) as endless:
        assert endless.read(4) == b"tick"
    assert answers(f"{service}/closed", "True"), "a client that leaves ends its stream"
    with pytest.raises(http.client.IncompleteRead):
        get(f"{service}/stream-exits")
    with urllib.request.urlopen(f"{service}/sleeps", timeout=10) as asleep:
        assert asleep.read(1) == b"a"
    assert answers(f"{service}/woken", "True"), "one that sleeps meanwhile is woken"
    assert get(f"{service}/none")[:2] == (200, "")
    assert get(f"{service}/list")[1] == '[1, "demo", "r"]'


def test_nothing_takes_a_service_down(service: str) -> None:
    for path in ("exit", "stop", "odd", "bad-header", "own"):
        status, body, headers = get(f"{service}/{path}")
        assert status == 500, (path, body)
        assert "X-Evil" not in headers
    port = int(service.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")  # and goes away
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        part = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        with contextlib.suppress(OSError):
            for _ in range(70):
                client.sendall(part)
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"\x16\x03\x01 what is this\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")
    assert get(f"{service}/text")[0] == 200


def test_requests_are_answered_in_parallel(service: str) -> None:
    begun = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: get(f"{service}/slow")[0], range(20)))
    assert answers == [200] * 20
    assert time.monotonic() - begun < 5  # one after another it is ten


def test_metrics(source: Path) -> None:
    with serving(source, handler="serve_later") as (url, health, _):
        assert get(f"{url}/")[1] == "later"
        assert get(f"{url}/x", b"{", Content_Type="application/json")[0] == 400
        page = get(f"http://127.0.0.1:{health}/metrics")[1]
    assert 'gitopsc_requests_total{method="GET",status="200"} 1.0' in page
    assert 'gitopsc_requests_total{method="POST",status="400"} 1.0' in page
    assert "gitopsc_request_seconds_count 2.0" in page
    assert "process_resident_memory_bytes" in page


def test_a_service_ends_what_it_has_begun(source: Path) -> None:
    with serving(source, "--drain", "1", handler="serve_later") as (url, health, process):
        with ThreadPoolExecutor(1) as pool:
            before = pool.submit(get, f"{url}/")
            time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            assert get(f"http://127.0.0.1:{health}/ready")[0] == 200
            assert get(f"http://127.0.0.1:{health}/live")[0] == 200
            _, body, headers = get(f"{url}/")
            assert (body, headers["Connection"]) == ("later", "close")
            assert before.result()[1] == "later"
        process.wait(10)
    assert process.returncode == 0


def requests_on(url: str, seconds: float, clients: int = 8) -> int:
    """How many were answered. Each client keeps its connection, unless an answer ends it.

    Raises whatever a client does that is not answered.
    """
    address = url.removeprefix("http://")
    end = time.monotonic() + seconds

    def client() -> int:
        answered = 0
        connection = http.client.HTTPConnection(address, timeout=10)
        while time.monotonic() < end:
            connection.request("GET", "/text")
            with connection.getresponse() as answer:
                assert answer.status == 200
                answer.read()
                answered += 1
            if answer.headers.get("Connection") == "close":
                connection.close()
                connection = http.client.HTTPConnection(address, timeout=10)
            time.sleep(0.005)
        connection.close()
        return answered

    with ThreadPoolExecutor(clients) as pool:
        return sum(each.result() for each in [pool.submit(client) for _ in range(clients)])


def test_no_request_fails_while_a_service_drains(source: Path) -> None:
    prepared = {"handler": "serve", "init": "prepare", "init_parameters": {"word": "ciao"}}
    with serving(source, "--drain", "2", **prepared) as (url, health, process):
        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(requests_on, url, seconds=2)
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            assert answered.result() > 50
            with contextlib.suppress(OSError):
                assert get(f"http://127.0.0.1:{health}/ready")[0] == 200
        process.wait(10)


def test_a_service_is_ready_when_its_data_is_there(source: Path, tmp_path: Path) -> None:
    key = "store://demo/artifact/artifact/a"
    stores = {"default": {"url": (tmp_path / "store").as_uri()}}
    read = {key: {"key": key, "producer": "makes", "version": "1"}}
    common = {"handler": "serve", "init": "waits_for_data", "stores": stores, "references": read}
    with serving(source, waits=False, **common) as (_, health, process):
        assert process.stdout is not None
        while "`makes`" not in process.stdout.readline():
            pass
        wait_until(health, "/live", process)
        wait_until(health, "/started", process)
        assert get(f"http://127.0.0.1:{health}/ready")[0] == 503
        entity = {"type": "artifact", "kind": "artifact", "name": "a", "version": "1", "path": "x"}
        names = ("project", "environment", "run", "function", "compute")
        record = {"outputs": {"a": entity}, **dict.fromkeys(names, "demo")}
        folder = tmp_path / "store" / "demo" / "default" / "records" / "makes"
        folder.mkdir(parents=True)
        (folder / "1.json").write_text(json.dumps(record))
        wait_until_ready(health, process)
    process = start(
        source,
        "--no-wait",
        action="serve",
        **{**common, "references": {key: {"key": key, "producer": "other", "version": "1"}}},
    )
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 75, output


@contextlib.contextmanager
def serving(
    source: Path, *flags: str, waits: bool = True, **settings: Any
) -> Iterator[tuple[str, int, subprocess.Popen[str]]]:
    """A service: its URL, its health port and its process."""
    port, health = free_port(), free_port()
    ports = ["--port", str(port), "--health-port", str(health)]
    flags = flags or ("--drain", "0")
    process = start(source, *ports, *flags, action="serve", **settings)
    try:
        if waits:
            wait_until_ready(health, process)
        yield f"http://127.0.0.1:{port}", health, process
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
        assert process.returncode == 0, output


def test_a_long_init_is_alive_and_not_started(source: Path) -> None:
    with serving(source, waits=False, handler="serve", init="slow") as (_, health, process):
        assert process.stdout is not None
        while "calling" not in process.stdout.readline():
            pass
        wait_until(health, "/live", process)
        for path in ("/started", "/ready"):
            assert get(f"http://127.0.0.1:{health}{path}")[0] == 503
        wait_until(health, "/started", process)
        wait_until_ready(health, process)


def test_a_service_that_cannot_start(source: Path) -> None:
    common = {"action": "serve", "handler": "serve"}
    ports = ["--port", str(free_port()), "--health-port", str(free_port())]
    for settings, code in (
        ({"init": "prepare"}, 76),
        ({"init": "broken_init"}, 1),
        ({"handler": "add"}, 76),
    ):
        process = start(source, *ports, **{**common, **settings})
        output, _ = process.communicate(timeout=20)
        assert process.returncode == code, output
