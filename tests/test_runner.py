"""The program that images start: a real process, real HTTP."""

from __future__ import annotations

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

def stdlib():
    from digitalhub import list_runs

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
    ({"module": "broken.py"}, 1, "no_such_package"),
    ({"parameters": {}}, 76, "missing a required argument"),
    ({"parameters": {"a": 1, "c": 1}}, 76, "unexpected keyword argument"),
    ({"handler": "nothing"}, 76, "defines no function nothing"),
    ({"module": "none.py"}, 76, "none.py is not in the source folder"),
    ({"handler": "with_project"}, 0, "project demo run r"),
    ({"handler": "asks_too_much"}, 1, "`project.get_secret` is not covered by gitopsc's runner"),
    ({"handler": "stdlib"}, 1, "`digitalhub.list_runs` is not covered by gitopsc's runner"),
    ({"handler": "logs_data"}, 76, "this run has no store: write `stores: {default: <URL>}`"),
    ({"inputs": {"a": {"key": "x"}}}, 76, "`x` is no key of data"),
    ({"inputs": {"a": {"key": KEY, "producer": "other"}}}, 76, "this run has no store"),
    ({"inputs": {"a": {"key": KEY}}}, 76, "no run made store://demo/dataitem/table/a"),
    ({"handler": "a_lambda"}, 76, "is a function, which cannot be stored"),
    ({"handler": "waits", "deadline": 1}, 76, "has not returned within 1 seconds"),
    ({"handler": "exits_hard", "deadline": 1}, 76, "exits"),
    ({"handler": "measures"}, 0, '"metrics": {"loss": [0.5, 0.25], "best": 0.25, "odd": "nan"}'),
    ({"handler": "tells", "secrets": ["TOKEN"]}, 1, "the key is ***"),
    ({"colour": "red"}, 76, "another version of the compiler"),
]


@pytest.mark.parametrize(("settings", "code", "said"), JOBS)
def test_jobs(settings: Mapping[str, Any], code: int, said: str, source: Path) -> None:
    found, output = run(source, **settings)
    assert said in output
    assert found == code, output


def test_log_lines_are_json(source: Path) -> None:
    _, output = run(source, parameters={"a": 1})
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert [line["message"] for line in lines] == ["starting", "calling", "done"]
    assert lines[2]["with"] == {"outputs": {}, "results": {"output_0": 3}, "metrics": {}}


def test_a_job_stops_when_it_is_told_to(source: Path) -> None:
    process = start(source, handler="waits")
    assert process.stdout is not None
    while "waiting" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 143
    assert "stopped" in output


def test_settings_that_are_not_there(tmp_path: Path) -> None:
    command = [sys.executable, str(RUNNER), "--settings", str(tmp_path / "none.json")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 76


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def service(source: Path) -> Iterator[str]:
    port, health = free_port(), free_port()
    process = start(
        source,
        "--port",
        str(port),
        "--health-port",
        str(health),
        action="serve",
        handler="serve",
        init="prepare",
        init_parameters={"word": "ciao"},
    )
    try:
        wait_until_ready(health, process)
        assert get(f"http://127.0.0.1:{health}/live")[0] == 200
        assert get(f"http://127.0.0.1:{health}/other")[0] == 404
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert "Traceback" not in output.replace("\\n", "").split('"traceback"')[0]


def wait_until_ready(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if get(f"http://127.0.0.1:{port}/ready")[0] == 200:
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
