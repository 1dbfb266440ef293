"""A month of a project with schedules: the real runner, and a cluster and a clock that are played.

Each day's data is trained on once and served soon, nothing is done twice, and nothing waits for
ever, whatever happens to single days.
"""

from __future__ import annotations

import heapq
import itertools
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import nuclio_sdk
import pytest
from conftest import tree_of
from gitopsc.model.diagnostic import has_errors
from gitopsc.pipeline import link_tree
from gitopsc.resolve import resolve
from gitopsc_runner.clock import Cron
from gitopsc_runner.follow import Follower, Means, Served, interval_of
from gitopsc_runner.log import Masks, make_logger
from gitopsc_runner.outcome import Stopped, Waiting
from gitopsc_runner.settings import Settings
from gitopsc_runner.start import _ending, _job, _parser
from gitopsc_runner.store import Store, open_store
from gitopsc_runner.upstream import Upstream, find_upstream, tick_of

pytestmark = pytest.mark.slow

START = 1_795_651_200  # a midnight in UTC
DAY = 86_400
HOUR = 3_600
DAYS = 30

DESCRIPTORS = """
kind: python
name: fetch
spec: {python_version: PYTHON3_11, source: {source: src/day.py, handler: fetch}}
---
kind: scheduler
name: nightly
spec:
  function: fetch
  schedule: 0 0 3 * * ?
  template: {outputs: {readings: store://demo/artifact/artifact/readings}}
---
kind: python
name: train
spec: {python_version: PYTHON3_11, source: {source: src/day.py, handler: train}}
---
kind: scheduler
name: train
spec:
  function: train
  schedule: 0 0 4 * * ?
  template:
    parameters: {rate: RATE}
    inputs: {readings: store://demo/artifact/artifact/readings}
    outputs: {forecast: store://demo/model/model/forecast}
---
kind: python
name: predict
spec:
  python_version: PYTHON3_11
  source: {source: src/day.py, handler: predict, init_function: init}
---
kind: python+serve:run
name: predict
spec:
  function: predict
  init_parameters: {model: store://demo/model/model/forecast}
"""

SOURCE = """
from pathlib import Path

import played


def fetch(project):
    played.month.fetching()
    Path("day.txt").write_text(str(played.month.now))
    project.log_artifact("readings", "artifact", "day.txt")


def train(project, readings, rate):
    text = Path(readings.as_file()).read_text()
    played.month.training(readings.id, rate)
    Path("model.txt").write_text("model of " + text)
    project.log_model("forecast", "model", "model.txt")


def init(context, model):
    context.model = context.project.get_model(model).id


def predict(context, event):
    return context.model
"""


def settings_of(rate: int, folder: Path) -> Mapping[str, Settings]:
    """What the compiler says to each pod."""
    texts = {
        "gitopsc.yaml": f"project: demo\nstores: {{default: 'file://{folder}/store'}}\n",
        "all.yaml": DESCRIPTORS.replace("RATE", str(rate)),
        "src/day.py": SOURCE,
    }
    (program,), problems = link_tree(tree_of(texts))
    assert not has_errors(problems)
    (environment,) = program.project.environments
    found = resolve(program, environment).runs
    # A pod that waits in its process would wait by the real clock.
    return {each.name: replace(Settings(**each.settings), wait=0) for each in found}


@dataclass
class Job:
    name: str
    cron: str
    made: float
    identifier: str
    tries: int = 0
    ended: float | None = None
    code: int | None = None


