"""Which files of a shared folder a function is made of: what an edit of each moves."""

from __future__ import annotations

import pytest
from conftest import CASES, texts_from, tree_of
from gitopsc.adapters.python import NotPython, outline
from gitopsc.model.diagnostic import has_errors
from gitopsc.pipeline import compile_tree

Texts = dict[str, str]
SHARED = texts_from(CASES / "shared-source" / "repo")
EVERY = {"count", "train", "any-plugin"}


def computes(texts: Texts) -> dict[str, str]:
    compilation = compile_tree(tree_of(texts))
    assert not has_errors(compilation.diagnostics), compilation.diagnostics
    return {
        resolved.name: resolved.compute
        for resolution in compilation.resolutions
        for resolved in resolution.runs
    }


def tags(texts: Texts) -> dict[str, str]:
    ((_, objects),) = compile_tree(tree_of(texts)).objects
    return {str(each.run): str(each.image) for each in objects if each.image is not None}


def moved(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def edited(path: str, old: str, new: str) -> Texts:
    assert old in SHARED[path], path
    return {**SHARED, path: SHARED[path].replace(old, new, 1)}


ANY = "any-plugin"
"""Its loader may load any file. `train` reads what `count` makes, so it moves with it."""

EDITS = [
    ("src/jobs.py", "  # the package beside", "", set()),
    ("src/jobs.py", "# of all", "# of all of them", set()),
    ("src/jobs.py", "\n\n\ndef", "\n\n\n\n\n    \ndef", set()),
    ("src/jobs.py", '"""Jobs on places."""', '"""Jobs."""', {"count", "train", ANY}),
    ("src/geo/places.py", "`# ...`", "`# . .`", {"count", "train", ANY}),
    ("src/geo/text.py", "strip", "rstrip", {"count", "train", ANY}),
    ("src/geo/shapes.py", "6371", "6372", {"count", "train", ANY}),
    ("src/geo/unused.py", "True", "False", {ANY}),
    ("src/data/places.csv", "Rome", "Roma", EVERY),
    ("src/README.md", "Places", "All places", {ANY}),
    ("src/explore.ipynb", "{}", "[]", {ANY}),
    ("src/docs/how.txt", "works", "does", {"train", ANY}),
    ("src/tests/check_jobs.py", "jobs", "geo", {ANY}),
    ("src/team/features.py", "range", "list", {"train", ANY}),
    ("src/statistics.py", "nobody", "somebody", {"train", ANY}),
    ("src/team/prices.py", "1", "2", {ANY}),
    ("src/plugins/a.py", "...", "pass", {ANY}),
    ("functions.yaml", "{places: places}}}", "{places: places}}} # more", set()),
]


@pytest.mark.parametrize(("path", "old", "new", "expected"), EDITS)
def test_an_edit_moves_what_is_made_of_it(
    path: str, old: str, new: str, expected: set[str]
) -> None:
    assert moved(computes(SHARED), computes(edited(path, old, new))) == expected


def test_a_comment_is_another_image_and_the_same_result() -> None:
    after = edited("src/jobs.py", "# of all", "# of all of them")
    assert moved(tags(SHARED), tags(after)) == {"count", ANY}


def with_settings(source: str) -> Texts:
    settings = f"{SHARED['gitopsc.yaml']}source: {source}\n"
    return {**SHARED, "gitopsc.yaml": settings}


def test_the_settings_decide() -> None:
    include = with_settings("{include: [src/plugins/a.py]}")
    readme = {**include, "src/README.md": "# Other"}
    assert moved(computes(include), computes(readme)) == set(), "who says what is loaded decides"
    plugin = {**include, "src/plugins/a.py": "def run(): pass\n"}
    assert moved(computes(include), computes(plugin)) == EVERY, "an include is for every function"
    exclude = with_settings("{exclude: ['*.csv', src/geo/]}")
    data = {**exclude, "src/data/places.csv": "Milan,IT"}
    assert moved(computes(exclude), computes(data)) == {"count", "train"}, "named in a string"
    code = {**exclude, "src/geo/text.py": "def clean(line): return line\n"}
    assert moved(computes(exclude), computes(code)) == {"count", "train"}, "an import wins"


LOADERS = [
    "import importlib",
    "from importlib import import_module",
    "import pickle as p",
    "from joblib import load",
    "from torch import load",
    "import torch\ntorch.load('x')",
    "from concurrent.futures import ProcessPoolExecutor",
    "import multiprocessing.pool",
    "exec('x')",
    "__import__(name)",
    "import sys\nrun(sys.executable)",
    "def f():\n    import runpy",
    "import importlib.resources\nimportlib.import_module(name)",
    "from importlib import resources, import_module",
    "import sys\nsys.path.insert(0, here)",
    "from sys import path",
]
PLAIN = [
    "from importlib.metadata import version",
    "import importlib.resources",
    "from importlib import metadata, resources",
    "import torch",
    "from concurrent.futures import ThreadPoolExecutor",
    "model.eval()",
    "from .importlib import x",
    "x = 'exec(1)'  # exec(1)",
]


@pytest.mark.parametrize("text", LOADERS)
def test_what_may_load_any_file(text: str) -> None:
    assert outline(text.encode()).loads is not None


@pytest.mark.parametrize("text", PLAIN)
def test_what_loads_nothing_else(text: str) -> None:
    assert outline(text.encode()).loads is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1 # a\n", "x = 1\n"),
        ("x = 1\r\n", "x = 1\n"),
        ("\n\nx = 1\n\n\n", "x = 1"),
        ("# a\nif x:\n    # b\n    y\n", "if x:\n    y\n"),
        ("\ufeffx = 1\n", "x = 1\n"),
        ("x = 1\r# a\ry = 2\r", "x = 1\ny = 2\n"),
    ],
)
def test_comments_and_blank_lines_are_no_code(one: str, other: str) -> None:
    assert outline(one.encode()).code == outline(other.encode()).code


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('x = """a\n# b\n"""\n', 'x = """a\n"""\n'),
        ('x = """a\n\n"""\n', 'x = """a\n"""\n'),
        ("x = '# a'\n", "x = ''\n"),
        ("if x:\n  y\nz\n", "if x:\n  y\n  z\n"),
        ("# -*- coding: latin-1 -*-\nx = 1\n", "x = 1\n"),
        ('f"""{a}\n# b"""\n', 'f"""{a}"""\n'),
        ('x = """a  \nb"""\n', 'x = """a\nb"""\n'),
        ("x = 1 \\\n\n- 2\n", "x = 1 \\\n- 2\n"),
        ("x = 1 # c\rx = 2\n", "x = 1 # c\rx = 3\n"),
    ],
)
def test_what_is_code(one: str, other: str) -> None:
    assert outline(one.encode()).code != outline(other.encode()).code


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\nprint 'a'\n", 2),
        ("def f():\nreturn 1\n", 1),
        ("x = (1,\n", 1),
        ("x = 1\n  y = 2\n", 2),
        ("a\0b", 1),
    ],
)
def test_what_is_not_python(text: str, line: int) -> None:
    with pytest.raises(NotPython) as caught:
        outline(text.encode())
    assert caught.value.line == line


