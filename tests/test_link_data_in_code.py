"""Data that only a handler's code names: who makes it, who asks for it, what waits for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from conftest import tree_of
from gitopsc.adapters.python import _DATA_METHOD, outline
from gitopsc.load.code import COVERED, read_code
from gitopsc.load.modules import Modules
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import has_errors
from gitopsc.model.memo import Memo
from gitopsc.model.program import Program, Run
from gitopsc.model.source import FunctionFile, Span
from gitopsc.pipeline import compile_tree
from gitopsc_runner.project import Project

# What reading tells


def uses(files: Mapping[str, str], handler: str = "run") -> set[tuple[str, str | None, str | None]]:
    made = [FunctionFile(path, text.encode(), False, path) for path, text in files.items()]
    modules = Modules(made, Memo(), lambda line: Span("main.py", line))
    found = read_code(modules, "main.py", handler, None).data
    return {(use.verb, use.type, use.name) for use in found}


CODE: Mapping[str, tuple[Mapping[str, str], set[tuple[str, str | None, str | None]]]] = {
    "literal": (
        {"main.py": "def run(project):\n    project.log_artifact('x', 'artifact', 'f')\n"},
        {("makes", "artifact", "x")},
    ),
    "by keyword, on the context": (
        {"main.py": "def run(context):\n    context.project.log_model(kind='m', name='x')\n"},
        {("makes", "model", "x")},
    ),
    "every method": (
        {
            "main.py": "def run(project):\n"
            + "".join(
                f"    project.{verb}_{what}('{what}')\n"
                for verb in ("log", "new")
                for what in ("table", "croissant", "mlflow", "generic_artifact")
            )
        },
        {
            ("makes", "dataitem", "table"),
            ("makes", "dataitem", "croissant"),
            ("makes", "model", "mlflow"),
            ("makes", "artifact", "generic_artifact"),
        },
    ),
    "a constant": (
        {"main.py": "NAME = 'x'\n\ndef run(project):\n    project.log_table(NAME, data=1)\n"},
        {("makes", "dataitem", "x")},
    ),
    "a constant that changes": (
        {"main.py": "NAME = 'x'\nNAME = 'y'\n\ndef run(project):\n    project.log_table(NAME)\n"},
        {("makes", "dataitem", None)},
    ),
    "a constant of another module": (
        {
            "main.py": "from pkg.names import A as B\nimport pkg.names\n\n"
            "def run(project):\n    project.log_table(B)\n    project.log_model(pkg.names.C)\n",
            "pkg/names.py": "A = 'a'\nC = 'c'\n",
        },
        {("makes", "dataitem", "a"), ("makes", "model", "c")},
    ),
    "through functions": (
        {
            "main.py": "from . import near\nimport far as f\n\n"
            "def run(project):\n    keep(project)\n\n"
            "def keep(project):\n    near.keep(project)\n    f.keep(project)\n\n"
            "def other(project):\n    project.log_table('not of this handler')\n",
            "near.py": "def keep(project):\n    project.log_artifact('near')\n",
            "far.py": "from near import keep as more\n\ndef keep(project):\n    more(project)\n"
            "    project.log_artifact('far')\n    keep(project)\n",
        },
        {("makes", "artifact", "near"), ("makes", "artifact", "far")},
    ),
    "put together": (
        {"main.py": "def run(project, x):\n    project.log_artifact(f'{x}-y')\n"},
        {("makes", "artifact", None)},
    ),
    "read": (
        {
            "main.py": "def run(project, x):\n    project.get_dataitem('a')\n"
            "    project.get_model(x)\n"
            "    project.get_artifact('store://demo/artifact/artifact/b')\n"
            "    project.get_artifact('store://demo/artifact/artifact/c:1')\n"
            "    project.get_artifact('d', entity_id='1')\n"
        },
        {("reads", "dataitem", "a"), ("reads", "artifact", "b")},
    ),
    "an argument of the name of a constant": (
        {
            "main.py": "NAME = 'x'\nPRE = 'y'\nPRE += '2'\n\ndef run(project, NAME):\n"
            "    project.log_table(NAME)\n    project.log_model(PRE)\n"
        },
        {("makes", "dataitem", None), ("makes", "model", None)},
    ),
    "an argument of the name of a function": (
        {
            "main.py": "def load(project):\n    project.log_table('x')\n\n"
            "def run(project, load):\n    load(project)\n"
        },
        set(),
    ),
    "a project of somebody else": (
        {"main.py": "def run(other):\n    other.project.log_table('x')\n"},
        set(),
    ),
    "of somebody else": (
        {
            "main.py": "import mlflow\n\ndef run(p):\n    mlflow.log_model(1, 'x')\n"
            "    p.log_table('y')\n"
        },
        set(),
    ),
    "a circle of imports": (
        {
            "main.py": "import other\n\ndef run(project):\n    other.run(project)\n",
            "other.py": "import main\n\ndef run(project):\n    main.run(project)\n",
        },
        set(),
    ),
    "in a branch": (
        {
            "main.py": "try:\n    import fast\nexcept ImportError:\n    def run(project):\n"
            "        project.log_table('x')\n"
        },
        {("makes", "dataitem", "x")},
    ),
    "not a function": ({"main.py": "run = make()\n"}, set()),
    "no Python": ({"main.py": "def run(:\n"}, set()),
}


@pytest.mark.parametrize("name", CODE)
def test_what_reading_tells(name: str) -> None:
    files, expected = CODE[name]
    assert uses(files) == expected


@pytest.mark.slow
def test_a_table_that_many_lines_change() -> None:
    lines = "".join(f"    df['c{n}'] = x\n" for n in range(20_000))
    text = f"df = 1\n\ndef f(x):\n    df = x\n{lines}\ndef g(x):\n    x{'.a(1)' * 5_000}\n"
    assert outline(text.encode()).bodies["f"].assigns is None


@pytest.mark.slow
def test_a_module_of_many_lines() -> None:
    lines = "".join(f"    project.log_table('t{n}')\n" for n in range(50_000))
    body = outline(f"def run(project):\n{lines}".encode()).bodies["run"]
    assert len(body.data) == 50_000


def test_what_is_said_to_be_covered_is() -> None:
    methods = {name for name in dir(Project) if not name.startswith("_")} - {"input", "keep"}
    assert {name for name in methods if not _DATA_METHOD.fullmatch(name)} == set(COVERED)
    words = (
        "artifact",
        "croissant",
        "dataitem",
        "huggingface",
        "mlflow",
        "model",
        "sklearn",
        "table",
    )
    known = {f"{verb}_{word}" for verb in ("get", "new", "log", "log_generic") for word in words}
    assert {name for name in known if _DATA_METHOD.fullmatch(name)} <= methods


# What an init function changes for all requests

CHANGES = {
    "global M\n    M = 1": "M",
    "global M\n    print(M)": None,
    "S['a'] = 1": "S",
    "S['a'], y = 1, 2": "S",
    "S['a']['b'] += 1": "S",
    "del S['a']": "S",
    "for S['a'] in (1, 2): pass": "S",
    "S.update(a=1)": "S",
    "L.append(1)": "L",
    "C.model = 1": "C",
    "globals()['M'] = 1": "globals()",
    "helper()": "S",
    "far.keep()": "KEPT",
    "context.model = 1": None,
    "S = {}\n    S['a'] = 1": None,
    "pd.options.x = 1": None,
    "S.get('a')": None,
    "x = S['a']": None,
    "logger.info('x')": None,
}


@pytest.mark.parametrize("body", CHANGES)
def test_what_an_init_function_changes(body: str) -> None:
    text = "import pandas as pd\nimport far\nfrom log import logger\n\nM = None\nS = {}\nL = []\n\n"
    text += "class C:\n    pass\n\ndef helper():\n    S['a'] = 1\n\n"
    files = {
        "main.py": f"{text}def init(context):\n    {body}\n\ndef run(context):\n    S['a'] = 1\n",
        "far.py": "KEPT = []\n\ndef keep():\n    KEPT.append(1)\n",
    }
    made = [FunctionFile(path, each.encode(), False, path) for path, each in files.items()]
    modules = Modules(made, Memo(), lambda line: Span("main.py", line))
    assert read_code(modules, "main.py", "run", "init").init_assigns == CHANGES[body]


# What it means

FUNCTION = """
kind: python
name: {name}
spec: {{python_version: PYTHON3_11, source: {{source: main.py, handler: {name}}}}}
---
"""

SOURCE = """
from digitalhub_runtime_python import handler