@dataclass
class Month:
    """A cluster with two CronJobs and a service, and what happens on its days."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    failing: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)
    killed: set[int] = field(default_factory=set)
    doubled: set[int] = field(default_factory=set)
    slow_clock: set[int] = field(default_factory=set)

    now: float = START
    jobs: list[Job] = field(default_factory=list)
    trained: list[tuple[str, int, float]] = field(default_factory=list)
    served: list[tuple[str, float]] = field(default_factory=list)
    answers: int = 0

    def __post_init__(self) -> None:
        self.source = self.folder / "function"
        (self.source / "src").mkdir(parents=True)
        (self.source / "src" / "day.py").write_text(SOURCE)
        self.known = settings_of(1, self.folder)
        self.log: list[dict[str, Any]] = []
        self.logger = make_logger(_Lines(self.log), Masks())
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.numbers = itertools.count()
        self.service: Follower | None = None

    @property
    def day(self) -> int:
        return int((self.now - START) // DAY)

    def at(self, when: float, event: Callable[[], None]) -> None:
        heapq.heappush(self.events, (when, next(self.numbers), event))

    def play(self) -> None:
        for day in range(DAYS):
            begin = START + day * DAY
            if day not in self.missing:
                delay = 3 * HOUR if day in self.late else 0
                self.at(begin + 3 * HOUR + delay, self.starts("nightly", begin + 3 * HOUR))
            self.at(begin + 4 * HOUR, self.starts("train", begin + 4 * HOUR))
            if day in self.doubled:
                for name, hour in (("nightly", 3), ("train", 4)):
                    self.at(begin + 12 * HOUR, self.starts(name, begin + hour * HOUR))
        self.at(START + 3 * HOUR, self.serve)
        while self.events:
            self.now, _, event = heapq.heappop(self.events)
            if self.now < START + (DAYS + 1) * DAY:
                event()

    def starts(self, cron: str, tick: float, name: str = "") -> Callable[[], None]:
        def start() -> None:
            running = [job for job in self.jobs if job.cron == cron and job.ended is None]
            if running and not name:
                return  # as `concurrencyPolicy: Forbid` has it
            job = Job(name or f"{cron}-{int(tick) // 60}", cron, self.now, str(len(self.jobs)))
            self.jobs.append(job)
            self.attempt(job)

        return start

    def attempt(self, job: Job) -> None:
        self.monkeypatch.setenv("GITOPSC_JOB", job.name)
        self.monkeypatch.setenv("GITOPSC_JOB_ID", job.identifier)
        job.tries += 1
        slow = 2 * HOUR if self.day in self.slow_clock and job.cron == "nightly" else 0
        arguments = _parser().parse_args(["--source", str(self.source)])
        try:
            job.code = _job(
                self.known[job.cron],
                arguments,
                self.logger,
                lambda: "last words",
                lambda: self.now - slow,
            )
        except BaseException as error:
            job.code = _ending(error).code
        if job.code == 75:
            assert job.tries < 1000, job
            pause = min(10 * 2**job.tries, 360)
            self.at(self.now + pause, lambda: self.attempt(job))
        else:
            job.ended = self.now

    # What the functions do

    def fetching(self) -> None:
        if self.day in self.failing:
            raise ValueError("the provider is down")

    def training(self, version: str, rate: int) -> None:
        if self.day in self.killed:
            self.killed.remove(self.day)
            raise Stopped
        self.trained.append((version, rate, self.now))

    # The service

    def serve(self) -> None:
        """A pod that starts, again and again until it has data; then it looks for more."""
        settings = self.known["predict"]
        store = open_store(settings)
        assert store is not None
        try:
            upstream = find_upstream(settings, store, self.now, None)
        except Waiting:
            self.at(self.now + 15, self.serve)
            return
        self.served.append((self.model(upstream), self.now))
        means = Means(self.prepare, self.switch, lambda: None, 0, 2**40)
        served = Served(nuclio_sdk.Context(), upstream)
        self.service = Follower(settings, store, served, means, self.logger, now=lambda: self.now)
        self.interval = interval_of(settings, self.now)
        self.at(self.now + self.interval, self.look)

    def look(self) -> None:
        assert self.service is not None
        self.service.look()
        self.at(self.now + self.interval, self.look)

    def prepare(self, upstream: Upstream) -> Served:
        return Served(nuclio_sdk.Context(), upstream)

    def switch(self, served: Served) -> None:
        self.served.append((self.model(served.upstream), self.now))

    def model(self, upstream: Upstream) -> str:
        (version,) = upstream.versions(self.known["predict"]).values()
        return version


class _Lines:
    def __init__(self, log: list[dict[str, Any]]) -> None:
        self.log = log

    def write(self, text: str) -> int:
        self.log += [json.loads(line) for line in text.splitlines() if line.strip()]
        return len(text)

    def flush(self) -> None:
        pass


@pytest.fixture
def month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Month]:
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.chdir(shared)
    played = ModuleType("played")
    monkeypatch.setitem(sys.modules, "played", played)
    found = Month(tmp_path, monkeypatch)
    played.month = found  # type: ignore[attr-defined]
    yield found
    for name in ("digitalhub", "digitalhub_runtime_python", "day"):
        sys.modules.pop(name, None)
    assert threading.active_count() < 50


def check(month: Month, *, without: set[int] = frozenset()) -> None:  # type: ignore[assignment]
    """`without` are the days that have no data of their own."""
    versions = [version for version, _, _ in month.trained]
    assert len(versions) == len(set(versions)), "trained twice on one version"
    ticks = {int(version.rpartition("-")[2]) for version in versions}
    expected = {START + day * DAY + 3 * HOUR for day in range(DAYS) if day not in without}
    assert expected <= ticks, sorted(expected - ticks)
    assert all(job.ended is not None for job in month.jobs), "something waits for ever"
    assert all(job.ended - job.made < DAY for job in month.jobs if job.ended is not None)
    # Each model is served within two looks, the newest always.
    for number, (_, _, when) in enumerate(month.trained):
        following = [each for _, each in month.served if each >= when]
        assert min(following) - when <= 2 * month.interval, number
    assert len(month.served) == len(set(month.served))


def test_a_quiet_month(month: Month) -> None:
    month.play()
    check(month)
    assert len(month.trained) == len(month.served) == DAYS
    assert {job.tries for job in month.jobs} == {1}


def test_a_month_in_which_everything_happens(month: Month) -> None:
    month.failing = {5}
    month.late = {8}
    month.missing = {11, 12, 13}
    month.killed = {20}
    month.doubled = {15}
    month.slow_clock = {26}
    begin = START + 17 * DAY
    manual = ("nightly-2612141000", "by-hand")
    month.at(begin + 10 * HOUR, month.starts("nightly", 0, manual[0]))
    month.at(begin + 11 * HOUR, month.starts("nightly", 0, manual[1]))
    month.at(begin + 12 * HOUR, month.starts("train", 0, "train-again"))

    def deploy(rate: int) -> Callable[[], None]:
        def change() -> None:
            month.known = settings_of(rate, month.folder)

        return change

    month.at(START + 18 * DAY, deploy(2))
    month.at(START + 20 * DAY, deploy(1))  # a revert
    month.at(START + 24 * DAY + HOUR, month.serve)  # a pod that is started again
    month.play()
    check(month, without={5, 11, 12, 13, 26})
    rates = {int((when - START) // DAY): rate for _, rate, when in month.trained}
    assert [rates[day] for day in (17, 18, 19, 20, 21)] == [1, 2, 2, 1, 1]
    # On a day without data nothing is done, and it is said which is read.
    assert not {day for day in rates if day in (5, 11, 12, 13)}
    said = [line["with"]["reason"] for line in month.log if line["message"] == "older data is read"]
    assert "has failed (ValueError('the provider is down')): that of" in said[0]
    assert sum("has not come in time" in each for each in said) == 4
    jobs = {job.name: job for job in month.jobs if job.cron == "train"}
    waited = [jobs[f"train-{(START + day * DAY + 4 * HOUR) // 60}"] for day in (11, 12, 13)]
    assert all(19 * HOUR <= job.ended - job.made <= 20 * HOUR for job in waited if job.ended)
    # What was made by hand is trained on, when somebody asks by hand; a kill is made up for.
    assert sum(int((when - START) // DAY) == 17 for _, _, when in month.trained) == 2
    assert len({job.identifier for job in month.jobs if job.name == "train-again"}) == 1
    # A tick that came twice did its work once, and left the same record.
    double = [job for job in month.jobs if (job.made - START) // DAY == 15]
    assert len(double) == 4
    store = open_store(month.known["train"])
    assert store is not None
    ticks = [each.tick for each in store.ticks("train", month.now)]
    assert ticks == sorted(ticks, reverse=True)
    assert len(ticks) == DAYS + 1


def test_ticks_of_a_job(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = month.known["nightly"]
    store: Store | None = open_store(settings)
    now = START + 5 * DAY

    def tick(name: str, when: float = now, identifier: str = "a") -> int:
        monkeypatch.setenv("GITOPSC_JOB", name)
        monkeypatch.setenv("GITOPSC_JOB_ID", identifier)
        return tick_of(settings, store, when)

    minute = int(now) // 60
    assert tick(f"nightly-{minute}") == 60 * minute
    assert tick(f"nightly-{minute + 9}") == 60 * (minute + 9)
    # Somebody's own: of the future, too old, of another name, of Argo CD.
    strange = ("nightly", "other-1", "nightly-2611242003", f"nightly-x-{minute}", f"nightly-{10}")
    for name in (*strange, f"nightly-{minute + 20}", f"nightly-{minute}-x"):
        assert tick(name) == now, name
        assert tick(name, now + 500) == now, "a retry has the tick of its first try"
        assert tick(name, now + 500, "b") == now + 500, "another Job of that name has its own"
    assert tick("") == now
    assert tick("", now + 1) == now + 1
    assert tick_of(settings, None, now) == now
    assert Cron("0 3 * * *").last(now) == now - 21 * HOUR
