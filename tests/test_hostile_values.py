"""A table of fields and of values that mean something to YAML, shells, Dockerfiles or terminals.

Whatever stands in a field, either it is an error with a place, or every output has the shape that
it has with a tame value: the same keys, the same instructions, the same number of lines.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from conftest import tree_of
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import has_errors
from gitopsc.model.lock import FunctionPin, SourcePin, block_of
from gitopsc.model.memo import Memo
from gitopsc.pipeline import compile_tree
from gitopsc.report.lineage import render_mermaid
from gitopsc.report.text import render_text

pytestmark = pytest.mark.slow

PROJECT: dict[str, Any] = {
    "settings": {
        "project": "demo",
        "output": "deploy",
        "registry": "registry.example.com/team",
        "stores": {"default": "s3://data/lineage"},
        "secrets": {"TOKEN": {"name": "tokens", "key": "main"}},
        "profiles": {
            "big": {
                "resources": {"requests": {"mem": "2Gi"}, "limits": {"cpu": "4"}},
                "envs": [{"name": "WORKERS", "value": "4"}],
                "node_selector": {"zone": "a"},
                "tolerations": [{"key": "gpu", "operator": "Equal", "value": "yes"}],
                "affinity": {"podAffinity": {"x": ["y"]}},
                "runtime_class": "nvidia",
                "priority_class": "low",
            }
        },
        "environments": {
            "prod": {
                "namespace": "prod",
                "build": {
                    "in_cluster": True,
                    "address": "tcp://buildkitd:1234",
                    "image": "moby/buildkit:rootless",
                    "registry_secret": "push",
                },
            }
        },
    },
    "function": {
        "kind": "python",
        "name": "etl",
        "id": "v1",
        "metadata": {"description": "tame", "labels": ["tame"]},
        "spec": {
            "python_version": "PYTHON3_11",
            "source": {
                "source": "lib/etl.py",
                "code": "def init(**k): ...\ndef run(**k): ...\n",
                "handler": "run",
                "init_function": "init",
            },
            "requirements": ["pandas==2.2.3"],
            "base_image": "python:3.11-slim",
        },
    },
    "build": {
        "kind": "python+build",
        "id": "b1",
        "spec": {
            "function": "etl",
            "instructions": ["apt-get update"],
            "envs": [{"name": "MODE", "value": "fast"}],
            "secrets": ["GIT_TOKEN"],
        },
    },
    "data": {"kind": "table", "name": "cities", "spec": {"path": "s3://bucket/cities"}},
    "job": {
        "kind": "python+job:run",
        "name": "nightly",
        "spec": {
            "function": "etl",
            "profile": "big",
            "parameters": {"country": "IT"},
            "init_parameters": {"x": "y"},
            "inputs": {"cities": "store://demo/dataitem/table/cities"},
            "outputs": {"out": "made"},
            "envs": [{"name": "LEVEL", "value": "debug"}],
            "secrets": ["TOKEN"],
            "resources": {"cpu": "500m", "mem": "1Gi", "gpu": "1", "disk": "1Gi"},
            "gitops": {"rerun": "again"},
            "volumes": [
                {
                    "volume_type": "persistent_volume_claim",
                    "name": "data",
                    "mount_path": "/data",
                    "spec": {"size": "1Gi", "storage_class": "fast"},
                },
                {
                    "volume_type": "image",
                    "name": "weights",
                    "mount_path": "/weights",
                    "spec": {"image": "registry.example.com/w:1", "subPath": "models"},
                },
                {
                    "volume_type": "shared_volume",
                    "name": "given",
                    "mount_path": "/given",
                    "spec": {"claimName": "there"},
                },
            ],
        },
    },
    "build-run": {
        "kind": "python+build:run",
        "name": "build-etl",
        "spec": {"function": "etl", "instructions": ["apt-get update"], "secrets": ["GIT_TOKEN"]},
    },
    "trigger": {
        "kind": "scheduler",
        "name": "weekly",
        "spec": {
            "function": "etl",
            "schedule": "0 0 3 ? * MON",
            "template": {"parameters": {"country": "IT"}, "envs": [{"name": "A", "value": "b"}]},
        },
    },
    "older": {
        "kind": "python+run",
        "name": "older",
        "spec": {
            "task": "python+job://demo/gone",
            "function": "etl",
            "runtimeClass": "nvidia",
            "node_selector": [{"key": "zone", "value": "a"}],
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "affinity": {"pod_affinity": {"x": ["y"]}},
            "resources": {"cpu": {"requests": "500m", "limits": "1"}},
            "volumes": [
                {
                    "volume_type": "persistent_volume_claim",
                    "name": "old",
                    "mount_path": "/old",
                    "spec": {"claim_name": "there"},
                }
            ],
        },
    },
    "service": {
        "kind": "python+serve:run",
        "name": "api",
        "spec": {"function": "etl", "service_type": "ClusterIP", "service_name": "front"},
    },
}
VALUES = [
    *("a\nb: c", "a\r\nb", "\nRUN rm -rf /", "x\n---\nkind: Pod", "\t", "\0", "\x1b[31m", "\x7f"),
    *("\u0085", "\u2028", "\ufeff", "\u202e", "e\u0301", "é", "😀", " ", " x ", ""),
    *('"', "'", "`id`", "$X", "${X}", "$(X)", "$$", "$(rm -rf /)", "\\", "a\\", "%s", "&&", "; x"),
    *(
        "a: b",
        "# x",
        "a #b",
        "- x",
        "---",
        "...",
        "{{ x }}",
        "{% x %}",
        "{a: b}",
        "[a]",
        "*a",
        "&a",
    ),
    *("!x", "!!python/object:os.system", "|", ">", "@x", "?", "<<", "<<EOF", "<script>", "]]>"),
    *("no", "on", "y", "null", "~", "1e3", "012", "0x1f", "1_000", "22:30", ".inf", "2026-01-01"),
    *("..", "../../etc/passwd", "/etc/passwd", "a/../../b", "//", "*", "a" * 300, "-x", "--option"),
    *(
        "=",
        "a=b",
        "a,b",
        "store://x",
        "python://x/y:z",
        "http://user:pw@host/",
        "ARG x",
        "COPY . /",
    ),
]


def leaves(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a string: values, and keys that people choose."""
    if isinstance(value, dict):
        chosen = way[-1:] in [("secrets",), ("profiles",), ("environments",), ("node_selector",)]
        chosen |= way[-1:] in [("parameters",), ("inputs",), ("outputs",), ("init_parameters",)]
        keys = [(*way, ("key", key)) for key in value if chosen]
        return keys + [leaf for key, each in value.items() for leaf in leaves(each, (*way, key))]
    if isinstance(value, list):
        return [leaf for index, each in enumerate(value) for leaf in leaves(each, (*way, index))]
    return [way]


