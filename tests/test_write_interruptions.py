"""Compiles that are killed, refused by the machine, or many at once: nothing is half written."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SAMPLE
from gitopsc.adapters.python import outline
from gitopsc.cli import main
from gitopsc.model.files import OWNERSHIP_LIST
from gitopsc.pipeline import compile_tree
from gitopsc.scan import scan

pytestmark = pytest.mark.slow

MOMENTS = 200
NOBODY = 65534


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("deploy"))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def wanted(project: Path) -> dict[str, bytes]:
    """The output as it should be, made in memory."""
    ((_, files),) = compile_tree(scan(str(project))[0]).outputs
    return {file.path: file.content for file in files}


def found(project: Path) -> dict[str, bytes]:
    folder = project / "deploy"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def child(project: Path, log: Path, before: Callable[[], object] = lambda: None) -> int:
    """Compiles in a process of its own, which has nothing left to import; returns its pid."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            before()
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), 2)
            sys.stderr = os.fdopen(2, "w")
            status = main(["compile", str(project)])
            sys.stderr.flush()
        finally:
            os._exit(status)
    return pid


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def edit(project: Path, version: str) -> None:
    """The two versions differ in files that change, and in one that is there or is not."""
    runs = project / "runs" / "jobs.yaml"
    runs.write_text((SAMPLE / "runs" / "jobs.yaml").read_text().replace("geo", f"geo-{version}"))
    extra = project / "runs" / "extra.yaml"
    extra.unlink(missing_ok=True)
    if version == "b":
        extra.write_text(
            "kind: python+job:run\nname: extra\n"
            "spec: {function: announce, parameters: {channel: x}}\n"
        )


def test_a_kill_at_200_moments(project: Path, tmp_path: Path) -> None:
    chance = random.Random(20)
    log = tmp_path / "log"
    versions = {}
    durations = []
    for version in "abab":  # the second time with what the first one has learned
        edit(project, version)
        started = time.monotonic()
        assert ended(child(project, log)) == 0, log.read_text()
        durations.append(time.monotonic() - started)
        versions[version] = wanted(project)
        assert found(project) == versions[version]
    foreign = project / "deploy" / "manifests" / "mine.yaml"
    foreign.write_text("somebody's")
    killed = 0
    for moment in range(MOMENTS):
        edit(project, "ab"[moment % 2])
        pid = child(project, log)
        time.sleep(chance.random() * min(durations))
        os.kill(pid, signal.SIGKILL)
        killed += ended(pid) == -signal.SIGKILL
        for path, content in found(project).items():
            known = {each[path] for each in versions.values() if path in each}
            exempt = path in (OWNERSHIP_LIST, "manifests/mine.yaml")
            exempt = exempt or path.endswith(".gitopsc-tmp")
            assert exempt or content in known, f"{path} is half written at moment {moment}"
    assert killed > MOMENTS / 4
    edit(project, "a")
    assert ended(child(project, log)) == 0, log.read_text()
    assert found(project) == {**versions["a"], "manifests/mine.yaml": b"somebody's"}


def test_no_process_outlives_a_killed_compile_for_long(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several processes compile and write; none of them may wait for a parent that is gone."""
    from gitopsc import pipeline, write

    monkeypatch.setattr(pipeline, "_MANY", 1)
    monkeypatch.setattr(write, "_MANY", 1)
    shutil.copytree(project, tmp_path / "root" / "one")
    shutil.copytree(project, tmp_path / "root" / "two")
    root = tmp_path / "root"
    settings = root / "two" / "gitopsc.yaml"
    text = settings.read_text().replace("world-cities", "other-cities")
    settings.write_text(text.replace("namespace: cities", "namespace: other-cities"))
    for descriptor in (root / "two").rglob("*.*"):
        if descriptor.suffix in (".yaml", ".json"):
            text = descriptor.read_text().replace("world-cities/", "other-cities/")
            descriptor.write_text(text)
    log = tmp_path / "log"
    assert ended(child(root, log)) == 0, log.read_text()
    chance = random.Random(3)
    for _ in range(20):
        for folder in root.glob("*/deploy"):
            shutil.rmtree(folder)
        pid = child(root, log)
        time.sleep(chance.random() * 0.3)
        os.kill(pid, signal.SIGKILL)
        ended(pid)
        started = time.monotonic()
        assert ended(child(root, log)) == 0, log.read_text()
        assert time.monotonic() - started < 20  # it would have waited for a lock, and failed


def test_many_at_once(project: Path, tmp_path: Path) -> None:
    pids = [child(project, tmp_path / f"log-{number}") for number in range(6)]
    assert [ended(pid) for pid in pids] == [0] * 6
    assert found(project) == wanted(project)


def test_a_full_disk(project: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for it: the write fails in the middle."""
    log = tmp_path / "log"

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    assert ended(child(project, log, limit)) == 1
    assert "error[C703]" in log.read_text()
    complete = wanted(project)
    for path, content in found(project).items():
        assert path == OWNERSHIP_LIST or content == complete[path]
    assert ended(child(project, log)) == 0
    assert found(project) == complete


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("existing", [False, True])
def test_a_folder_that_cannot_be_written(project: Path, tmp_path: Path, existing: bool) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        if folder != Path(tempfile.gettempdir()):
            folder.chmod(0o755)  # pytest makes them for their owner alone
    if existing:
        assert ended(child(project, tmp_path / "first")) == 0
        edit(project, "b")
    before = found(project)
    log = tmp_path / "log"
    log.touch()
    log.chmod(0o666)
    shutil.rmtree(project / ".git")  # Git would refuse a repository of somebody else

    b"".decode("utf-8-sig")  # nobody may not read the Python of root, where this codec is,
    outline(b"")  # nor the parser's library

    def drop() -> None:
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    assert ended(child(project, log, drop)) == 1
    assert "error[C703]" in log.read_text()
    assert "permission denied" in log.read_text()
    assert found(project) == before
