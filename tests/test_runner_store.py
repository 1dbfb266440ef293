"""What runs keep, and what others read of it: real processes, folders, and S3 on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pandas
import polars
import polars.testing
import pytest
from gitopsc.adapters.packaged import REQUIREMENTS, data_folder, runner_files
from gitopsc.adapters.virtual_environment import Requirements, prepared
from gitopsc.model.store import KNOWN_SCHEMES
from gitopsc_runner import table
from gitopsc_runner.outcome import StoreFailed, Unusable
from gitopsc_runner.settings import StoreAddress
from gitopsc_runner.store import Entity, Record, Store
from test_runner import RUNNER

pytestmark = pytest.mark.slow

KEY = "store://demo/dataitem/table/cities"
OTHER = "store://demo/dataitem/table/other"
MODEL = "store://demo/model/model/counts"

HANDLERS = """
import os
import time
from digitalhub_runtime_python import handler


@handler(outputs=["cities"])
def make(word="a"):
    import pandas
    return pandas.DataFrame({"name": [word, "NA", "007"], "people": [1, 2, 3]})


@handler(outputs=["cities"])
def make_polars():
    import polars
    return polars.DataFrame({"name": ["a", "NA"], "people": [1, None]})


@handler(outputs=["shown"])
def read(cities, **more):
    frame = cities.as_df()
    print("read", frame["name"].tolist(), cities.key, sorted(more))
    return ",".join(frame["name"])


@handler(outputs=["counts", {"name": "files", "kind": "artifact"}])
def log(project, run):
    os.makedirs("folder/inner")
    for name in ("folder/one.txt", "folder/inner/two.txt", "plain.txt"):
        with open(name, "w") as file:
            file.write(name)
    project.log_artifact("folder", kind="artifact", source="folder/")
    project.log_artifact("several", "artifact", ["plain.txt", "folder/one.txt"])
    model = project.log_model("counts", kind="model", source="plain.txt")
    model.log_metrics({"accuracy": 0.5})
    run.log_metric("loss", 0.25)
    return model, "plain.txt"


def look(project, counts):
    assert counts.metrics == {"accuracy": 0.5}, counts.metrics
    print("file", open(counts.as_file()).read(), counts.download())
    again = project.get_model("counts")
    print("same", again.key == counts.key, again.download("elsewhere/x.txt"))
    try:
        again.download()
    except FileExistsError as error:
        print("twice", error)
    print("over", again.download(overwrite=True))


def ask(project, key, version=None):
    print("asked", project.get_dataitem(key, version).as_df()["name"].tolist())


def own_data(project):
    import pandas
    project.log_table("own", data=pandas.DataFrame({"name": ["mine"]}))
    print("own", project.get_dataitem("own").as_df()["name"].tolist())


def nothing():
    return None


def number():
    return 3


@handler(outputs=["cities"])
def no_frame():
    return {"a": 1}


def read_file(source):
    print("content", open(source.as_file()).read().strip())


def many(project):
    for number in range(30):
        with open("x", "w") as file:
            file.write(str(number) * 200_000)
        project.log_artifact(f"a{number}", "artifact", "x")
    return 1