FIELDS = [way for way in leaves(PROJECT) if way[-1] != "kind"]


MEMO = Memo()
"""One value at a time is changed: what it has no part in is not rendered again."""


def compiled(project: dict[str, Any]) -> Compilation:
    settings, *descriptors = project.values()
    files = {
        "gitopsc.yaml": yaml.dump(settings, Dumper=yaml.CSafeDumper, allow_unicode=True),
        "all.json": json.dumps(descriptors),
    }
    return compile_tree(tree_of(files), MEMO)


def with_value(way: tuple[Any, ...], value: str) -> dict[str, Any]:
    project = copy.deepcopy(PROJECT)
    target: Any = project
    for step in way[:-1]:
        target = target[step]
    if isinstance(way[-1], tuple):
        target[value] = target.pop(way[-1][1])
    else:
        target[way[-1]] = value
    return project


def shapes(compilation: Compilation) -> Counter[str]:
    """What every file is, without the values that descriptors choose."""
    ((_, files),) = compilation.outputs
    return Counter(shape(file.path, file.content.decode()) for file in files)


@cache
def shape(path: str, text: str) -> str:
    name = path.rpartition("/")[2]
    if name.endswith(".yaml"):
        documents = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
        for each in documents:
            for text in values_of("gitopsc/run.json", each):
                json.loads(text)
        return repr([keys(each) for each in documents])
    if path == "reports/requirements.json":
        json.loads(text)
        return "names of what a cluster has"
    if name.endswith(".json"):
        return repr(keys(json.loads(text)))
    if name == "Dockerfile":
        lines = text.split("\n")
        return repr([re.match(r"\S*", line)[0] for line in lines])  # type: ignore[index]
    if path == "images/runner/requirements.txt":
        return "a driver more, or less"  # by the scheme of a URL
    if "/source/" in path or not path.startswith("images/"):
        return "text"  # a person's own code, and lists of paths
    return f"{len(text.splitlines())} lines"


