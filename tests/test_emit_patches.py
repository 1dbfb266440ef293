"""Patches of settings: beside kustomize's own, and what they do to names."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import CASES, texts_from, tree_of
from gitopsc.model.compilation import Compilation
from gitopsc.model.policy import Policies
from gitopsc.pipeline import compile_tree

KUBECTL = Path(sys.executable).parent / "kubectl"
FILES = texts_from(CASES / "patches" / "repo")
SETTINGS = "project: tides\nregistry: registry.example.com/geo\n"

POD = "spec: {template: {spec: %s}}"
POD_ONLY = "merge: {spec: {template: {spec: %s}}}"
MERGES = {
    "field": "spec: {minReadySeconds: 5}",
    "label": "metadata: {labels: {team: geo}}",
    "null": "spec: {revisionHistoryLimit: null}",
    "container": POD % "{containers: [{name: proxy, image: x}, {name: function, stdin: true}]}",
    "sidecar": POD % "{containers: [{name: a, image: b}]}",
    "variables": POD % "{containers: [{name: function, env: [{name: A, value: b}]}]}",
    "mounts": POD
    % "{containers: [{name: function, volumeMounts: [{mountPath: /tmp, $patch: delete}]}]}",
    "ports": POD % "{containers: [{name: function, ports: [{containerPort: 8080, hostIP: '::'}]}]}",
    "volume": POD % "{volumes: [{name: tmp, emptyDir: {medium: Memory}}]}",
    "spread": POD % "{topologySpreadConstraints: [{topologyKey: kubernetes.io/hostname,"
    " whenUnsatisfiable: ScheduleAnyway, maxSkew: 2}]}",
    "replaced-list": POD % "{topologySpreadConstraints: [{$patch: replace}]}",
    "replaced-map": POD % "{securityContext: {$patch: replace, runAsNonRoot: true}}",
    "deleted-map": POD % "{containers: [{name: function, livenessProbe: {$patch: delete}}]}",
    "atomic": POD
    % "{containers: [{name: function, securityContext: {capabilities: {drop: [X]}}}]}",
    "pull": POD % "{imagePullSecrets: [{name: a}, {name: b}]}",
    "strategy": "spec: {strategy: {type: Recreate, rollingUpdate: null}}",
}


def compiled(settings: str) -> Compilation:
    found = compile_tree(tree_of({**FILES, "gitopsc.yaml": SETTINGS + settings}, "tides"))
    assert not [each for each in found.diagnostics if each.severity == "error"]
    return found


def files(compilation: Compilation) -> dict[str, str]:
    ((_, written),) = compilation.outputs
    return {file.path: file.content.decode() for file in written}


def documents(text: str) -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def unordered(value: Any) -> Any:
    """Where a merge puts a new item of a list is its own choice."""
    if isinstance(value, dict):
        return {key: unordered(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted(map(unordered, value), key=partial(json.dumps, sort_keys=True))
    return value


@pytest.mark.parametrize("merge", MERGES.values(), ids=MERGES)
def test_a_merge_is_that_of_kustomize(merge: str, tmp_path: Path) -> None:
    plain = files(compiled(""))["manifests/default/api.yaml"]
    patch = f"{{target: {{kind: Deployment, run: api}}, merge: {{{merge}}}}}"
    own = files(compiled(f"patches: [{patch}]\n"))["manifests/default/api.yaml"]
    (tmp_path / "api.yaml").write_text(plain)
    (tmp_path / "patch.yaml").write_text(named(merge))
    (tmp_path / "kustomization.yaml").write_text(
        "resources: [api.yaml]\npatches: [{path: patch.yaml}]\n"
    )
    built = subprocess.run(
        [KUBECTL, "kustomize", tmp_path], check=True, capture_output=True, text=True
    )
    assert unordered(documents(own)) == unordered(documents(built.stdout))
    assert own != plain


def named(merge: str) -> str:
    """As kustomize has patches: with what they are for."""
    data = {"apiVersion": "apps/v1", "kind": "Deployment", **yaml.safe_load(merge)}
    data["metadata"] = {**data.get("metadata", {}), "name": "api"}
    return yaml.safe_dump(data)


def job(patch: str) -> tuple[str, dict[str, Any]]:
    found = compiled(
        f"patches: [{{target: {{kind: Job, run: yearly}}, {patch}}}]\n" if patch else ""
    )
    data = documents(files(found)["manifests/default/yearly.yaml"])["Job"]
    (made,) = (each for _, objects in found.objects for each in objects if each.kind == "Job")
    assert made.name == data["metadata"]["name"]
    return data["metadata"]["name"], data


@pytest.mark.parametrize(
    "patch",
    [
        "merge: {metadata: {labels: {team: geo}}}",
        "merge: {spec: {activeDeadlineSeconds: 60, backoffLimit: 1}}",
        "json: [{op: add, path: /spec/ttlSecondsAfterFinished, value: 60}]",
        "merge: {spec: {template: {spec: {restartPolicy: Never}}}}",
    ],
)
def test_what_kubernetes_lets_one_change_gives_a_job_no_new_name(patch: str) -> None:
    assert job(patch)[0] == job("")[0]


def test_what_it_does_not_is_in_its_name() -> None:
    names = {
        job(patch)[0]
        for patch in (
            "",
            "merge: {spec: {template: {spec: {hostname: a}}}}",
            "merge: {spec: {template: {spec: {hostname: b}}}}",
            "merge: {spec: {podFailurePolicy: null}}",
            "merge: {spec: {completionMode: Indexed}}",
        )
    }
    assert len(names) == 5


def test_the_order_of_keys_in_a_patch_changes_nothing() -> None:
    pairs = ("hostname: a", "subdomain: b", "dnsPolicy: Default")
    first, second = (
        job(f"merge: {{spec: {{template: {{spec: {{{', '.join(each)}}}}}}}}}")
        for each in (pairs, pairs[::-1])
    )
    assert first == second


def test_a_part_of_a_project_may_lack_what_a_patch_is_for() -> None:
    found = compile_tree(
        tree_of({**FILES, "gitopsc.yaml": FILES["gitopsc.yaml"]}, "tides"),
        kept={"": {"run/yearly"}},
    )
    assert not [each for each in found.diagnostics if each.severity == "error"]


@pytest.mark.parametrize(
    ("kind", "patch", "code"),
    [
        ("Deployment", "merge: {spec: {template: {spec: null}}}", "C439"),
        ("Job", "merge: {spec: {template: {metadata: null}}}", "C439"),
        ("Job", "merge: {spec: null}", "C439"),
        ("Job", "json: [{op: remove, path: /spec}]", "C439"),
        ("Job", "merge: {kind: null}", "C439"),
        ("Job", "merge: {spec: {completions: 9}}", "C439"),
        ("NetworkPolicy", "merge: {spec: {podSelector: {matchLabels: {a: b}}}}", "C439"),
        ("Deployment", POD_ONLY % "{containers: [{name: function, $patch: delete}]}", "C439"),
        ("Deployment", "merge: {metadata: {labels: {$patch: x}}}", "C438"),
        ("PodMonitor", "merge: {spec: {$patch: replace}}", "C438"),
        (
            "Service",
            "merge: {spec: {ports: [{port: 53, protocol: UDP, name: a}, {port: 53, name: b}]}}",
            "C438",
        ),
        ("Deployment", "json: [{op: add, path: /spec/minReadySeconds}]", "C303"),
        (
            "Deployment",
            POD_ONLY % "{containers: [{name: function, image: a.example.org}]}",
            "C802",
        ),
        ("Deployment", POD_ONLY % "{initContainers: [{name: a, image: evil}]}", "C802"),
        (
            "Deployment",
            POD_ONLY % "{containers: [{name: function, imagePullPolicy: Never}]}",
            "C806",
        ),
    ],
)
def test_what_no_patch_may_do(kind: str, patch: str, code: str) -> None:
    """Whatever it is, with one error and nothing made."""
    settings = f"{SETTINGS}network: {{restrict: true}}\nmetrics: pod-monitor\n"
    settings += "pod: {pull_policy: Always}\n"
    settings += "policies: {registries: [registry.example.com, python],"
    settings += " pull_policy: Always}\n"
    settings += f"patches: [{{target: {{kind: {kind}}}, {patch}}}]\n"
    found = compile_tree(tree_of({**FILES, "gitopsc.yaml": settings}, "tides"))
    assert code in {each.code.id for each in found.diagnostics if each.severity == "error"}
    assert not found.outputs


def test_a_deletion_deletes_whatever_stands_beside_it() -> None:
    merge = "merge: {spec: {strategy: {$patch: delete, type: Recreate}}}"
    found = compiled(f"patches: [{{target: {{kind: Deployment, run: api}}, {merge}}}]\n")
    deployment = documents(files(found)["manifests/default/api.yaml"])["Deployment"]
    assert "strategy" not in deployment["spec"]


def test_items_without_their_key_are_left_alone() -> None:
    """Kubernetes does not require the name of a pull secret."""
    found = compiled(
        "patches:\n"
        "  - target: {kind: Deployment, run: api}\n"
        "    json: [{op: add, path: /spec/template/spec/imagePullSecrets, value: [{}]}]\n"
        "  - target: {kind: Deployment, run: api}\n"
        "    merge: {spec: {template: {spec: {imagePullSecrets: [{name: a}]}}}}\n"
    )
    pod = documents(files(found)["manifests/default/api.yaml"])["Deployment"]["spec"]["template"]
    assert pod["spec"]["imagePullSecrets"] == [{}, {"name": "a"}]


@pytest.mark.parametrize(
    ("allowed", "image", "is_allowed"),
    [
        ("registry.example.com", "registry.example.com/x:1", True),
        ("registry.example.com", "registry.example.com:5000/x:1", False),
        ("registry.example.com", "registry.example.com.example.org/x", False),
        ("registry.example.com/team", "registry.example.com/team/x", True),
        ("registry.example.com/team", "registry.example.com/team:1", True),
        ("localhost:5000", "localhost:5000/x", True),
        ("python", "python:3.11-slim", True),
        ("library/python", "python@sha256:00", True),
        ("python", "pythonic:1", False),
        ("python", "registry.example.com/python:1", False),
    ],
)
def test_which_images_a_policy_allows(allowed: str, image: str, is_allowed: bool) -> None:
    assert Policies.of({"registries": [allowed]}).allows_registry(image) is is_allowed
