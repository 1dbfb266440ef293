"""What the smaller commands print and write: explain, schema, init, completion, validate."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from conftest import ROOT, SAMPLE
from gitopsc.cli import main
from gitopsc.commands.examples import explained_project, explanations
from gitopsc.model.descriptor import COMPILED_KINDS
from gitopsc.model.diagnostic import CODES, NOT_LOCKED
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

SARIF = ROOT / "tests" / "vendor" / "sarif-schema-2.1.0.json"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(SAMPLE, folder)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def out(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(arguments) == status
    return capsys.readouterr().out


# explain


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.id)
def test_every_code_is_explained(code: Any, capsys: pytest.CaptureFixture[str]) -> None:
    text = out(capsys, "explain", code.id)
    assert text.startswith(f"{code.id} {code.slug} ({code.severity.value}): {code.summary}\n")
    assert f"[{code.id}]" in text or f"title={code.id} " in text
    assert "\nFor example" in text
    assert "# !C" not in text
    assert "\nRight:\n" in text or "\nWhat resolves it:\n" in text
    assert text == out(capsys, "explain", code.slug)


PAIRS = {code: found for code, found in explanations().items() if "wrong" in found}


def test_every_code_says_why_it_matters() -> None:
    assert list(explanations()) == sorted(code.id for code in CODES)


def test_every_code_has_what_is_right() -> None:
    """A document, or the commands after those of a script (test_errors.py runs them)."""
    for found in explanations().values():
        assert ("right" in found and "wrong" in found) != ("resolve" in found)


@pytest.mark.parametrize("code", PAIRS)
def test_what_is_wrong_leads_to_it_and_what_is_right_does_not(code: str) -> None:
    """To nothing else, either: but that a source has to be locked."""
    wrong, right = (explained_project(PAIRS[code], which) for which in ("wrong", "right"))
    assert {each.code.id for each in wrong.diagnostics if each.severity == "error"} <= {code}
    assert code in {each.code.id for each in wrong.diagnostics}
    assert code not in {each.code.id for each in right.diagnostics}
    assert {each.code for each in right.diagnostics if each.severity == "error"} <= {NOT_LOCKED}


def test_codes_are_listed_and_misspelled(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(out(capsys, "explain").splitlines()) == len(CODES)
    assert main(["explain", "unknown-functoin"]) == 2
    assert "did you mean `unknown-function`?" in capsys.readouterr().err


# schema


@pytest.mark.slow
def test_a_schema_is_complete_in_itself(capsys: pytest.CaptureFixture[str]) -> None:
    names = [line.split()[0] for line in out(capsys, "schema").splitlines()]
    assert {*(kind.replace(":", ".") for kind in COMPILED_KINDS), "gitopsc"} < set(names)
    for name in names:
        schema = json.loads(out(capsys, "schema", name))
        Draft202012Validator.check_schema(schema)
        for example in schema.get("examples", ()):
            Draft202012Validator(schema).validate(example)
        text = json.dumps(schema)
        assert "schema.json#" not in text


def test_one_schema_for_every_descriptor(capsys: pytest.CaptureFixture[str]) -> None:
    validator = Draft202012Validator(json.loads(out(capsys, "schema", "descriptor")))
    files = [*SAMPLE.glob("functions/*.yaml"), *SAMPLE.glob("runs/*")]
    descriptors = [each for path in files for each in yaml.safe_load_all(path.read_text())]
    assert len(descriptors) >= 6
    for each in descriptors:
        validator.validate(each)
        assert not validator.is_valid({**each, "spec": {**each["spec"], "functoin": "x"}})


def test_schemas_are_written_for_editors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a" / "schemas"
    assert main(["schema", "-o", str(folder)]) == 0
    names = [line.split()[0] for line in out(capsys, "schema").splitlines()]
    assert {path.name for path in folder.iterdir()} == {f"{name}.schema.json" for name in names}
    (tmp_path / "file").write_text("")
    assert main(["schema", "-o", str(tmp_path / "file")]) == 1
    assert main(["schema", "pyton"]) == 2
    assert "did you mean `python`?" in capsys.readouterr().err


# init


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("cities", "cities"),
        ("My Cities_2", "my-cities-2"),
        ("é", "my-project"),
        *((name, name) for name in ("2024", "1-a", "0x1", "true", "on")),
    ],
)
def test_a_new_project_compiles_at_once(
    tmp_path: Path, folder: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / folder
    assert main(["init", str(place)]) == 0
    subprocess.run(["git", "init", "-q"], cwd=place, check=True)
    stores = {"default": f"s3://{name}-data"}
    settings = yaml.safe_load((place / "gitopsc.yaml").read_text())
    assert settings == {"project": name, "stores": stores}
    _, count = yaml.safe_load_all((place / "runs" / "hello.yaml").read_text())
    made = f"store://{name}/artifact/artifact/greeting"
    assert count["spec"]["inputs"] == {"greeting": made}
    assert main(["compile", str(place)]) == 0
    for run in ("hello-world", "count"):
        assert (place / "deploy" / "manifests" / "default" / f"{run}.yaml").is_file()
    assert main(["compile", "--check", str(place)]) == 0
    for path in place.glob("*/*.yaml"):
        first = path.read_text().split("\n")[0]
        assert (path.parent / first.partition("$schema=")[2]).is_file(), path
    settings = json.loads((place / ".vscode" / "settings.json").read_text())
    assert all((place / path).is_file() for path in settings["yaml.schemas"])
    before = capsys.readouterr().err
    assert "gitopsc compile" in before
    (place / "src" / "hello.py").write_text("mine\n")
    assert main(["init", str(place)]) == 1
    assert (place / "src" / "hello.py").read_text() == "mine\n"
    assert "`src/hello.py`" in capsys.readouterr().err


def test_files_of_other_tools_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a repository that has been there for years; what to add to them is said, once."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "team" / "cities"
    there = {
        tmp_path / ".pre-commit-config.yaml": "repos: []\n",
        place / ".gitattributes": "*.md text\n",
        place / ".gitignore": "*.log\n",
        place / ".vscode" / "settings.json": "{}\n",
    }
    for path, text in there.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert main(["init", "team/cities"]) == 0
    shown = capsys.readouterr().err
    assert {path: path.read_text() for path in there} == there
    assert "kept      .pre-commit-config.yaml; for a hook, add this below `repos:`" in shown
    assert "      - id: gitopsc-compile\n" in shown
    assert "kept      team/cities/.gitattributes; `gitopsc init --git` adds" in shown
    assert '".gitopsc/schemas/gitopsc.schema.json": "gitopsc.yaml"' in shown
    added = shown[shown.index("  - repo: local") : shown.index("kept      team/cities/.vscode")]
    config = tmp_path / ".pre-commit-config.yaml"
    config.write_text(f"repos:\n{added}")
    assert yaml.safe_load(config.read_text())["repos"][0]["hooks"][0]["id"] == "gitopsc-compile"
    assert main(["init", "--git", "team/cities"]) == 0  # adds to the attributes
    assert main(["init", "team/towns"]) == 0
    shown = capsys.readouterr().err
    assert "created   team/towns/.gitattributes" in shown
    assert "kept" not in shown


SCRIPT = """\
import digitalhub as dh

