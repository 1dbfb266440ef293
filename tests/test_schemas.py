"""The schemas are valid, agree with the kinds, explain every key, and show examples that fit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from gitopsc.adapters.draft07 import draft_07
from gitopsc.adapters.schema import schema_document, violations
from gitopsc.model.descriptor import COMPILED_KINDS
from jsonschema import Draft7Validator, Draft202012Validator

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


@pytest.mark.parametrize("name", ["descriptor", "gitopsc", "python"])
def test_draft_07_says_the_same(name: str) -> None:
    """Of the sample's and all cases' files, and of those that are wrong."""
    document = schema_document(name)
    older = json.loads(json.dumps(draft_07(document, "https://json.schemastore.org/x.json")))
    Draft7Validator.check_schema(older)
    assert not re.search(r'"(x-[a-z-]+|\$defs|deprecated)":', json.dumps(older))
    verdicts = set()
    for data in documents(name):
        valid = Draft202012Validator(document).is_valid(data)
        assert Draft7Validator(older).is_valid(data) == valid, data
        verdicts.add(valid)
    assert verdicts == {True, False}


def documents(name: str) -> Iterator[Any]:
    """Of one schema: settings, descriptors, or those of one kind."""
    paths = [*(ROOT / "tests").rglob("*.yaml"), *(ROOT / "sample-project").rglob("*.yaml")]
    for path in sorted(paths):
        if "deploy" in path.parts or "out" in path.parts or "vendor" in path.parts:
            continue
        text = path.read_text(errors="replace")
        try:
            found = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
        except (yaml.YAMLError, ValueError):
            continue
        is_settings = path.name == "gitopsc.yaml" or text.startswith("# as: gitopsc.yaml")
        for data in found:
            if not isinstance(data, dict) or is_settings != (name == "gitopsc"):
                continue
            if name != "python" or data.get("kind") == "python":
                yield data