@handler(outputs=["world-cities"])
def download(project, country="IT"): ...


def train(project, cities=None):
    project.log_model("forecast", kind="model", source="m")
    project.get_dataitem("world-cities")


def serve(context, event):
    return context.project.get_model("forecast")


def own(project):
    project.log_artifact("own", "artifact", "x")
    project.get_artifact("own")


def one(project):
    project.log_artifact("one", "artifact", "x")
    project.get_artifact("two")


def two(project):
    project.log_artifact("two", "artifact", "x")
    project.get_artifact("one")


def unread(project):
    project.log_artifact("unread", "artifact", "x")


def free(project, name):
    project.log_artifact(name, "artifact", "x")
"""
NAMES = ("download", "train", "serve", "own", "one", "two", "unread", "free")
STORES = "project: demo\nregistry: r.example.com\nstores: {default: s3://demo/data}\n"


def run_of(name: str, function: str, kind: str = "job", **spec: Any) -> str:
    import json

    whole = {"function": function, **spec}
    return json.dumps({"kind": f"python+{kind}:run", "name": name, "spec": whole}) + "\n---\n"


def compiled(*runs: str, settings: str = STORES) -> Compilation:
    functions = "".join(FUNCTION.format(name=name) for name in NAMES)
    text = functions + "".join(runs)
    return compile_tree(tree_of({"gitopsc.yaml": settings, "main.py": SOURCE, "all.yaml": text}))


def program(*runs: str) -> Program:
    compilation = compiled(*runs)
    assert not has_errors(compilation.diagnostics), compilation.diagnostics
    (found,) = compilation.programs
    return found


def producers(run: Run) -> set[str]:
    return {read.producer for read in run.reads if read.producer is not None}


CITIES = "store://demo/dataitem/table/world-cities"


def test_the_seed_is_ordered_without_outputs() -> None:
    found = program(
        run_of("serve-it", "serve", "serve"),
        run_of("train-it", "train", inputs={"cities": CITIES}),
        run_of("download-it", "download"),
    )
    assert found.lineage.generations == (("download-it",), ("train-it",), ("serve-it",))
    edges = {(each.source, each.target, each.evidence) for each in found.lineage.edges}
    assert ("dataitem/world-cities", "run/download-it", "code") in edges
    assert ("model/forecast", "run/train-it", "code") in edges
    assert ("run/serve-it", "model/forecast", "code") in edges
    assert ("run/train-it", "dataitem/world-cities", "inputs") in edges


def test_a_change_upstream_goes_through_code() -> None:
    computes = []
    for country in ("IT", "DE"):
        runs = [run_of("d", "download", parameters={"country": country})]
        runs += [run_of("t", "train"), run_of("s", "serve", "serve")]
        compilation = compiled(*runs)
        (resolution,) = compilation.resolutions
        computes.append({each.name: each.compute for each in resolution.runs})
        settings = {each.name: each.settings for each in resolution.runs}
        read = settings["s"]["references"]["store://demo/model/model/forecast"]
        assert read["producer"] == "t"
        assert read["version"] == computes[-1]["t"]
    assert all(computes[0][name] != computes[1][name] for name in "dts")


def test_a_declared_output_wins() -> None:
    found = program(
        run_of("a", "download"),
        run_of("b", "download", parameters={"country": "DE"}, outputs={"world-cities": CITIES}),
        run_of("t", "train", inputs={"cities": CITIES}),
    )
    (reader,) = (run for run in found.runs if run.name == "t")
    assert producers(reader) == {"b"}


def test_several_makers_are_an_error_only_at_a_reader() -> None:
    makers = [run_of(each, "download", parameters={"country": each}) for each in ("IT", "DE")]
    assert not has_errors(compiled(*makers).diagnostics)
    reading = compiled(*makers, run_of("t", "train", inputs={"cities": "world-cities"}))
    (error,) = (each for each in reading.diagnostics if has_errors([each]))
    assert error.code.id == "C408"
    assert "is made by `DE`, `IT`" in error.message or "is made by `IT`, `DE`" in error.message
    assert "outputs: {world-cities:" in (error.hint or "")
    # What only code asks for, and several make, orders nothing.
    assert not has_errors(compiled(*makers, run_of("t", "train")).diagnostics)
    # Text in a parameter may be no reading: a warning.
    text = compiled(*makers, run_of("t", "train", parameters={"cities": CITIES}))
    assert not has_errors(text.diagnostics)
    assert "C407" in {each.code.id for each in text.diagnostics}


def test_what_two_runs_make_and_read_was_there_before() -> None:
    """A table that each of them adds to: neither waits for the other."""
    declared = (
        "kind: dataitem\nname: one\nspec: {}\n---\nkind: artifact\nname: one\nspec: {}\n---\n"
    )
    runs = [
        run_of(name, "one", envs=[{"name": "KEY", "value": "store://demo/artifact/artifact/one"}])
        for name in ("a", "b")
    ]
    found = program(declared, *runs)
    assert not any(map(producers, found.runs))


def test_parameters_in_a_circle_by_code_are_no_error() -> None:
    runs = [
        run_of("a", "one", parameters={"key": "store://demo/artifact/artifact/two"}),
        run_of("b", "two", parameters={"key": "store://demo/artifact/artifact/one"}),
    ]
    codes = {each.code.id for each in compiled(*runs).diagnostics if has_errors([each])}
    assert "C409" not in codes


def test_inputs_in_a_circle_by_code_are_an_error() -> None:
    """Neither of them could ever start, whoever tells what they make."""
    runs = [
        run_of("a", "one", inputs={"x": "store://demo/artifact/artifact/two"}),
        run_of("b", "two", inputs={"x": "store://demo/artifact/artifact/one"}),
    ]
    (told,) = (each for each in compiled(*runs).diagnostics if each.code.id == "C409")
    assert "`a` -> `b` -> `a`" in told.message
    assert "a `kind: dataitem` with a `path`" in str(told.hint)


def test_what_one_makes_oneself_is_no_edge() -> None:
    found = program(run_of("o", "own"))
    assert not producers(found.runs[0])


def test_code_that_asks_in_a_circle_orders_nothing() -> None:
    found = program(run_of("a", "one"), run_of("b", "two"))
    assert not any(map(producers, found.runs))
    assert found.lineage.generations == (("a", "b"),)


def test_a_name_from_code_asks_for_a_store_only_when_it_is_read() -> None:
    bare = "project: demo\nregistry: r.example.com\n"
    assert not has_errors(compiled(run_of("u", "unread"), settings=bare).diagnostics)
    # What only code asks for may be asked for in vain; what a run says it reads may not.
    runs = [run_of("t", "train"), run_of("s", "serve", "serve")]
    assert not has_errors(compiled(*runs, settings=bare).diagnostics)
    runs = [run_of("d", "download"), run_of("t", "train", inputs={"cities": CITIES})]
    found = compiled(*runs, settings=bare).diagnostics
    assert "C507" in {each.code.id for each in found if has_errors([each])}


def test_a_declared_path_goes_before_code() -> None:
    declared = 'kind: model\nname: forecast\nspec: {path: "s3://elsewhere/m"}\n---\n'
    found = program(declared, run_of("t", "train"), run_of("s", "serve", "serve"))
    (reader,) = (run for run in found.runs if run.name == "s")
    assert not producers(reader)
    bare = "kind: model\nname: forecast\n---\n"
    found = program(bare, run_of("t", "train"), run_of("s", "serve", "serve"))
    (reader,) = (run for run in found.runs if run.name == "s")
    assert producers(reader) == {"t"}


def test_what_cannot_be_known_is_marked() -> None:
    found = program(run_of("f", "free", parameters={"name": "x"}))
    assert ("unknown/f", "unknown", "?") in found.lineage.nodes


def test_the_hint_names_who_makes_it() -> None:
    found = compiled(run_of("d", "download"), run_of("t", "train", inputs={"cities": "world-city"}))
    (error,) = (each for each in found.diagnostics if has_errors([each]))
    assert error.code.id == "C406"
    assert error.hint == "did you mean `world-cities`? `d` makes that"


def feeding(names: str) -> list[str]:
    """Triggers whose jobs make what all the others wait for."""
    return [
        f"kind: lifecycle\nname: {name}\nspec:\n  function: own\n"
        "  key: store://demo/dataitem/table/*\n"
        f"  template: {{outputs: {{own: 'store://demo/dataitem/table/{{{{input.name}}}}-{name}'}}}}\n---\n"
        for name in names
    ]


def test_triggers_that_start_each_other_end() -> None:
    first = run_of("first", "own", outputs={"own": "store://demo/dataitem/table/x"})
    runs = {run.name for run in compiled(first, *feeding("abcd")).programs[0].runs}
    assert {"a-x", "b-x-a"} <= runs
    assert len(runs) == 1 + 4 + 4 * 3 + 4 * 3 * 2 + 4 * 3 * 2
    many = compiled(first, *feeding("abcdefgh"))
    assert {each.code.id for each in many.diagnostics if has_errors([each])} == {"C409"}


def test_a_trigger_waits_for_what_code_makes() -> None:
    trigger = (
        "kind: lifecycle\nname: on-model\nspec:\n  function: own\n"
        "  key: store://demo/model/*/forecast\n---\n"
    )
    found = program(run_of("t", "train"), trigger)
    (downstream,) = (run for run in found.runs if run.name == "on-model-forecast")
    assert producers(downstream) == {"t"}


@pytest.mark.parametrize("type_", ["dataitem/dataitem", "dataitem/table", "artifact/*", "*/*"])
def test_a_trigger_waits_for_what_a_decorator_names(type_: str) -> None:
    """Once, whichever type it is waited for."""
    trigger = (
        "kind: lifecycle\nname: on-cities\nspec:\n  function: own\n"
        f"  key: store://demo/{type_}/world-cities\n---\n"
    )
    found = program(run_of("t", "download"), trigger)
    downstream = [run for run in found.runs if run.name.startswith("on-cities")]
    assert [producers(run) for run in downstream] == [{"t"}]
