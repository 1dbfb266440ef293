"""The command as its users meet it: exit codes, streams, summaries."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE


def gitopsc(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "gitopsc", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The sample project without its output, in a Git repository of its own."""
    copy = tmp_path / "project"
    shutil.copytree(SAMPLE, copy, ignore=shutil.ignore_patterns("deploy"))
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return copy


def test_compile_check_and_compile_again(project: Path) -> None:
    stale = gitopsc("compile", project, "--check")
    assert (stale.returncode, stale.stdout) == (1, "")
    assert "gitopsc: stale: " in stale.stderr
    assert "missing   " in stale.stderr
    assert "run `gitopsc compile`" in stale.stderr
    assert not (project / "deploy").exists()
    done = gitopsc("compile", project)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"created   {project}/deploy/manifests/staging/announce.yaml" in done.stderr
    again = gitopsc("compile", project)
    assert again.returncode == 0
    assert re.search(r"gitopsc: up to date, \d+ files", again.stderr)
    assert gitopsc("compile", project, "--check").returncode == 0


def test_fail_on_change(project: Path) -> None:
    assert gitopsc("compile", project, "--fail-on-change").returncode == 1
    unstaged = gitopsc("compile", project, "--fail-on-change")
    assert unstaged.returncode == 1
    assert f"stage the output: `git add {project}/deploy`" in unstaged.stderr
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    assert gitopsc("compile", project, "--fail-on-change").returncode == 0
    (project / "deploy" / "reports" / "lineage.json").write_text("by hand")
    changed = gitopsc("compile", project, "--fail-on-change")
    assert changed.returncode == 1
    assert f"changed   {project}/deploy/reports/lineage.json" in changed.stderr.splitlines()
    jobs = project / "runs" / "jobs.yaml"
    jobs.write_text(jobs.read_text().replace("mem: 1Gi", "mem: 2Gi"))
    assert gitopsc("compile", project, "--fail-on-change").returncode == 1
    subprocess.run(["git", "add", "deploy"], cwd=project, check=True)
    half = gitopsc("compile", project, "--fail-on-change")  # a commit of it would be stale
    assert half.returncode == 1
    assert f"stage `{jobs}`: the output is made of it" in half.stderr
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    os.utime(jobs)
    assert gitopsc("compile", project, "--fail-on-change").returncode == 0
    jobs.rename(jobs.with_name("moved.yaml"))
    assert gitopsc("compile", project, "--fail-on-change").returncode == 1
    subprocess.run(["git", "add", "deploy", "runs/moved.yaml"], cwd=project, check=True)
    twice = gitopsc("compile", project, "--fail-on-change")  # in a commit, both would be
    assert (twice.returncode, f"stage `{jobs}`: " in twice.stderr) == (1, True)
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    assert gitopsc("compile", project, "--fail-on-change").returncode == 0


def test_a_filter_of_git_is_no_change(project: Path) -> None:
    """What LFS and the like keep elsewhere has other bytes here than in Git."""
    (project / ".gitattributes").write_text("src/*.py filter=upper\n")
    for key in ("clean", "smudge"):
        program = "tr a-z A-Z" if key == "clean" else "tr A-Z a-z"
        command = ["git", "config", f"filter.upper.{key}", program]
        subprocess.run(command, cwd=project, check=True)
    gitopsc("compile", project)
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    for path in (project / "src").iterdir():
        os.utime(path)
    done = gitopsc("compile", project, "--fail-on-change")
    assert (done.returncode, "stage" in done.stderr) == (0, False), done.stderr


def test_fail_on_change_outside_git(project: Path) -> None:
    shutil.rmtree(project.parent / ".git")
    assert gitopsc("compile", project, "--fail-on-change").returncode == 1
    for _ in range(2):
        assert gitopsc("compile", project, "--fail-on-change").returncode == 0


def test_the_committed_sample_is_fresh() -> None:
    assert gitopsc("compile", "sample-project", "--check").returncode == 0


def test_another_folder_gets_the_same_content(project: Path, tmp_path: Path) -> None:
    assert gitopsc("compile", project).returncode == 0
    assert gitopsc("compile", project, "-o", tmp_path / "elsewhere").returncode == 0
    for path in (project / "deploy").rglob("*"):
        if path.is_file():
            other = tmp_path / "elsewhere" / path.relative_to(project / "deploy")
            assert other.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("place", [".", "..", "src"])
def test_an_output_folder_that_would_hold_the_project(project: Path, place: str) -> None:
    before = sorted(project.rglob("*"))
    done = gitopsc("compile", project, "-o", project / place)
    assert done.returncode == 1
    assert "error[C702]" in done.stderr
    assert sorted(project.rglob("*")) == before


