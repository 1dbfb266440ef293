"""`gitopsc store gc`: what stays and what goes, in a store of the runner's own, and in a real
repository with branches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fsspec
import pytest
from conftest import ROOT
from garbage import _time, collected
from gitopsc.adapters.git import GitRefused
from gitopsc.adapters.history import wanted_commits
from gitopsc.commands.store import _committed, _needs
from gitopsc_runner.settings import StoreAddress
from gitopsc_runner.store import Entity, Record, Store
from test_runner_store import s3

pytestmark = pytest.mark.slow

__all__ = ("s3",)

DAY = 86_400
NOW = time.time()
MANY = 10 * DAY


class Shop:
    """A store on disk with runs that were done some days ago."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(StoreAddress(f"file://{folder}", {}), "shop", "prod", [])

    def done(self, run: str, compute: str, days: float, content: str = "") -> str:
        """The folder of its data."""
        file = self.folder / "x.csv"
        file.write_text(content or f"{run} {compute}")
        path = self.store.keep_data(file, "dataitem", run)
        file.unlink()
        version = f"{compute}-{int(NOW - days * DAY)}" if compute == "clock" else compute
        entity = Entity("dataitem", "table", run, version, path)
        record = Record("shop", "prod", run, "f", compute, {"out": entity}, begun=NOW)
        self.store.keep_record(record, compute, again=True)
        self.store.keep_tick(run, int(NOW - days * DAY), record, NOW)
        self.age(days)
        return path

    def age(self, days: float) -> None:
        """All that is young is so old now."""
        for path in self.folder.rglob("*.*"):
            if path.is_file() and path.stat().st_mtime > NOW - 60:
                os.utime(path, (NOW - days * DAY,) * 2)

    def ask(self, *, delete: bool = True, keep: int = MANY, **needs: Any) -> Any:
        settings = {
            **dict.fromkeys(("action", "compute", "function", "handler", "module", "run"), "x"),
            "project": "shop",
            "environment": "prod",
            "stores": {"default": {"url": f"file://{self.folder}"}},
        }
        question = {"settings": settings, "keep_seconds": keep, "delete": delete}
        return collected({**question, "runs": {}, "versions": [], **needs}, NOW)

    def files(self) -> set[str]:
        root = self.folder / "shop" / "prod"
        return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "store")


def needs(*computes: str, scheduled: bool = False) -> dict[str, Any]:
    return {"computes": list(computes), "scheduled": scheduled}


def test_old_results_go_and_what_is_needed_stays(shop: Shop) -> None:
    shop.folder.mkdir()
    old, new = shop.done("make", "old", 40), shop.done("make", "new", 30)
    gone = shop.done("gone", "any", 40)
    before = shop.files()
    listed = shop.ask(delete=False, runs={"make": needs("new")})
    assert shop.files() == before
    assert {each["what"] for each in listed["groups"]} >= {"records gone", "records make"}
    assert {each["what"] for each in listed["groups"] if each["what"].startswith("data")} == {
        f"data {each.removeprefix('data/').rpartition('/')[0]}" for each in (old, gone)
    }
    told = shop.ask(runs={"make": needs("new")})
    assert told["groups"] == listed["groups"]
    assert shop.files() == {
        new,
        "records/make/new.json",
        f"ticks/make/{int(NOW - 30 * DAY)}.json",
        "ticks/make/latest.json",
        "versions/dataitem/make/new.json",
    }
    assert told["kept"] == len(shop.files())
    assert not (shop.folder / "shop" / "prod" / "records" / "gone").exists()
    assert shop.store.has_all_of(shop.store.record("make", "new"))  # type: ignore[arg-type]
    assert shop.ask(runs={"make": needs("new")})["groups"] == []


def test_two_versions_of_one_content_are_one_file(shop: Shop) -> None:
    """Which stays as long as one of them is needed."""
    shop.folder.mkdir()
    assert shop.done("make", "old", 40, "same") == shop.done("make", "new", 30, "same")
    shop.ask(runs={"make": needs("new")})
    assert "versions/dataitem/make/old.json" in shop.files()  # it still leads to data
    assert shop.store.has_all_of(shop.store.record("make", "new"))  # type: ignore[arg-type]


def test_what_is_younger_than_a_day_stays(shop: Shop) -> None:
    shop.folder.mkdir()
    path = shop.done("preview", "any", 0.9)
    before = shop.files()
    assert shop.ask()["groups"] == []
    assert shop.files() == before
    # Data that no record names yet: a Job is under way.
    for each in before:
        os.utime(shop.folder / "shop" / "prod" / each, (NOW - 3 * DAY,) * 2)
    os.utime(shop.folder / "shop" / "prod" / path, (NOW - 100,) * 2)
    shop.ask()
    assert shop.files() == {path}


def test_data_of_a_young_record_stays_however_old_it_is(shop: Shop) -> None:
    """The same content was made long ago, and now again."""
    shop.folder.mkdir()
    path = shop.done("preview", "any", 40)
    os.utime(shop.folder / "shop" / "prod" / "records" / "preview" / "any.json", (NOW, NOW))
    shop.ask()
    assert shop.files() == {path, "records/preview/any.json", "versions/dataitem/preview/any.json"}