project = dh.get_or_create_project("cities")
hello = project.new_function(name="hello", kind="python", python_version="PYTHON3_11",
                             code="def hello(name): ...", handler="hello")
hello.run("job", parameters={"name": "world"})
"""


def test_a_new_project_out_of_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    remote = "https://me@git.example.com/geo/cities"
    subprocess.run(["git", "remote", "add", "origin", remote], cwd=tmp_path, check=True)
    (tmp_path / "pipeline.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    wanted = ["--from-notebook", "pipeline.py", "--ci", "gitlab", "--controller", "argocd"]
    assert main(["init", *wanted, "--registry", "registry.example.com/team"]) == 0
    settings = yaml.safe_load(Path("gitopsc.yaml").read_text())
    assert settings["project"] == "cities"
    assert settings["registry"] == "registry.example.com/team"
    assert settings["controller"] == {"argocd": {"repo": "https://git.example.com/geo/cities"}}
    assert settings["namespace"] == "cities"
    assert Path(".gitlab-ci.yml").is_file()
    assert Path(".gitopsc/schemas/python.schema.json").is_file()
    assert not Path("src").exists()
    assert main(["compile"]) == 0
    assert "hello" in Path("deploy/manifests/default/hello.yaml").read_text()
    capsys.readouterr()
    assert main(["init", "--from-notebook", "pipeline.py"]) == 1
    assert "there already" in capsys.readouterr().err
    for option, value in (("--project", "My X"), ("--registry", "https://x")):
        assert main(["init", "new", option, value]) == 2
    assert not Path("new").exists()


def on_a_terminal(folder: Path, typed: str, *options: str) -> tuple[int, str]:
    """What `gitopsc init` returns and shows where all of it is a terminal, on which is typed
    as soon as the first question is there."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "gitopsc", "init", *options]
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0),  # keys such as Ctrl-C
    )
    os.close(its)
    shown = b""
    with suppress(OSError):  # the end
        while part := os.read(ours, 4096):
            shown += part
            if typed and b"]: " in shown:
                os.write(ours, typed.encode())
                typed = ""
    os.close(ours)
    return process.wait(), shown.decode()


