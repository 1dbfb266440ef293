"""The schemas are valid, agree with the kinds, explain every key, and show examples that fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from gitopsc.adapters.schema import violations
from gitopsc.model.descriptor import COMPILED_KINDS
from jsonschema import Draft202012Validator

SCHEMAS = sorted((ROOT / "schemas").glob("*.schema.json"))


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def stem(path: Path) -> str:
    return path.name.removesuffix(".schema.json")


def test_one_schema_per_kind_and_one_for_the_settings() -> None:
    names = {stem(path) for path in SCHEMAS}
    kinds = {kind.replace(":", ".") for kind in COMPILED_KINDS}
    assert names == kinds | {"gitopsc", "lock", "definitions"}


@pytest.mark.parametrize("path", SCHEMAS, ids=stem)
def test_a_schema_is_valid(path: Path) -> None:
    Draft202012Validator.check_schema(load(path))


def properties(schema: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in schema.get("properties", {}).items():
        yield f"{place}/{key}", value
        yield from properties(value, f"{place}/{key}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from properties(schema[inner], f"{place}/{inner}")


@pytest.mark.parametrize("path", SCHEMAS, ids=stem)
def test_every_key_is_explained(path: Path) -> None:
    schema = load(path)
    for name, definition in schema.get("$defs", {}).items():
        assert definition["description"], name
        assert definition["title"] or name == "dataPath", name
    for place, value in properties(schema):
        assert "description" in value or "$ref" in value, place
    if path.name != "definitions.schema.json":
        assert schema["title"]
        assert schema["description"]


@pytest.mark.parametrize("path", SCHEMAS, ids=stem)
def test_examples_fit(path: Path) -> None:
    schema = load(path)
    if stem(path) == "definitions":
        for name, definition in schema["$defs"].items():
            whole = {**definition, "$defs": schema["$defs"]}
            for example in definition.get("examples", ()):
                assert not list(Draft202012Validator(whole).iter_errors(example)), name
        return
    assert schema["examples"]
    for example in schema["examples"]:
        assert violations(stem(path), example) == []


def test_a_newline_at_the_end_matches_no_pattern() -> None:
    descriptor = {"kind": "artifact", "name": "cities\n", "spec": {}}
    assert [each.keyword for each in violations("artifact", descriptor)] == ["pattern"]
