"""Which record a run reads of what a schedule makes, and what a store keeps of ticks."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
import nuclio_sdk
import pytest
from fsspec.implementations.local import LocalFileSystem
from gitopsc_runner.job import Attempt, run_job
from gitopsc_runner.outcome import StoreFailed, Unusable, Waiting
from gitopsc_runner.settings import Settings, StoreAddress
from gitopsc_runner.store import Entity, Failure, Record, Store
from gitopsc_runner.upstream import find_upstream

MIDNIGHT = 1_795_651_200
HOUR = 3_600
DAY = 24 * HOUR
MINE = MIDNIGHT + 4 * HOUR
"""The tick of the reader; the producer's is due an hour before."""

DUE = MIDNIGHT + 3 * HOUR
KEY = "store://demo/artifact/artifact/day"


def settings(**more: Any) -> Settings:
    known = {"action": "job", "compute": "2" * 64, "environment": "default", "function": "f"}
    known |= {"handler": "read", "module": "main.py", "project": "demo", "run": "train"}
    clocks = {"fetch": {"schedule": "0 3 * * *", **more.pop("clock", {})}}
    inputs = {"day": {"key": KEY, "producer": "fetch"}}
    return Settings(
        **{**known, "clocks": clocks, "inputs": inputs, "schedule": "0 4 * * *", **more}
    )


def record(tick: int, compute: str = "1" * 64, run: str = "fetch") -> Record:
    entity = Entity("artifact", "artifact", "day", f"{compute}-{tick}", "data/x")
    return Record("demo", "default", run, "f", compute, {"day": entity})


def failed(tick: int | None, exit_code: int = 1) -> Failure:
    return Failure("1" * 64, 0.0, 1.0, "on purpose", exit_code, tick)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(StoreAddress(f"file://{tmp_path}/store", {}), "demo", "default")


class Case(NamedTuple):
    """What a store has, and what a reader takes of it: a tick, `waits`, or `gives up`."""

    ticks: tuple[int, ...]
    expected: int | str
    failure: Failure | None = None
    now: int = MINE
    tick: int | None = MINE
    more: Mapping[str, Any] = {}
    waits: bool = True


