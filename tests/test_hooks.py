"""The hooks, by the real pre-commit, in a new user's repository.

pre-commit makes the hooks' environment itself, so this installs gitopsc and all it needs once more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gitopsc.cli import main

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
CONFIG = """\
repos:
  - repo: {repository}
    rev: {revision}
    hooks:
      - id: gitopsc-validate
      - id: gitopsc-compile
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One PRE_COMMIT_HOME, so that the hooks' environment is made once."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {
        **kept,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("pre-commit")),
        **{
            f"GIT_{who}_{what}": "someone@example.com"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }


def run(
    folder: Path, environment: dict[str, str], *command: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True
    )


def revision(repository: Path) -> str:
    head = ["git", "rev-parse", "HEAD"]
    return subprocess.run(
        head, cwd=repository, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def project(tmp_path: Path, repository: Path, environment: dict[str, str]) -> Path:
    """A new project with the hooks installed, and nothing committed."""
    folder = tmp_path / "cities"
    assert main(["init", str(folder)]) == 0
    config = CONFIG.format(repository=repository, revision=revision(repository))
    (folder / ".pre-commit-config.yaml").write_text(config)
    assert run(folder, environment, "git", "init", "-q").returncode == 0
    installed = run(folder, environment, "pre-commit", "install")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return folder


def commit(folder: Path, environment: dict[str, str], *options: str) -> tuple[int, str]:
    done = run(folder, environment, "git", "commit", "-m", "change", *options)
    return done.returncode, done.stdout + done.stderr


def test_a_bad_commit_is_refused_and_a_good_one_asks_to_stage(
    project: Path, environment: dict[str, str]
) -> None:
    runs = project / "runs" / "hello.yaml"
    good = runs.read_text()
    runs.write_text(good.replace("function: hello", "function: helo"))
    run(project, environment, "git", "add", ".")
    status, said = commit(project, environment)
    assert status == 1, said
    assert "runs/hello.yaml:5:13: error[C401]: no function `helo`" in said
    assert "did you mean `hello`?" in said
    assert not (project / "deploy").exists()

    runs.write_text(good)
    run(project, environment, "git", "add", ".")
    status, said = commit(project, environment)
    assert status == 1, said
    assert "created   deploy/manifests/default/hello-world.yaml" in said
    assert "stage the output: `git add deploy`" in said

    # What is new and not staged is no part of the commit, though it is on disk.
    status, said = commit(project, environment)
    assert status == 1, said
    assert "stage the output: `git add deploy`" in said
    run(project, environment, "git", "add", "deploy")
    status, said = commit(project, environment)
    assert status == 0, said

    # An output without the descriptor that it is made of would be stale for everybody else.
    extra = project / "runs" / "extra.yaml"
    extra.write_text(
        "kind: python+job:run\nname: extra\n"
        "spec: {function: count, parameters: {greeting: hello.txt}}\n"
    )
    commit(project, environment, "--allow-empty")
    run(project, environment, "git", "add", "deploy")
    status, said = commit(project, environment)
    assert status == 1, said
    assert "stage `runs/extra.yaml`: the output is made of it" in said
    run(project, environment, "git", "add", ".")
    status, said = commit(project, environment)
    assert status == 0, said

    # A run that goes takes its manifest with it, and that is to be committed, too.
    runs.unlink()
    status, said = commit(project, environment, "-a")
    assert status == 1, said
    assert "removed   deploy/manifests/default/hello-world.yaml" in said
    status, said = commit(project, environment, "-a")
    assert status == 0, said
    left = run(project, environment, "git", "status", "--porcelain")
    assert left.stdout == ""


def test_the_check_by_try_repo(
    project: Path, repository: Path, environment: dict[str, str]
) -> None:
    run(project, environment, "git", "add", ".")
    command = ("pre-commit", "try-repo", str(repository), "gitopsc-check", "--all-files")
    stale = run(project, environment, *command)
    assert stale.returncode == 1
    assert "missing   deploy/manifests/default/hello-world.yaml" in stale.stdout
    assert not (project / "deploy").exists()
    assert main(["compile", str(project)]) == 0
    fresh = run(project, environment, *command)
    assert fresh.returncode == 0, fresh.stdout


def test_a_foreign_file_beside_the_output_stops_no_commit(
    project: Path, environment: dict[str, str]
) -> None:
    assert main(["compile", str(project)]) == 0
    (project / "deploy" / "notes.txt").write_text("mine")
    run(project, environment, "git", "add", ".")
    run(project, environment, "git", "reset", "-q", "deploy/notes.txt")
    status, said = commit(project, environment)
    assert status == 0, said


def test_a_linked_worktree(project: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Git keeps the index of one elsewhere."""
    assert main(["compile", str(project)]) == 0
    run(project, environment, "git", "add", ".")
    assert commit(project, environment)[0] == 0
    linked = tmp_path / "linked"
    run(project, environment, "git", "worktree", "add", "-q", str(linked), "-b", "other")
    runs = linked / "runs" / "hello.yaml"
    runs.write_text(runs.read_text().replace("world}", "everybody}"))
    assert main(["compile", str(linked)]) == 0
    status, said = commit(linked, environment, "runs/hello.yaml")
    assert status == 1, said
    assert "stage the output: `git add deploy`" in said
    status, said = commit(linked, environment, "-a")
    assert status == 0, said
