"""The platform's real SDK beside the runner's stand-in: what each call does in both.

GITOPSC_SDK names a Python that has `digitalhub` and `digitalhub-runtime-python` 0.15 installed: see
`make sdk`. It talks to `tests/platform/core.py` and to S3 on loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from urllib.request import Request, urlopen

import pytest
from conftest import ROOT
from test_runner_sdk import CALLS, source_of_calls

SDK = os.environ.get("GITOPSC_SDK", "")
PLATFORM = ROOT / "tests" / "platform"

if not SDK:
    pytest.skip("GITOPSC_SDK names no Python with the SDK", allow_module_level=True)

_MORE_HERE = "the stand-in has it, and this version of the SDK does not"
_BY_ID = "the platform finds runs by their ids, gitopsc by their names"
_PODS_ONLY = "a local run of the SDK has no context, and pods have"

DIFFERS: Mapping[str, str] = {
    "metadata.labels of none": _MORE_HERE,
    "spec.base_model": _MORE_HERE,
    "status.metrics": "the SDK reads what log_metric noted from the server, into `metrics`",
    "project.get_*": _PODS_ONLY,
    "project.get_run": _BY_ID,
    "project.get_run.status.to_dict": _BY_ID,
    "project.get_run of one that never ran": _BY_ID,
    "run.status": "the SDK reads what log_metric noted from the server, into `metrics`",
    "RUN_ID": _PODS_ONLY,
    "get_run(RUN_ID)": _PODS_ONLY,
    "secrets of others": "a run reads those that it names here, and all of its project there",
    "context.root": _PODS_ONLY,
    "context.logger": _PODS_ONLY,
    "digitalhub at its top": "the SDK wants the project's name there",
    "another project": "a server has all projects, and a run here its own",
    "log_*(path=) of a folder": "`as_file()` of one file at a folder's path is a folder there",
    "log_*(path=) elsewhere": "data goes only into declared stores here",
    "numbers of numpy": "`log_model(metrics=)` keeps them in no metrics there",
    "something else in the place of a part": "an entity here keeps what it was made of",
    "hasattr of what is not covered": "the SDK has it",
    "what is not covered": "the SDK has it",
}
"""Calls that do something else with the real SDK, each with why."""


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The calls that fail with the real SDK, with how."""
    folder = tmp_path_factory.mktemp("sdk")
    here = "every_here(project, run, a, f, t, m)"
    source = f"{source_of_calls()}\n\ndef {here}:\n    every(None, project, run, a, f, t, m)\n"
    (folder / "main.py").write_text(source)
    core = _started(SDK, str(PLATFORM / "core.py"))
    store = _started(sys.executable, "-c", "from moto.server import main; main(['-p', '0'])")
    try:
        assert core.stdout is not None
        port = core.stdout.readline().strip()
        url = _address(store)
        _answers(Request(f"{url}/datalake", method="PUT"))
        done = subprocess.run(
            [SDK, str(PLATFORM / "beside.py"), str(folder)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "DH_CONFIG": str(folder / "dhcore.ini"),
                "DHCORE_ENDPOINT": f"http://127.0.0.1:{port}",
                "DHCORE_USER": "somebody",
                "DHCORE_PASSWORD": "x",
                "DHCORE_DEFAULT_FILES_STORE": "s3://datalake",
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "x",
                "AWS_SECRET_ACCESS_KEY": "x",
                "AWS_REGION": "us-east-1",
                "S3_BUCKET": "datalake",
                "STORE": "s3://datalake/own",
                "TOKEN": "hush",
            },
        )
    finally:
        for process in (core, store):
            process.kill()
            process.communicate()
    assert "ALL CALLED" in done.stdout, done.stdout + done.stderr
    lines = (line.split(" ", 2) for line in done.stdout.splitlines() if line.startswith("FAILED "))
    return {name: trace for _, name, trace in lines}


def _started(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


def _address(store: subprocess.Popen[str]) -> str:
    """Where moto listens, as it says."""
    assert store.stderr is not None
    for line in store.stderr:
        if "Running on" in line:
            return line.rpartition(" ")[2].strip()
    raise AssertionError("moto does not start")


def _answers(request: Request) -> None:
    for _ in range(100):
        try:
            urlopen(request, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(request.full_url)


@pytest.mark.parametrize("number", range(len(CALLS)), ids=list(CALLS))
def test_a_call(number: int, failed: Mapping[str, str]) -> None:
    """It does the same with the real SDK, or the table says why not."""
    name = [*CALLS][number]
    assert (f"call_{number}" in failed) == (name in DIFFERS), failed.get(f"call_{number}")


def test_the_table_names_calls_only() -> None:
    assert DIFFERS.keys() <= CALLS.keys()