YESTERDAY = DUE - DAY
RETRIES: Mapping[str, Any] = {"clock": {"retries": True}}
CASES = {
    "what is due": Case((YESTERDAY, DUE), DUE),
    "nothing yet": Case((), "waits"),
    "yesterday's is not what is due": Case((YESTERDAY,), "waits"),
    "made by hand after it was due": Case((YESTERDAY, DUE + 600), DUE + 600),
    "made by hand after the reader's own tick": Case((DUE, MINE + 60), DUE, now=MINE + HOUR),
    "by hand meanwhile, and the due one goes on": Case(
        (YESTERDAY, MINE + 60), "waits", now=MINE + HOUR
    ),
    "the next one has come, and the due one never": Case(
        (YESTERDAY, DUE + DAY), DUE + DAY, now=DUE + DAY + 60
    ),
    "just before the end": Case((YESTERDAY,), "waits", now=MINE + int(0.8 * DAY) - 601),
    "at the end": Case((YESTERDAY,), YESTERDAY, now=MINE + int(0.8 * DAY) - 600),
    "at the end, and there never was any": Case((), "gives up", now=MINE + int(0.8 * DAY)),
    "failed": Case((YESTERDAY,), YESTERDAY, failed(DUE)),
    "failed, and there never was any": Case((), "gives up", failed(DUE)),
    "failed the day before": Case((YESTERDAY - DAY,), "waits", failed(YESTERDAY)),
    "failed once more after that": Case((YESTERDAY,), YESTERDAY, failed(DUE + DAY)),
    "failed by hand": Case((YESTERDAY,), "waits", failed(MINE + 60)),
    "failed without a tick": Case((YESTERDAY,), "waits", failed(None)),
    "failed, and is tried again": Case((YESTERDAY,), "waits", failed(DUE), more=RETRIES),
    "failed for good": Case((YESTERDAY,), YESTERDAY, failed(DUE, 76), more=RETRIES),
    "a short gap: nobody is waited for": Case(
        (YESTERDAY,), YESTERDAY, more={"schedule": "*/29 * * * *"}
    ),
    "half an hour is worth it": Case((YESTERDAY,), "waits", more={"schedule": "*/30 * * * *"}),
    "without waiting": Case((YESTERDAY,), YESTERDAY, waits=False),
    "without a schedule": Case((YESTERDAY,), YESTERDAY, tick=None, more={"schedule": None}),
    "of the future": Case((YESTERDAY, DUE + 9 * DAY), YESTERDAY, now=MINE + int(0.8 * DAY)),
    "in another time zone": Case(
        (YESTERDAY, DUE - HOUR), DUE - HOUR, more={"time_zone": "Europe/Rome"}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_read(name: str, store: Store) -> None:
    case = CASES[name]
    for tick in case.ticks:
        store.keep_tick("fetch", tick, record(tick), max(case.now, tick))
    if case.failure is not None:
        store.keep_failure("fetch", case.failure)
    asked = settings(**case.more)

    def find() -> int:
        found = find_upstream(asked, store, case.now, case.tick, waits=case.waits)
        assert found.versions(asked) == {KEY: f"{'1' * 64}-{found.ticks['fetch']}"}
        return found.ticks["fetch"]

    if case.expected == "waits":
        with pytest.raises(Waiting, match=r"of `fetch` (for .* )?is not there yet"):
            find()
    elif case.expected == "gives up":
        with pytest.raises(Unusable, match="and no other is there"):
            find()
    else:
        assert find() == case.expected


def test_two_clocks_feed_one_reader(store: Store) -> None:
    asked = settings(
        clocks={"fetch": {"schedule": "0 3 * * *"}, "hourly": {"schedule": "30 * * * *"}},
        inputs={
            "day": {"key": KEY, "producer": "fetch"},
            "hour": {"key": KEY.replace("day", "hour"), "producer": "hourly"},
        },
    )
    store.keep_tick("fetch", DUE, record(DUE), MINE)
    with pytest.raises(Waiting, match="data of `hourly` for 2026-11-26 03:30 UTC is not there yet"):
        find_upstream(asked, store, MINE, MINE)
    store.keep_tick("hourly", DUE + 1800, record(DUE + 1800, run="hourly"), MINE)
    found = find_upstream(asked, store, MINE, MINE)
    assert found.ticks == {"fetch": DUE, "hourly": DUE + 1800}


# What a store keeps


def chain(store: Store, now: float) -> list[int]:
    return [each.tick for each in store.ticks("fetch", now)]


def test_latest_is_the_newest_whoever_comes_last(store: Store) -> None:
    now = DUE + 100 * HOUR
    for tick in (1, 3, 2, 4, 4):
        store.keep_tick("fetch", DUE + tick * HOUR, record(DUE + tick * HOUR), now)
    latest = store.latest("fetch", now)
    assert latest is not None
    assert latest.tick == DUE + 4 * HOUR
    assert chain(store, now) == [DUE + each * HOUR for each in (4, 3, 1)]
    late = store.tick("fetch", DUE + 2 * HOUR)
    assert late is not None, "who waits for it finds it"


def test_a_clock_that_was_wrong(store: Store) -> None:
    """Nothing of the future is the newest, and nothing that was real is lost."""
    wrong = DUE + 400 * DAY
    store.keep_tick("fetch", DUE, record(DUE), DUE)
    store.keep_tick("fetch", wrong, record(wrong), wrong)
    assert chain(store, DUE) == [DUE]
    store.keep_tick("fetch", DUE + DAY, record(DUE + DAY), DUE + DAY)
    assert chain(store, DUE + DAY) == [DUE + DAY, DUE]
    # A machine whose clock is slow takes real ticks for ticks of the future.
    for hour in (1, 2, 3):
        store.keep_tick("fetch", DUE + DAY + hour * HOUR, record(0), DUE + DAY + hour * HOUR)
    slow = DUE + DAY + 90 * 60
    store.keep_tick("fetch", slow, record(slow), slow)
    assert set(chain(store, DUE + 2 * DAY)) >= {DUE + DAY + hour * HOUR for hour in (1, 2, 3)}
    # Two clocks may differ by ten minutes: such a tick counts.
    soon = DUE + 3 * DAY
    store.keep_tick("fetch", soon, record(soon), soon)
    for now, expected in ((soon - 600, soon), (soon - 601, slow)):
        latest = store.latest("fetch", now)
        assert latest is not None
        assert latest.tick == expected


def test_a_success_takes_the_place_of_a_failure(store: Store) -> None:
    store.keep_failure("fetch", failed(DUE))
    store.keep_tick("fetch", DUE + DAY, record(DUE + DAY), MINE + DAY)
    assert store.failure("fetch") is None
    store.keep_failure("fetch", failed(DUE + 2 * DAY))
    store.keep_tick("fetch", DUE, record(DUE), MINE + 2 * DAY)
    assert store.failure("fetch") is not None, "that of an older tick does not"
    store.keep_failure("train", failed(None))
    store.keep_record(replace(record(1), run="train"), "x", again=False)
    assert store.failure("train") is None


GARBAGE = [
    "",
    "{",
    "[]",
    "{}",
    '{"tick": "1"}',
    '{"tick": -5, "record": {}}',
    "[" * 100_000,
    "null",
]


@pytest.mark.parametrize("text", GARBAGE, ids=lambda text: text[:20])
def test_garbage(text: str, store: Store, tmp_path: Path) -> None:
    """It stops nobody who makes data; who reads it hears of it. A broken failure is none."""
    home = tmp_path / "store" / "demo" / "default"
    store.keep_failure("fetch", failed(DUE))
    store.keep_tick("fetch", DUE, record(DUE), MINE)
    (home / "failures" / "fetch.json").parent.mkdir(exist_ok=True)
    (home / "failures" / "fetch.json").write_text(text)
    (home / "ticks" / "fetch" / "latest.json").write_text(text)
    assert store.failure("fetch") is None
    with pytest.raises(StoreFailed, match="is not a record"):
        store.latest("fetch", MINE)
    store.keep_tick("fetch", DUE + DAY, record(DUE + DAY), MINE + DAY)
    latest = store.latest("fetch", MINE + DAY)
    assert latest is not None
    assert latest.tick == DUE + DAY


def test_records_of_another_version_of_the_runner(store: Store, tmp_path: Path) -> None:
    """An older one knows fewer keys, a newer one more: after a revert both are read."""
    names = ("project", "environment", "run", "function", "compute")
    older = {"outputs": {}, "results": {}, "metrics": {}, **dict.fromkeys(names, "x")}
    newer = {**older, "colour": "red"}
    folder = tmp_path / "store" / "demo" / "default" / "records" / "fetch"
    folder.mkdir(parents=True)
    for number, data in enumerate((older, newer)):
        (folder / f"{number}.json").write_text(json.dumps(data))
        found = store.record("fetch", str(number))
        assert found is not None
        assert found.begun is None


# A store that lists nothing, and says of nothing whether it is missing or forbidden


class Silent(LocalFileSystem):  # type: ignore[misc]
    """As S3 is without ListBucket."""

    protocol = "silent"

    def _refused(self, *_: Any, **__: Any) -> Any:
        raise PermissionError("Access Denied")

    ls = glob = find = walk = listdir = _refused

    def cat_file(self, path: str, **options: Any) -> Any:
        try:
            return super().cat_file(path, **options)
        except FileNotFoundError:
            raise PermissionError("Access Denied") from None


@pytest.fixture
def silent(tmp_path: Path) -> Store:
    fsspec.register_implementation("silent", Silent, clobber=True)
    return Store(StoreAddress(f"silent://{tmp_path}/store", {}), "demo", "default")


def test_a_store_that_lists_nothing(silent: Store) -> None:
    with pytest.raises(Waiting, match=r"not there yet \(or is forbidden: the store does not"):
        find_upstream(settings(), silent, MINE, MINE)
    for tick in (YESTERDAY, DUE):
        silent.keep_tick("fetch", tick, record(tick), MINE)
    assert chain(silent, MINE) == [DUE, YESTERDAY]
    assert find_upstream(settings(), silent, MINE, MINE).ticks == {"fetch": DUE}
    assert silent.version("artifact", "day", f"{'1' * 64}-{DUE}") is not None
    assert silent.version("artifact", "day", "none") is None
    assert silent.manual_tick("fetch", "by-hand", "a", 5.0) == 5
    assert silent.manual_tick("fetch", "by-hand", "a", 9.0) == 5


def test_listings_are_never_kept(tmp_path: Path) -> None:
    system = Store(StoreAddress(f"file://{tmp_path}", {}), "demo", "default")._system
    assert system.dircache.use_listings_cache is False


# A job, and a store that fails on the way


class Broken(Store):
    """It answers now and then only."""

    def __init__(self, *arguments: Any, error: Exception, times: int) -> None:
        super().__init__(*arguments)
        self.error, self.times = error, times

    def _read(self, path: str) -> Any:
        if self.times:
            self.times -= 1
            raise StoreFailed("the store fails", may_pass=isinstance(self.error, TimeoutError))
        return super()._read(path)


def attempt(store: Store, **more: Any) -> Attempt:
    import threading

    logger = nuclio_sdk.Logger("INFO")
    return Attempt(settings(**more), store, MINE, logger, threading.Event(), now=lambda: MINE)


@pytest.mark.parametrize(
    ("error", "times", "expected"),
    [(TimeoutError(), 1, Waiting), (PermissionError(), 1, StoreFailed)],
    ids=["passes", "lasts"],
)
def test_a_store_that_fails_before_the_function_begins(
    error: Exception, times: int, expected: type[Exception], tmp_path: Path
) -> None:
    address = StoreAddress(f"file://{tmp_path}/store", {})
    broken = Broken(address, "demo", "default", error=error, times=times)
    with pytest.raises(expected):
        run_job(attempt(broken), tmp_path)


def test_a_store_that_fails_while_a_job_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again, for as long as the job waits."""
    (tmp_path / "main.py").write_text("def read(day):\n    print('read', day.id)\n")
    address = StoreAddress(f"file://{tmp_path}/store", {})
    broken = Broken(address, "demo", "default", error=TimeoutError(), times=0)
    broken.keep_tick("fetch", DUE, record(DUE), MINE)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    looked = iter((False, True, True))

    def read(path: str) -> Any:
        if "ticks/fetch" in path and next(looked, False):
            raise StoreFailed("the store fails", may_pass=True)
        return Store._read(broken, path)

    monkeypatch.setattr(broken, "_read", read)
    assert run_job(attempt(broken, wait=60), tmp_path) == 0


def test_a_tick_of_other_code_is_not_done(
    store: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "main.py").write_text("def read(day):\n    print('read', day.id)\n")
    store.keep_tick("fetch", DUE, record(DUE), MINE)
    for compute, expected in (("2" * 64, True), ("2" * 64, False), ("3" * 64, True)):
        assert run_job(attempt(store, compute=compute), tmp_path) == 0
        assert ("read " in capfd.readouterr().out) == expected
    latest = store.latest("train", MINE)
    assert latest is not None
    assert latest.record.compute == "3" * 64
    assert latest.record.reads == {KEY: f"{'1' * 64}-{DUE}"}
