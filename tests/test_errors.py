"""Each file in `errors/` says on its own lines what is wrong there; beside it stands the report.

A comment `# !C302` expects that code with its place on that line, and nothing else in the file. A
first line `# as: gitopsc.yaml` gives the file another name than `descriptors.yaml`. What needs a
disk is a script, whose last line is the command that reports. `gitopsc explain` shows them all.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, tree_of
from gitopsc.cli import main
from gitopsc.commands.examples import explanations
from gitopsc.model.diagnostic import CODES, Code, Diagnostic
from gitopsc.pipeline import compile_tree
from gitopsc.report.text import render_text

ERRORS = ROOT / "tests" / "errors"
FILES = sorted(path for path in ERRORS.iterdir() if path.suffix in (".yaml", ".json"))
SIDE_FILES = {
    "gitopsc.yaml": (
        "project: demo\nregistry: registry.example.com\n"
        "stores: {default: s3://demo/data}\nprofiles:\n"
        "  small: {resources: {limits: {mem: 1Gi, cpu: 4000m}}}\n"
        "  tiny: {resources: {limits: {mem: 128Mi}}}\n"
    ),
    "src/etl.py": "def run(country='IT'):\n    'makes cities, x, y'\n    return country\n",
    "src/serve.py": "def init(context, greeting): ...\n\n\ndef serve(context, event): ...\n",
    "src/broken.py": "run = = 1\n",
    "src/data.csv": "a,b\n",
    "src/imports.py": "import etl\nimport os\n\n\ndef run(): ...\n",
    "src/shares.py": "def run(project, data=None):\n    project.share('x')\n",
    "requirements.txt": "# of all\npandas==2.2.3  # tables\n--index-url https://example.com\n",
    "src/named.py": "@handler(outputs=['cities'])\ndef run(): ...\n",
}
SCRIPTS = sorted(ERRORS.glob("*.sh"))


def compiled(path: Path) -> tuple[Diagnostic, ...]:
    text = path.read_bytes()
    return compile_tree(tree_of({**SIDE_FILES, name_of(path): text})).diagnostics


def name_of(path: Path) -> str:
    renamed = re.match(r"# as: ([^!\n]+)", path.read_text(errors="replace"))
    return renamed[1].strip() if renamed else f"descriptors{path.suffix}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_expected_codes_and_no_others(path: Path) -> None:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    expected = {
        (number, code)
        for number, line in enumerate(lines, start=1)
        for code in re.findall(r"!(C\d{3})", line)
    }
    name = name_of(path)
    found = {(each.span.line, each.code.id) for each in compiled(path) if each.span.path == name}
    assert found == expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_report(path: Path, update: bool) -> None:
    golden = path.with_suffix(".txt")
    sources = {**SIDE_FILES, name_of(path): path.read_text(errors="replace")}
    report = render_text(
        compiled(path), lambda name: sources[name].split("\n") if name in sources else []
    )
    if update:
        golden.write_text(report, encoding="utf-8")
    assert golden.is_file(), "run pytest --update, and review what it writes"
    assert report == golden.read_text(encoding="utf-8")


@pytest.fixture
def report_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str]]:
    """Of a script whose last line is a command of ours: what that command returns and prints."""
    folder = tmp_path / "project"
    folder.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C"}
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.chdir(folder)
    clock = iter(range(0, 1_000_000, 10))

    def report(script: str) -> tuple[int, str]:
        status = 0
        parts = re.split(r"(?m)^gitopsc (.*)\n", script)
        assert parts.pop() == ""
        for number, part in enumerate(parts):
            if number % 2 == 0:
                process = subprocess.Popen(["sh", "-e", "-c", part], cwd=folder, env=environment)
                assert process.wait() == 0
            else:
                capfd.readouterr()
                with monkeypatch.context() as patched:
                    patched.setattr(time, "monotonic", lambda: next(clock))  # no lock is waited for
                    status = main(shlex.split(part))
        return status, "".join(capfd.readouterr())

    return report


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_report_of_a_script(
    path: Path, update: bool, report_of: Callable[[str], tuple[int, str]]
) -> None:
    _, report = report_of(path.read_text())
    assert "a bug of gitopsc" not in report
    golden = path.with_suffix(".txt")
    if update:
        golden.write_text(report, encoding="utf-8")
    assert report == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "code",
    [each for each in CODES if "resolve" in explanations()[each.id]],
    ids=lambda code: code.id,
)
def test_what_resolves_it(code: Code, report_of: Callable[[str], tuple[int, str]]) -> None:
    script = (ERRORS / f"{code.slug}.sh").read_text()
    status, report = report_of(script + explanations()[code.id]["resolve"])
    assert status == 0, report
    assert code.id not in report


def test_every_code_has_an_example() -> None:
    shown = {
        code
        for path in ERRORS.glob("*.txt")
        for code in re.findall(r"\[(C\d{3})\]|title=(C\d{3}) ", path.read_text())
    }
    assert {code.id for code in CODES} == {first or second for first, second in shown}


def test_every_report_belongs_to_a_file() -> None:
    reports = {path.stem for path in ERRORS.glob("*.txt")}
    assert reports == {path.stem for path in (*FILES, *SCRIPTS)}
    assert len(reports) == len(FILES) + len(SCRIPTS)


def test_codes_are_unique() -> None:
    assert len({code.id for code in CODES}) == len(CODES) == len({code.slug for code in CODES})


def test_every_error_says_what_to_type() -> None:
    for path in ERRORS.glob("*.txt"):
        for block in re.split(r"(?m)^(?=\S)", path.read_text()):
            if re.search(r"error\[C", block):
                assert "\n  hint: " in block, f"{path.name}: {block}"
