"""Messages and pages use the words of the field; a list of others, which a reader has to decode."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

BANNED = {
    r"\bmend(s|ed)?\b": "fix",
    r"\bnone of (ours|HTTP)\b": "unknown to gitopsc, not HTTP",
    r"\bcannot be had\b": "unavailable",
    r"\banew\b": "again, new",
    r"\bis of (services|Python functions)\b": "only services have",
    r"\bof no pod\b": "that pods do not have",
    r"\bcalled otherwise\b": "has another name",
    r"\b(is|are) not told\b": "say what happens",
    r"\bamong the runs without errors\b": "has errors",
    r"\b(is|are) another one\b": "differs",
    r"(?<!there )(?<!There )\b(is|are) no (?!longer|more)[a-zA-Z]+\b": "is not a",
    r"\b(it|nobody|who) is told\b": "say what happens",
    r"\bnobody knows\b": "unknown",
    r"\bnone of [a-z]+ business\b": "ignored",
    r"\bis an unknown one\b": "unknown",
}
SOURCES = [
    *sorted((ROOT / "compiler").rglob("*.py")),
    *sorted((ROOT / "templates" / "runtimes").rglob("*.py")),
]
PAGES = [
    *(ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "schemas").rglob("*.json")),
    *sorted((ROOT / "templates" / "ci").iterdir()),
    *(ROOT / "CHANGELOG.md", ROOT / "compiler" / "ARCHITECTURE.md", ROOT / "action.yml"),
    *(path for path in sorted((ROOT / "templates" / "project").rglob("*")) if path.is_file()),
    ROOT / "diagnostics" / "explanations.yaml",
]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def said(path: Path) -> Iterator[str]:
    """Texts of a module that people may read: not its docstrings, nor patterns."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    skipped = {
        id(each.value)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        for each in node.body
        if isinstance(each, ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in skipped and " " in node.value:
            yield node.value


@pytest.mark.parametrize("path", [*SOURCES, *PAGES], ids=name)
def test_plain_words(path: Path) -> None:
    texts = said(path) if path.suffix == ".py" else [path.read_text()]
    found = [
        f"{match[0]!r} in {text[:80]!r}: write {better!r}"
        for text in texts
        for banned, better in BANNED.items()
        if (match := re.search(banned, text))
    ]
    assert found == []
