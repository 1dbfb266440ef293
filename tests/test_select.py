"""`--select` and `--exclude` on compile, run and diff: what of a repository is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import SAMPLE
from gitopsc.cli import main
from test_diff import Repository, diff, repository, told, verbs

__all__ = ("repository",)


def manifests(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "manifests" / "staging").iterdir()}


def test_a_part_goes_to_a_folder_of_its_own(tmp_path: Path) -> None:
    """With the bytes that it has in the whole, and lists of just what is there."""
    part = tmp_path / "part"
    select = ("--select", "+summarise-countries")
    assert main(["compile", str(SAMPLE), "-o", str(part), *select]) == 0
    assert manifests(part) == {"download-cities", "summarise-countries", "kustomization"}
    listed = (part / "manifests" / "staging" / "kustomization.yaml").read_text()
    assert "announce" not in listed
    assert "  - download-cities.yaml" in listed
    bake = json.loads((part / "images" / "docker-bake.json").read_text())
    assert set(bake["target"]) == {"download-cities", "summarise-countries"}
    for path in part.rglob("*.yaml"):
        whole = SAMPLE / "deploy" / path.relative_to(part)
        assert path.stem == "kustomization" or path.read_bytes() == whole.read_bytes()
    assert main(["compile", str(SAMPLE), "-o", str(part), "--select", "announce"]) == 0
    assert manifests(part) == {"announce", "kustomization"}


def test_a_claim_goes_with_the_runs_that_mount_it(tmp_path: Path) -> None:
    (tmp_path / "gitopsc.yaml").write_text("project: demo\n")
    volume = "{volume_type: shared_volume, name: data, mount_path: /data, spec: {size: 1Gi}}"
    (tmp_path / "all.yaml").write_text(
        "kind: python\nname: f\nspec:\n  python_version: PYTHON3_11\n"
        "  source: {code: 'def f(): pass', handler: f}\n"
        f"---\nkind: python+job:run\nname: a\nspec: {{function: f, volumes: [{volume}]}}\n"
        "---\nkind: python+job:run\nname: b\nspec: {function: f}\n"
    )
    for name, claims in (("a", 1), ("b", 0)):
        out = tmp_path / name
        assert main(["compile", str(tmp_path), "-o", str(out), "--select", name]) == 0
        assert len(list(out.rglob("claim-data.yaml"))) == claims


def test_a_part_has_no_place_in_the_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", str(SAMPLE), "--select", "announce"]) == 2
    assert "`-o DIR`" in capsys.readouterr().err
    arguments = ["compile", str(SAMPLE), "-o", str(tmp_path), "--select"]
    assert main([*arguments, "announc"]) == 2
    assert "did you mean `announce`?" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_a_check_of_a_part(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """Stale is what is selected, whatever else is."""
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    check = ["compile", str(repository.root), "--check"]
    assert main(check) == 1
    assert main([*check, "--select", "announce", "cities-api"]) == 0
    capsys.readouterr()
    assert main([*check, "--exclude", "announce"]) == 1
    assert "summarise-countries.yaml" in capsys.readouterr().err
    assert main([*check, "--base", "main", "--select", "state:modified"]) == 1
    assert repository.git("status", "--porcelain") == "M runs/jobs.yaml"


def test_an_error_outside_of_the_part_stops_it(
    repository: Repository, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 1Giga")
    out = tmp_path / "part"
    arguments = ["compile", str(repository.root), "-o", str(out), "--select", "announce"]
    assert main(arguments) == 1
    assert "runs/jobs.yaml" in capsys.readouterr().err
    assert not out.exists()


def test_a_review_of_a_part(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    repository.replace("runs/cities-api.json", '"replicas": 2', '"replicas": 3')
    (repository.root / "runs" / "announce.yaml").unlink(missing_ok=True)
    (repository.root / "runs" / "more.yaml").write_text(
        "kind: python+job:run\nname: more\nspec: {function: announce, parameters: {channel: x}}\n"
    )
    part = told(capsys, repository, "--select", "cities-api")
    assert verbs(part) == {("scales", "cities-api")}
    assert part["summary"].startswith("Of what is selected, this change scales 1 service")
    assert {each["run"] for each in part["objects"]} == {"cities-api"}
    new = told(capsys, repository, "--select", "state:new")
    assert verbs(new) == {("runs", "more")}
    modified = told(capsys, repository, "--select", "state:modified,kind:job")
    assert verbs(modified) == {("new job", "summarise-countries")}
    rest = told(capsys, repository, "--exclude", "kind:job")
    assert verbs(rest) == {("scales", "cities-api")}
    diff(capsys, repository, "--select", "cities", status=2)


def test_what_is_deleted_can_be_selected(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository.root / "runs" / "cities-api.json").unlink()
    part = told(capsys, repository, "--select", "cities-api")
    assert verbs(part) == {("deletes", "cities-api")}


def test_images_are_told_with_the_runs_that_start_them(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.replace("functions/cities.yaml", "pandas==2.2.3", "pandas==2.3.1")
    part = told(capsys, repository, "--select", "download-cities")
    built = {each["subject"] for each in part["consequences"] if each["kind"] == "image"}
    assert [each.partition(":")[0] for each in built] == ["download-cities"]
    functions = told(capsys, repository, "--select", "state:modified,kind:python")
    assert functions["consequences"] == []


JOBS = """kind: python
name: f
spec:
  python_version: PYTHON3_11
  source: {code: "def f(n=1): return n", handler: f, init_function: f}
---
kind: python+serve:run
name: api
spec: {function: f}
---
kind: python+serve:run
name: web
spec: {function: f}
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--select", "api"], "one of both"),
        (["--select", "kind:serve"], "several services are selected (`api`, `web`)"),
        (["--select", "function/f"], "no run is among what is selected"),
        (["--select", "app"], "did you mean `api`?"),
        (["--select", "api", "web", "--exclude", "api", "--param", "n"], "`NAME=VALUE`"),
    ],
)
def test_what_cannot_be_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (tmp_path / "gitopsc.yaml").write_text("project: demo\n")
    (tmp_path / "all.yaml").write_text(JOBS)
    name = ["api"] if words == "one of both" else []
    command = ["run", *name, str(tmp_path), *arguments]
    assert main(command) == 2
    assert words in capsys.readouterr().err


def test_run_alone_lists_what_can_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(SAMPLE)
    assert main(["run"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["cities-api", "service", "cities-api"] in lines
    assert ["announce", "job", "announce"] in lines
