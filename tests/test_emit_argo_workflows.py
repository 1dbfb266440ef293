"""The target `argo-workflows`: Argo's own models, what its variables leave of our texts, and what a
reviewer reads."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import CASES, texts_from, tree_of
from gitopsc.compare import compare
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import has_errors
from gitopsc.pipeline import compile_tree

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from hera.workflows.models import CronWorkflow, Workflow

CASE = CASES / "workflows"
FILES = texts_from(CASE / "repo")
WRITTEN = sorted((CASE / "out" / "deploy" / "manifests").glob("production*/*.yaml"))


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each is not None]


WORKFLOWS = {
    path.stem: data
    for path in WRITTEN
    for data in documents(path)
    if data["kind"] in ("CronWorkflow", "Workflow")
}


def spec_of(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = WORKFLOWS[name]["spec"]
    return spec.get("workflowSpec", spec)


def pods(name: str) -> dict[str, dict[str, Any]]:
    """Templates with a container."""
    return {each["name"]: each for each in spec_of(name)["templates"] if "container" in each}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_argo_s_own_models_have_all_of_it(name: str) -> None:
    data = WORKFLOWS[name]
    model = {"CronWorkflow": CronWorkflow, "Workflow": Workflow}[data["kind"]]
    text = model(**data).model_dump_json(by_alias=True, exclude_none=True, exclude_unset=True)
    assert json.loads(text) == data


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_two_templates_have_one_name(name: str) -> None:
    names = [each["name"] for each in spec_of(name)["templates"]]
    assert len(names) == len({*names})
    assert spec_of(name)["entrypoint"] in names
    tasks = [
        task["name"]
        for each in spec_of(name)["templates"]
        for task in each.get("dag", {}).get("tasks", ())
    ]
    # Argo's own `workflowFieldNameFmt`, in workflow/validate/validate.go.
    assert all(re.fullmatch("[a-zA-Z0-9][-a-zA-Z0-9]{0,127}", each) for each in (*names, *tasks))
    assert all(each == each.lower() for each in pods(name))  # pods are called after their templates


def test_names_that_begin_with_a_digit() -> None:
    """Argo takes none of a task that others wait for; a run may have such a name."""
    edits = {
        "atlas.yaml": ("kind: python+job:run\nname: cities\n", "kind: python+job:run\nname: 1st\n")
    }
    ((_, objects),) = compiled(edits=edits).outputs
    texts = [each.content for each in objects if each.path.startswith("manifests/production/")]
    (spec,) = (
        each["spec"]
        for text in texts
        for each in yaml.safe_load_all(text)
        if each
        and each["kind"] == "Workflow"
        and "1st" in each["metadata"]["annotations"]["gitopsc/runs"]
    )
    tasks = {each["name"]: each for each in spec["templates"][0]["dag"]["tasks"]}
    assert tasks["Job-1st"]["template"] == "1st"
    assert tasks["map"]["dependencies"] == ["Job-1st", "borders"]


def test_jobs_that_read_from_one_another_are_one() -> None:
    assert {name: data["kind"] for name, data in WORKFLOWS.items()} == {
        "alone": "Workflow",
        "borders": "Workflow",
        "nightly": "CronWorkflow",
        "tiles": "Workflow",
        "weekly": "CronWorkflow",
    }
    tasks = {
        each["name"]: each.get("dependencies", [])
        for each in spec_of("borders")["templates"][0]["dag"]["tasks"]
    }
    before = {"borders": [], "cities": [], "map": ["borders", "cities"], "print": ["map"]}
    assert tasks == before
    for name in WORKFLOWS:
        known = {each["name"] for each in spec_of(name)["templates"]}
        used = {
            task["template"]
            for each in spec_of(name)["templates"]
            if "dag" in each
            for task in each["dag"]["tasks"]
        }
        assert used | {spec_of(name)["entrypoint"]} == known


_OURS = {"item", "inputs.parameters.index", "workflow.name", "workflow.uid"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_argo_finds_no_variables_but_those_that_are_meant(name: str) -> None:
    text = json.dumps(WORKFLOWS[name])
    assert {each.strip() for each in re.findall(r"\{\{(.*?)\}\}", text)} <= _OURS


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """What the kubelet makes of a value."""
    return re.sub(
        r"\$\$|\$\(([A-Za-z_]\w*)\)",
        lambda found: "$" if found[1] is None else variables.get(found[1], found[0]),
        text,
    )


def test_what_is_written_arrives() -> None:
    settings = json.loads(pods("borders")["map"]["metadata"]["annotations"]["gitopsc/run.json"])
    assert settings["parameters"] == {"title": "{{ country }}"}
    container = pods("tiles")["tiles"]["container"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert container["env"][0] == {"name": "GITOPSC_NOTHING", "value": ""}
    assert [expanded(each, variables) for each in container["args"]] == ["--format", "{{.Name}}"]


def test_pods_are_those_of_kubernetes() -> None:
    """But for what Argo says in another place."""
    job = next(iter(documents(CASE / "out/deploy/manifests/staging/cities.yaml")))
    pod = job["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    template = pods("borders")["cities"]
    own = dict(template["container"])
    assert own.pop("command") == ["python", "/opt/gitopsc/gitopsc_runner"]
    assert {**own, "name": "function"} == container
    assert template["volumes"] == pod["spec"]["volumes"]
    assert template["securityContext"] == pod["spec"]["securityContext"]
    assert template["metadata"]["labels"] == pod["metadata"]["labels"]
    assert json.loads(template["podSpecPatch"]) == {"enableServiceLinks": False}
    assert template["automountServiceAccountToken"] is False
    assert template["executor"] == {"serviceAccountName": "argo-executor"}
    retried = pods("borders")["map"]["retryStrategy"]
    assert "!= '76' && asInt(retries) < 3" in retried["expression"]
    assert "maxDuration" not in retried["backoff"]  # it would be that of all attempts together


def test_a_container_with_data_stands_beside_the_runner() -> None:
    """Argo takes the exit code of the one, and stops the other after it."""
    job = next(iter(documents(CASE / "out/deploy/manifests/staging/print.yaml")))
    function, data = job["spec"]["template"]["spec"]["containers"]
    template = pods("borders")["print"]
    index = {"name": "JOB_COMPLETION_INDEX", "value": "{{inputs.parameters.index}}"}
    own = dict(template["container"])
    assert own.pop("command") == ["python", "/opt/gitopsc/gitopsc_runner"]
    assert {**own, "name": "data"} == {**data, "env": [*data["env"], index]}
    (beside,) = template["sidecars"]
    assert beside["command"] == function["command"]
    assert beside["volumeMounts"] == function["volumeMounts"]
    assert beside["env"][-1] == index
    ticked = {
        each["name"]: each.get("value") for each in pods("weekly")["weekly"]["container"]["env"]
    }
    assert ticked["GITOPSC_JOB"] == "{{workflow.name}}"


def compiled(settings: str = "", edits: Mapping[str, tuple[str, str]] = {}) -> Compilation:
    files = {**FILES, "gitopsc.yaml": FILES["gitopsc.yaml"] + settings}
    for path, (old, new) in edits.items():
        assert old in files[path]
        files[path] = files[path].replace(old, new)
    return compile_tree(tree_of(files, "atlas"))


def test_double_braces_where_nothing_can_be_done() -> None:
    found = compiled(edits={"gitopsc.yaml": ("pod: {", 'pod: {annotations: {a: "{{x}}"}, ')})
    told = {each.message for each in found.diagnostics if has_errors([each])}
    assert len(told) == 8  # one for each job
    where = "`metadata.annotations.a` of the pods of `map`"
    assert f"`{{{{` in {where} is a variable of Argo Workflows" in told


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("country: AT", "country: DE", {"runs alone"}),
        ('title: "{{ country }}"', "title: x", {"runs map", "runs print"}),
        ("secrets: [TOKEN]", "secrets: [TOKEN, B]", {"runs cities", "runs map", "runs print"}),
        ("30 2 * * *", "30 3 * * *", {"reschedules nightly"}),
        ("tools/tiler:2.1", "tools/tiler:2.2", {"runs tiles", "runs print", "patches weekly"}),
    ],
)
def test_what_a_reviewer_reads(old: str, new: str, expected: set[str]) -> None:
    """Of a Workflow with many runs, only those that change: the others find their work done."""
    review = compare(compiled(), compiled(edits={"atlas.yaml": (old, new)}), {}, None, "production")
    found = {f"{each.verb} {each.subject}" for each in review.consequences}
    assert {each for each in found if not each.startswith("builds")} == expected
