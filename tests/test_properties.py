"""What holds for every input: neither order nor surroundings matter, and nothing ever raises."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import CASES, ROOT, SAMPLE, tree_from, tree_of
from gitopsc.adapters import processes
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import TOO_LARGE
from gitopsc.model.source import Tree
from gitopsc.pipeline import compile_parts, compile_tree

pytestmark = pytest.mark.slow

REPOS = [SAMPLE, *sorted(path / "repo" for path in CASES.iterdir())]


def outputs(compilation: Compilation) -> dict[str, bytes]:
    return {
        f"{project.name}/{file.path}": file.content
        for project, files in compilation.outputs
        for file in files
    }


@pytest.mark.parametrize("repo", REPOS, ids=lambda path: path.parts[-2])
def test_the_order_of_files_does_not_matter(repo: Path) -> None:
    tree = tree_from(repo, without="/deploy/")
    expected = compile_tree(tree)
    assert expected.outputs
    paths = list(tree.files)
    for seed in range(5):
        random.Random(seed).shuffle(paths)
        shuffled = compile_tree(Tree(tree.folder, {path: tree.files[path] for path in paths}))
        assert outputs(shuffled) == outputs(expected)
        assert shuffled.diagnostics == expected.diagnostics


def test_surroundings_do_not_matter(tmp_path: Path) -> None:
    """Two folders, and in each another working directory, umask, hash seed, zone, locale, time."""
    surroundings = [
        ({"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C", "HOME": "/nonexistent"}, 0o022, 0),
        (
            {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "USER": "other"},
            0o077,
            1_000_000_000,
        ),
    ]
    found = []
    for number, (variables, umask, mtime) in enumerate(surroundings):
        project = tmp_path / f"place-{number}" / ("deeper" * number) / "checkout"
        shutil.copytree(SAMPLE, project, ignore=shutil.ignore_patterns("deploy"))
        for path in project.rglob("*"):
            os.utime(path, (mtime, mtime))
        here = project if number else tmp_path
        command = [sys.executable, "-m", "gitopsc", "compile", os.path.relpath(project, here)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
        subprocess.run(
            command, cwd=here, env=environment, check=True, capture_output=True, umask=umask
        )
        deploy = project / "deploy"
        found.append(
            {
                path.relative_to(deploy): path.read_bytes()
                for path in deploy.rglob("*")
                if path.is_file()
            }
        )
    assert found[0] == found[1]
    committed = {
        path.relative_to(SAMPLE / "deploy"): path.read_bytes()
        for path in (SAMPLE / "deploy").rglob("*")
        if path.is_file()
    }
    assert found[0] == committed


def damaged(text: bytes, chance: random.Random) -> bytes:
    junk = [
        b"\x00",
        b"\t",
        b":",
        b"- ",
        b"{",
        b"]",
        b"&a ",
        b"*a",
        b"!x ",
        b"\xff",
        b"'",
        b"\n",
        b"~",
    ]
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice((0, 0, 1, 5, 40)))
        text = text[:at] + chance.choice(junk) + text[end:]
    return text


@pytest.mark.parametrize("seed", range(40))
def test_damage_is_reported_and_never_raised(seed: int) -> None:
    chance = random.Random(seed)
    for repo in REPOS:
        tree = tree_from(repo, without="/deploy/")
        files = {path: file.content for path, file in tree.files.items()}
        victims = [path for path in files if path.endswith((".yaml", ".json", ".py"))]
        for _ in range(5):
            victim = chance.choice(victims)
            broken = tree_of({**files, victim: damaged(files[victim], chance)}, tree.folder)
            compilation = compile_tree(broken)
            for diagnostic in compilation.diagnostics:
                lines = broken.lines(diagnostic.span.path)
                assert not lines or diagnostic.span.line <= len(lines)


def test_an_unrelated_edit_changes_no_other_output() -> None:
    tree = tree_from(SAMPLE, without="/deploy/")
    files = {path: file.content for path, file in tree.files.items()}
    before = outputs(compile_tree(tree_of(files)))
    files["runs/jobs.yaml"] = files["runs/jobs.yaml"].replace(b"channel: geo", b"channel: x")
    after = outputs(compile_tree(tree_of(files)))
    different = {path for path in before if before[path] != after[path]}
    assert different == {
        "world-cities/manifests/staging/announce.yaml",
        "world-cities/manifests/production/announce.yaml",
    }


def test_settings_too_large_for_a_cluster() -> None:
    function = {
        "kind": "python",
        "name": "f",
        "spec": {
            "python_version": "PYTHON3_11",
            "source": {"code": "def f(x): ...", "handler": "f"},
        },
    }
    run = {
        "kind": "python+job:run",
        "name": "r",
        "spec": {"function": "f", "parameters": {"x": "y" * 250_000}},
    }
    text = yaml.safe_dump_all([function, run])
    compilation = compile_tree(tree_of({"gitopsc.yaml": "registry: r.example.com", "x.yaml": text}))
    assert TOO_LARGE in [each.code for each in compilation.diagnostics]
    assert compilation.outputs == ()


HOSTILE = ["a\nb: c", '"', "'", "$X", "${X}", "$(X)", "`id`", "{{ x }}", "# x", "\\", "a: b", "---"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_changes_no_shape(value: str) -> None:
    """The same descriptors with a tame and a hostile value give objects of one shape."""

    def objects(given: str) -> object:
        function = {
            "kind": "python",
            "name": "f",
            "metadata": {"description": given},
            "spec": {
                "python_version": "PYTHON3_11",
                "source": {"code": "def f(**kwargs): ...", "handler": "f"},
            },
        }
        run = {
            "kind": "python+job:run",
            "name": "r",
            "spec": {
                "function": "f",
                "parameters": {given: given},
                "envs": [{"name": "X", "value": given}],
                "gitops": {"rerun": given},
            },
        }
        text = yaml.safe_dump_all([function, run])
        found = outputs(compile_tree(tree_of({"gitopsc.yaml": "project: p1", "x.yaml": text})))
        manifest = found["p1/manifests/default/r.yaml"].decode()
        dockerfile = found["p1/images/f/Dockerfile"].decode()
        return shape(list(yaml.safe_load_all(manifest))), dockerfile

    assert objects(value) == objects("tame")


def shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: shape(child) for key, child in value.items()}
    if isinstance(value, list):
        return [shape(child) for child in value]
    return type(value).__name__


def test_one_mistake_in_the_settings_is_one_error() -> None:
    """What a broken profile leaves unknown is not told of at every run that names another."""
    settings = (
        "registry: r.example.com\nstores: {default: s3://data}\nprofiles:\n"
        "  bad: {resources: {requests: {gpu: 0}}}\n  good: {}\n"
    )
    texts = {
        "gitopsc.yaml": settings,
        "all.yaml": yaml.safe_dump_all(
            [
                {
                    "kind": "python",
                    "name": "f",
                    "spec": {
                        "python_version": "PYTHON3_11",
                        "source": {"code": "def f(): ...", "handler": "f"},
                    },
                },
                {
                    "kind": "python+job:run",
                    "name": "r",
                    "spec": {"function": "f", "profile": "good"},
                },
            ]
        ),
    }
    found = compile_tree(tree_of(texts)).diagnostics
    assert [each.span.path for each in found] == ["gitopsc.yaml"]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of pytest's own threads
def test_what_several_processes_have_learned_is_what_one_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Parsing, outlines and rendering of a large project are shared."""
    settings = "project: demo\nregistry: registry.example.com\nstores: {default: s3://d}\n"
    files = {"gitopsc.yaml": settings}
    for number in range(550):
        files[f"f{number}.py"] = f"def run(table=None):\n    return {number}\n"
        files[f"f{number}.yaml"] = (
            f"kind: python\nname: f{number}\nspec:\n  python_version: PYTHON3_11\n"
            f"  source: {{source: f{number}.py, handler: run}}\n"
        )
        files[f"r{number}.yaml"] = (
            f"kind: python+job:run\nname: r{number}\nspec: {{function: f{number}}}\n"
        )

    files |= {f"values{number}.yaml": "no: descriptor\n" for number in range(3)}

    def compiled() -> Compilation:
        _, parts = compile_parts(tree_of(files), lambda _: None)
        (found,) = (compilation for _, compilation in parts if compilation.outputs)
        return found

    found = compiled()
    forked: list[int] = []
    monkeypatch.setattr(processes, "_MANY_STEPS", 100)
    monkeypatch.setattr(processes, "_processors", lambda: 3)
    monkeypatch.setattr(processes, "_fork", counted(processes._fork, forked))
    shared = compiled()
    assert len(forked) == 2 * 4  # this process has a share, too
    assert shared.outputs == found.outputs
    assert shared.diagnostics == found.diagnostics
    assert shared.contents == found.contents  # so that a change of what a child read is seen
    assert len(found.contents) == len(files)


def counted(fork: Callable[..., Any], calls: list[int]) -> Callable[..., Any]:
    def called(*arguments: Any) -> Any:
        calls.append(1)
        return fork(*arguments)

    return called
