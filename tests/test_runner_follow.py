"""Services that follow what a schedule makes: real processes, real HTTP, a store in a folder."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import nuclio_sdk
import pytest
from gitopsc_runner import follow
from gitopsc_runner.follow import Follower, Means, Served, interval_of
from gitopsc_runner.settings import Settings, StoreAddress
from gitopsc_runner.store import Entity, Record, Store
from gitopsc_runner.upstream import Upstream
from test_runner import get, requests_on, serving, start

pytestmark = pytest.mark.slow

KEY = "store://demo/artifact/artifact/day"
CLOCKS = {"nightly": {"schedule": "0 3 * * *"}}

SERVICE = """
import asyncio
import time
from pathlib import Path


def init(context):
    from digitalhub import get_project
    text = Path(get_project("demo").get_artifact("day").as_file()).read_text()
    assert text == Path(context.project.get_artifact("day").as_file()).read_text()
    if text == "broken":
        raise ValueError("a model that does not load")
    if text == "leaves":
        raise SystemExit(3)
    context.day = text
    context.held = bytearray(int(text)) if text.isdigit() else b""
    for at in range(0, len(context.held), 4096):
        context.held[at] = 1


async def init_later(context):
    await asyncio.sleep(0.2)
    init(context)


def threaded(context):
    from concurrent.futures import ThreadPoolExecutor
    from digitalhub import get_project
    with ThreadPoolExecutor(1) as pool:
        own = pool.submit(lambda: get_project("demo").get_artifact("day").id).result()
    assert own == context.project.get_artifact("day").id
    init(context)


def serve(context, event):
    return context.day


def parts(context):
    from digitalhub import get_project
    for _ in range(30):
        yield get_project("demo").get_artifact("day").id + " "
        time.sleep(0.05)


def streams(context, event):
    return parts(context)


def holds(context, event):
    from digitalhub import get_project
    before = context.project.get_artifact("day").id
    time.sleep(1.5)
    after = [each.get_artifact("day").id for each in (context.project, get_project("demo"))]
    return " ".join([before, *after])


async def holds_later(context, event):
    from digitalhub import get_project
    before = context.project.get_artifact("day").id
    await asyncio.sleep(1.5)
    after = [each.get_artifact("day").id for each in (context.project, get_project("demo"))]
    return " ".join([before, *after])


async def serve_later(context, event, project):
    before = context.day
    await asyncio.sleep(0.05)
    assert context.day == before
    assert project is context.project
    return before