def test_data_that_is_read_by_its_version_stays(shop: Shop) -> None:
    shop.folder.mkdir()
    path = shop.done("make", "old", 40)
    shop.ask(versions=[["dataitem", "make", "old"]])
    assert shop.files() == {path, "versions/dataitem/make/old.json"}


def test_schedules_keep_the_newest_and_the_last_days(shop: Shop) -> None:
    shop.folder.mkdir()
    paths = [shop.done("tick", "clock", days, f"{days}") for days in (50, 20, 5)]
    shop.ask(runs={"tick": needs("clock", scheduled=True)})
    assert {each for each in shop.files() if each.startswith("data")} == {paths[2]}
    shop.ask(runs={"tick": needs("clock", scheduled=True)}, keep=DAY)
    assert {each for each in shop.files() if each.startswith("data")} == {paths[2]}
    assert "ticks/tick/latest.json" in shop.files()


def test_what_is_not_ours_stays(shop: Shop) -> None:
    shop.folder.mkdir()
    shop.done("make", "old", 40)
    others = ("notes.txt", "exports/table.csv")
    for each in others:
        place = shop.folder / "shop" / "prod" / each
        place.parent.mkdir(exist_ok=True)
        place.write_text("x")
    for each in ("shop/other/records/a/b.json", "shop-2/prod/data/x"):
        (shop.folder / each).parent.mkdir(parents=True)
        (shop.folder / each).write_text("{}")
    shop.age(40)
    shop.ask()
    assert shop.files() == {*others}
    assert (shop.folder / "shop/other/records/a/b.json").exists()
    assert (shop.folder / "shop-2/prod/data/x").exists()


@pytest.mark.parametrize("content", ["", "[", "[]", '{"outputs": 3}', '{"record": []}'])
def test_a_broken_record_names_nothing(shop: Shop, content: str) -> None:
    shop.folder.mkdir()
    shop.done("make", "new", 30)
    for each in ("records/make/new.json", "records/gone/x.json", "ticks/make/latest.json"):
        place = shop.folder / "shop" / "prod" / each
        place.parent.mkdir(exist_ok=True)
        place.write_text(content)
    shop.age(40)
    shop.ask(runs={"make": needs("new")})
    assert "records/make/new.json" in shop.files()
    assert "records/gone/x.json" not in shop.files()


def test_a_kill_leaves_nothing_that_names_what_is_gone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any moment: each try deletes one file more."""
    shop.folder.mkdir()
    for name in ("a", "b"):
        shop.done(name, "x", 40)
    system = type(fsspec.filesystem("file"))
    delete = system.rm_file
    left = [0]

    def dying(self: Any, path: str) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        delete(self, path)

    monkeypatch.setattr(system, "rm_file", dying)
    while shop.files():
        left[0] = 1
        with suppress(KeyboardInterrupt):
            shop.ask()
        for name in ("a", "b"):
            record = shop.store.record(name, "x")
            assert record is None or shop.store.has_all_of(record)


@pytest.mark.parametrize(
    "value", [1.5e9, datetime.fromtimestamp(1.5e9, timezone.utc), "2017-07-14T02:40:00Z"]
)
def test_times_of_drivers(value: object) -> None:
    """As those of disks, S3 and Google's have them."""
    assert _time({"size": 3, "LastModified": value}) == 1.5e9
    assert _time({"size": 3, "LastModified": "yesterday"}) is None


# In a repository


CODE = """
def make(project, number):
    with open("made.txt", "w") as file:
        file.write(str(number))
    project.log_artifact("made", "artifact", "made.txt")
    return number
"""
VERSION = f"PYTHON{sys.version_info[0]}_{sys.version_info[1]}"
RUN = """
kind: python
name: make
spec: {python_version: %s, source: {source: make.py, handler: make}}
---
kind: python+job:run
name: numbers
spec: {function: make, parameters: {number: %d}}
"""


