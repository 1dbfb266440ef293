"""What emit says of its text is what stands in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from conftest import CASES, SAMPLE, tree_of
from gitopsc.model import identity
from gitopsc.model.artifact import ClusterObject, ImageReference
from gitopsc.model.diagnostic import has_errors
from gitopsc.pipeline import compile_tree
from gitopsc.scan import scan
from ruamel.yaml import YAML

REPOSITORIES = [SAMPLE, *(CASES / name / "repo" for name in ("storage-and-builds", "dialect"))]


@pytest.mark.parametrize("repo", REPOSITORIES, ids=lambda path: path.parent.name)
def test_objects_are_those_of_the_manifests(repo: Path) -> None:
    compilation = compile_tree(scan(str(repo))[0])
    assert compilation.outputs
    for (project, files), (same, objects) in zip(
        compilation.outputs, compilation.objects, strict=True
    ):
        assert project == same
        contents = {file.path: file.content for file in files}
        written = {
            (path, document["kind"], document["metadata"]["name"]): document
            for path, content in contents.items()
            if path.startswith("manifests/") and not path.endswith("kustomization.yaml")
            for document in YAML(typ="safe").load_all(content)
        }
        assert set(written) == {(made.path, made.kind, made.name) for made in objects}
        for made in objects:
            assert made.path.startswith(f"manifests/{made.environment}/")
            check(made, written[made.path, made.kind, made.name], contents)


def check(made: ClusterObject, document: dict, contents: dict[str, bytes]) -> None:  # type: ignore[type-arg]
    """An object against its own document, and its image against the bake file."""
    if made.image is None:
        return
    text = contents[made.path].decode()
    assert f'image: "{made.image}"' in text or f"image: {made.image}" in text
    if made.compute is not None:
        assert document["metadata"]["annotations"]["gitopsc/compute"] == made.compute
    if isinstance(made.image, ImageReference):
        assert str(made.image).encode() in contents["images/docker-bake.json"]
        assert len(made.image.tag) == 16
    if made.record is not None:
        assert made.record.name in (made.compute, "scheduled")
        claim = re.match(r"claim (?:.+/)?(.+)", made.record.store)
        assert (f"claimName: {claim[1]}" if claim else f'"url": "{made.record.store}"') in text


def test_a_pod_template_has_a_digest_that_moves_with_it(tmp_path: Path) -> None:
    def templates(memory: str) -> list[str | None]:
        (tmp_path / "all.yaml").write_text(DESCRIPTORS.replace("MEMORY", memory))
        ((_, objects),) = compile_tree(scan(str(tmp_path))[0]).objects
        return [made.pod_template for made in objects if made.kind == "Deployment"]

    (tmp_path / "gitopsc.yaml").write_text("project: demo\n")
    assert templates("1Gi") == templates("1Gi")
    assert templates("1Gi") != templates("2Gi")


DESCRIPTORS = """\
kind: python
name: serve
spec:
  python_version: PYTHON3_11
  source: {handler: run, code: "def run(context, event): return 1"}
