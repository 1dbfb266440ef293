"""`gitopsc status` and `gitopsc data`: real runs, then what somebody reads who comes to work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from gitopsc.model.inquiry import Done, RunReport, StoredOutput
from gitopsc.report.status import render_status, size_of
from test_runner_store import s3

pytestmark = pytest.mark.slow

__all__ = ("s3",)

VERSION = f"PYTHON{sys.version_info[0]}_{sys.version_info[1]}"
DESCRIPTORS = """
kind: python
name: fetch
spec: {python_version: VERSION, source: {source: day.py, handler: fetch}}
---
kind: scheduler
name: nightly
spec:
  function: fetch
  schedule: 0 0 3 * * ?
  template: {outputs: {readings: store://demo/dataitem/table/readings}, parameters: {days: 3}}
---
kind: python
name: train
spec: {python_version: VERSION, source: {source: day.py, handler: train}}
---
kind: python+job:run
name: Train_it
spec:
  function: train
  parameters: {rate: 0.5}
  outputs: {forecast: store://demo/model/model/forecast}
---
kind: python+job:run
name: breaks
spec: {function: train, parameters: {rate: 0}, secrets: [TOKEN]}
---
kind: python+job:run
name: waits
spec: {function: train, parameters: {rate: 1}, inputs: {readings: readings}}
---
kind: artifact
name: notes
spec: {path: notes.txt}
"""

SOURCE = """
import os


def fetch(project, days):
    with open("readings.csv", "w") as file:
        file.write("day,heat\\n")
        for day in range(days):
            file.write(f"{day},{day / 7}\\n")
    project.log_table("readings", source="readings.csv")
    project.log_artifact("notices", "artifact", "readings.csv")


def train(project, run, rate, readings=None):
    print("the rate is", rate)
    if rate == 0:
        print("a line with", os.environ["TOKEN"])
        raise ValueError("a rate of nothing: " + os.environ["TOKEN"])
    os.makedirs("model", exist_ok=True)
    for name in ("weights", "card"):
        with open(f"model/{name}.txt", "w") as file:
            file.write(name * 10)
    model = project.log_model("forecast", "model", "model")
    model.log_metric("accuracy", rate / 2, single_value=True)
    run.log_metric("loss", [rate, rate / 3])
    return "fine"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One in which some runs are done, one has failed and one waits."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "day.py").write_text(SOURCE)
    (folder / "notes.txt").write_text("".join(f"note {number}\n" for number in range(30)))
    (folder / "all.yaml").write_text(DESCRIPTORS.replace("VERSION", VERSION))
    (folder / "gitopsc.yaml").write_text("project: demo\nstores: {default: s3://demo/data}\n")
    subprocess.run(["git", "init", "-q", folder], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN", "hush-hush")
        yield folder


def gitopsc(folder: Path, *arguments: str, expect: int = 0, **variables: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gitopsc", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == expect, (done.stdout, done.stderr)
    return done.stdout, done.stderr


def test_somebody_comes_to_work(project: Path) -> None:
    out, _ = gitopsc(project, "status")
    assert re.findall(r"^(\S+) +(never ran|waiting)", out, re.MULTILINE) == [
        ("Train_it", "never ran"),
        ("breaks", "never ran"),
        ("nightly", "never ran"),
        ("waits", "waiting"),
    ]
    assert "data of `nightly` is not there yet" in out
    gitopsc(project, "run", "nightly")
    gitopsc(project, "run", "Train_it")
    time.sleep(1)
    gitopsc(project, "run", "Train_it", "--param", "rate=0.75")
    gitopsc(project, "run", "breaks", expect=1)
    out, _ = gitopsc(project, "status")
    assert "hush" not in out
    done, breaks, nightly, waits = re.split(r"\n(?=\S)", out.partition("\n\n")[2].strip())
    assert re.match(
        r"Train_it  done +20\d\d-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC \(\d+ s ago\), in", done
    )
    assert re.search(r"\n    model forecast  110 B  \.gitopsc/store/demo/\S+", done)
    assert "output_0 = fine, loss = 0.166667, forecast.accuracy = 0.25" in done
    # Of a run that is named, the last ones stand below one another.
    named, _ = gitopsc(project, "status", "Train_it")
    lines = named.strip().splitlines()[-3:]
    header, *rows = (re.split(r"  +", line.strip()) for line in lines)
    assert header == ["last runs", "seconds", "rate", "output_0", "loss", "forecast.accuracy"]
    assert [row[2:] for row in rows] == [
        ["0.75", "fine", "0.25", "0.375"],
        ["0.5", "fine", "0.166667", "0.25"],
    ]
    assert re.match(r"breaks    failed .*: ValueError\('a rate of nothing: \*\*\*'\)", breaks)
    assert "\n    | the rate is 0\n    | a line with ***" in breaks
    assert re.match(r"nightly   done ", nightly)
    assert "next" not in nightly, "nothing starts it here"
    assert waits.startswith("waits     never ran")
    assert out.startswith("demo in .gitopsc/store: 1 failed, 2 done, 1 never ran\n\n")
    # JSON says the same.
    data = json.loads(gitopsc(project, "status", "--format", "json")[0])
    assert [(each["run"], each["state"]) for each in data["demo"]] == [
        ("Train_it", "done"),
        ("breaks", "failed"),
        ("nightly", "done"),
        ("waits", "never"),
    ]
    assert data["demo"][1]["failure"]["exit_code"] == 1
    # A later success takes the place of a failure.
    text = (project / "all.yaml").read_text()
    (project / "all.yaml").write_text(text.replace("rate: 0}", "rate: 2}"))
    gitopsc(project, "run", "breaks")
    out, _ = gitopsc(project, "status", "breaks")
    assert "failed" not in out
    assert "Train_it" not in out
    (project / "all.yaml").write_text(text)
    assert "failed" not in gitopsc(project, "status", "demo/breaks")[0].partition(":")[0]
    (project / "day.py").write_text(SOURCE + "\n\nMORE = 1\n")
    changed, _ = gitopsc(project, "status", "Train_it")
    assert re.search("Train_it +changed +not run since; last done", changed)
    (project / "day.py").write_text(SOURCE)
    # Data that is newer than what was read; a try that was not heard of again.
    gitopsc(project, "run", "waits")
    time.sleep(1)
    gitopsc(project, "run", "nightly", "--param", "days=4")
    out, _ = gitopsc(project, "status", "waits")
    assert "there is newer data of store://demo/dataitem/table/readings" in out
    begun = project / ".gitopsc" / "store" / "demo" / "local" / "begun" / "waits.json"
    begun.write_text(json.dumps({"at": time.time() - 60, "compute": "x", "job": ""}))
    assert "how it ended is unknown" not in gitopsc(project, "status", "waits")[0]
    begun.write_text(json.dumps({"at": time.time() + 1, "compute": "x", "job": ""}))
    assert "how it ended is unknown" in gitopsc(project, "status", "waits")[0]


CONTAINERS = """
project: demo
---
kind: container
name: tiler
spec: {image: "registry.example.com/tiler:1", command: tiler}
---
kind: container+job:run
name: alone
spec: {function: tiler}
---
kind: container+job:run
name: makes
spec: {function: tiler, outputs: {tiles: tiles}}
"""


def test_containers_without_data_keep_no_record(tmp_path: Path) -> None:
    settings, descriptors = CONTAINERS.split("---\n", 1)
    (tmp_path / "gitopsc.yaml").write_text(settings)
    (tmp_path / "containers.yaml").write_text(descriptors)
    reports = json.loads(gitopsc(tmp_path, "status", "--format", "json")[0])["demo"]
    assert [(each["run"], each["state"]) for each in reports] == [("makes", "never")]
    _, err = gitopsc(tmp_path, "status", "alone", expect=2)
    assert "`alone`: a container without data keeps no record" in err


def test_data_is_listed(project: Path) -> None:
    found = [tuple(re.split("  +", line)) for line in gitopsc(project, "data")[0].splitlines()]
    assert ("store://demo/dataitem/table/readings", "made by nightly") in found
    assert {made for name, made in found if name.endswith("/forecast")} >= {"made by Train_it"}
    assert all(
        made == "declared" or made.startswith(("made by ", "returned by ")) for _, made in found
    )
    assert found == sorted(found)


def test_data_is_found_and_copied(project: Path, tmp_path: Path) -> None:
    gitopsc(project, "run", "nightly", "--param", "days=3")
    gitopsc(project, "run", "Train_it")
    out, _ = gitopsc(project, "data", "readings")
    key, place, *rest = out.splitlines()
    assert key.startswith("store://demo/dataitem/table/readings:")
    version = key.rpartition(":")[2]
    assert (project / place.split("  ")[0]).is_file()
    assert "0.14285714285714285" in rest[-2]
    for name in ("dataitem/readings", key, "store://demo/dataitem/dataitem/readings"):
        assert gitopsc(project, "data", name)[0].splitlines()[:2] == [key, place]
    assert gitopsc(project, "data", "notices")[0].startswith("store://demo/artifact/artifact/no")
    copy = tmp_path / "copy.any"
    out, _ = gitopsc(project, "data", "readings", "--version", version, "-o", str(copy))
    assert copy.read_bytes() == (project / place.split("  ")[0]).read_bytes()
    assert out.splitlines()[-1] == "it is as it was: `.csv`, not `.any`"
    _, err = gitopsc(project, "data", "forecast", expect=2)
    assert "several runs make data `forecast`: write one of `Train_it/forecast`, `breaks/" in err
    gitopsc(project, "data", "Train_it/forecast", "-o", str(tmp_path / "model"))
    assert (tmp_path / "model" / "card.txt").read_text() == "card" * 10
    assert "\n  card.txt\n  weights.txt" in gitopsc(project, "data", "Train_it/forecast")[0]
    out, _ = gitopsc(project, "data", "notes")
    assert "note 9\n..." in out
    assert "note 10" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["status", "Train_ti"], 2, "no run is called `Train_ti`; did you mean `Train_it`?"),
        (["status", "--environment", "prod"], 2, "no environment `prod`"),
        (["status", "--environment", "default", "--store", "x"], 2, "leave one out"),
        (["data", "reading"], 2, "makes data `reading`, and no descriptor declares it; did you"),
        (["data", "readings", "--version", "7"], 1, "no version 7 of dataitem `readings`"),
        (["data", "notes", "-o", "."], 2, "is a folder"),
        (["data", "notes", "-o", "none/x"], 2, "make it first"),
        (["status", "--store", "nosuch://x"], 1, "the store nosuch://x fails"),
        (["data", "readings", "--store", "elsewhere"], 2, "there is no folder elsewhere"),
    ],
    ids=str,
)
def test_bad_questions(project: Path, arguments: list[str], code: int, said: str) -> None:
    out, err = gitopsc(project, *arguments, expect=code)
    assert said in err
    assert "Traceback" not in out + err


def test_the_store_of_an_environment(s3: str, project: Path) -> None:
    import boto3

    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    client = boto3.client(
        "s3",
        endpoint_url=s3,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="demo")
    variables = {**keys, "AWS_ENDPOINT_URL": s3}
    out, _ = gitopsc(project, "status", "--environment", "default", **variables)
    assert "demo in s3://demo/data: " in out
    assert re.search(r"nightly +never ran +next \d{4}-\d\d-\d\d 03:00 UTC", out)
    assert re.search("Train_it +never ran", out)
    # What a pod of that environment has done is seen from here.
    gitopsc(project, "run", "nightly", "--store", "s3://demo/data", **variables)
    out, _ = gitopsc(project, "status", "nightly", "--store", "s3://demo/data", **variables)
    assert "s3://demo/data/demo/local/data/dataitem/readings/" in out
    assert (
        "readings"
        in gitopsc(project, "data", "readings", "--store", "s3://demo/data", **variables)[0]
    )


def test_what_is_shown_moves_no_cursor() -> None:
    nasty = "\x1b[31mred\u202e\n"
    done = Done(None, "c" * 64, 1.0, 2.0, {nasty: nasty}, {nasty: nasty})
    output = StoredOutput(nasty, nasty, None, nasty, 1)
    serving: dict[str, Any] = {"since": 0, "versions": {nasty: nasty}, "replica": nasty}
    serving["refused"] = {"at": 0, "reason": nasty}
    begun = {"at": 0}
    report = RunReport(
        nasty, "done", nasty, None, done, (output,), 0, (done, done), serving, begun, (nasty,)
    )
    failure = {"at": 0, "seconds": 1, "error": nasty, "lines": [nasty]}
    failed = RunReport("b", "failed", None, failure)
    text = render_status("t", [report, failed], 10.0, str, compares=True, starts=True, colour=False)
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (10**9, "1.0 GB")]
)
def test_sizes(size: int, text: str) -> None:
    assert size_of(size) == text