def git(folder: Path, *command: str) -> str:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    done = subprocess.run(
        ["git", *who, *command], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def gitopsc(folder: Path, *arguments: str, expect: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gitopsc", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == expect, (done.stdout, done.stderr)
    return done.stdout, done.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A commit of long ago, one of a branch, and what is there now; all were run here."""
    folder = tmp_path / "numbers"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / "make.py").write_text(CODE)
    (folder / "gitopsc.yaml").write_text(
        f"project: numbers\nstores: {{default: 'file://{tmp_path}/shared'}}\n"
    )
    for number, branch in ((1, "main"), (2, "other"), (3, "main")):
        git(folder, "checkout", "--quiet", "-B", branch)
        (folder / "all.yaml").write_text(RUN % (VERSION, number))
        date = "2020-01-01T00:00:00Z"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GIT_COMMITTER_DATE", date)
            git(folder, "add", "--all", "--", "all.yaml", "make.py", "gitopsc.yaml")
            git(folder, "commit", "--quiet", "--message", str(number), f"--date={date}")
    return folder


def test_branches_keep_what_they_need(repository: Path) -> None:
    for number in (1, 2, 3, 4):
        (repository / "all.yaml").write_text(RUN % (VERSION, number))
        gitopsc(repository, "run", "numbers")
    store = repository / ".gitopsc" / "store" / "numbers" / "local"
    assert len(list((store / "records" / "numbers").iterdir())) == 4
    for path in store.rglob("*.*"):
        os.utime(path, (NOW - 40 * DAY,) * 2)
    out, err = gitopsc(repository, "store", "gc", "--keep-days", "0")
    assert "records numbers" in out
    assert "`--delete` deletes them" in err
    assert len(list((store / "records" / "numbers").iterdir())) == 4
    gitopsc(repository, "store", "gc", "--keep-days", "0", "--delete")
    # 2 and 3 are of branches, 4 is in the working tree.
    assert len(list((store / "records" / "numbers").iterdir())) == 3
    assert len(list((store / "data").rglob("made.txt"))) == 3
    again, _ = gitopsc(repository, "run", "numbers")
    assert "done before" in again
    assert "every file is needed" in gitopsc(repository, "store", "gc", "--keep-days", "0")[1]
    listed = json.loads(gitopsc(repository, "store", "gc", "--format", "json")[0])
    assert listed["numbers"]["groups"] == []


def test_an_object_store(repository: Path, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is young there."""
    import boto3

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    for name, value in {**keys, "aws_endpoint_url": s3, "aws_default_region": "us-east-1"}.items():
        monkeypatch.setenv(name.upper(), value)
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="demo")
    gitopsc(repository, "run", "numbers", "--store", "s3://demo/gc")
    _, err = gitopsc(
        *(repository, "store", "gc", "--store", "s3://demo/gc", "--keep-days", "0", "--delete")
    )
    assert "gitopsc: numbers in s3://demo/gc: every file is needed; " in err
    assert not err.rstrip().endswith(" 0 kept")


def test_states_of_a_clone(repository: Path, tmp_path: Path) -> None:
    now = int(time.time())
    assert len(wanted_commits(str(repository), now)) == 2
    assert len(wanted_commits(str(repository), 0)) == 3
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", str(shallow))
    with pytest.raises(GitRefused, match="shallow"):
        wanted_commits(str(shallow), 0)
    _, err = gitopsc(shallow, "store", "gc", "--delete", expect=2)
    assert "nothing was deleted: the clone is shallow" in err
    git(repository, "config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    git(
        *(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none"),
        *(f"file://{repository}", str(partial)),
    )
    with pytest.raises(GitRefused, match="partial"):
        wanted_commits(str(partial), 0)


def test_manifests_say_what_clusters_need(repository: Path) -> None:
    """As they were committed, whatever the project is now: also those of a CronJob."""
    (repository / "all.yaml").write_text(
        (RUN % (VERSION, 7)).replace("parameters:", "schedule: '0 3 * * *', parameters:")
        + "---\nkind: python+job:run\nname: Once_more\n"
        "spec: {function: make, parameters: {number: 8}}\n"
    )
    settings = repository / "gitopsc.yaml"
    settings.write_text(settings.read_text().partition("stores:")[0])
    gitopsc(repository, "compile")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "with manifests")
    (repository / "all.yaml").write_text(RUN % (VERSION, 9))
    found = _needs(_committed(str(repository), "HEAD"))["runs"]
    assert {name: each["scheduled"] for name, each in found.items()} == {
        "numbers": True,
        "once-more": False,
    }
    assert all(len(each["computes"]) == 1 for each in found.values())
    assert not [*_committed(str(repository), "HEAD~1")]


def test_shards_stay_until_their_run_is_done(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for run, is_done in (("open", False), ("closed", True)):
        file = tmp_path / "x.csv"
        file.write_text(run)
        entity = Entity("dataitem", "table", run, "c", shop.store.keep_data(file, "dataitem", run))
        file.unlink()
        shop.store.keep_shard(Record("shop", "prod", run, "f", "c", {"out": entity}), 0)
        if is_done:
            shop.done(run, "c", 40, content="whole")
    shop.age(40)
    runs = {name: {"computes": ["c"], "scheduled": False} for name in ("open", "closed")}
    settings = {"action": "job", "compute": "", "environment": "prod", "function": ""}
    settings |= {"handler": "", "module": "", "project": "shop", "run": ""}
    settings |= {"stores": {"default": {"url": f"file://{tmp_path}"}}}
    question = {"settings": settings, "runs": runs, "versions": []}
    collected({**question, "keep_seconds": MANY, "delete": True}, NOW)
    assert shop.store.shard("open", "c", 0) is not None
    assert shop.store.has_all_of(shop.store.shard("open", "c", 0))
    assert shop.store.shard("closed", "c", 0) is None
    assert shop.store.has_all_of(shop.store.record("closed", "c"))
