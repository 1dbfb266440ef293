"""Whatever platform wrote a project, it compiles to the same objects."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, tree_of
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.adapters.schema import schema_document
from compiler.model.diagnostic import has_errors
from compiler.model.schedule import NotCron, cron_of
from compiler.pipeline import compile_tree

SAMPLES = Path(os.environ.get("GITOPSC_SAMPLES", ROOT.parent / "shared" / "samples"))

quantities = st.sampled_from(["500m", "1", "2", "4Gi", "512Mi"])
words = st.sampled_from(["a", "b-c", "no", "1e3", "x y", "12:30"])
runs = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["job", "serve"]),
        "parameters": st.dictionaries(st.just("x"), words),
    },
    optional={
        "resources": st.fixed_dictionaries(
            {}, optional={"cpu": quantities, "mem": quantities, "gpu": st.sampled_from(["1", "2"])}
        ),
        "envs": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["A"]), "value": words}), max_size=1
        ),
        "secrets": st.lists(st.sampled_from(["TOKEN"]), max_size=1),
        "volume": quantities,
        "runtime": st.sampled_from(["nvidia", "gvisor"]),
        "priority": st.sampled_from(["high", "low"]),
        "selector": st.dictionaries(
            st.sampled_from(["pool", "my_label"]), words.filter(str.isalpha)
        ),
        "toleration": st.integers(0, 60),
        "anti_affinity": words.filter(str.isalpha),
        "replicas": st.integers(1, 3),
    },
)


def project(meaning: list[dict[str, Any]], dialect: str) -> dict[str, str]:
    """The same meaning as a platform of that version wrote it, one document in JSON a file."""
    older = dialect in ("0.9", "0.13")
    documents: list[dict[str, Any]] = [
        {"kind": "project", "name": "demo", "spec": {"context" if older else "source": "./"}}
    ]
    profiles = {}
    for number, run in enumerate(meaning):
        name = f"run-{number}"
        action = run["action"]
        source = {"code": "def init(context, x=0): ...\n\n\ndef f(x=0): ...\n", "handler": "f"}
        if action == "serve":
            source["code"] = "def init(context, x=0): ...\n\n\ndef f(context, event): ...\n"
            source["init_function"] = "init"
        function = {"kind": "python", "name": name, "id": "v1"}
        documents.append({**function, "spec": {"python_version": "PYTHON3_10", "source": source}})
        given: dict[str, Any] = {}
        if "resources" in run:
            given["resources"] = {
                key: {"requests": each} if older else each for key, each in run["resources"].items()
            }
        given |= {key: run[key] for key in ("envs", "secrets") if key in run}
        if "volume" in run:
            volume = {"volume_type": "persistent_volume_claim", "name": "v", "mount_path": "/v"}
            given["volumes"] = [{**volume, "spec": {"size": run["volume"]}}]
        if action == "serve" and "replicas" in run:
            given["replicas"] = run["replicas"]
        placed = placement(run, dialect)
        if dialect == "0.15" and placed:
            profiles[name] = placed
            given["profile"] = name
        elif placed:
            given |= placed
        reference = f"python://demo/{name}:v1"
        task = {"kind": f"python+{action}", "id": name, "spec": {"function": reference, **given}}
        key = "parameters" if action == "job" else "init_parameters"
        spec = {"function": reference, "task": f"python+{action}://demo/{name}"}
        kind = "python+run" if older else f"python+{action}:run"
        documents += [
            task,
            {
                "kind": kind,
                "name": name,
                "id": f"r{number}",
                "spec": {**spec, key: run["parameters"]},
            },
        ]
    texts = {f"{number}.json": json.dumps(each) for number, each in enumerate(documents)}
    tools = json.dumps({"project": "demo", "registry": "r.example.com", "profiles": profiles})
    return {**texts, "gitopsc.yaml": tools}


def placement(run: dict[str, Any], dialect: str) -> dict[str, Any]:
    """Which nodes, in the words of that platform; the newest leaves it to profiles."""
    is_profile, snake = dialect == "0.15", dialect in ("0.13", "0.14")
    placed: dict[str, Any] = {}
    runtime, priority = ("runtimeClass", "priorityClass")
    if dialect != "0.9":
        runtime, priority = ("runtime_class", "priority_class")
    if "runtime" in run:
        placed[runtime] = run["runtime"]
    if "priority" in run:
        placed[priority] = run["priority"]
    if run.get("selector"):
        pairs = [{"key": key, "value": each} for key, each in run["selector"].items()]
        placed["node_selector"] = run["selector"] if is_profile else pairs
    if "toleration" in run:
        seconds = "toleration_seconds" if snake else "tolerationSeconds"
        base = {"key": "spot", "operator": "Exists", "effect": "NoExecute"}
        placed["tolerations"] = [{**base, seconds: run["toleration"]}]
    if "anti_affinity" in run:
        words = ["podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution"]
        words += ["podAffinityTerm", "topologyKey", "labelSelector", "matchLabels"]
        if snake:
            words = ["pod_anti_affinity", "preferred_during_scheduling_ignored_during_execution"]
            words += ["pod_affinity_term", "topology_key", "label_selector", "match_labels"]
        anti, preferred, term, topology, selector, labels = words
        terms = {topology: "host", selector: {labels: {"my_label": run["anti_affinity"]}}}
        placed["affinity"] = {anti: {preferred: [{"weight": 1, term: terms}]}}
    return placed


@given(st.lists(runs, min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_the_dialects_say_the_same(meaning: list[dict[str, Any]]) -> None:
    found = []
    for dialect in ("0.9", "0.13", "0.14", "0.15"):
        compilation = compile_tree(tree_of(project(meaning, dialect)))
        assert not has_errors(compilation.diagnostics), compilation.diagnostics
        ((_, files),) = compilation.outputs
        found.append({each.path: each.content for each in files if "manifests/" in each.path})
        assert any(path.endswith("run-0.yaml") for path in found[-1])
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize(
    ("quartz", "cron"),
    [
        ("0 0 3 * * ?", "0 3 * * *"),
        ("0 0 3 * * ? *", "0 3 * * *"),
        ("0 0/15 * * * ?", "0-59/15 * * * *"),
        ("0 0 12 ? * MON-FRI", "0 12 * * 1-5"),
        ("0 0 12 ? * 2-6", "0 12 * * 1-5"),
        ("0 0 12 ? * FRI-MON", "0 12 * * 0,1,5,6"),
        ("0 0 12 ? * mon,wed", "0 12 * * 1,3"),
        ("0 0 12 ? * 2/2", "0 12 * * 1,3,5"),
        ("0 0 0 1 NOV-FEB ?", "0 0 1 11-12,1-2 *"),
        ("0 0 22-2 * * ?", "0 22-23,0-2 * * *"),
        ("0 5,10 1-5/2 * * ?", "5,10 1-5/2 * * *"),
        ("0 3 * * 7", "0 3 * * 0"),
        ("0 3 1 * MON", "0 3 1 * 1"),
        ("@hourly", "0 * * * *"),
    ],
)
def test_quartz_becomes_cron(quartz: str, cron: str) -> None:
    assert cron_of(quartz).expression == cron


@given(st.text("0123456789*?/,-LW# @MONJAdaily", max_size=20))
def test_no_schedule_raises_anything_else(text: str) -> None:
    try:
        fields = cron_of(text).expression.split(" ")
    except NotCron:
        return
    assert len(fields) == 5


# What the platform accepts

REFUSED = {"python_version/PYTHON3_9"}
"""It gets no fixes any more, and no platform of today runs it."""

OUR_SCHEMAS = {
    "function__python": "python",
    "run__python+run": "python+run",
    **{f"run__python+{each}_run": f"python+{each}.run" for each in ("build", "job", "serve")},
    **{f"task__python+{each}": f"python+{each}" for each in ("build", "job", "serve")},
    "trigger__lifecycle": "lifecycle",
    "trigger__scheduler": "scheduler",
    "project__project": "project",
}


def resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        schema = {key: each for key, each in schema.items() if key != "$ref"}
        schema = {**whole["$defs"][name], **schema}
    return schema


def differences(theirs: Any, their_whole: Any, ours: Any, our_whole: Any, place: str) -> list[str]:
    """Keys and choices of the platform's schema that ours would refuse."""
    theirs, ours = resolved(theirs, their_whole), resolved(ours, our_whole)
    found = []
    for choice in theirs.get("enum", ()):
        if choice not in ours.get("enum", [ours.get("const", choice)]):
            found.append(f"{place}/{choice}")
    known = {**ours.get("properties", {})}
    passed_over = {*ours.get("x-ignored", {}), *ours.get("x-retired", {})}
    if ours.get("additionalProperties") is False:
        for key, value in theirs.get("properties", {}).items():
            way = f"{place}/{key}".lstrip("/")
            if key in known:
                found += differences(value, their_whole, known[key], our_whole, way)
            elif key not in passed_over:
                found.append(way)
    if "items" in theirs and "items" in ours:
        found += differences(theirs["items"], their_whole, ours["items"], our_whole, place)
    return found


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
def test_what_the_platform_accepts_is_accepted() -> None:
    seen = 0
    for path in sorted((SAMPLES / "schemas").rglob("*.json")):
        if path.stem not in OUR_SCHEMAS:
            assert path.stem.startswith(("metadata__", "workflow__")), path
            continue
        seen += 1
        theirs = json.loads(path.read_text())
        whole = schema_document(OUR_SCHEMAS[path.stem])
        ours = whole["properties"]["spec"]
        found = set(differences(theirs, theirs, ours, whole, ""))
        assert found <= REFUSED, path
    assert seen > 20


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
@pytest.mark.parametrize("path", sorted((SAMPLES / "hub-functions").glob("*.yaml")), ids=str)
def test_functions_of_the_hub(path: Path) -> None:
    compilation = compile_tree(tree_of({path.name: path.read_bytes()}, "hub"))
    errors = [each for each in compilation.diagnostics if has_errors([each])]
    if path.name.startswith("example-etl"):
        (error,) = errors  # it would crash at start on the platform, too
        assert (error.code.id, error.span.line) == ("C303", 15)
        assert "`handler`" in error.message
    else:
        assert not errors
        assert compilation.outputs
