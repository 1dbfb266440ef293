"""What gitopsc is, in one sentence a test: from a function and its runs to images, manifests and
lineage."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import tree_of
from gitopsc.adapters.template import render_yaml
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import has_errors
from gitopsc.model.lock import FunctionPin, SourcePin, block_of, files_digest
from gitopsc.model.source import FunctionFile
from gitopsc.pipeline import compile_tree

ETL = """
from digitalhub_runtime_python import handler


@handler(outputs=["world-cities"])
def download_and_process(project, country="IT"):
    return None


def report(cities):
    return len(cities.as_df())


def init(context, cities): ...


def serve(context, event): ...
"""

SETTINGS = """
project: demo
registry: registry.example.com/team
stores: {default: s3://demo/data}
environments:
  staging: {namespace: staging}
  production: {namespace: production}
"""

REPOSITORY = """
kind: python
name: download-cities
spec:
  python_version: PYTHON3_11
  source: {source: src/etl.py, handler: download_and_process}
  requirements: [pandas==2.2.3]
---
kind: python
name: report
spec:
  python_version: PYTHON3_12
  base_image: registry.example.com/science:1.0
  source: {source: src/etl.py, handler: report}
---
kind: python
name: api
spec:
  python_version: PYTHON3_11
  source: {source: src/etl.py, handler: serve, init_function: init}
---
kind: python
name: inline
spec:
  python_version: PYTHON3_11
  source: {handler: hello, code: "def hello(name): ..."}
---
kind: python
name: zipped
spec:
  python_version: PYTHON3_11
  source: {source: lib.zip, handler: "pkg.mod:run"}
---
kind: python
name: cloned
spec:
  python_version: PYTHON3_11
  source: {source: "git+https://git.example.com/team/repo#v1", handler: "pkg.mod:run"}
---
kind: python+build
spec: {function: report, instructions: ["apt-get install -y gdal-bin"]}
---
kind: python+job:run
name: italian-cities
spec:
  function: download-cities
  parameters: {country: IT}
  resources: {cpu: "2", mem: 4Gi}
---
kind: python+job:run
name: count
spec:
  function: report
  inputs: {cities: store://demo/dataitem/table/world-cities}
---
kind: python+serve:run
name: cities-api
spec:
  function: api
  init_parameters: {cities: store://demo/dataitem/table/world-cities}
---
kind: python+job:run
name: greet
spec: {function: inline, parameters: {name: you}}
---
kind: python+build:run
name: report-image
spec: {function: report}
"""

MODULE = (FunctionFile("pkg/mod.py", b"def run(): ...\n"),)


def archive() -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as file:
        file.writestr("pkg/mod.py", MODULE[0].content)
    return kept.getvalue()


@pytest.fixture(scope="module")
def compilation() -> Compilation:
    pin = SourcePin(
        "git+https://git.example.com/team/repo#v1", files_digest(MODULE), commit="1" * 40
    )
    blocks = [("cloned", block_of(FunctionPin(pin)))]
    files: dict[str, str | bytes] = {
        "gitopsc.yaml": SETTINGS,
        "all.yaml": REPOSITORY,
        "src/etl.py": ETL,
        "lib.zip": archive(),
        "gitopsc.lock": render_yaml("lock.yaml.j2", blocks=blocks),
    }
    known = {files_digest(MODULE): MODULE}
    tree = replace(tree_of(files), cached=known.get)
    found = compile_tree(tree)
    errors = [each for each in found.diagnostics if has_errors([each])]
    assert errors == []
    return found


def output(compilation: Compilation, path: str) -> str:
    ((_, files),) = compilation.outputs
    return next(file.content.decode() for file in files if file.path == path)


def objects(compilation: Compilation, run: str, environment: str = "staging") -> dict[str, Any]:
    text = output(compilation, f"manifests/{environment}/{run}.yaml")
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def container(compilation: Compilation, run: str, kind: str = "Job") -> Any:
    made = objects(compilation, run)[kind]
    return made["spec"]["template"]["spec"]["containers"][0]


def settings(compilation: Compilation, run: str) -> Any:
    (resolution,) = (each for each in compilation.resolutions if each.environment.name == "staging")
    return next(each.settings for each in resolution.runs if each.name == run)


def test_descriptors_become_dockerfiles(compilation: Compilation) -> None:
    for name in ("download-cities", "report", "api", "inline", "zipped", "cloned"):
        assert "FROM " in output(compilation, f"images/{name}/Dockerfile")


def test_and_kubernetes_manifests_that_a_controller_applies(compilation: Compilation) -> None:
    for environment in ("staging", "production"):
        listed = yaml.safe_load(output(compilation, f"manifests/{environment}/kustomization.yaml"))
        assert set(listed["resources"]) == {
            f"{run}.yaml" for run in ("cities-api", "count", "greet", "italian-cities")
        }


def test_a_function_is_inline_code(compilation: Compilation) -> None:
    assert "def hello" in output(compilation, "images/inline/source/main.py")


def test_or_in_a_git_repository(compilation: Compilation) -> None:
    assert output(compilation, "images/cloned/source/pkg/mod.py") == "def run(): ...\n"


def test_or_in_a_zip_archive(compilation: Compilation) -> None:
    assert output(compilation, "images/zipped/source/pkg/mod.py") == "def run(): ...\n"


def test_with_a_handler_and_an_init(compilation: Compilation) -> None:
    assert settings(compilation, "italian-cities")["handler"] == "download_and_process"
    assert settings(compilation, "cities-api")["init"] == "init"


def test_a_python_version_requirements_and_a_base_image(compilation: Compilation) -> None:
    assert "python:3.11-slim" in output(compilation, "images/download-cities/Dockerfile")
    assert "pandas==2.2.3" in output(compilation, "images/download-cities/requirements.txt")
    assert "registry.example.com/science:1.0" in output(compilation, "images/report/Dockerfile")


def test_run_as_a_job(compilation: Compilation) -> None:
    assert set(objects(compilation, "italian-cities")) == {"Job"}


def test_or_served_over_http(compilation: Compilation) -> None:
    made = objects(compilation, "cities-api")
    assert {"Deployment", "Service"} <= made.keys()
    assert made["Service"]["spec"]["ports"][0]["port"] == 8080


def test_built_ahead_of_time(compilation: Compilation) -> None:
    bake = json.loads(output(compilation, "images/docker-bake.json"))
    tags = {tag for target in bake["target"].values() for tag in target.get("tags", ())}
    assert container(compilation, "count")["image"] in tags
    assert "apt-get install -y gdal-bin" in output(compilation, "images/report/Dockerfile")


def test_each_run_with_resources_and_parameters(compilation: Compilation) -> None:
    assert container(compilation, "italian-cities")["resources"]["requests"] == {
        "cpu": "2",
        "memory": "4Gi",
    }
    assert settings(compilation, "italian-cities")["parameters"] == {"country": "IT"}


def test_and_inputs_that_refer_to_data(compilation: Compilation) -> None:
    read = settings(compilation, "count")["inputs"]["cities"]
    assert read["producer"] == "italian-cities"
    assert read["key"] == "store://demo/dataitem/table/world-cities"


def test_so_that_the_lineage_can_be_rebuilt(compilation: Compilation) -> None:
    report = json.loads(output(compilation, "reports/lineage.json"))
    edges = {(each["source"], each["relation"], each["target"]) for each in report["edges"]}
    data = "demo/dataitem/world-cities"
    assert (data, "produced_by", "demo/run/italian-cities") in edges
    assert ("demo/run/count", "consumes", data) in edges
    assert ("demo/run/cities-api", "consumes", data) in edges
    assert ("demo/run/count", "run_of", "demo/function/report") in edges
    assert report["graph"]["generations"][0][-1] == "demo/run/italian-cities"


def test_and_the_same_runs_on_a_laptop(tmp_path: Path) -> None:
    version = f"PYTHON{sys.version_info[0]}_{sys.version_info[1]}"
    (tmp_path / "gitopsc.yaml").write_text("project: demo\n")
    (tmp_path / "all.yaml").write_text(
        f"kind: python\nname: inline\nspec:\n  python_version: {version}\n"
        "  source: {handler: hello, code: 'def hello(name): print(f\"hello {name}\")'}\n"
        "---\nkind: python+job:run\nname: greet\n"
        "spec: {function: inline, parameters: {name: you}}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "gitopsc", "run", "greet", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "hello you" in done.stdout + done.stderr
