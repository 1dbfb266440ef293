"""Whatever platform wrote a project, it compiles to the same objects."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import SAMPLES, tree_of
from gitopsc.adapters.schema import schema_document
from gitopsc.model.diagnostic import PLATFORM_REFUSES, has_errors
from gitopsc.model.previous import Previous
from gitopsc.model.schedule import Cron, NotCron, cron_of, platforms_form
from gitopsc.pipeline import compile_tree
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.mark.slow
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


# One by one


FUNCTION = {
    "kind": "python",
    "name": "f",
    "id": "f1",
    "spec": {
        "python_version": "PYTHON3_10",
        "source": {"handler": "f", "code": "def f(x=1): ...\n"},
    },
}


def manifests(*documents: dict[str, Any], name: str = "x.yaml") -> tuple[dict[str, str], list[str]]:
    """What documents in one file compile to, and the codes that are told."""
    text = "---\n".join(json.dumps(each) + "\n" for each in documents)
    files = {"gitopsc.yaml": "project: demo\nregistry: r.example.com\n", name: text}
    compilation = compile_tree(tree_of(files))
    found = {
        each.path.rpartition("/")[2]: each.content.decode()
        for _, files_ in compilation.outputs
        for each in files_
        if "manifests/" in each.path
    }
    return found, [each.code.id for each in compilation.diagnostics]


def job(name: str = "r", **spec: Any) -> dict[str, Any]:
    return {"kind": "python+job:run", "name": name, "spec": {"function": "f", **spec}}


def test_a_tasks_schedule_is_that_of_its_runs() -> None:
    task = {"kind": "python+job", "spec": {"function": "f", "schedule": "0 0 3 * * ?"}}
    found, _ = manifests(FUNCTION, task, job())
    assert "kind: CronJob" in found["r.yaml"]
    assert 'schedule: "0 3 * * *"' in found["r.yaml"]


def test_a_runs_spelling_goes_over_its_tasks() -> None:
    task = {"kind": "python+job", "spec": {"function": "f", "runtime_class": "gv"}}
    found, _ = manifests(FUNCTION, task, job(runtimeClass="kata"))
    assert "runtimeClassName: kata" in found["r.yaml"]


def test_an_older_claim_is_mounted_and_not_made() -> None:
    spec = {"claim_name": "a", "size": "3Gi"}
    volume = {"volume_type": "persistent_volume_claim", "name": "a", "mount_path": "/a"}
    found, codes = manifests(FUNCTION, job(volumes=[{**volume, "spec": spec}]))
    assert "claim-a.yaml" not in found
    assert "claimName: a" in found["r.yaml"]
    assert codes.count("C308") == 1


def test_one_warning_for_each_older_key() -> None:
    keys = {"tolerations": [{"key": "a", "operator": "Exists"}], "node_selector": []}
    _, codes = manifests(FUNCTION, *(job(f"r{number}", **keys) for number in range(9)))
    assert codes.count("C308") == 1


def test_tasks_of_versions_that_stand_beside_them() -> None:
    """A function and its task in each of two files, as the hub writes them."""
    second = {**FUNCTION, "id": "f2"}
    tasks = [
        {"kind": "python+job", "spec": {"resources": {"mem": size}}} for size in ("1Gi", "2Gi")
    ]
    runs = [job(f"r{each}", function=f"python://demo/f:f{each}") for each in (1, 2)]
    found, codes = manifests(FUNCTION, tasks[0], second, tasks[1], *runs)
    assert "C402" not in codes
    assert 'memory: "1Gi"' in found["r1.yaml"]
    assert 'memory: "2Gi"' in found["r2.yaml"]


def test_a_task_in_a_projects_file_is_no_copy_of_anothers() -> None:
    task = {"kind": "python+job", "spec": {"function": "f", "resources": {"mem": "4Gi"}}}
    project = {
        "kind": "project",
        "name": "demo",
        "spec": {"functions": [FUNCTION], "tasks": [task]},
    }
    other = {**FUNCTION, "name": "g"}
    found, _ = manifests(
        project, other, {"kind": "python+job", "spec": task["spec"] | {"function": "g"}}, job()
    )
    assert 'memory: "4Gi"' in found["r.yaml"]


@pytest.mark.parametrize(
    ("own", "copy"),
    [
        (
            {"handler": "f", "code": "def f(): ...\n", "lang": "python"},
            {"handler": "f", "base64": "ZGVmIGYoKTogLi4uCg=="},
        ),
        (
            {"handler": "f", "source": "f.py"},
            {"handler": "f", "source": "f.py", "base64": "eA==", "lang": "python"},
        ),
    ],
)
def test_an_embedded_copy_is_no_second_function(own: dict[str, str], copy: dict[str, str]) -> None:
    spec = {"python_version": "PYTHON3_10"}
    function = {"kind": "python", "name": "f", "id": "f1"}
    inline = {**function, "spec": {**spec, "source": copy, "requirements": []}}
    files = {
        "p.yaml": json.dumps({"kind": "project", "name": "demo", "spec": {"functions": [inline]}}),
        "f.yaml": json.dumps({**function, "spec": {**spec, "source": own}}),
        "f.py": "def f(): ...\n",
    }
    compilation = compile_tree(tree_of(files))
    assert not has_errors(compilation.diagnostics), compilation.diagnostics


def test_two_texts_of_one_merged_function_are_told() -> None:
    whole = {"python_version": "PYTHON3_10", "function": "python://demo/gone:old"}
    texts = ("ZGVmIGYoKTogLi4uCg==", "ZGVmIGYoKTogcGFzcwo=")
    runs = [
        job(f"r{number}", **whole, source={"source": "src/f.py", "handler": "f", "base64": text})
        for number, text in enumerate(texts)
    ]
    _, codes = manifests(*runs)
    assert codes.count("C418") == 1


def test_a_long_name_that_the_platform_made_is_its_id() -> None:
    identifier = "fa0765f1c380418dad62ff3acdda29d6"
    found, codes = manifests(
        FUNCTION, {**job(f"a-rather-long-name-of-a-function/{identifier}"), "id": identifier}
    )
    assert f"{identifier}.yaml" in found
    assert "C502" not in codes


@pytest.mark.parametrize(
    "document",
    [
        {
            "kind": "project",
            "name": "demo",
            "spec": {"functions": [{"kind": ["python"], "metadata": {"ref": "f"}}]},
        },
        {
            "kind": "project",
            "name": "demo",
            "spec": {"functions": [{"kind": "python", "metadata": {"ref": 7}}]},
        },
        {"kind": "scheduler", "name": "s", "spec": {"function": "f", "schedule": "² 0 3 * * ?"}},
        {"kind": "scheduler", "name": "s", "spec": {"function": "f", "schedule": "0 ? 3 * * ?"}},
        {
            "kind": "scheduler",
            "name": "s",
            "spec": {
                "schedule": "0 0 3 * * ?",
                "template": {"local_execution": True},
                "function": "f",
            },
        },
        {"kind": "python+job", "id": "t1", "spec": {"function": "f", "schedule": "rubbish"}},
        {"kind": "python+run", "name": "r", "spec": {"task": "container+job://demo/x"}},
    ],
)
def test_what_no_platform_means_is_told(document: dict[str, Any]) -> None:
    _, codes = manifests(FUNCTION, document)
    assert codes


def test_a_ref_to_a_file_without_the_entity_is_told() -> None:
    entry = {"id": "f9", "kind": "python", "name": "gone", "metadata": {"ref": "x.yaml"}}
    project = {"kind": "project", "name": "demo", "spec": {"functions": [entry]}}
    _, codes = manifests(project, FUNCTION)
    assert "C317" in codes


def test_two_tasks_with_one_id() -> None:
    tasks = [{"kind": "python+job", "id": "t1", "spec": {"function": each}} for each in ("f", "g")]
    _, codes = manifests(FUNCTION, {**FUNCTION, "name": "g"}, *tasks)
    assert "C402" in codes


@pytest.mark.parametrize("quartz", ["0 0 3 * * *", "0 0 3 ? * ?", "0 0 3 ? * MON,WED", "@annually"])
def test_what_the_platform_refuses_is_told(quartz: str) -> None:
    assert not cron_of(quartz).is_platforms


@pytest.mark.parametrize(
    ("cron", "form"),
    [
        ("0 6 * * *", "0 0 6 * * ?"),
        ("*/5 * 1 * *", "0 */5 * 1 * ?"),
        ("0 3 * * MON", "0 0 3 ? * 2"),
        ("0 3 * 2 1-5", "0 0 3 ? 2 2-6"),
        ("0 3 * * 0,6", "0 0 3 ? * 1,7"),
        ("0 3 1 * 1", None),
        ("1-30/2 3 * * *", None),
    ],
)
def test_five_fields_as_the_platform_has_them(cron: str, form: str | None) -> None:
    meaning = cron_of(cron).expression
    assert platforms_form(meaning) == form
    assert form is None or cron_of(form) == Cron(meaning)


@pytest.mark.parametrize(
    ("quartz", "cron"),
    [
        ("0 3 * * 1/2", "0 3 * * 1,3,5"),
        ("0 3 * * FRI-MON/2", "0 3 * * 0,5"),
        ("0 /5 * * * ?", "*/5 * * * *"),
        ("00 0 3 * * ?", "0 3 * * *"),
    ],
)
def test_smaller_things_of_schedules(quartz: str, cron: str) -> None:
    found = cron_of(quartz)
    assert (found.expression, found.losses) == (cron, ())


def test_a_run_with_a_function_of_its_own_makes_no_other_version() -> None:
    own = {
        "source": {"source": "git+https://h/a", "handler": "a:f"},
        "python_version": "PYTHON3_11",
    }
    found, codes = manifests(FUNCTION, job(**own))
    assert "C601" not in codes
    assert "C418" in codes
    assert "r.yaml" in found


def test_builds_and_claims_are_each_others_names() -> None:
    volume = {
        "volume_type": "shared_volume",
        "name": "x",
        "mount_path": "/x",
        "spec": {"size": "1Gi"},
    }
    build = {"kind": "python+build:run", "name": "claim-x", "spec": {"function": "f"}}
    settings_ = {
        "project": "demo",
        "registry": "r.example.com",
        "build": {"in_cluster": True, "address": "tcp://b:1"},
    }
    documents = [FUNCTION, job(volumes=[volume]), build]
    ready = {**FUNCTION, "name": "g", "spec": {**FUNCTION["spec"], "image": "i:1"}}  # type: ignore[dict-item]
    big = {**build, "name": "b", "spec": {"function": "g"}}

    def codes(*found: dict[str, Any]) -> list[str]:
        files = {"gitopsc.yaml": json.dumps(settings_), "x.json": json.dumps(found)}
        return [each.code.id for each in compile_tree(tree_of(files)).diagnostics]

    assert "C501" in codes(*documents)
    assert codes(ready, big) == ["C422"]
    assert "C422" in codes(FUNCTION, job())  # nobody builds its image


def test_a_schedule_of_five_fields_is_told_until_it_is_committed() -> None:
    """By the base: what a commit holds has a name of Git, and what only lies there has none."""
    tree = tree_of(
        {
            "gitopsc.yaml": "project: demo\nregistry: registry.example.com\n",
            "f.yaml": "kind: python\nname: f\nspec:\n  python_version: PYTHON3_11\n"
            "  source: {code: 'def f(): ...', handler: f}\n---\n"
            "kind: scheduler\nname: Nightly\nspec: {function: f, schedule: '0 3 * * *'}\n",
        }
    )

    def told(path: str, content: str) -> bool:
        before = replace(tree, previous=Previous({path: content}))
        found = compile_tree(before).diagnostics
        assert not has_errors(found)
        return any(each.code is PLATFORM_REFUSES for each in found)

    manifest = "deploy/manifests/default/nightly.yaml"
    assert not told(manifest, "a" * 40)
    assert told(manifest, "")
    assert told("deploy/manifests/default/weekly.yaml", "a" * 40)
    assert told("other/deploy/manifests/default/nightly.yaml", "a" * 40)