def test_newer_syntax_is_read_by_every_python() -> None:
    text = b"type X[T] = list[T]\n\n\ndef run[T](a: T, *, b=f'{x['k']}', **more): ...\n"
    found = outline(text).definitions["run"]
    assert found is not None
    assert (found.required, found.optional, found.open) == (("a",), ("b",), True)


@pytest.mark.parametrize(
    "text",
    [
        "import os; \\\n    import sys\n",
        "\x0cdef f(): pass\n",
        "# -*- coding: utf-8-unix -*-\nx = 1\n",
        "x = 1\n# the encoding: utf8mb4\n",
    ],
)
def test_what_is_python(text: str) -> None:
    outline(text.encode())


@pytest.mark.parametrize("codec", ["undefined", "unicode_escape", "utf-7", "no-such"])
def test_an_odd_encoding_is_told(codec: str) -> None:
    with pytest.raises(NotPython):
        outline(f"# coding: {codec}\nx = '\\ud800 +2AA-'\n".encode())


LAYOUTS = {
    "a module in a name with a function": (
        "CONFIG = {'class': 'obs.handlers.My'}\n",
        {"obs/__init__.py", "obs/handlers.py"},
    ),
    "a script by a part of its path": ("run('scripts', 'go.py')\n", {"scripts/go.py"}),
    "a package that is run": ("run('-m', 'tool')\n", {"tool/__init__.py", "tool/__main__.py"}),
    "packages of a star": ("from pkg import *\n", {"pkg/__init__.py", "pkg/sub/__init__.py"}),
    "a name over two lines": (
        "import pkg \\\n    .sub\n",
        {"pkg/__init__.py", "pkg/sub/__init__.py"},
    ),
}


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_what_is_brought(layout: str) -> None:
    text, wanted = LAYOUTS[layout]
    every = {path for _, paths in LAYOUTS.values() for path in paths} | {"unused.py"}
    files: Texts = {f"src/{path}": "X = 1\n" for path in every}
    files["src/main.py"] = text + "def run(): ...\n"
    files["gitopsc.yaml"] = "project: demo\nregistry: registry.example.com\n"
    files["f.yaml"] = (
        "{kind: python, name: f, spec: {python_version: PYTHON3_12,"
        " source: {source: src, handler: 'main:run'}}}"
    )
    (program,) = compile_tree(tree_of(files)).programs
    assert {file.path for file in program.functions[0].files} == wanted | {"main.py"}


def test_a_module_that_cannot_be_read_brings_all() -> None:
    broken = {**SHARED, "src/geo/text.py": "import (\n"}
    (program,) = compile_tree(tree_of(broken)).programs
    count = next(each for each in program.functions if each.name == "count")
    assert "geo/unused.py" in {file.path for file in count.files}


def test_data_in_a_folder_is_no_readme() -> None:
    kept = {"LICENSES/eu.csv", "README_DATA/a.csv", "documents/a.txt", "data/docs.csv"}
    left = {"LICENSE.txt", "sub/README", "CHANGELOG", "sub/docs/a.md", "tests/a.csv", "x.ipynb"}
    files = {**SHARED, **{f"src/{path}": "x" for path in kept | left}}
    (program,) = compile_tree(tree_of(files)).programs
    count = next(each for each in program.functions if each.name == "count")
    paths = {file.path for file in count.files}
    assert kept <= paths
    assert not left & paths
