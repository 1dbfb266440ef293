"""The benchmarks run, and what they compile is always the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from gitopsc.cli import main

pytestmark = pytest.mark.slow

BENCHMARKS = ROOT / "benchmarks"


def generated(count: int, folder: Path) -> dict[str, bytes]:
    command = [sys.executable, BENCHMARKS / "generate.py", str(count), folder]
    subprocess.run(command, check=True)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def test_one_number_gives_one_repository(tmp_path: Path) -> None:
    first = generated(310, tmp_path / "first")
    assert generated(310, tmp_path / "second") == first
    kinds = [text for path, text in first.items() if path.endswith(".yaml") and b"kind:" in text]
    assert len(kinds) == 310
    assert main(["compile", str(tmp_path / "first")]) == 0


def test_the_runner_s_tables() -> None:
    command = [sys.executable, BENCHMARKS / "runner.py", "--requests", "5"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert [line.split("|")[1].strip() for line in done.stdout.splitlines() if "x |" in line] == [
        "bare application",
        "handler, a coroutine",
        "handler, in a thread",
        "to a job's handler",
        "reads it once",
        "follows: new data each second",
    ]


def test_the_table(tmp_path: Path) -> None:
    """Of very small repositories: the figures are worth nothing, but all of them are there."""
    code = "import figures, sys; figures.REPEATS = 1; sys.argv = sys.argv[1:]; figures.main()"
    arguments = ["figures", "--sizes", "6,9", "--folder", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    readme = (ROOT / "docs" / "figures.md").read_text()
    assert len(rows) == 11
    assert all(f"\n{row[0]} | " in readme for row in rows[1:])
    assert all(len(row) == 3 for row in rows)
