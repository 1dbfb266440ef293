"""An export becomes a tidy repository that compiles to the same objects."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import CASES, SAMPLE, SAMPLES, tree_from, tree_of
from gitopsc.adapters import source_cache
from gitopsc.adapters.template import render_yaml
from gitopsc.cli import main
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import has_errors
from gitopsc.model.lock import FunctionPin, SourcePin, block_of, files_digest
from gitopsc.model.source import FunctionFile, Tree
from gitopsc.pipeline import compile_tree, tidy_tree
from hypothesis import given, settings
from hypothesis import strategies as st
from test_normalize import project, runs

EXPORT = SAMPLES / "sdk-0.15.11-export"
REPOS = [SAMPLE, *sorted(path / "repo" for path in CASES.iterdir())]


def objects(compilation: Compilation) -> dict[str, str]:
    """Manifests without where they come from."""
    assert not has_errors(compilation.diagnostics), compilation.diagnostics
    return {
        f"{project.name}/{file.path}": re.sub(
            r"(?m)^ *(# Compiled|gitopsc/(source|function):).*\n", "", file.content.decode()
        )
        for project, files in compilation.outputs
        for file in files
        if file.path.startswith("manifests/")
    }


def tidied(tree: Tree) -> Tree:
    files, _, problems = tidy_tree(tree)
    assert files, problems
    found = tree_of({each.path: each.content for each in files}, tree.folder)
    executable = {each.path for each in files if each.executable}
    for path in executable:
        object.__setattr__(found.files[path], "executable", True)
    return found


@pytest.mark.parametrize("repo", REPOS, ids=lambda path: path.parts[-2])
def test_the_same_objects(repo: Path) -> None:
    tree = tree_from(repo, without="/deploy/")
    before = objects(compile_tree(tree))
    once = tidied(tree)
    assert objects(compile_tree(once)) == before
    twice = tidied(once)
    assert {path: file.content for path, file in twice.files.items()} == {
        path: file.content for path, file in once.files.items()
    }


@given(st.lists(runs, min_size=1, max_size=3), st.sampled_from(["0.9", "0.13", "0.14", "0.15"]))
@settings(max_examples=40, deadline=None)
def test_the_same_objects_of_every_platform(meaning: list[dict[str, Any]], dialect: str) -> None:
    tree = tree_of(project(meaning, dialect))
    assert objects(compile_tree(tidied(tree))) == objects(compile_tree(tree))


def test_what_a_platform_needs_is_gone() -> None:
    once = tidied(tree_from(CASES / "older-platforms" / "repo"))
    for path, file in once.files.items():
        for document in yaml.safe_load_all(file.content) if path.endswith(".yaml") else ():
            gone = {"status", "user", "key", "project", "extensions"} - (
                {"project"} if path == "gitopsc.yaml" else set()
            )
            assert not gone & document.keys(), path
            assert "id" not in document, path
            assert document.get("kind") != "python+run"
            assert "base64" not in str(document)
    assert once.files["functions/vanished/src/vanished.py"].content.startswith(b"def go(x)")
    assert once.files["functions/hubFunction/main.py"].content.startswith(b"def main(url")


@pytest.mark.skipif(not EXPORT.is_dir(), reason="the samples are not here")
def test_the_sample_of_an_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it is, it lacks a profile and pins, and says so; with both, it compiles as it is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    export = tmp_path / "export"
    shutil.copytree(EXPORT, export)
    subprocess.run(["git", "init", "-q"], cwd=export, check=True)
    monkeypatch.chdir(tmp_path)
    assert main(["compile", "export", "--format", "github"]) == 1
    said = capsys.readouterr().out
    errors = sorted(
        set(re.findall(r"::error file=export/(\w+)-\w+\.yaml,line=(\d+).*title=(C\d+)", said))
    )
    assert errors == [
        ("functions", "15", "C601"),
        ("functions", "17", "C601"),
        ("tasks", "32", "C421"),
    ]
    source = b"def downloader(url): ...\ndef main(): ...\n"
    files = tuple(FunctionFile(path, source) for path in ("pkg/mod.py", "s1-etl/src/functions.py"))
    source_cache.keep(files)
    pins = {
        "gitfn": SourcePin(
            "git+https://github.com/scc-digitalhub/digitalhub-tutorials#main",
            files_digest(files),
            commit="0" * 40,
        ),
        "zipfn": SourcePin("zip+s3://datalake/src/func.zip", files_digest(files), sha256="0" * 64),
    }
    blocks = [(name, block_of(FunctionPin(pin))) for name, pin in pins.items()]
    (export / "gitopsc.lock").write_text(render_yaml("lock.yaml.j2", blocks=blocks))
    (export / "gitopsc.yaml").write_text(
        "project: demo-etl\nstores: {default: s3://data}\n"
        "registry: registry.example.com\nprofiles: {1xa100: {}}\n"
    )
    assert main(["compile", "export"]) == 0, capsys.readouterr().err
    made = {path.name for path in (export / "deploy/manifests/default").iterdir()}
    assert {"nightly.yaml", "dc86947cda4649f39a0aff7e6690d28d.yaml"} <= made
    shutil.rmtree(export / "deploy")
    capsys.readouterr()
    assert main(["import", "export", "tidy"]) == 0
    assert "imported; it compiles to the same objects (7) and images (5)" in capsys.readouterr().err
    assert main(["import", "export", "tidy"]) == 1
    assert "there already" in capsys.readouterr().err
    assert main(["import", "export", "export/inside"]) == 1
    assert not (export / "inside").exists()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path / "tidy", check=True)
    assert main(["compile", "tidy"]) == 0
    found = {
        path.relative_to(tmp_path / "tidy").as_posix() for path in (tmp_path / "tidy").rglob("*")
    }
    assert {"functions/inline/main.py", "src/etl.py", "runs", "triggers/nightly.yaml"} <= found


def test_an_export_with_errors_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export").mkdir()
    (tmp_path / "export/f.yaml").write_text("kind: python\nname: f\nspec: {}\n")
    assert main(["import", "export", "tidy"]) == 1
    assert "C303" in capsys.readouterr().err
    assert not (tmp_path / "tidy").exists()
    (tmp_path / "export/f.yaml").write_text("kind: container\nspec: {}\n")
    assert main(["import", "export", "tidy"]) == 1
    assert "nothing" in capsys.readouterr().err


def test_an_image_of_the_platform_is_built_from_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    export = tmp_path / "export"
    export.mkdir()
    (export / "gitopsc.yaml").write_text("project: demo\nregistry: registry.example.com\n")
    built = with_source(code="def f(): ...\n")
    built["spec"]["image"] = "registry.example.com/demo-f:a1b2"
    own = {**with_source(), "name": "own"}
    own["spec"] = {**own["spec"], "image": "registry.example.com/demo-own:a1b2"}
    run = {"kind": "python+job:run", "name": "r", "spec": {"function": "f"}}
    for each in (built, own, run):
        (export / f"{each['name']}.yaml").write_text(json.dumps(each))
    assert main(["import", "export", "tidy"]) == 0
    said = capsys.readouterr().err
    assert "same objects (1) and images (0), but for images of the platform" in said
    assert "image" not in (tmp_path / "tidy/functions/f/function.yaml").read_text()
    assert "demo-own:a1b2" in (tmp_path / "tidy/functions/own/function.yaml").read_text()


def test_what_is_not_compared_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    export = tmp_path / "export"
    export.mkdir()
    (export / "f.yaml").write_text(json.dumps(with_source(code="def f(): ...\n")))
    run = {"kind": "python+job:run", "name": "r", "spec": {"function": "f", "outputs": {"x": "x"}}}
    (export / "r.yaml").write_text(json.dumps(run))
    assert main(["import", "export", "tidy"]) == 0
    said = capsys.readouterr().err
    assert "not compared, for the export does not compile: `r` makes" in said
    assert "(C507); try `gitopsc compile tidy`" in said


FUNCTION: dict[str, Any] = {
    "kind": "python",
    "name": "f",
    "spec": {
        "python_version": "PYTHON3_11",
        "source": {"code": "def f(): ...\n", "handler": "f"},
    },
}


def with_source(**source: str) -> dict[str, Any]:
    spec = {"python_version": "PYTHON3_11", "source": {"handler": "f", **source}}
    return {**FUNCTION, "spec": spec}


HOSTILE = {
    "path": [with_source(code="", source="../../x.py")],
    "base64": [with_source(base64="%")],
    "both": [with_source(code="", source="git+https://h/a")],
    "name": [{**FUNCTION, "name": "..", "id": "a"}, {**FUNCTION, "name": "..", "id": ".."}],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_is_written_outside_of_the_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export").mkdir()
    (tmp_path / "export/f.json").write_text(json.dumps(HOSTILE[name]))
    before = sorted(path.as_posix() for path in tmp_path.rglob("*"))
    for form in ("text", "json"):
        assert main(["import", "export", "a/b/tidy", "--format", form]) == 1
        said = "".join(capsys.readouterr())
        assert "f.json" in said
    assert sorted(path.as_posix() for path in tmp_path.rglob("*")) == before


def test_neither_folder_lies_in_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export").mkdir()
    (tmp_path / "export/f.json").write_text(json.dumps(FUNCTION))
    for target in (".", "export", "export/inside"):
        assert main(["import", "export", target]) == 1
        assert "C703" in capsys.readouterr().err
    assert main(["import", "export/"]) == 0
    assert (tmp_path / "export-tidy/functions/f/main.py").is_file()


def test_what_a_task_says_of_its_runs() -> None:
    key = "store://demo/dataitem/dataitem/cities:v1"
    task = {
        "kind": "python+job",
        "spec": {
            "function": "f",
            "schedule": "0 0 3 * * ?",
            "template": {"parameters": {"x": key}},
            "envs": [{"name": "A", "value": "b"}],
        },
    }
    data = {"kind": "table", "name": "cities", "id": "v1", "spec": {"path": "s3://b/c.csv"}}
    runs_ = [
        {"kind": "python+job:run", "name": "all", "spec": {"function": "f"}},
        {"kind": "python+job:run", "name": "none", "spec": {"function": "f", "envs": []}},
    ]
    function = with_source(code="def f(x): ...\n")
    documents = [function, task, data, *runs_]
    tree = tree_of({"all.json": json.dumps(documents), "gitopsc.yaml": "project: demo\n"})
    assert objects(compile_tree(tidied(tree))) == objects(compile_tree(tree))


def test_the_projects_name_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether a descriptor says it, the settings, or the folder alone."""
    monkeypatch.chdir(tmp_path)
    run = {"kind": "python+job:run", "name": "r", "spec": {"function": "f"}}
    project = {"kind": "project", "name": "named", "spec": {}}
    for number, (files, name) in enumerate(
        [
            ([FUNCTION, run, project], "named"),
            ([FUNCTION, run], "export-1"),
            ([FUNCTION, run], "export-2"),
        ]
    ):
        export = tmp_path / f"export-{number}"
        export.mkdir()
        (export / "all.json").write_text(json.dumps(files))
        if number != 2:
            (export / "gitopsc.yaml").write_text("registry: registry.example.com\n")
        assert main(["import", export.name, f"Tidy {number}"]) == 0, capsys.readouterr().err
        assert main(["compile", f"Tidy {number}"]) == 0
        manifest = (tmp_path / f"Tidy {number}/deploy/manifests/default/r.yaml").read_text()
        assert f'"project": "{name}"' in manifest
