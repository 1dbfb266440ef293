"""Each case is a repository and what becomes of it: files below `out/`, or `diagnostics.txt`.

`pytest --update` rewrites the expected side; review that as code. The runner is copied into every
output alike, so only the sample project keeps it here.
"""

from __future__ import annotations

import difflib
import shutil
from pathlib import Path

import pytest
from conftest import CASES, SAMPLE
from gitopsc.pipeline import compile_tree
from gitopsc.report.lineage import render_mermaid
from gitopsc.report.text import render_text
from gitopsc.scan import scan

NAMES = sorted(path.name for path in CASES.iterdir())
RUNNER = "images/runner/"


def compiled(repo: Path) -> dict[str, str]:
    """Path below `out/` -> text; with the report and the picture beside."""
    tree, _ = scan(str(repo))
    compilation = compile_tree(tree)
    files = {
        f"out/{project.prefix}{project.output}/{file.path}": file.content.decode()
        for project, outputs in compilation.outputs
        for file in outputs
        if not file.path.startswith(RUNNER)
    }
    report = render_text(compilation.diagnostics, tree.lines)
    if report:
        files["diagnostics.txt"] = report
    if compilation.outputs:
        files["lineage.mmd"] = render_mermaid(compilation.programs)
    return files


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str, update: bool) -> None:
    case = CASES / name
    found = compiled(case / "repo")
    if update:
        rewrite(case, found)
    expected = {
        path.relative_to(case).as_posix(): path.read_bytes().decode()
        for path in sorted(case.rglob("*"))
        if path.is_file() and "repo" not in path.relative_to(case).parts[:1]
    }
    assert sorted(found) == sorted(expected), "run pytest --update, and review what it writes"
    for path, text in found.items():
        assert text == expected[path], difference(path, expected[path], text)


def test_sample_project_is_up_to_date() -> None:
    tree, _ = scan(str(SAMPLE))
    compilation = compile_tree(tree)
    assert [each.code.id for each in compilation.diagnostics] == []
    ((project, files),) = compilation.outputs
    folder = SAMPLE / project.output
    committed = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert {file.path: file.content for file in files} == committed


def rewrite(case: Path, files: dict[str, str]) -> None:
    shutil.rmtree(case / "out", ignore_errors=True)
    for name in ("diagnostics.txt", "lineage.mmd"):
        (case / name).unlink(missing_ok=True)
    for path, text in files.items():
        target = case / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())


def difference(path: str, expected: str, found: str) -> str:
    lines = (expected.splitlines(), found.splitlines())
    return "\n".join(difflib.unified_diff(*lines, f"{path} expected", f"{path} found", lineterm=""))
