"""A list of owned files that a stranger wrote removes no file that is not the compiler's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SAMPLE
from gitopsc.cli import main
from gitopsc.model.files import OWNERSHIP_LIST
from gitopsc.model.ownership import is_written_by_us, ownership


@pytest.fixture(params=["tracked", "untracked", "elsewhere", "no repository"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The sample's output: committed, ignored, with `-o`, and where there is no Git."""
    project = tmp_path / "project"
    shutil.copytree(SAMPLE, project)
    here = os.getcwd()
    os.chdir(project)
    output = project / "deploy"
    if request.param != "no repository":
        if request.param == "untracked":
            (project / ".gitignore").write_text("deploy/\n")
        subprocess.run(["git", "init", "-q"], check=True)
        subprocess.run(["git", "add", "-A"], check=True)
    if request.param == "elsewhere":
        output = tmp_path / "out"
    yield output
    os.chdir(here)


def compiled(output: Path, *options: str) -> int:
    chosen = ("-o", str(output)) if output.name == "out" else ()
    return main(["compile", *chosen, *options])


@pytest.mark.parametrize("listed", ["terraform.tfstate", "../secrets.env", ".env", "a/b.yaml"])
def test_what_the_compiler_cannot_write_is_an_error_and_stays(output: Path, listed: str) -> None:
    assert compiled(output) == 0
    victim = output / listed
    victim.parent.mkdir(exist_ok=True)
    victim.write_text("precious")
    with (output / OWNERSHIP_LIST).open("a") as file:
        file.write(f"{listed}\n")
    for options in ((), ("--check",), ("--no-cache",)):
        assert compiled(output, *options) == 1
        assert victim.read_text() == "precious"


def test_an_untracked_file_without_a_mark_of_ours_stays(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compiled(output) == 0
    victims = [
        output / "images" / "theirs" / "source" / "data.csv",
        output / "manifests" / "theirs" / "secret.yaml",
        output / "reports" / "quarter.json",
    ]
    for victim in victims:
        victim.parent.mkdir(parents=True, exist_ok=True)
        victim.write_text("precious")
    with (output / OWNERSHIP_LIST).open("a") as file:
        file.write("".join(f"{each.relative_to(output)}\n" for each in victims))
    capsys.readouterr()
    assert compiled(output) == 0
    told = capsys.readouterr().err
    assert told.count("[C706]") == len(victims)
    assert all(each.read_text() == "precious" for each in victims)


@pytest.mark.parametrize("options", [(), ("--no-cache",)])
def test_what_a_deleted_run_leaves_is_removed(output: Path, options: tuple[str, ...]) -> None:
    assert compiled(output) == 0
    assert (output / "manifests" / "staging" / "announce.yaml").exists()
    for path in Path(".").rglob("*.yaml"):
        if "deploy" not in path.parts:
            path.write_text(path.read_text().replace("announce", "proclaim"))
    assert compiled(output, *options) == 0
    assert not (output / "manifests" / "staging" / "announce.yaml").exists()
    assert not (output / "images" / "announce").exists()
    assert (output / "images" / "proclaim" / "source" / "main.py").exists()


@pytest.mark.parametrize("target", ["../.env", "/etc/passwd", "/dev/stdin"])
def test_a_list_that_is_a_link_shows_nothing(
    target: str, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a file that nobody else has, or of a device that never ends."""
    assert compiled(output) == 0
    (output / OWNERSHIP_LIST).unlink()
    (output.parent / ".env").write_text("hush-hush\n")
    (output / OWNERSHIP_LIST).symlink_to(target)
    capsys.readouterr()
    assert compiled(output, "--check") == 1
    said = capsys.readouterr().err
    assert "hush" not in said
    assert "/bin/" not in said


def test_everything_the_sample_has_could_be_written() -> None:
    text = (SAMPLE / "deploy" / OWNERSHIP_LIST).read_text()
    assert ownership(text).paths == set(text.split())


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/etc/hosts",
            "images/../x",
            "images//x/Dockerfile",
            "images/a/main.tf",
            "images/Dockerfile",
        ),
        *("manifests/x.yaml", "manifests/a/b/c.yaml", "manifests/a/x.yml", "reports/a/b.json"),
        *(".git/config", ".gitopsc-files", "images/a/source/../../x", "images/a/\x1b[2J", ""),
    ],
)
def test_what_the_compiler_cannot_write(path: str) -> None:
    assert not is_written_by_us(path)