def test_a_terminal_is_asked(tmp_path: Path) -> None:
    folder = tmp_path / "cities"
    folder.mkdir()
    typed = "My X\n\nhttps://x\nregistry.example.com/team\nkube\nflux\ngithub\n"
    status, shown = on_a_terminal(folder, typed)
    assert status == 0, shown
    assert "Name of the project [cities]: " in shown
    assert "  use small letters, digits and `-`" in shown
    assert "  write `host[:port][/path]` in small letters" in shown
    assert "  answer argocd, flux or none" in shown
    settings = yaml.safe_load((folder / "gitopsc.yaml").read_text())
    assert (settings["project"], settings["registry"]) == ("cities", "registry.example.com/team")
    assert settings["namespace"] == "cities"
    assert (
        "#     repo: https://git.example.com/<repository>" in (folder / "gitopsc.yaml").read_text()
    )
    assert (folder / ".github/workflows/gitopsc.yml").is_file()
    status, shown = on_a_terminal(folder, "")
    assert status == 1
    assert "Name of" not in shown
    assert "exists already" in shown


def test_a_terminal_is_asked_for_a_notebook(tmp_path: Path) -> None:
    notebook = {"cells": [{"cell_type": "code", "source": SCRIPT}], "nbformat": 4}
    (tmp_path / "first.ipynb").write_text(json.dumps(notebook))
    status, shown = on_a_terminal(tmp_path, "first.ipynb\n\n\n\n")
    assert status == 0, shown
    assert "Notebook to begin with (first.ipynb) [none]: " in shown
    assert yaml.safe_load((tmp_path / "gitopsc.yaml").read_text())["project"] == "cities"


@pytest.mark.parametrize("typed", ["\x04", "\n\x03"], ids=["end", "interrupt"])
def test_a_terminal_that_does_not_answer(tmp_path: Path, typed: str) -> None:
    status, shown = on_a_terminal(tmp_path, typed)
    assert status == 1
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--no-input"], ["--registry", "registry.example.com"]])
def test_a_terminal_is_not_asked(tmp_path: Path, options: list[str]) -> None:
    status, shown = on_a_terminal(tmp_path, "", *options)
    assert status == 0
    assert "[none]" not in shown


