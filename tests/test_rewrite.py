"""`gitopsc validate --fix`: what it writes, and that it touches nothing else."""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest
import yaml
from conftest import ROOT
from gitopsc.cli import main
from gitopsc.model.fix import Fix
from gitopsc.model.source import Span
from gitopsc.rewrite import replacement, rewrite

ERRORS = sorted((ROOT / "tests" / "errors").glob("*.yaml"))
SETTINGS = """\
# ours
project: demo   # called so
registry: registry.example.com
stores: {default: s3://demo/data}
profiles: {big: {}}
policies: {requests: [cpu, mem], pull_policy: Always}
"""
FUNCTION = "kind: python\nname: f\nspec:\n  python_version: PYTHON3_11\n"
FUNCTION += "  source: {code: 'def f(x=1): ...', handler: f}\n"

ASKS = "kind: python+job:run\nname: a\nspec: {function: f, resources: {mem: 1Gi, cpu: 1}}\n"

CASES: Mapping[str, tuple[str, str]] = {
    "a version that YAML reads as a number": (
        f"{ASKS}---\nkind: python\nname: g\nspec:\n  python_version: 3.10  # not 3.1\n"
        "  source: {code: 'def f(x=1): ...', handler: f}\n",
        f"{ASKS}---\nkind: python\nname: g\nspec:\n  python_version: PYTHON3_10  # not 3.1\n"
        "  source: {code: 'def f(x=1): ...', handler: f}\n",
    ),
    "block": (
        "kind: python+job:run\nname: a\nspec:\n  function: f  # which\n  # and\n  profile: big\n",
        "kind: python+job:run\nname: a\nspec:\n  function: f  # which\n  # and\n"
        "  resources: {mem: 256Mi, cpu: 100m}\n  profile: big\n",
    ),
    "one key": (
        "kind: python+job:run\nname: a\nspec:\n    function: f\n",
        "kind: python+job:run\nname: a\nspec:\n    resources: {mem: 256Mi, cpu: 100m}\n"
        "    function: f\n",
    ),
    "flow": (
        "{kind: python+job:run, name: a, spec: {function: f, envs: [{name: A, value: 012}]}}\n",
        "{kind: python+job:run, name: a, spec: {function: f, resources: {mem: 256Mi, cpu: 100m},"
        ' envs: [{name: A, value: "012"}]}}\n',
    ),
    "flow over lines": (
        "kind: python+job:run\nname: a\nspec: {\n  function: f,\n  envs: []\n}\n",
        "kind: python+job:run\nname: a\nspec: {\n  function: f,\n"
        "  resources: {mem: 256Mi, cpu: 100m},\n  envs: []\n}\n",
    ),
    "in a list": (
        "- kind: python+job:run\n  name: a\n  spec:\n    function: f\n    paramters: {x: é}\n",
        "- kind: python+job:run\n  name: a\n  spec:\n    function: f\n"
        "    resources: {mem: 256Mi, cpu: 100m}\n    parameters: {x: é}\n",
    ),
    "one of two": (
        "kind: python+job:run\nname: a\nspec:\n  function: f\n  resources:\n    mem: 1Gi  # x\n",
        "kind: python+job:run\nname: a\nspec:\n  function: f\n  resources:\n"
        "    cpu: 100m\n    mem: 1Gi  # x\n",
    ),
    "windows": (
        "kind: pyton+job:run\r\nname: a\r\nspec:\r\n  function: f\r\n  secrets: []\r\n",
        "kind: python+job:run\r\nname: a\r\nspec:\r\n  function: f\r\n"
        "  resources: {mem: 256Mi, cpu: 100m}\r\n  secrets: []\r\n",
    ),
}


def project(folder: Path, run: str) -> Path:
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "gitopsc.yaml").write_text(
        SETTINGS.replace("policies", "profiles: {big: {}}\npolicies")
    )
    (folder / "f.yaml").write_text(FUNCTION)
    (folder / "run.yaml").write_bytes(run.encode())
    return folder


