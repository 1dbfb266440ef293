"""Random descriptors, settings and damaged YAML: problems are diagnostics, never tracebacks.

`GITOPSC_FUZZ` is the number of examples of each test (default 150). `make fuzz` takes many more.
What ever failed is kept for good in `tests/fuzz/`, and compiled by every run of the tests.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from conftest import ROOT, SAMPLE, texts_from, tree_of
from gitopsc.adapters.schema import schema_document
from gitopsc.model.diagnostic import has_errors
from gitopsc.model.source import Tree
from gitopsc.pipeline import compile_tree, tidy_tree
from gitopsc.report.github import render_github
from gitopsc.report.gitlab import render_gitlab
from gitopsc.report.json import render_json
from gitopsc.report.junit import render_junit
from gitopsc.report.lineage import (
    render_dot,
    render_graphml,
    render_lineage_json,
    render_mermaid,
)
from gitopsc.report.openlineage import render_openlineage
from gitopsc.report.page import render_page
from gitopsc.report.sarif import render_sarif
from gitopsc.report.text import render_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("GITOPSC_FUZZ", "150"))
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="GITOPSC_FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
    database=None,
)
KEPT = sorted((ROOT / "tests" / "fuzz").iterdir())
SOURCES = {
    "src/etl.py": "def run(x=1, **rest):\n    return x\n\n\ndef init(context, **rest): ...\n",
    "gitopsc.yaml": "project: demo\nregistry: registry.example.com\nstores: {default: s3://data}\n",
}


def survives(tree: Tree) -> None:
    """Compiles; each problem has a place in the input, each report is printed, outputs are YAML."""
    compilation = compile_tree(tree)
    found = compilation.diagnostics
    for each in found:
        lines = tree.lines(each.span.path)
        assert not lines or 1 <= each.span.line <= len(lines)
        assert each.message
    assert render_text(found, tree.lines).count("\n") >= len(found)
    json.loads(render_json("failed", found, ()))
    json.loads(render_sarif(found))
    assert len(json.loads(render_gitlab(found))) == len(found)
    assert len(ElementTree.fromstring(render_junit(found))[0]) == (len(found) or 1)
    assert render_github(found).count("\n") == len(found)
    assert not (has_errors(found) and compilation.outputs)
    for render in (render_mermaid, render_dot, render_lineage_json):
        render(compilation.programs)
    ElementTree.fromstring(render_graphml(compilation.programs))
    render_openlineage(compilation.programs, "2026-01-31T12:00:00Z")
    assert render_page(compilation.programs, compilation).count("</script>") == 3
    for _, files in compilation.outputs:
        for file in files:
            if file.path.endswith(".yaml"):
                list(yaml.safe_load_all(file.content))
            elif file.path.endswith(".json"):
                json.loads(file.content)


# Values that fit a schema now and then


WORDS = st.sampled_from(
    ["etl", "etl:v1", "run", "src/etl.py", "demo", "store://demo/dataitem/table/d", "d", "a.b:c"]
)
QUANTITIES = st.sampled_from(["1", "500m", "1Gi", "0.5", "1e3", "0", "1E", "", "1.5.0"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def fitting(schema: Any, root: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of the shape of a schema, in which one in some is anything else."""
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = {**root["$defs"][name], **{k: v for k, v in schema.items() if k != "$ref"}}
    shapes = []
    if "const" in schema:
        shapes.append(st.just(schema["const"]))
    if "enum" in schema:
        shapes.append(st.sampled_from(schema["enum"]))
    if schema.get("examples"):
        shapes.append(st.sampled_from(schema["examples"]))
    types = schema.get("type", [])
    for type_ in [types] if isinstance(types, str) else types:
        if type_ == "object" and depth < 6:
            shapes.append(mapping(schema, root, depth))
        elif type_ == "array" and depth < 6:
            shapes.append(st.lists(fitting(schema.get("items", {}), root, depth + 1), max_size=3))
        elif type_ == "string":
            shapes.append(WORDS | QUANTITIES | st.text(max_size=20))
        elif type_ in ("integer", "number"):
            shapes.append(st.integers() | st.floats())
    return st.one_of(*shapes, JSON) if shapes else JSON