# completion


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    script = out(capsys, "completion", shell)
    assert "--fail-on-change" in script or "fail-on-change" in script
    assert "explain" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_completion_of_bash_completes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "gitopsc.bash"
    script.write_text(out(capsys, "completion", "bash"))
    ask = (
        f"source {script}; COMP_WORDS=(gitopsc comp); COMP_CWORD=1; "
        "_shtab_gitopsc gitopsc comp gitopsc; printf '%s\\n' ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert {each.strip() for each in done.stdout.split()} == {"compile", "completion"}
    (tmp_path / "functions").mkdir()
    for words, wanted in ((["compile", "fun"], "functions"), (["explain", "C40"], "C401")):
        ask = (
            f"cd {tmp_path}; source {script}; COMP_WORDS=(gitopsc {words[0]} {words[1]}); "
            "COMP_CWORD=2; "
            f"_shtab_gitopsc gitopsc {words[1]} {words[0]}; printf '%s\\n' ${{COMPREPLY[@]}}"
        )
        done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
        assert wanted in {each.strip().rstrip("/") for each in done.stdout.split()}


def test_completion_of_bash_knows_the_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "gitopsc.bash"
    script.write_text(out(capsys, "completion", "bash"))
    assert main(["init", str(tmp_path / "project")]) == 0
    program = tmp_path / "gitopsc"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gitopsc "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    for command in ("run", "status"):
        ask = (
            f"cd {tmp_path}/project; source {script}; COMP_WORDS=(gitopsc {command} he); "
            f"COMP_CWORD=2; _shtab_gitopsc gitopsc he {command}; printf '%s\\n' ${{COMPREPLY[@]}}"
        )
        done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
        assert "hello-world" in done.stdout.split()


# validate, and reports for machines


def test_validate_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(project / "deploy")
    assert main(["validate", str(project)]) == 0
    runs = project / "runs" / "jobs.yaml"
    runs.write_text(runs.read_text().replace("function: announce", "function: anounce"))
    assert main(["validate", str(project)]) == 1
    report = capsys.readouterr().err
    assert "error[C401]" in report
    assert report.endswith("gitopsc: 1 error\n")
    assert not (project / "deploy").exists()


def broken(project: Path) -> None:
    runs = project / "runs" / "jobs.yaml"
    text = runs.read_text().replace("function: announce", "function: anounce")
    runs.write_text(
        text + "---\nkind: python+job:run\nname: announce\nspec: {function: announce}\n"
    )


def test_report_schema(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads((ROOT / "schemas" / "reports" / "report.schema.json").read_text())
    validator = Draft202012Validator(schema)
    arguments = ("compile", str(project), "--format", "json")
    validator.validate(json.loads(out(capsys, *arguments)))
    shutil.rmtree(project / "deploy" / "images")
    stale = json.loads(out(capsys, *arguments, "--check", status=1))
    validator.validate(stale)
    assert stale["status"] == "stale"
    broken(project)
    failed = json.loads(out(capsys, *arguments, status=1))
    validator.validate(failed)
    assert {each["code"] for each in failed["diagnostics"]} >= {"C401", "C402"}


def test_annotations_of_a_workflow(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "deploy" / ".gitopsc-files").unlink()
    (project / "odd,na:me%.yaml").write_text("kind: python+job:run\nname: o\nspec: {function: x}\n")
    broken(project)
    lines = out(capsys, "validate", "--format", "github", status=1).splitlines()
    assert any(line.startswith("::error file=runs/jobs.yaml,line=20,endLine=20,") for line in lines)
    assert any("file=odd%2Cna%3Ame%25.yaml,line=3" in line for line in lines)
    kinds = [line.split()[0] for line in lines]
    assert kinds == sorted(kinds, key=["::error", "::warning", "::notice"].index)
    assert all("%0Ahint: " in line for line in lines if "C401" in line)


def test_a_stale_output_is_annotated(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "deploy" / "manifests" / "staging" / "announce.yaml").write_text("x")
    found = out(capsys, "compile", "--check", "--format", "github", status=1)
    assert "::error file=deploy/manifests/staging/announce.yaml,line=1" in found
    assert "title=C705 stale-output::" in found


def test_a_stale_folder_is_one_annotation(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    for path in (project / "deploy" / "manifests" / "staging").iterdir():
        path.unlink()
    found = out(capsys, "compile", "--check", "--format", "github", status=1)
    assert found.count("title=C705") == 1
    assert "is missing, and 4 more%0A" in found


@pytest.mark.parametrize("state", ["clean", "broken"])
def test_gitlab(
    project: Path, state: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What GitLab requires of each: a description, a name, a fingerprint, a severity, a place."""
    monkeypatch.chdir(project)
    if state == "broken":
        broken(project)
    arguments = ("validate", "--format", "gitlab")
    issues = json.loads(out(capsys, *arguments, status=int(state != "clean")))
    assert bool(issues) == (state == "broken")
    for each in issues:
        assert each["description"]
        assert re.fullmatch(r"C\d{3} [a-z0-9-]+", each["check_name"])
        assert each["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert (project / each["location"]["path"]).exists()
        assert each["location"]["lines"]["begin"] >= 1
    prints = [each["fingerprint"] for each in issues]
    assert len(set(prints)) == len(prints)
    if state == "broken":
        moved = project / issues[0]["location"]["path"]
        text = moved.read_text()
        moved.write_text(f"\n{text}" if moved.suffix == ".json" else f"# more\n{text}")
        again = json.loads(out(capsys, *arguments, status=1))
        assert [each["fingerprint"] for each in again] == prints


@pytest.mark.parametrize("state", ["clean", "broken"])
def test_junit(
    project: Path, state: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    if state == "broken":
        broken(project)
    text = out(capsys, "validate", "--format", "junit", status=int(state != "clean"))
    (suite,) = ElementTree.fromstring(text)
    tests = suite.findall("testcase")
    failed = [each for each in tests if each.find("failure") is not None]
    assert (int(suite.get("tests", 0)), int(suite.get("failures", 0))) == (len(tests), len(failed))
    assert tests
    assert bool(failed) == (state == "broken")


@pytest.mark.parametrize("state", ["clean", "stale", "broken"])
def test_sarif(
    project: Path, state: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    noted = project / "gitopsc.yaml"
    noted.write_text(noted.read_text().replace("registry:", "namespace: cities\n#"))
    out(capsys, "compile")
    if state == "stale":
        (project / "deploy" / "reports" / "lineage.json").unlink()
    if state == "broken":
        broken(project)
    arguments = ("compile", "--check", "--format", "sarif")
    log = json.loads(out(capsys, *arguments, status=int(state != "clean")))
    (run,) = log["runs"]
    assert all((project / place(each)).exists() for each in run["results"] if state != "stale")
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in run["results"])
    prints = [each["partialFingerprints"]["gitopsc/v1"] for each in run["results"]]
    assert len(set(prints)) == len(prints) > 0
    schema = json.loads(SARIF.read_text())
    validator_for(schema)(schema).validate(log)


def place(result: Any) -> str:
    uri: str = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return uri
