"""What `gitopsc explain` says of a run: each value with where it is from, and what decides."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import CASES, SAMPLE, tree_from
from gitopsc.adapters.yaml import read_documents
from gitopsc.cli import main
from gitopsc.model import identity
from gitopsc.pipeline import compile_tree
from gitopsc.report.line_origin import way_at

REPOS = [SAMPLE, *sorted(CASES.glob("*/repo"))]


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["explain", *arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def rows(told: Any, title: str) -> dict[str, tuple[str, str]]:
    found = [each for section in told["sections"] for each in section["rows"]]
    if title:
        section = next(each for each in told["sections"] if each["title"].startswith(title))
        found = section["rows"]
    return {row["name"]: (row["value"], row["origin"]) for row in found}


@pytest.mark.parametrize("repo", REPOS, ids=lambda path: path.parent.name)
def test_every_run_in_every_environment(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Places exist, and what decides is all that is not a default."""
    compilation = compile_tree(tree_from(repo, without="/deploy/"))
    for resolution in compilation.resolutions:
        project = resolution.program.project
        for resolved in resolution.runs:
            name = f"{project.name}/{resolved.name}"
            told = explained(
                capsys, name, "--path", str(repo), "--environment", resolution.environment.name
            )
            assert f"compute {resolved.compute}" in json.dumps(told)
            decides = rows(told, "What decides")
            stated = {
                field
                for field, value in resolved.compute_fields.items()
                if value != identity.COMPUTE_FIELDS[field]
            }
            assert {re.split(r"[. ]", row)[0] for row in decides} == stated
            for _, origin in rows(told, "").values():
                if place := re.match(r"([\w/.+-]+\.\w+):(\d+)", origin):
                    assert int(place[2]) <= (repo / place[1]).read_text().count("\n") + 1


def test_where_each_value_is_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gitopsc.yaml").write_text(
        "project: demo\n"
        "stores: {default: 's3://demo/data'}\n"
        "defaults: {resources: {mem: 1Gi}}\n"
        "profiles:\n"
        "  gpu: {resources: {requests: {gpu: 1}}, envs: [{name: MODE, value: fast}],\n"
        "    node_selector: {pool: gpu}, runtime_class: nvidia}\n"
        "environments:\n"
        "  one: {}\n"
        "  two: {defaults: {resources: {disk: 2Gi}}}\n"
    )
    (tmp_path / "all.yaml").write_text(
        "kind: python\n"
        "name: f\n"
        "spec:\n"
        "  python_version: PYTHON3_11\n"
        "  source: {handler: f, code: 'def f(a, password): ...'}\n"
        "---\n"
        "kind: python+job\n"
        "spec: {function: f, envs: [{name: A, value: b}], profile: gpu}\n"
        "---\n"
        "kind: python+job:run\n"
        "name: r\n"
        "spec: {function: f, parameters: {a: 1, password: hunter2-hunter2}, resources: {cpu: 2},\n"
        "  node_selector: {pool: other}, priority_class: high, gitops: {rerun: never}}\n"
    )
    told = explained(capsys, "r", "--path", str(tmp_path), "--environment", "two")
    assert told["others"] == ["one"]
    said = rows(told, "What it says")
    assert said["parameters.a"] == ("1", "all.yaml:12")
    assert said["envs.A"] == ("b", "all.yaml:8, its task")
    assert said["envs.MODE"] == ("fast", "gitopsc.yaml:5, profiles.gpu.envs")
    assert said["profile"] == ("gpu", "all.yaml:8, its task")
    assert said["resources.cpu"] == ("2", "all.yaml:12")
    assert said["resources.mem"] == ("1Gi", "gitopsc.yaml:3, defaults.resources.mem")
    assert said["resources.gpu"] == ("1", "gitopsc.yaml:5, profiles.gpu.resources")
    assert said["resources.disk"] == ("2Gi", "gitopsc.yaml:9, defaults.resources.disk")
    assert said["node_selector"] == (
        '{"pool": "gpu"}',
        "gitopsc.yaml:6, profiles.gpu.node_selector",
    )
    assert said["runtime_class"] == ("nvidia", "gitopsc.yaml:6, profiles.gpu.runtime_class")
    assert said["priority_class"] == ("high", "all.yaml:13")
    assert said["gitops.rerun"] == ("never", "all.yaml:13")
    assert "gitops.on_delete" not in said
    assert rows(told, "What decides")["envs.A"] == ("b", "all.yaml:8, its task")
    assert said["backoff_limit"] == ("0", "a default of gitopsc")
    assert "hunter2" not in json.dumps(told)
    first = explained(capsys, "r", "--path", str(tmp_path))
    assert rows(first, "What it says")["resources.disk"] == ("1Gi", "a default of gitopsc")


def test_who_reads_whom(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "download-cities", "--path", str(SAMPLE)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"\n  summarise-countries  dataitem world-cities +runs/jobs.yaml:13", said)
    assert re.search(r"\n  Job +download-cities-[0-9a-f]{10}  deploy/manifests/production/", said)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run/download-citties"], "did you mean `download-cities`?"),
        (["download-citties"], "did you mean `download-cities`?"),
        (["C999"], "no diagnostic is called `C999`"),
        (["announce", "--environment", "stagin"], "did you mean `staging`?"),
    ],
)
def test_unknown(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *arguments, "--path", str(SAMPLE)]) == 2
    assert words in capsys.readouterr().err