@pytest.mark.parametrize("name", CASES)
def test_what_is_written(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = CASES[name]
    folder = project(tmp_path, before)
    assert main(["validate", "--fix", str(folder)]) == 0, capsys.readouterr().err
    assert "fixed 2 files; " in capsys.readouterr().err
    assert (folder / "run.yaml").read_bytes().decode() == after
    settings = (folder / "gitopsc.yaml").read_text()
    assert "\npod: {pull_policy: Always}\npolicies:" in settings
    assert settings.startswith("# ours\nproject: demo   # called so\n")
    assert main(["validate", "--fix", str(folder)]) == 0
    assert "fixed" not in capsys.readouterr().err
    assert (folder / "run.yaml").read_bytes().decode() == after


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_twice_is_once_and_comments_stay(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On every mistake that is known."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    before = path.read_bytes()
    for name in ("all.yaml", "gitopsc.yaml"):
        (tmp_path / name).write_bytes(b"project: demo\n" if name == "gitopsc.yaml" else before)
    main(["validate", "--fix", str(tmp_path)])
    once = (tmp_path / "all.yaml").read_bytes()
    main(["validate", "--fix", str(tmp_path)])
    assert (tmp_path / "all.yaml").read_bytes() == once
    assert re.findall(rb"(?m)^\s*#.*$", once) == re.findall(rb"(?m)^\s*#.*$", before)
    was, now = (text.decode("utf-8", "replace").splitlines() for text in (before, once))
    changed = [line for line in difflib.ndiff(was, now) if line[:2] == "- "]
    errors = capsys.readouterr().err.count("error[")
    assert len(changed) <= 3 or errors, changed


def test_what_is_no_yaml_afterwards_is_not_done() -> None:
    texts = {"a.yaml": "a: b\n", "a.json": '{"a": 1}\n'}
    fixes = [
        Fix("replace", Span("a.yaml", 1, 1, 1, 2), "'"),
        Fix("quote", Span("a.json", 1, 7, 1, 8)),
        Fix("replace", Span("gone.yaml", 1, 1, 1, 2), "x"),
    ]
    assert rewrite(texts, fixes) == {}
    anchored = {"a.yaml": "a: &x 012\nb: *x\n"}
    assert rewrite(anchored, [Fix("quote", Span("a.yaml", 1, 4, 1, 10))]) == {}


RUN = "kind: python+job:run\nname: a\nspec:\n  function: f\n  resources: {cpu: 1, mem: 1Gi}\n"
LEFT_ALONE: Mapping[str, str] = {
    "a block": f"{RUN.replace('python+job:run', '|-')}  x: y\n".replace(
        "|-", "|-\n  pyton+job:run"
    ),
    "a schedule": "kind: scheduler\nname: s\nspec:\n  function: f\n  schedule: 0 0 3 * * ?\n",
    "an anchor": RUN.replace("python", "&k pyton").replace("name: a", "name: *k"),
    "another word": f"{RUN}  service_ports: []\n",
    "two words for one": f"{RUN}  parametrs: {{x: 1}}\n  paramters: {{x: 2}}\n",
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_needs_a_thought(name: str, tmp_path: Path) -> None:
    """Of two words for one, the first may be changed; what follows is left alone."""
    folder = project(tmp_path, LEFT_ALONE[name])
    (folder / "gitopsc.yaml").write_text(SETTINGS + "pod: {pull_policy: Always}\n")
    main(["validate", "--fix", str(folder)])
    written = (folder / "run.yaml").read_text()
    words = r"parame?te?rs" if name == "two words for one" else "nothing"
    assert re.sub(words, "", written) == re.sub(words, "", LEFT_ALONE[name])


def test_settings_that_are_wrong_get_nothing_twice(tmp_path: Path) -> None:
    folder = project(tmp_path, RUN)
    for pod in ("{user: nobody}", "{pull_policy: always}", "{}", "[a]", ""):
        before = f"{SETTINGS}pod: {pod}\n"
        (folder / "gitopsc.yaml").write_text(before)
        main(["validate", "--fix", str(folder)])
        after = (folder / "gitopsc.yaml").read_text()
        assert after.count("pull_policy") <= 1 + max(1, before.count("pull_policy") - 1)


def test_a_policy_of_one_environment_is_fixed_there(tmp_path: Path) -> None:
    folder = project(tmp_path, RUN)
    settings = "project: demo\nregistry: registry.example.com\nstores: {default: s3://demo/data}\n"
    own = "environments:\n  production: {}\n  staging:\n    policies: {pull_policy: Always}\n"
    (folder / "gitopsc.yaml").write_text(settings + own)
    assert main(["validate", "--fix", str(folder)]) == 0
    data = yaml.safe_load((folder / "gitopsc.yaml").read_text())
    assert data["environments"]["staging"]["pod"] == {"pull_policy": "Always"}
    assert "pod" not in data


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\u2028"])
def test_lines_are_those_of_yaml(end: str) -> None:
    text = f"\ufeff# x,{end}a: 012{end}b: 013"
    fixes = [
        Fix("quote", Span("a.yaml", 3, 4, 3, 7)),
        Fix("insert", Span("a.yaml", 2, 1, 2, 2), "x: 1"),
    ]
    found = rewrite({"a.yaml": text}, fixes)["a.yaml"]
    assert 'b: "013"' in found
    assert "x: 1," not in found
    assert "a: 012" in found


def test_all_places_of_a_file_at_once() -> None:
    text = "a: 012\nb: {c: 013}\n"
    fixes = [
        Fix("quote", Span("a.yaml", 1, 4, 1, 7)),
        Fix("quote", Span("a.yaml", 2, 8, 2, 11)),
        Fix("insert", Span("a.yaml", 2, 1, 2, 2), "x: 1"),
        Fix("insert", Span("a.yaml", 2, 5, 2, 6), "y: 2"),
    ]
    found = rewrite({"a.yaml": text}, fixes)["a.yaml"]
    assert found == 'a: "012"\nx: 1\nb: {y: 2, c: "013"}\n'
    assert yaml.safe_load(found) == {"a": "012", "x": 1, "b": {"y": 2, "c": "013"}}


def test_a_file_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path, CASES["block"][0])

    def refuse(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gitopsc.commands.validate.replace_file", refuse)
    assert main(["validate", "--fix", str(folder)]) == 1
    assert "error[C703]: no space left on device" in capsys.readouterr().err
    assert (folder / "run.yaml").read_text() == CASES["block"][0]


def test_a_link_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project(tmp_path, CASES["block"][0])
    (folder / "real").write_text((folder / "run.yaml").read_text())
    (folder / "run.yaml").unlink()
    (folder / "run.yaml").symlink_to("real")
    assert main(["validate", "--fix", str(folder)]) == 1
    assert "it is a link, and is not replaced" in capsys.readouterr().err
    assert (folder / "run.yaml").is_symlink()


def test_a_fix_is_one_replacement() -> None:
    """That an editor can make: of all fixes, the same text as `--fix` writes."""
    text = "\ufeffkind: x\r\nspec: {a: 012, b: [1, 2]}\r\nother: 'é'\r\n"
    for fix in (
        Fix("quote", Span("x.yaml", 2, 11, 2, 14)),
        Fix("insert", Span("x.yaml", 2, 8, 2, 9), "new: 1"),
        Fix("insert", Span("x.yaml", 3, 1, 3, 6), "new: 1"),
    ):
        made = replacement("x.yaml", text, fix)
        assert made is not None
        expected = rewrite({"x.yaml": text}, [fix])["x.yaml"]
        assert rewrite({"x.yaml": text}, [made])["x.yaml"] == expected
    assert replacement("x.yaml", text, Fix("quote", Span("x.yaml", 3, 8, 3, 11))) is None
