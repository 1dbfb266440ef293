"""What is printed or written of a stranger's text moves no cursor and gives no command."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import SAMPLE, tree_of
from gitopsc.cli import main
from gitopsc.pipeline import compile_tree

NAMES = (
    *("a\x1b[2J.yaml", "a\n::error::x.yaml", "a\u202egnp.yaml"),
    *("::set-output name=x::y.yaml", "a\rb.yaml"),
)
SPEC = "{{python_version: {value}, source: {{code: x, handler: y}}}}"
TEXT = f"kind: python\nname: {{name}}\nspec: {SPEC}\n"
VALUES = ("\\e[2J", "\\n::error::x", "\\u202Egnp", "::error::x", "\\r\\n::x")
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_reports(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    for name, value in zip(NAMES, VALUES, strict=True):
        (tmp_path / name).write_text(TEXT.format(name=f'"{value}"', value=f'"{value}"'))
    assert main(["validate", "--format", form]) == 1
    out, err = capfd.readouterr()
    assert "C305" in out + err
    for stream in (out, err):
        assert not FORBIDDEN.search(stream)
        commands = [line for line in stream.split("\n") if line.lstrip().startswith("::")]
        assert form == "github" or not commands
        assert all(re.match(r"::(error|warning|notice) file=", each) for each in commands)


def test_a_hint_to_stage_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a\n::error::x.yaml").write_text("kind: artifact\nname: a\nspec: {}\n")
    main(["compile", "--fail-on-change"])
    assert not [line for line in capfd.readouterr().err.split("\n") if line.startswith("::")]


@pytest.mark.parametrize("name", ["q\n::error::x", "p\x1b[2J", "d\u061cx", "e\u202egnp"])
def test_what_is_written_to_a_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLE, tmp_path / name, ignore=shutil.ignore_patterns("deploy"))
    for options in (["--check"], [], ["--check"]):
        main(["compile", *options])
        said = "".join(capfd.readouterr())
        assert not FORBIDDEN.search(said)
        assert not [line for line in said.split("\n") if line.startswith("::")]
    for path in (tmp_path / name).rglob("*.yaml"):
        assert not FORBIDDEN.search(path.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_comments_of_manifests(name: str) -> None:
    files = {
        "gitopsc.yaml": "project: demo\nregistry: registry.example.com\n",
        name: "kind: python\nname: f\nspec:\n  python_version: PYTHON3_11\n"
        '  source: {code: "def f(): ...", handler: f}\n---\n'
        "kind: python+job:run\nname: r\nspec: {function: f}\n",
    }
    compilation = compile_tree(tree_of(files))
    written = [file for _, made in compilation.outputs for file in made]
    manifests = [each.content.decode() for each in written if each.path.startswith("manifests/")]
    assert manifests
    for text in manifests:
        assert not FORBIDDEN.search(text)
        assert not [line for line in text.split("\n") if line.startswith("::")]


def test_settings_that_are_a_link_to_a_file_that_git_ignores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".gitignore").write_text(".env\n")
    (tmp_path / ".env").write_text("HIDDEN: hunter2\nOTHER: hunter3\n")
    for name in ("gitopsc.yaml", "gitopsc.lock", "x.yaml"):
        (tmp_path / name).symlink_to(".env")
    for form in ("text", "json", "sarif", "github"):
        assert main(["validate", "--format", form]) == 1
        said = "".join(capfd.readouterr())
        assert "hunter" not in said
        assert "HIDDEN" not in said


@pytest.mark.parametrize("command", [["compile", "--check"], ["validate"], ["compile"]])
def test_no_project_is_no_success(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    assert main(command) == 1
    assert not (tmp_path / "deploy").exists()


def test_the_nearest_project_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "team" / "a" / "b").mkdir(parents=True)
    (tmp_path / "team" / "gitopsc.yaml").write_text("project: team\n")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "team" / "a" / "b")
    assert main(["compile"]) == 0
    assert (tmp_path / "team" / "deploy" / "reports" / "lineage.json").exists()
    (tmp_path / "x.yaml").write_text("kind: python\nname: f\nspec: {}\n")
    monkeypatch.chdir(tmp_path / "other")
    capfd.readouterr()
    assert main(["validate", "--format", "json"]) == 0
    found = json.loads(capfd.readouterr().out)["diagnostics"]
    assert os.path.join("..", "x.yaml") in {each["file"] for each in found}