def mapping(schema: Any, root: Any, depth: int) -> st.SearchStrategy[Any]:
    properties = schema.get("properties", {})
    known = {key: fitting(each, root, depth + 1) for key, each in properties.items()}
    needed = {key: known.pop(key) for key in schema.get("required", ()) if key in known}
    fixed = st.fixed_dictionaries(needed, optional=known)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        others = st.dictionaries(WORDS, fitting(extra, root, depth + 1), max_size=3)
        return st.builds(lambda a, b: {**b, **a}, fixed, others)
    return fixed


KINDS = ["python", "python+build", "python+build.run", "python+job", "python+job.run"]
KINDS += ["python+serve", "python+serve.run", "dataitem", "project"]
KINDS += ["python+run", "scheduler", "lifecycle", "secret"]
KINDS += ["container", "container+job.run", "container+serve.run", "container+deploy.run"]
DESCRIPTORS = st.one_of(*(fitting(schema_document(kind), schema_document(kind)) for kind in KINDS))
SETTINGS = fitting(schema_document("gitopsc"), schema_document("gitopsc"))


@BOUNDED
@given(st.lists(DESCRIPTORS, min_size=1, max_size=4))
def test_descriptors(descriptors: list[Any]) -> None:
    survives(tree_of({**SOURCES, "all.json": json.dumps(descriptors)}))


@BOUNDED
@given(st.lists(DESCRIPTORS, min_size=1, max_size=4))
def test_imports(descriptors: list[Any]) -> None:
    """What is imported has the shape of descriptors, whatever it was."""
    tree = tree_of({**SOURCES, "all.json": json.dumps(descriptors)})
    files, _, problems = tidy_tree(tree)
    assert not files or not has_errors(problems)
    survives(tree_of({each.path: each.content for each in files}))


@BOUNDED
@given(fitting(schema_document("lock"), schema_document("lock")))
def test_locks(data: Any) -> None:
    source = {"source": "git+https://git.example.com/a", "handler": "etl:run"}
    spec = {"python_version": "PYTHON3_11", "source": source, "requirements": ["pandas==2.2.3"]}
    function = {"kind": "python", "name": "etl", "spec": spec}
    files = {**SOURCES, "etl.json": json.dumps(function), "gitopsc.lock": json.dumps(data)}
    survives(tree_of(files))


@BOUNDED
@given(SETTINGS)
def test_settings(data: Any) -> None:
    sample = texts_from(SAMPLE, without="/deploy/")
    survives(tree_of({**sample, "gitopsc.yaml": json.dumps(data)}))


# Damage


SAMPLES = [
    text.encode()
    for path, text in sorted(texts_from(SAMPLE, without="/deploy/").items())
    if path.endswith((".yaml", ".json"))
]
JUNK = st.sampled_from(
    [b"\x00", b"\t", b":", b"- ", b"{", b"]", b"&a ", b"*a", b"!x ", b"\xff", b"'", b"\n", b"~"]
) | st.binary(max_size=4)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), JUNK), min_size=1, max_size=5)


@BOUNDED
@given(st.sampled_from(SAMPLES), EDITS)
def test_damaged_yaml(text: bytes, edits: list[tuple[float, int, bytes]]) -> None:
    for place, length, junk in edits:
        at = int(place * len(text))
        text = text[:at] + junk + text[at + length :]
    survives(tree_of({**SOURCES, "x.yaml": text}))


@BOUNDED
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes(text: bytes) -> None:
    for before in (b"", b"kind: python\n", b'{"kind": "python", '):
        survives(tree_of({**SOURCES, "x.yaml": before + text, "y.json": before + text}))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_what_failed_once(path: Path) -> None:
    name = "gitopsc.yaml" if path.name.startswith("settings") else path.name
    survives(tree_of({**SOURCES, name: path.read_bytes()}))
