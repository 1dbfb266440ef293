"""The table of Kubernetes' fields, which patches are checked with, is what Kubernetes publishes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import kubernetes_validate
from conftest import ROOT

TABLE = ROOT / "templates/targets/kubernetes/fields.json"
VERSIONS = tuple(f"1.{minor}" for minor in range(31, 38))
KINDS = {
    "CronJob": "batch.v1",
    "Deployment": "apps.v1",
    "HorizontalPodAutoscaler": "autoscaling.v2",
    "Ingress": "networking.v1",
    "Job": "batch.v1",
    "NetworkPolicy": "networking.v1",
    "PodDisruptionBudget": "policy.v1",
    "Service": "core.v1",
}
SCALARS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "integer or string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
}


@cache
def definitions(version: str) -> Mapping[str, Any]:
    folder = files(kubernetes_validate) / "kubernetes-json-schema" / f"v{version}.0-local"
    found: Mapping[str, Any] = json.loads((folder / "_definitions.json").read_text())["$defs"]
    return found


def short(name: str) -> str:
    return name.rpartition(".")[2]


def simple(schema: Mapping[str, Any]) -> str:
    """The type of a value that is neither a list nor a mapping."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return SCALARS.get(name) or short(name)
    kinds = schema.get("type", [])
    kinds = [each for each in ([kinds] if isinstance(kinds, str) else kinds) if each != "null"]
    return kinds[0] if kinds and kinds[0] != "object" else "any"


def field(schema: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"type": simple(schema)}
    if "items" in schema:
        found = {"type": simple(schema["items"]), "in": "list"}
        if "merge" in schema.get("x-kubernetes-patch-strategy", ""):
            found["by"] = schema.get("x-kubernetes-patch-merge-key", "")
    elif "additionalProperties" in schema:
        found = {"type": simple(schema["additionalProperties"]), "in": "mapping"}
    return {**found, "required": True} if required else found


def types(version: str) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    known = definitions(version)
    waiting = [f"io.k8s.api.{group}.{kind}" for kind, group in KINDS.items()]
    names: dict[str, str] = {}
    while waiting:
        full = waiting.pop()
        name = short(full)
        if name in names:
            assert names[name] == full, "two types of one name"
            continue
        names[name] = full
        properties = known[full].get("properties", {})
        required = known[full].get("required", ())
        own = {
            key: field(each, required=key in required)
            for key, each in properties.items()
            if not (name in KINDS and key == "status")
        }
        for key in own:
            for each in (properties[key], *(properties[key].get(way) for way in WAYS)):
                target = (each or {}).get("$ref", "").rpartition("/")[2]
                if target and target not in SCALARS:
                    waiting.append(target)
        yield name, own


WAYS = ("items", "additionalProperties")


def table() -> dict[str, dict[str, Any]]:
    """Type -> field -> what it is, with the versions that have it where not all do."""
    found: dict[str, dict[str, Any]] = {}
    seen: dict[tuple[str, str], list[str]] = {}
    for version in VERSIONS:
        for name, own in types(version):
            for key, each in own.items():
                found.setdefault(name, {})[key] = each
                seen.setdefault((name, key), []).append(version)
    for (name, key), versions in seen.items():
        assert versions == [each for each in VERSIONS if versions[0] <= each <= versions[-1]]
        if versions[0] != VERSIONS[0]:
            found[name][key] = {**found[name][key], "since": versions[0]}
        if versions[-1] != VERSIONS[-1]:
            found[name][key] = {**found[name][key], "until": versions[-1]}
    return found


def text(fields: Mapping[str, Mapping[str, Any]]) -> str:
    """One field on each line, so that people can read what a new version of Kubernetes brings."""
    blocks = []
    for name in sorted(fields):
        lines = [
            f"    {json.dumps(key)}: {json.dumps(each if set(each) != {'type'} else each['type'])}"
            for key, each in sorted(fields[name].items())
        ]
        blocks.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def test_the_table_is_what_kubernetes_publishes(update: bool) -> None:
    expected = text(table())
    if update:
        TABLE.write_text(expected)
    assert TABLE.read_text() == expected