"""


def without_run(variables: Mapping[str, str]) -> dict[str, str]:
    """A job that another test has run in this process names itself."""
    return {name: value for name, value in variables.items() if name != "RUN_ID"}


class Runs:
    """Starts runs against one store."""

    def __init__(self, folder: Path, url: str | None = None, options: Any = None) -> None:
        self.folder = folder
        self.root = folder / "store"
        self.url = url or self.root.as_uri()
        self.options = options or {}
        self.variables: dict[str, str] = {}
        self.python = sys.executable
        self.count = 0
        (folder / "function").mkdir(parents=True)
        (folder / "function" / "main.py").write_text(HANDLERS)

    def start(self, handler: str, *flags: str, **settings: Any) -> subprocess.Popen[str]:
        self.count += 1
        path = self.folder / f"run-{self.count}.json"
        known = {
            "action": "job",
            "compute": "1" * 64,
            "environment": "default",
            "function": "f",
            "handler": handler,
            "module": "main.py",
            "project": "demo",
            "run": handler,
            "stores": {"default": {"url": self.url, "options": self.options}},
        }
        path.write_text(json.dumps({**known, **settings}))
        shared = self.folder / f"shared-{self.count}"
        shared.mkdir()
        source = str(self.folder / "function")
        command = [self.python, str(RUNNER), "--settings", str(path), "--source", source]
        return subprocess.Popen(
            [*command, *flags],
            cwd=shared,
            env={**without_run(os.environ), **self.variables, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, handler: str, *flags: str, expect: int = 0, **settings: Any) -> str:
        output, _ = (process := self.start(handler, *flags, **settings)).communicate(timeout=60)
        assert process.returncode == expect, output
        return output

    def make(self, handler: str = "make", **settings: Any) -> str:
        return self(handler, run="make", outputs={"cities": KEY}, **settings)

    def read(self, **settings: Any) -> str:
        inputs = {"cities": {"key": KEY, "producer": "make", "version": "1" * 64}}
        return self("read", **{"inputs": inputs, "compute": "2" * 64, **settings})


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_order_and_records(runs: Runs) -> None:
    waiting = runs.read(expect=75)
    assert "data of `make` is not there yet" in waiting
    made = runs.make()
    assert f'"outputs": {{"cities": "{KEY}:{"1" * 64}"}}' in made
    first = runs.read()
    assert "read ['a', 'NA', '007'] store://demo/dataitem/table/cities:1111" in first
    assert "done already" in runs.make()
    assert "read [" not in runs.read()
    # A change, and its reverse: the old output is read again, and nothing runs.
    runs.make(compute="3" * 64, parameters={"word": "b"})
    newer = {"cities": {"key": KEY, "producer": "make", "version": "3" * 64}}
    assert "read ['b'" in runs.read(compute="4" * 64, inputs=newer)
    assert "done already" in runs.make()
    assert "read ['a'" in runs.read(compute="5" * 64)
    assert "read ['a'" in runs("read", "--again", inputs=INPUTS, compute="5" * 64)


INPUTS = {"cities": {"key": KEY, "producer": "make", "version": "1" * 64}}


def test_a_scheduled_run_runs_each_time(runs: Runs) -> None:
    newest = {"inputs": {"cities": {"key": KEY, "producer": "make"}}}
    newest |= {"clocks": {"make": {"schedule": "0 3 * * *"}}}
    assert "data of `make` is not there yet" in runs.read(**newest, expect=75)
    for word in ("a", "b"):
        runs.make(schedule="0 3 * * *", parameters={"word": word})
        assert f"read ['{word}'" in runs("read", "--again", **newest)
        time.sleep(1)  # a manual run's tick is the second of its start


def test_what_a_handler_logs(runs: Runs) -> None:
    outputs = {"counts": MODEL}
    made = runs("log", outputs=outputs)
    for name in ("counts", "files", "folder", "several"):
        assert f'"{name}": "store://demo/' in made
    assert '"metrics": {"counts": {"accuracy": 0.5}, "loss": [0.25]}' in made
    (record,) = runs.root.glob("demo/default/records/log/*.json")
    stored = json.loads(record.read_text())["outputs"]
    folder = runs.root / "demo" / "default" / stored["folder"]["path"]
    assert (folder / "inner" / "two.txt").read_text() == "folder/inner/two.txt"
    looked = runs("look", inputs={"counts": {"key": MODEL, "producer": "log", "version": "1" * 64}})
    assert "file plain.txt model/plain.txt" in looked
    assert "same True elsewhere/x.txt" in looked
    assert "twice model/plain.txt is there already" in looked
    assert "over model/plain.txt" in looked


def test_asking_for_data(runs: Runs) -> None:
    runs.make()
    references = {KEY: {"key": KEY, "producer": "make", "version": "1" * 64}}

    def ask(key: str, expect: int = 0, **settings: Any) -> str:
        parameters = {"key": key, **settings.pop("more", {})}
        return runs("ask", "--again", expect=expect, parameters=parameters, **settings)

    for key in (KEY, "cities", f"{KEY}:{'1' * 64}"):
        assert "asked ['a', 'NA', '007']" in ask(key, references=references)
    assert "asked ['a'" in ask("cities", more={"version": "1" * 64})
    assert "does not say that it reads dataitem `cities`" in ask("cities", expect=76)
    assert "in version 2" in ask("cities", expect=76, more={"version": "2"})
    assert "is not a dataitem of project demo" in ask(MODEL, expect=76)
    assert "own ['mine']" in runs("own_data")


@pytest.mark.parametrize(
    ("handler", "outputs", "said"),
    [
        ("nothing", {"cities": KEY}, "has made no data `cities`, which the run declares; it made"),
        ("number", {"output_0": KEY}, "it returns `output_0` as a result"),
        ("no_frame", {"cities": KEY}, "returns a dict as dataitem `cities`: return a data frame"),
        (
            "make",
            {"citys": OTHER},
            "has made no data `citys`, which the run declares; it made `cit",
        ),
    ],
)
def test_outputs_that_are_not_made(
    runs: Runs, handler: str, outputs: Mapping[str, str], said: str
) -> None:
    assert said in runs(handler, outputs=outputs, expect=76)
    assert not list(runs.root.glob("demo/default/records/*/*.json"))


def test_no_frame_is_a_pickle_when_no_one_minds(runs: Runs) -> None:
    runs("no_frame")
    assert len(list(runs.root.glob("demo/default/data/artifact/cities/*/cities.pickle"))) == 1


def test_declared_data_is_read_as_it_is(runs: Runs, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "x.txt").write_text("over http")
    key = "store://demo/artifact/artifact/x"
    with files_over_http(served) as url:
        for path, content in ((f"{url}/x.txt", "over http"), (str(served / "x.txt"), "over http")):
            inputs = {"source": {"key": key, "path": path}}
            assert f"content {content}" in runs("read_file", "--again", inputs=inputs)
    gone = {"source": {"key": key, "path": str(served / "none.txt")}}
    said = runs("read_file", "--again", inputs=gone, expect=1)
    assert "the file of artifact `x` is gone, or out of reach: file://" in said
    sql = {"source": {"key": key, "path": "sql://db/table"}}
    assert "sql://db/table fails" in runs("read_file", "--again", inputs=sql, expect=1)


class files_over_http:
    def __init__(self, folder: Path) -> None:
        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(folder))

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def test_stores_that_fail(runs: Runs, tmp_path: Path) -> None:
    runs.make()
    (record,) = runs.root.glob("demo/default/records/make/*.json")
    record.write_text("{")
    assert "is not a record" in runs.make(expect=1)
    assert "remove it to run again" in runs.read(expect=1)
    (tmp_path / "file").write_text("in the way")
    blocked = {"default": {"url": f"file://{tmp_path}/file"}}
    assert "Not a directory" in runs.make(stores=blocked, expect=1)
    unknown = {"default": {"url": "nosuch://bucket"}}
    assert "the store nosuch://bucket fails" in runs.make(stores=unknown, expect=1)


def test_a_full_store(runs: Runs) -> None:
    """A limit on the size of files stands in for a full disk."""
    command = ["bash", "-c", 'ulimit -f 50; exec "$@"', "-"]
    original = runs.start

    def limited(handler: str, *flags: str, **settings: Any) -> subprocess.Popen[str]:
        process = original(handler, *flags, **settings)
        process.kill()
        process.communicate()
        return subprocess.Popen(
            [*command, *map(str, process.args)],  # type: ignore[union-attr, arg-type]
            cwd=runs.folder / f"shared-{runs.count}",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    runs.start = limited  # type: ignore[method-assign]
    assert "File too large" in runs("many", expect=1)
    assert not list(runs.root.glob("demo/default/records/*/*.json"))


def test_two_writers_at_once(runs: Runs) -> None:
    processes = [runs.start("many", outputs={}, compute="9" * 64, run="many") for _ in range(6)]
    for process in processes:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    check_whole(runs.root)
    assert len(list(runs.root.glob("demo/default/records/many/*.json"))) == 1
    assert len(list(runs.root.glob("demo/default/data/artifact/*/*/x"))) == 30


def check_whole(root: Path) -> None:
    """Every record is whole, all it names is there, and all data is what its path says."""
    for path in root.glob("*/*/records/*/*.json"):
        record = json.loads(path.read_text())
        for entity in record["outputs"].values():
            assert (root / record["project"] / record["environment"] / entity["path"]).exists()
    for path in root.glob("*/*/data/*/*/*/*"):
        if not path.name.endswith(".part"):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest = hashlib.sha256(f"{path.name}\0{content}\0".encode()).hexdigest()
            assert path.parent.name == digest[:16], path


def test_a_kill_at_any_moment_leaves_the_store_whole(runs: Runs) -> None:
    begun = time.monotonic()
    runs("many", run="whole", compute="8" * 64)
    whole = time.monotonic() - begun
    moments = random.Random(5)
    killed = 0
    for _ in range(100):
        begun = time.monotonic()
        process = runs.start("many", "--again", run="killed", compute="7" * 64)
        try:
            process.wait(moments.uniform(0.2, 1.0) * whole)
            whole = min(whole, time.monotonic() - begun)  # the machine has become faster
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
        check_whole(runs.root)
    assert killed > 50
    runs("many", run="killed", compute="7" * 64)
    check_whole(runs.root)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def with_drivers() -> str:
    """The Python of an environment like an image's: the pinned runner, and the driver for S3."""
    pinned = dict(runner_files("python", ("s3",)))[REQUIREMENTS].decode()
    files = [Requirements(pinned), Requirements("pandas>=2.2\n")]
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return asyncio.run(prepared(version, files, lambda: None))