def test_an_output_folder_that_is_a_link_out(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (project / "deploy").symlink_to(elsewhere)
    done = gitopsc("compile", project)
    assert done.returncode == 1
    assert "error[C702]" in done.stderr
    assert list(elsewhere.iterdir()) == []
    assert gitopsc("compile", project, "-o", elsewhere).returncode == 0


def test_places_are_as_people_type_them(project: Path) -> None:
    (project / "runs" / "jobs.yaml").write_text("kind: python+job:run\nspec: [")
    assert gitopsc("compile", cwd=project).stderr.startswith("runs/jobs.yaml:2:")
    assert gitopsc("compile", "..", cwd=project / "runs").stderr.startswith("../runs/jobs.yaml:")
    found = gitopsc("compile", project, "--format", "json")
    assert json.loads(found.stdout)["diagnostics"][0]["file"] == f"{project}/runs/jobs.yaml"
    assert json.loads(found.stdout)["status"] == "failed"


def test_data_is_utf_8_in_every_locale(project: Path) -> None:
    (project / "runs" / "x.yaml").write_text("kind: python+job:run\nname: é\nspec: {}\n")
    command = [sys.executable, "-m", "gitopsc", "compile", str(project), "--format", "json"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 1
    assert "é" in done.stdout.decode("utf-8")


def test_one_error_writes_nothing(project: Path) -> None:
    path = project / "runs" / "jobs.yaml"
    path.write_text(path.read_text().replace("function: announce", "function: anounce"))
    done = gitopsc("compile", project)
    assert done.returncode == 1
    assert "runs/jobs.yaml:20:13: error[C401]" in done.stderr
    assert "did you mean `announce`?" in done.stderr
    assert "nothing was written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "deploy").exists()


def test_someone_s_file_in_the_output(project: Path) -> None:
    manifest = project / "deploy" / "manifests" / "staging" / "announce.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("somebody's")
    done = gitopsc("compile", project)
    assert done.returncode == 1
    assert "deploy/manifests/staging/announce.yaml:1:1: error[C701]" in done.stderr
    assert [path for path in (project / "deploy").rglob("*") if path.is_file()] == [manifest]


def test_json(project: Path) -> None:
    done = gitopsc("compile", project, "--format", "json")
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert [each["code"] for each in found["diagnostics"]] == []
    lineage = f"{project}/deploy/reports/lineage.json"
    assert {"path": lineage, "action": "created"} in found["changes"]


def test_a_folder_without_descriptors(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = gitopsc("compile", tmp_path)
    assert done.returncode == 1
    assert "error[C108]" in done.stderr


def test_a_folder_outside_git(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "project", ignore=shutil.ignore_patterns("deploy"))
    done = gitopsc("compile", tmp_path / "project")
    assert done.returncode == 0
    assert done.stderr.count("warning[C102]") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["comple"], ["compile", "--chek"], ["compile", "x", "y"], ["compile", "/nonexistent"]],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str]) -> None:
    done = gitopsc(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_folder_that_was_deleted(tmp_path: Path) -> None:
    shell = f"mkdir gone && cd gone && rmdir ../gone && {sys.executable} -m gitopsc validate"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".editable")}
    command = ["sh", "-c", shell]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"this folder was deleted" in done.stderr


def test_a_misspelt_command() -> None:
    done = gitopsc("compil")
    assert done.returncode == 2
    assert done.stderr.endswith("`compil`; did you mean `compile`?\n")


def test_help_names_the_exit_codes() -> None:
    for arguments in (["--help"], ["compile", "--help"], ["graph", "--help"]):
        done = gitopsc(*arguments)
        assert done.returncode == 0
        assert "2 wrong usage" in done.stdout


def test_graph(project: Path) -> None:
    done = gitopsc("graph", project)
    assert done.returncode == 0
    assert done.stdout.startswith("flowchart LR\n")
    assert done.stderr == ""
    (project / "runs" / "jobs.yaml").write_text("kind: python+job:run\nspec: [")
    assert gitopsc("graph", project).returncode == 1


def test_an_unreadable_folder(project: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    path = project / "runs" / "jobs.yaml"
    path.chmod(0)
    done = gitopsc("compile", project)
    assert "runs/jobs.yaml:1:1: error[C101]" in done.stderr
    assert done.returncode == 1


def test_a_bug_of_ours_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gitopsc import cli
    from gitopsc.commands import graph

    def broken(_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(graph, "run", broken)
    assert cli.main(["graph"]) == 3
    assert "please report it" in capsys.readouterr().err