---
kind: python+serve:run
name: api
spec: {function: serve, resources: {mem: MEMORY}}
"""


def test_why_a_digest_is_what_it_is() -> None:
    compilation = compile_tree(scan(str(SAMPLE))[0])
    assert compilation.resolutions
    lines = compile_lines(SAMPLE)
    for resolution in compilation.resolutions:
        for resolved in resolution.runs:
            fields = resolved.compute_fields
            assert identity.compute_digest(fields) == resolved.compute
            assert fields.keys() == identity.COMPUTE_FIELDS.keys()
            for field, value in fields.items():
                span = resolved.place_of(field)
                written = lines[span.path][span.line - 1]
                if field in ("handler", "python_version") and value is not None:
                    assert str(value).replace(".", "_") in written, (field, span)


def compile_lines(root: Path) -> dict[str, list[str]]:
    tree, _ = scan(str(root))
    return {path: tree.lines(path) for path in tree.files}


@pytest.mark.parametrize(
    ("text", "size", "is_large"),
    [
        ("<", 100_000, True),
        ('"', 100_000, True),
        ("\U0001f600", 100_000, False),
        ("a", 100_000, False),
        ("a", 200_000, False),
        ("a", 240_000, True),
    ],
)
def test_large_settings_arrive_as_they_are(text: str, size: int, is_large: bool) -> None:
    """100 kB of what JSON writes as it is, and of what it writes in six bytes or four."""
    value = text * (size // len(text.encode()))
    function = {"source": {"code": "def f(x): ...\n", "handler": "f"}}
    descriptors = [
        {"kind": "python", "name": "f", "spec": {"python_version": "PYTHON3_11", **function}},
        {
            "kind": "python+job:run",
            "name": "Make-It",
            "spec": {"function": "f", "parameters": {"x": value}},
        },
    ]
    files = {
        "gitopsc.yaml": "project: demo\nregistry: registry.example.com\nstores: {default: s3://x}\n",
        "all.json": json.dumps(descriptors),
    }
    compilation = compile_tree(tree_of(files))
    assert ("C519" in {each.code.id for each in compilation.diagnostics}) == is_large
    ((_, found),) = compilation.outputs
    manifest = next(each.content for each in found if each.path.endswith("/make-it.yaml"))
    job = yaml.safe_load(manifest)
    options = job["metadata"]["annotations"].get("argocd.argoproj.io/sync-options")
    assert options == ("ServerSideApply=true" if is_large else None)
    settings = json.loads(job["spec"]["template"]["metadata"]["annotations"]["gitopsc/run.json"])
    assert settings["parameters"]["x"] == value
    assert settings["run"] == "make-it", "`Make-It` and `make-it` have one record"
    ((_, objects),) = compilation.objects
    assert [each.record.run for each in objects if each.record] == ["make-it"]


def test_the_folder_of_a_dockerfile_decides_its_image() -> None:
    """What lies there, and not where it lies."""

    def made(folder: str, script: str) -> tuple[set[str], set[str]]:
        function = {
            "kind": "container",
            "name": "tool",
            "spec": {"dockerfile": f"{folder}/Dockerfile"},
        }
        run = {"kind": "container+job:run", "name": "tool", "spec": {"function": "tool"}}
        files = {
            "gitopsc.yaml": "{project: demo, registry: registry.example.com}",
            "all.json": json.dumps([function, run]),
            f"{folder}/Dockerfile": "FROM alpine:3.20\nCOPY . /tool\n",
            f"{folder}/inner/run.sh": script,
            "other/notes.txt": "not copied",
        }
        compilation = compile_tree(tree_of(files))
        assert not has_errors(compilation.diagnostics), compilation.diagnostics
        ((_, outputs),) = compilation.outputs
        texts = {file.path: file.content.decode() for file in outputs}
        assert not any(path.startswith("images/runner/") for path in texts)
        target = json.loads(texts["images/docker-bake.json"])["target"]["tool"]
        assert (target["context"], target["dockerfile"]) == (f"./{folder}", "Dockerfile")
        jobs = set(re.findall(r"name: (tool-\w{10})", texts["manifests/default/tool.yaml"]))
        assert target["tags"][0] in texts["manifests/default/tool.yaml"]
        return set(target["tags"]), jobs

    first = made("tools/one", "echo 1")
    assert made("tools/two", "echo 1") == first
    changed = made("tools/one", "echo 2")
    assert not changed[0] & first[0]
    assert not changed[1] & first[1]


def test_runs_of_a_version_with_an_id_and_of_one_without() -> None:
    function = (
        "kind: python\nname: f\n{more}spec:\n  python_version: PYTHON3_11\n"
        "  source: {{code: 'def run(): ...', handler: run}}\n"
    )
    files = {
        "gitopsc.yaml": "project: demo\nregistry: registry.example.com\n",
        "old.yaml": function.format(more="id: v1\nmetadata: {created: '2026-01-01T00:00:00Z'}\n"),
        "new.yaml": function.format(more="metadata: {created: '2026-03-01T00:00:00Z'}\n"),
        "a.yaml": "kind: python+job:run\nname: a\nspec: {function: f}\n",
        "b.yaml": "kind: python+job:run\nname: b\nspec: {function: 'python://demo/f:v1'}\n",
    }
    ((_, objects),) = compile_tree(tree_of(files)).objects
    assert {each.run: str(each.image).partition(":")[0] for each in objects} == {
        "a": "registry.example.com/demo-f",
        "b": "registry.example.com/demo-f",
    }


@pytest.mark.parametrize("user", ["assigned", 1234])
def test_a_build_in_the_cluster_has_the_settings_of_all_pods(user: str | int) -> None:
    files = {
        "gitopsc.yaml": "project: demo\nregistry: registry.example.com\nnamespace: jobs\n"
        "build: {in_cluster: true, address: 'tcp://buildkitd:1234'}\n"
        "pod: {labels: {team: geo}, annotations: {a: b}, image_pull_secrets: [login],"
        f" service_account: builds, pull_policy: Always, user: {user}}}\n",
        "all.yaml": "kind: python\nname: f\nspec:\n  python_version: PYTHON3_11\n"
        "  source: {code: 'def run(): ...', handler: run}\n---\n"
        "kind: python+build:run\nname: build-f\nspec: {function: f}\n",
    }
    ((_, written),) = compile_tree(tree_of(files)).outputs
    texts = {file.path: file.content.decode() for file in written}
    found = list(yaml.safe_load_all(texts["manifests/default/build-f.yaml"]))
    (template,) = (each["spec"]["template"] for each in found if each["kind"] == "Job")
    assert template["metadata"]["labels"]["team"] == "geo"
    assert template["metadata"]["annotations"] == {"a": "b"}
    pod = template["spec"]
    assert pod["imagePullSecrets"] == [{"name": "login"}]
    assert pod["serviceAccountName"] == "builds"
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    assert pod["securityContext"].get("runAsUser") == (None if user == "assigned" else user)
    required = yaml.safe_load(texts["reports/requirements.json"])["environments"]["default"]
    assert required["service_accounts"] == ["builds"]
    assert "login" in required["secrets"]
