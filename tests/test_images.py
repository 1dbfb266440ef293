"""The sample's images, run as a cluster would.

`make images` builds them; `GITOPSC_DOCKER` names a client whose engine has them.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, SAMPLE
from test_runner import free_port, get, requests_on

DOCKER = shlex.split(os.environ.get("GITOPSC_DOCKER", ""))
MANIFESTS = SAMPLE / "deploy" / "manifests" / "staging"

pytestmark = pytest.mark.skipif(not DOCKER, reason="GITOPSC_DOCKER names no client")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for settings, and a store that every user may write."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "store").mkdir()
    (folder / "store").chmod(0o777)
    folder.chmod(0o755)
    return folder


def container(name: str, place: Path, *arguments: str, **variables: str) -> Sequence[str]:
    """The command that starts a run of the committed manifests, with the store of the test."""
    owner, *_ = yaml.safe_load_all((MANIFESTS / f"{name}.yaml").read_text())
    template = owner["spec"]["template"]
    settings = json.loads(template["metadata"]["annotations"]["gitopsc/run.json"])
    settings["wait"] = 1
    settings["stores"] = {"default": {"url": "file:///store"}}
    folder = place / name
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(settings))
    pod = template["spec"]
    secured = pod["containers"][0]["securityContext"]
    assert secured["readOnlyRootFilesystem"]
    assert secured["capabilities"]["drop"] == ["ALL"]
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    set_here = {
        each["name"]: each["value"] for each in pod["containers"][0]["env"] if "value" in each
    }
    flags = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    flags += ["--user", user, "--workdir", pod["containers"][0]["workingDir"]]
    for folder_ in ("/shared", "/tmp", "/home/function"):
        flags += ["--tmpfs", f"{folder_}:uid=65532,gid=65532"]
    flags += ["-v", f"{folder}:/etc/gitopsc:ro", "-v", f"{place / 'store'}:/store"]
    keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "unused")
    for key, value in {**set_here, **keys, **variables}.items():
        flags += ["-e", f"{key}={value}"]
    image = pod["containers"][0]["image"]
    return [*DOCKER, "run", "--rm", "--name", f"gitopsc-{name}", *flags, image, *arguments]


def run(command: Sequence[str]) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        networked(command, "none"), capture_output=True, text=True, check=False, timeout=120
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return done.returncode, lines


def networked(command: Sequence[str], network: str) -> Sequence[str]:
    at = command.index("--rm")
    return [*command[:at], f"--network={network}", *command[at:]]


def test_jobs_write_what_they_make_and_a_service_answers(place: Path) -> None:
    code, lines = run(container("summarise-countries", place))
    assert code == 75, lines
    assert "`download-cities`" in lines[-1]["with"]["reason"]
    for name in ("download-cities", "summarise-countries"):
        code, lines = run(container(name, place))
        assert (code, lines[-1]["message"]) == (0, "done"), lines
    before = stored(place / "store")
    code, lines = run(container("download-cities", place))
    assert (code, lines[-1]["message"]) == (0, "done already"), lines
    assert stored(place / "store") == before
    with service(place) as url:
        status, body, _ = get(f"{url}/?country=IT")
    assert status == 200
    assert json.loads(body)["largest"][0] == "Rome"
    with service(place, drain=3) as url, ThreadPoolExecutor(1) as pool:
        answered = pool.submit(requests_on, url, seconds=3)
        time.sleep(1)
        subprocess.run([*DOCKER, "kill", "-s", "TERM", "gitopsc-cities-api"], check=True)
        assert answered.result() > 50


def test_a_secret_is_not_printed(place: Path) -> None:
    code, lines = run(container("announce", place, ANNOUNCE_TOKEN="hush-hush"))
    assert (code, lines[-1]["message"]) == (0, "done"), lines
    assert "hush-hush" not in json.dumps(lines)
    code, lines = run(container("announce", place))
    assert code == 75
    assert "`ANNOUNCE_TOKEN` is missing" in lines[-1]["with"]["reason"]


def test_the_same_outputs_here_and_in_an_image(place: Path, tmp_path: Path) -> None:
    for name in ("download-cities", "summarise-countries"):
        assert run(container(name, place))[0] == 0
    command = [sys.executable, "-m", "gitopsc", "run"]
    command += ["summarise-countries", str(SAMPLE), "--upstream", "--store", str(tmp_path / "here")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, env=environment, cwd=tmp_path)
    here = stored(tmp_path / "here" / "world-cities" / "local" / "data")
    assert here == stored(place / "store" / "world-cities" / "staging" / "data")
    assert len(here) == 2


def stored(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class service:
    """The sample's service in a container, on a port of this machine."""

    def __init__(self, place: Path, drain: int = 0) -> None:
        self.port, self.health = free_port(), free_port()
        ports = ["--port", str(self.port), "--health-port", str(self.health)]
        ports += ["--drain", str(drain)]
        self.command = networked(container("cities-api", place, *ports), "host")

    def __enter__(self) -> str:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if get(f"http://127.0.0.1:{self.health}/ready")[0] == 200:
                    return f"http://127.0.0.1:{self.port}"
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.process.communicate(timeout=5)[0])

    def __exit__(self, *_: object) -> None:
        # It may have ended by itself, which `stop` takes for a mistake.
        subprocess.run([*DOCKER, "stop", "-t", "20", "gitopsc-cities-api"], check=False)
        output, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, output


def test_gitopsc_itself_checks_a_checkout_of_somebody_else(tmp_path: Path) -> None:
    """As a CI job has it: the image of this repository's Dockerfile, and a clone that its user does
    not own."""
    place = tmp_path / "sample"
    shutil.copytree(SAMPLE, place)
    for command in (["init", "-q"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=place, check=True)
    for path in (place, *place.rglob("*")):
        os.chown(path, 1234, 1234, follow_symlinks=False)
    flags = ["--rm", "--network=none", "-v", f"{place}:/repository", "gitopsc:test"]
    shell = "gitopsc --version && gitopsc compile --check && git status --porcelain -uno"
    done = subprocess.run(
        [*DOCKER, "run", *flags, "sh", "-c", shell], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("gitopsc 0.")
    assert "up to date" in done.stderr


FIRST_HOUR = """\
git init -q .
gitopsc init
gitopsc run
gitopsc run count --upstream
gitopsc compile
git add .
git -c user.name=Ada -c user.email=ada@example.com commit -qm all
sed -i 's/name: world/name: moon/' runs/hello.yaml
gitopsc diff
"""


def test_a_new_project_in_a_clean_container() -> None:
    """`init`, and at once `run`, `compile` and `diff`; uv trusts what the system trusts."""
    flags = ["--rm", "--network=host", "-e", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"]
    done = subprocess.run(
        [*DOCKER, "run", *flags, "gitopsc:test", "sh", "-ec", FIRST_HOUR],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words in ("hello-world  job", "count        done", "This change runs 2 jobs"):
        assert words in done.stdout, done.stdout