def test_a_store_in_s3(s3: str, tmp_path: Path) -> None:
    runs = Runs(tmp_path, "s3://lineage/data", {"endpoint_url": s3})
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    runs.variables = {**keys, "AWS_DEFAULT_REGION": "eu-south-1"}
    runs.python = with_drivers()
    assert "the store s3://lineage/data fails" in runs.make(expect=1)
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=s3,
        region_name="eu-south-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    place = {"LocationConstraint": "eu-south-1"}
    client.create_bucket(Bucket="lineage", CreateBucketConfiguration=place)
    assert "not there yet" in runs.read(expect=75)
    runs.make()
    assert "read ['a', 'NA', '007']" in runs.read()
    assert "done already" in runs.make()
    runs("log", outputs={"counts": MODEL})
    model = {"counts": {"key": MODEL, "producer": "log", "version": "1" * 64}}
    assert "file plain.txt" in runs("look", inputs=model)
    listed = client.list_objects_v2(Bucket="lineage")["Contents"]
    assert not [each["Key"] for each in listed if "part" in each["Key"]]
    pinned = {"cities": {"key": KEY, "version": "1" * 64}}
    assert "read ['a'" in runs.read(inputs=pinned, compute="6" * 64)


FRAMES: Mapping[str, Callable[[], Any]] = {
    "pandas": lambda: pandas.DataFrame(
        {
            "text": ["NA", "007", None, 'é, "x"\nnext'],
            "whole": [1, 2, 3, 4],
            "part": [0.1, float("nan"), 1e300, -2.0],
            "flag": [True, False, True, False],
            "when": pandas.to_datetime(["2026-01-01", "2026-01-02", None, "2026-05-01"]),
        }
    ),
    "polars": lambda: polars.DataFrame(
        {"text": ["NA", "007", None, "é"], "whole": [1, None, 3, 4], "part": [0.1, 2.0, None, 1e9]}
    ),
}


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("engine", ["parquet", "csv"])
def test_a_table_is_read_as_it_was_written(
    library: str, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "csv":
        monkeypatch.setattr(table, "_PARQUET_ENGINES", ())
    frame = FRAMES[library]()
    path, types = table.write_table(frame, tmp_path, "cities")
    assert path.suffix == (".csv" if (engine, library) == ("csv", "pandas") else ".parquet")
    found = table.read_table(str(path), path.suffix[1:], library, types)
    if library == "pandas":
        assert {**found.dtypes} == {**frame.dtypes}
        for each in (found, frame):
            each["text"] = each["text"].fillna("")  # None or nan: pandas minds which
        pandas.testing.assert_frame_equal(found, frame)
    else:
        polars.testing.assert_frame_equal(found, frame)
    other = "polars" if library == "pandas" else "pandas"
    crossed = table.read_table(str(path), path.suffix[1:], other, types)
    assert list(crossed["text"])[:2] == ["NA", "007"]


@pytest.mark.parametrize("engine", ["parquet", "csv"])
def test_a_column_of_several_types_is_named(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "csv":
        monkeypatch.setattr(table, "_PARQUET_ENGINES", ())
    frame = pandas.DataFrame({"city": ["a", "b", "c"], "people": [1, "n/a", 1.5]})
    with pytest.raises(Unusable, match=r"the column `people` .* has values of float, int and str"):
        table.write_table(frame, tmp_path, "cities")


def test_an_index_that_is_lost_is_told() -> None:
    frame = pandas.DataFrame({"city": ["a", "b", "b"], "people": [1, 2, 3]})
    assert table.left_out(frame, "cities") == []
    assert table.left_out(frame.query("people > 1"), "cities") == []
    (told,) = table.left_out(frame.groupby("city").sum(), "cities")
    assert told.startswith("the index of the table `cities` (`city`) is not stored")
    assert table.left_out(pandas.DataFrame({"people": [1]}, index=["a"]), "cities")
    assert table.left_out(polars.DataFrame({"a": [1]}), "a") == []


@pytest.mark.parametrize("column", [["", None], [True, None], [[1], [2]], [b"x", b"y"]], ids=repr)
def test_csv_that_would_change_a_table_is_not_written(
    column: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "_PARQUET_ENGINES", ())
    with pytest.raises(Unusable, match="with `pyarrow` among the requirements it is Parquet"):
        table.write_table(pandas.DataFrame({"a": column}), tmp_path, "cities")


def test_the_first_record_stays(tmp_path: Path) -> None:
    store = Store(StoreAddress(tmp_path.as_uri(), {}), "demo", "default")
    first = Record("demo", "default", "r", "f", "c", {"x": Entity("artifact", "a", "x", "c", "p")})
    assert store.keep_record(first, "c", again=False) == first
    second = Record("demo", "default", "r", "f", "c", {}, {"n": 1})
    assert store.keep_record(second, "c", again=False) == first
    assert store.keep_record(second, "c", again=True) == second
    assert store.record("r", "c") == second
    (tmp_path / "demo" / "default" / "records" / "r" / "c.json").write_text("[]")
    with pytest.raises(StoreFailed, match="is not a record"):
        store.record("r", "c")


def test_every_scheme_that_fsspec_opens_is_known() -> None:
    """But for those that wrap another one, which are no place."""
    wrapping = {
        *("async_wrapper", "asynclocal", "asyncwrapper", "blockcache", "cached", "dask", "dir"),
        *("filecache", "generic", "pyscript", "reference", "simplecache"),
    }
    drivers = json.loads((data_folder("templates") / "runtimes/python/drivers.json").read_bytes())
    assert {*fsspec.available_protocols(), *drivers} - wrapping <= KNOWN_SCHEMES