def test_errors_elsewhere_do_not_matter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "all.yaml").write_text(
        "kind: python\nname: f\nspec:\n  python_version: PYTHON3_11\n"
        "  source: {handler: f, code: 'def f(): ...'}\n"
        "---\nkind: python+job:run\nname: r\nspec: {function: f}\n"
        "---\nkind: python+job:run\nname: bad\nspec: {function: nobody}\n"
    )
    told = explained(capsys, "r", "--path", str(tmp_path))
    assert rows(told, "What decides")["handler"][0] == "f"
    assert main(["explain", "bad", "--path", str(tmp_path)]) == 2
    assert "2 errors: see `gitopsc validate`" in capsys.readouterr().err


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    root = tmp_path / "sample"
    shutil.copytree(SAMPLE, root)
    return root


def line_of(file: Path, text: str) -> str:
    """`<file>:<line>` of the first line with a text."""
    lines = file.read_text().splitlines()
    return f"{file}:{next(number for number, line in enumerate(lines, 1) if text in line)}"


def test_where_a_line_of_the_output_is_from(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = sample / "deploy/manifests/production/announce.yaml"
    for text, way, name, origin in (
        ("memory:", "resources.requests.memory", "resources.mem", "gitopsc.yaml:18, defaults"),
        ("name: ANNOUNCE_TOKEN", "env[ANNOUNCE_TOKEN].name", "secrets.ANNOUNCE_TOKEN", "runs/"),
        ('"channel"', "gitopsc/run.json", "parameters.channel", "runs/jobs.yaml:21"),
        ("backoffLimit:", "spec.backoffLimit", "backoff_limit", "a default of gitopsc"),
        ("namespace:", "metadata.namespace", "namespace", "gitopsc.yaml:14"),
    ):
        told = explained(capsys, line_of(manifest, text), "--path", str(sample))
        assert told["run"] == "announce"
        assert told["environment"] == "production"
        assert told["object"].startswith("Job announce-")
        assert told["way"].endswith(way)
        assert [row["name"] for row in told["rows"]] == [name]
        assert told["rows"][0]["origin"].startswith(origin)
    told = explained(capsys, line_of(manifest, "image:"), "--path", str(sample))
    assert [row["name"] for row in told["rows"]] == ["function", "registry"]
    service = sample / "deploy/manifests/staging/cities-api.yaml"
    told = explained(capsys, line_of(service, "kind: Service"), "--path", str(sample))
    assert (told["object"], told["environment"]) == ("Service cities-api", "staging")


def test_where_other_lines_are_from(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = sample / "deploy/images/cities-api/requirements.txt"
    told = explained(capsys, f"{listed}:1", "--path", str(sample))
    assert told["rows"][0]["origin"] == "functions/cities-api.yaml:9"
    bake = sample / "deploy/images/docker-bake.json"
    assert "the whole project" in explained(capsys, f"{bake}:1:1", "--path", str(sample))["note"]
    run = line_of(sample / "runs/jobs.yaml", "parameters: {channel")
    assert main(["explain", run, "--path", str(sample)]) == 0
    assert capsys.readouterr().out.startswith("announce: job of announce")


def test_lines_of_which_nothing_is_known(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = sample / "deploy/manifests/staging/announce.yaml"

    def refused(place: str) -> str:
        assert main(["explain", place, "--path", str(sample)]) == 2
        return capsys.readouterr().err

    assert "has no line 100000" in refused(f"{manifest}:100000")
    assert "no compile writes it" in refused(f"{sample / 'src/etl.py'}:1")
    assert "no run is called" in refused("nowhere.yaml:1")
    manifest.write_text(manifest.read_text() + "# by hand\n")
    assert main(["explain", f"{manifest}:1", "--path", str(sample)]) == 0
    assert "is not as a compile writes it" in capsys.readouterr().err
    (sample / "runs/jobs.yaml").write_text("kind: python+job:run\nname: a\nspec: {function: b}\n")
    assert "has errors" in refused(f"{manifest}:1")


@pytest.mark.parametrize("repo", REPOS, ids=lambda path: path.parent.name)
def test_lines_of_every_manifest_have_a_way(repo: Path) -> None:
    compilation = compile_tree(tree_from(repo, without="/deploy/"))
    for _, files in compilation.outputs:
        for file in files:
            if not file.path.startswith("manifests/"):
                continue
            lines = file.content.decode().split("\n")
            documents, _ = read_documents(file.path, file.content.decode())
            for document in documents:
                first, last = document.span().line, document.span().end_line
                for line in range(first, last, 1 + (last - first) // 100):
                    if lines[line - 1].lstrip().startswith("#"):
                        continue
                    way = way_at(document, line)
                    assert document.key_span(*way).line <= line <= document.span(*way).end_line


def test_the_run_in_a_workflow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(CASES / "workflows" / "repo", tmp_path, dirs_exist_ok=True)
    assert main(["compile", str(tmp_path)]) == 0
    capsys.readouterr()
    workflow = tmp_path / "deploy/manifests/production/borders.yaml"
    for text, run in (("country", "map"), ("/tools/tiler:2.1", "print")):
        told = explained(capsys, line_of(workflow, text), "--path", str(tmp_path))
        assert told["run"] == run