"""


class Producer:
    """What a schedule makes, tick by tick."""

    def __init__(self, folder: Path) -> None:
        self.url = f"file://{folder}/store"
        self.store = Store(StoreAddress(self.url, {}), "demo", "default")
        self.folder = folder
        self.tick = int(time.time()) - 1000

    def make(self, text: str, *, is_new: bool = True) -> str:
        self.tick += 60
        version = f"{'1' * 64}-{self.tick if is_new else self.tick - 60}"
        file = self.folder / "day.txt"
        file.write_text(text)
        path = self.store.keep_data(file, "artifact", "day")
        entity = Entity("artifact", "artifact", "day", version, path)
        record = Record("demo", "default", "nightly", "fetch", "1" * 64, {"day": entity})
        self.store.keep_tick("nightly", self.tick, record, time.time())
        return version

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "clocks": CLOCKS,
            "follow": "switch",
            "handler": "serve",
            "init": "init",
            "references": {KEY: {"key": KEY, "producer": "nightly"}},
            "run": "api",
            "stores": {"default": {"url": self.url}},
        }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "function"
    folder.mkdir()
    (folder / "main.py").write_text(SERVICE)
    return folder


@pytest.fixture
def producer(tmp_path: Path) -> Producer:
    return Producer(tmp_path)


@pytest.mark.parametrize("handler", ["holds", "holds_later", "streams"])
def test_a_request_sees_one_version_to_its_end(
    source: Path, producer: Producer, handler: str
) -> None:
    first = producer.make("a")
    with serving(source, *QUICK, **{**producer.settings, "handler": handler}) as (url, health, _):
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(get, url)
            time.sleep(0.3)
            second = producer.make("b")
            until(lambda: metric(health, "gitopsc_data_switches_total") == 1)
            assert not answer.done()
            assert set(answer.result()[1].split()) == {first}
        assert set(get(url)[1].split()) == {second}


def test_a_restart_is_not_ready_first(source: Path, producer: Producer) -> None:
    """And it answers meanwhile: nobody has taken its pod out of the service yet."""
    producer.make("a")
    flags = ("--drain", "1", "--interval", "0.1")
    started = "import gitopsc_runner.follow\ngitopsc_runner.follow._RESTART_SECONDS = 0\n"
    (source / "main.py").write_text(started + SERVICE)
    settings = {**producer.settings, "follow": "restart"}
    with serving(source, *flags, **settings) as (url, health, process):
        producer.make("b")
        until(lambda: get(f"http://127.0.0.1:{health}/ready")[0] == 503)
        assert get(url)[1] == "a"
        time.sleep(3)
        assert get(url)[1] == "a"
        assert process.wait(10) == 0


QUICK = ("--drain", "0", "--interval", "0.1")


def answers(url: str, text: str, *, within: float = 10) -> None:
    end = time.monotonic() + within
    while (found := get(url)[1]) != text:
        assert time.monotonic() < end, found
        time.sleep(0.02)


def metric(health: int, name: str) -> float:
    text = get(f"http://127.0.0.1:{health}/metrics")[1]
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize(
    "more",
    [{}, {"handler": "serve_later"}, {"init": "init_later"}, {"init": "threaded"}],
    ids=["threads", "coroutine", "init", "threads in init"],
)
def test_new_data_is_served_and_no_request_is_lost(
    source: Path, producer: Producer, more: Mapping[str, Any]
) -> None:
    producer.make("a")
    with serving(source, *QUICK, **{**producer.settings, **more}) as (url, health, _):
        answers(url, "a")
        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(requests_on, url, seconds=4)
            for text in ("b", "c", "d"):
                version = producer.make(text)
                answers(url, text)
                time.sleep(0.3)
            assert answered.result() > 100
        assert metric(health, "gitopsc_data_switches_total") == 3
        labels = f'data="{KEY}",version="{version}"'
        assert metric(health, f"gitopsc_data_tick_seconds{{{labels}}}") == producer.tick
        served = producer.store.serving("api")
        assert served is not None
        assert served["versions"] == {KEY: version}
        # A tick without new data changes nothing.
        producer.make("e", is_new=False)
        time.sleep(0.5)
        answers(url, "d")
        assert metric(health, "gitopsc_data_switches_total") == 3


def test_what_cannot_be_served_keeps_what_is(source: Path, producer: Producer) -> None:
    producer.make("a")
    with serving(source, *QUICK, "--memory", "300000000", **producer.settings) as found:
        url, health, _ = found
        for text in ("broken", "leaves"):
            kept = partial(metric, health, 'gitopsc_data_kept_total{reason="init"}')
            before = kept()
            producer.make(text)
            until(lambda kept=kept, before=before: kept() > before)  # type: ignore[misc]
            answers(url, "a")
        producer.make("b")
        answers(url, "b")


def test_a_switch_that_takes_too_much_memory_is_not_made(source: Path, producer: Producer) -> None:
    producer.make("90000000")
    with serving(source, *QUICK, "--memory", "250000000", **producer.settings) as found:
        url, health, _ = found
        answers(url, "90000000")
        producer.make("90000001")
        until(lambda: metric(health, 'gitopsc_data_kept_total{reason="memory"}') > 0)
        answers(url, "90000000")
    with serving(source, *QUICK, "--memory", "400000000", **producer.settings) as found:
        url, health, process = found
        for number in range(2, 8):
            producer.make(f"9000000{number}")
            answers(url, f"9000000{number}")
        taken = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096
        assert taken < 300_000_000, "old data is let go"


def until(is_so: Callable[[], bool], within: float = 10) -> None:
    end = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_globals_keep_the_data(source: Path, producer: Producer) -> None:
    producer.make("a")
    with serving(source, *QUICK, **{**producer.settings, "follow": "keep"}) as (url, health, _):
        producer.make("b")
        until(lambda: metric(health, 'gitopsc_data_kept_total{reason="globals"}') == 1)
        time.sleep(0.5)
        answers(url, "a")
        assert metric(health, 'gitopsc_data_kept_total{reason="globals"}') == 1


def test_without_following_nothing_is_looked_for(source: Path, producer: Producer) -> None:
    producer.make("a")
    settings = producer.settings
    del settings["follow"]
    with serving(source, *QUICK, **settings) as (url, health, _):
        tick = producer.tick
        producer.make("b")
        time.sleep(0.7)
        answers(url, "a")
        labels = f'data="{KEY}",version="{"1" * 64}-{tick}"'
        assert metric(health, f"gitopsc_data_tick_seconds{{{labels}}}") == tick
        served = producer.store.serving("api")
        assert served is not None
        assert served["versions"] == {KEY: f"{'1' * 64}-{tick}"}


def test_a_service_waits_for_its_first_data(source: Path, producer: Producer) -> None:
    process = start(source, "--no-wait", action="serve", **producer.settings)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 75
    assert "data of `nightly` is not there yet" in output


# The follower itself, by a clock that is played


class Played:
    """A follower without a server: what it does, and its log."""

    def __init__(self, producer: Producer, way: str = "switch", **means: Any) -> None:
        self.done: list[str] = []
        self.now = 0.0
        self.time = time.time()
        self.log: list[dict[str, Any]] = []
        known = {"action": "serve", "compute": "2" * 64, "environment": "default"}
        known |= {"function": "f", "module": "main.py", "project": "demo"}
        settings = Settings(**{**known, **producer.settings, "follow": way})
        logger = nuclio_sdk.Logger("INFO")
        logger.set_handler("default", self, nuclio_sdk.logger.JSONFormatter())
        prepared = Means(
            **{
                "prepare": self.prepare,
                "switch": lambda _: self.done.append("switched"),
                "restart": lambda: self.done.append("restarted"),
                "init_memory": 0,
                "memory": 2**40,
                **means,
            }
        )
        served = Served(nuclio_sdk.Context(), Upstream())
        self.follower = Follower(
            settings,
            producer.store,
            served,
            prepared,
            logger,
            now=lambda: self.time,
            uptime=lambda: self.now,
        )

    def prepare(self, upstream: Upstream) -> Served:
        self.done.append("prepared")
        return Served(nuclio_sdk.Context(), upstream)

    def write(self, text: str) -> int:
        self.log += [json.loads(line) for line in text.splitlines()]
        return len(text)

    def flush(self) -> None:
        pass


def test_a_restart_at_most_every_ten_minutes(producer: Producer) -> None:
    played = Played(producer, "restart")
    producer.make("a")
    for played.now in (10, 300, 599):
        played.follower.look()
    assert played.done == []
    played.now = 600
    played.follower.look()
    assert played.done == ["restarted"]


def test_what_fails_is_tried_again_more_and_more_rarely(producer: Producer) -> None:
    def fails(_: Upstream) -> Served:
        played.done.append("failed")
        raise ValueError("not yet")

    played = Played(producer, prepare=fails)
    producer.make("a")
    for _ in range(100):
        played.follower.look()
    assert 5 <= len(played.done) <= 8
    producer.make("b")
    played.follower.look()
    assert 6 <= len(played.done) <= 9, "new data is tried at once"


def test_a_clock_that_steps_back_brings_no_old_data(producer: Producer) -> None:
    played = Played(producer)
    for text in ("a", "b"):
        producer.make(text)
    played.follower.look()
    assert played.done == ["prepared", "switched"]
    latest = producer.store.latest("nightly", producer.tick)
    assert latest is not None
    played.time = producer.tick - 700
    for _ in range(3):
        played.follower.look()
    played.time = float(producer.tick)
    played.follower.look()
    assert played.done == ["prepared", "switched"]


def test_an_init_that_hangs_is_said(producer: Producer, monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(upstream: Upstream) -> Served:
        time.sleep(0.5)
        return Served(nuclio_sdk.Context(), upstream)

    monkeypatch.setattr(follow, "_INIT_SECONDS", 0.1)
    played = Played(producer, prepare=hangs)
    producer.make("a")
    played.follower.look()
    assert "has not returned within 0.1 seconds" in played.log[0]["with"]["reason"]
    assert played.log[1]["message"] == "serving new data"


def test_a_store_that_fails_is_said_once(producer: Producer, monkeypatch: Any) -> None:
    played = Played(producer)
    monkeypatch.setattr(producer.store, "_system", None)
    for _ in range(5):
        played.follower.look()
    assert len(played.log) == 1
    assert "new data cannot be looked for" in played.log[0]["message"]


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [("* * * * *", 10), ("*/30 * * * *", 180), ("0 3 * * *", 300), ("0 0 1 * *", 300)],
)
def test_how_often_it_looks(producer: Producer, schedule: str, seconds: float) -> None:
    settings = Settings(
        **{
            **{"action": "serve", "compute": "", "environment": "", "function": "f"},
            **{"module": "m", "project": "demo"},
            **producer.settings,
            "clocks": {"nightly": {"schedule": schedule}},
        }
    )
    assert interval_of(settings, 1_795_651_200) == seconds


def test_replicas_look_at_different_times(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for number in range(20):
        monkeypatch.setenv("HOSTNAME", f"api-7d4b9c-x{number}")
        found.add(follow._offset())
    assert len(found) > 15
    assert all(0 <= each < 1 for each in found)