def values_of(key: str, value: Any) -> Iterator[Any]:
    """Those of a key at any depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, each in items:
        if name == key:
            yield each
        elif isinstance(each, (dict, list)):
            yield from values_of(key, each)


def keys(value: Any) -> Any:
    if isinstance(value, dict):
        chosen = {"zone", "nodeSelector", "target", "podAffinity", "nvidia.com/gpu"}
        return [
            (key if re.fullmatch(r"[A-Za-z]+", key) and key not in chosen else "*", keys(each))
            for key, each in value.items()
            if key not in ("podAffinity", "annotations", "nodeSelector", "target", "nodes", "edges")
        ]
    if isinstance(value, list):
        return sorted(map(repr, map(keys, value)))  # names decide the order
    return type(value).__name__


@pytest.fixture(scope="module")
def tame() -> Counter[str]:
    compilation = compiled(PROJECT)
    assert not has_errors(compilation.diagnostics), compilation.diagnostics
    return shapes(compilation)


@pytest.mark.parametrize("way", FIELDS, ids=lambda way: ".".join(map(str, way)))
def test_no_value_changes_a_shape(way: tuple[Any, ...], tame: Counter[str]) -> None:
    for value in VALUES:
        compilation = compiled(with_value(way, value))
        report = render_text(compilation.diagnostics, lambda path: [])
        assert report.replace("\n", "").isprintable(), (way, value)
        if has_errors(compilation.diagnostics):
            assert compilation.outputs == ()
            assert all(each.message and each.span.path for each in compilation.diagnostics)
            continue
        assert shapes(compilation) == tame, (way, value)
        picture = render_mermaid(compilation.programs).split("\n")
        assert all(re.match(r"flowchart LR$|  |$", line) for line in picture), (way, value)


URLS = [
    "git+https://git.example.com/team/{}#v1",
    "git+https://git.example.com/team/etl#{}",
    "git+ssh://git@git.example.com/{}/etl",
    "zip+https://files.example.com/{}.zip",
    "zip+https://files.example.com/etl.zip?x={}",
    "https://files.example.com/{}/etl.py",
]


def fetched(url: str) -> Compilation:
    """A function whose source the builder fetches from there, pinned."""
    pin = SourcePin(url, "1" * 64, commit="2" * 40, sha256="3" * 64)
    function = {
        "kind": "python",
        "name": "etl",
        "spec": {"python_version": "PYTHON3_11", "source": {"source": url, "handler": "etl:run"}},
    }
    lock = {"functions": {"etl": block_of(FunctionPin(pin))}}
    files = {
        "gitopsc.yaml": "project: demo\nregistry: registry.example.com\nsources: fetch\n",
        "etl.json": json.dumps(function),
        "gitopsc.lock": json.dumps(lock),
    }
    return compile_tree(tree_of(files))


@pytest.mark.parametrize("url", URLS)
def test_no_url_changes_a_dockerfile(url: str) -> None:
    expected = shapes(fetched(url.format("tame")))
    taken = 0
    for value in VALUES:
        compilation = fetched(url.format(value))
        if has_errors(compilation.diagnostics):
            assert compilation.outputs == ()
            continue
        taken += 1
        assert shapes(compilation) == expected, value
        ((_, files),) = compilation.outputs
        dockerfile = next(each.content for each in files if each.path.endswith("/Dockerfile"))
        assert b"$" not in dockerfile
    assert taken > 5
