"""The layers of ARCHITECTURE.md, kept by a machine."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from conftest import ROOT

COMPILER = ROOT / "compiler"
STAGES = (
    *(
        "scan",
        "divide",
        "parse",
        "validate",
        "normalize",
        "load",
        "screen",
        "link",
        "resolve",
        "plan",
        "excuse",
        "emit",
        "admit",
        "combine",
        "trace",
        "narrow",
        "write",
        "pin",
        "tidy",
        "transcribe",
        "compare",
        "execute",
        "inquire",
        "assist",
        "rewrite",
        "select",
    ),
)
PURE = (*STAGES[1:16], "pipeline", "revise", "model", "report")
"""What touches no file, no clock, no environment and no random source."""

LOOKS = {
    "compare": {"compare_environments"},
    "scan": {"scan_revision"},
    "write": {"drift"},
    "pin": {"unpinned"},
    "rewrite": {"replacement"},
}
"""A second source; and what two stages say they would do, for `--check`."""

IMPURE_MODULES = {
    *("os", "io", "pathlib", "tempfile", "shutil", "glob", "subprocess", "socket", "time"),
    *("datetime", "random", "secrets", "uuid", "locale", "getpass", "platform"),
}
CLOCKLESS = {"from time import gmtime, strftime"}
"""What shows a time that is given."""

LAYERS = ("model", "adapters", "report", " ".join(STAGES), "pipeline", "revise", "commands", "cli")
"""From the bottom up; a module imports from layers below its own only."""

DOORS = {
    "detect_secrets": "adapters/credential_formats.py",
    "jinja2": "adapters/template.py",
    "jsonpatch": "adapters/json_patch.py",
    "jsonpointer": "adapters/json_patch.py",
    "jsonschema": "adapters/schema.py",
    "jsonschema_rs": "adapters/schema.py",
    "lsprotocol": "adapters/language_server.py",
    "networkx": "adapters/graph.py",
    "packaging": "adapters/requirement.py",
    "pathspec": "adapters/glob.py",
    "pygls": "adapters/language_server.py",
    "referencing": "adapters/schema.py",
    "ruamel": "adapters/yaml.py",
    "shtab": "commands/completion.py",
    "stdlibs": "adapters/standard_library.py",
    "yaml": "adapters/yaml.py",
    "yaspin": "commands/spinner.py",
    "subprocess": "adapters/clone.py adapters/git.py adapters/uv.py",
    "git": "adapters/git.py",
    "oras": "adapters/registry.py",
    "requests": "adapters/registry.py",
    "boto3": "adapters/download.py",
    "botocore": "adapters/download.py",
    "uv": "adapters/uv.py",
    "watchfiles": "adapters/watching.py",
    "marshal": "adapters/cache.py",
    "pickle": "adapters/processes.py",
    "tree_sitter": " ".join(
        f"adapters/{each}.py" for each in ("python", "python_expressions", "python_statements")
    ),
    "tree_sitter_python": "adapters/python.py",
    "importlib": "cli.py adapters/installed.py adapters/time_zones.py",
}
"""The importers of each library: one, but for running programs."""

WITHIN = {"commands", "adapters", "model"}
"""Parts whose files may import one another; stages and reports may not."""

VAGUE = {"util", "utils", "helper", "helpers", "manager", "common", "misc", "base"}


def modules() -> list[Path]:
    return [path for path in sorted(COMPILER.rglob("*.py")) if path != COMPILER / "__init__.py"]


def stage_root(stage: str) -> Path:
    """The file with the public function of a stage."""
    folder = COMPILER / stage
    return folder / "__init__.py" if folder.is_dir() else COMPILER / f"{stage}.py"


def part(path: Path) -> str:
    return path.relative_to(COMPILER).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(name: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if name in names.split())


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(COMPILER).as_posix())
def test_imports_go_down_only(path: Path) -> None:
    mine = part(path)
    if mine == "__main__":
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "gitopsc" and parts[1] not in ("__version__",):
            other = parts[1]
            is_within = mine == other and (mine in WITHIN or stage_root(mine) == path)
            is_room = mine == other and path.parent == COMPILER / mine
            assert is_within or is_room or layer(other) < layer(mine), f"{path} imports {name}"
            if other != mine and (COMPILER / other).is_dir() and other in STAGES:
                public = {other, *LOOKS.get(other, ())}
                assert {*parts[2:]} <= public, f"{path} imports {name}, which is inside a stage"


@pytest.mark.parametrize("stage", [each for each in STAGES if (COMPILER / each).is_dir()])
def test_rooms_of_a_stage_build_on_one_another_in_one_direction(stage: str) -> None:
    below: dict[str, set[str]] = {}
    for path in (COMPILER / stage).glob("*.py"):
        parts = (name.split(".") for name in imports(path))
        below[path.stem] = {each[2] for each in parts if each[:2] == ["gitopsc", stage]}
        below[path.stem] &= {other.stem for other in (COMPILER / stage).glob("*.py")}
    TopologicalSorter(below).prepare()
    assert not below.get("sentences"), "sentences are found by others, and find nothing"


def test_each_library_has_one_door() -> None:
    for path in modules():
        for name in imports(path):
            root = name.split(".")[0]
            if root in DOORS:
                door = path.relative_to(COMPILER).as_posix()
                assert door in DOORS[root].split(), f"{path}: {name}"
            elif root not in sys.stdlib_module_names:
                assert root == "gitopsc", f"{path} imports {name}, which has no door"


def test_pure_stages_touch_nothing() -> None:
    for path in modules():
        if part(path) in PURE:
            found = {name.split(".")[0] for name in imports(path)} & IMPURE_MODULES
            if CLOCKLESS & set(path.read_text().splitlines()):
                found -= {"time"}
            assert not found, f"{path} imports {found}"
            assert not calls(path) & {"open", "print", "input", "exec", "eval", "__import__"}, path


def test_only_commands_print() -> None:
    for path in modules():
        if part(path) not in ("commands", "cli"):
            assert "sys.std" not in path.read_text(), path
            assert "print" not in calls(path), path


def calls(path: Path) -> set[str]:
    """Functions that a module calls by their bare names."""
    return {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def test_each_stage_is_one_public_function() -> None:
    for stage in STAGES:
        tree = ast.parse(stage_root(stage).read_text())
        public = {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        }
        assert public == {stage, *LOOKS.get(stage, ())}


def test_names_explain_themselves() -> None:
    tracked = [*COMPILER.rglob("*"), *(ROOT / "tests").glob("*"), *(ROOT / "templates").rglob("*")]
    assert not {path.stem for path in tracked} & VAGUE


def test_every_module_says_what_it_does() -> None:
    for path in [*COMPILER.rglob("*.py"), *(ROOT / "templates").rglob("*.py")]:
        assert ast.get_docstring(ast.parse(path.read_text())), path
