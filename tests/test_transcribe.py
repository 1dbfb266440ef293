"""Notebooks and scripts -> repositories: what is followed, what is told, and what is never run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import tree_of
from gitopsc.cli import main
from gitopsc.model.diagnostic import has_errors
from gitopsc.pipeline import transcribe_notebook


def notebook(*cells: str, **metadata: Any) -> bytes:
    made = [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []}
        for cell in cells
    ]
    known = {"kernelspec": {"language": "python"}, "language_info": {"version": "3.10.9"}}
    data = {"nbformat": 4, "metadata": {**known, **metadata}, "cells": made}
    return json.dumps(data, indent=1).encode()


class Imported:
    def __init__(
        self, content: bytes, path: str = "demo.ipynb", beside: Mapping[str, str] = {}
    ) -> None:
        transcript, self.compilation = transcribe_notebook(path, content, tree_of(beside), "demo")
        self.files = {file.path: file.content.decode() for file in transcript.files}
        self.told = transcript.diagnostics
        self.texts = transcript.texts

    def yaml(self, path: str) -> Any:
        return yaml.safe_load(self.files[path])

    @property
    def messages(self) -> list[str]:
        return [each.message for each in self.told]


def cells(*more: str) -> tuple[str, ...]:
    return (
        "%pip install digitalhub[full]\nimport digitalhub as dh\nPROJECT = 'demo'\n",
        "project = dh.get_or_create_project(PROJECT)",
        '%%writefile "src/etl.py"\n'
        "from digitalhub_runtime_python import handler\n\n"
        '@handler(outputs=["cities"])\n'
        "def download(url, limit=10):\n    return url.as_df()\n\n\n"
        "def count(cities):\n    return len(cities.as_df())\n\n\n"
        "def init(context, data): ...\n\n\ndef serve(context, event): ...\n",
        *more,
    )


DOWNLOAD = """
f = project.new_function(
    "download", kind="python", python_version="PYTHON3_11", code_src="src/etl.py",
    handler="download", requirements=["pandas==2.2.3"],
)
"""


def test_a_pipeline() -> None:
    imported = Imported(
        notebook(
            *cells(
                "URL = 'https://example.com/' + \"cities.csv\"\n"
                "di = project.new_dataitem(name='raw', kind='table', path=URL)",
                DOWNLOAD,
                "run = f.run('job', inputs={'url': di.key}, parameters={'limit': 5}, wait=True)\n"
                "run.refresh().status",
                "count = project.new_function(name='count', kind='python', handler='count',\n"
                "    python_version='PYTHON3_11', code_src='src/etl.py')\n"
                "cities = project.get_dataitem('cities')\n"
                "_ = count.run(action='job', inputs={'cities': cities.key})",
                "source = {'source': 'src/etl.py', 'handler': 'serve', 'init_function': 'init'}\n"
                "api = project.new_function(name='api', kind='python', source=source,\n"
                "    python_version='PYTHON3_11')\n"
                "api.run('serve', init_parameters={'data': run.output('cities').key})",
            )
        )
    )
    assert imported.messages == []
    assert set(imported.files) == {
        *(f"functions/{name}.yaml" for name in ("api", "count", "download")),
        *(f"runs/{name}.yaml" for name in ("api", "count", "download")),
        *("data/dataitem/raw.yaml", "gitopsc.yaml", "src/etl.py"),
    }
    assert imported.yaml("gitopsc.yaml") == {"project": "demo"}
    assert imported.yaml("data/dataitem/raw.yaml") == {
        "kind": "table",
        "name": "raw",
        "spec": {"path": "https://example.com/cities.csv"},
    }
    assert imported.yaml("runs/download.yaml") == {
        "kind": "python+job:run",
        "name": "download",
        "spec": {"function": "download", "inputs": {"url": "raw"}, "parameters": {"limit": 5}},
    }
    assert imported.yaml("runs/count.yaml")["spec"]["inputs"] == {"cities": "cities"}
    (program,) = imported.compilation.programs
    assert program.lineage.generations == (("download",), ("api", "count"))
    errors = {each.code.id for each in imported.compilation.diagnostics if has_errors([each])}
    assert errors == {"C507"}  # a store is all that lacks


def test_the_same_on_the_laptop_and_twice() -> None:
    imported = Imported(
        notebook(
            *cells(
                DOWNLOAD,
                "f.run('job', local_execution=True)",
                "f.run('build', instructions=['true'])",
                "f.run('job', wait=True)",
                "f.run('job')",
                "f.run('job', parameters={'limit': 1})",
            )
        )
    )
    runs = {path: imported.yaml(path) for path in imported.files if path.startswith("runs/")}
    assert {path: each["spec"] for path, each in runs.items()} == {
        "runs/download.yaml": {"function": "download"},
        "runs/download-2.yaml": {"function": "download", "parameters": {"limit": 1}},
        "runs/download-build.yaml": {"function": "download", "instructions": ["true"]},
    }
    only = Imported(notebook(*cells(DOWNLOAD, "f.run('job', local_execution=True)")))
    assert only.yaml("runs/download.yaml")["spec"]["local_execution"] is True


def test_what_only_running_tells_is_a_comment() -> None:
    imported = Imported(
        notebook(
            *cells(
                DOWNLOAD,
                "import os\nlimit = int(os.environ['LIMIT'])\nif limit > 3:\n    name = 'x'\n"
                "else:\n    name = 'y'\n",
                "f.run('job', parameters={'limit': limit, 'url': name}, inputs={'u': other()},\n"
                "    envs=[{'name': 'A', 'value': 'b'}, {'name': 'B', 'value': svc.url}],\n"
                "    node_pool='x')",
            )
        )
    )
    text = imported.files["runs/download.yaml"]
    assert text.startswith("# parameters.limit: int(os.environ['LIMIT'])\n# parameters.url: name\n")
    assert "# inputs.u: other()\n" in text
    assert "# envs.B.value: svc.url\n" in text
    assert imported.yaml("runs/download.yaml")["spec"] == {
        "function": "download",
        "envs": [{"name": "A", "value": "b"}],
    }
    told = [each for each in imported.told if "is known only at run time" in each.message]
    assert [each.span.line for each in told] == [told[0].span.line] * 4
    assert any("`node_pool` is left out" in message for message in imported.messages)


LEFT_OUT: Mapping[str, tuple[str, str]] = {
    "another kind": (
        "m = project.new_function(name='m', kind='container', image='x')\nm.run('job')",
        "function `m` is of kind `container`, and is left out with its runs",
    ),
    "a loop": (
        "for limit in (1, 2):\n    f.run('job', parameters={'limit': limit})",
        "a run of `download` is left out, for it is in a loop",
    ),
    "a name that is put together": (
        "project.new_function(name=f'f-{user}', kind='python', handler='x')",
        "a function is left out: its name is known only at run time, `f'f-{user}'`",
    ),
    "a workflow": (
        "w = project.new_workflow(name='w', kind='hera', code_src='src/w.py')\nw.run('build')",
        "the workflow `w` is left out",
    ),
    "a secret": (
        "project.new_secret('KEY', secret_value='hunter2-hunter2')",
        "the secret `KEY` is left out",
    ),
    "what is uploaded": (
        "project.log_dataitem('local', kind='table', data=frame)",
        "dataitem `local` is uploaded by the notebook, from `frame`",
    ),
    "no source": (
        "g = project.new_function(name='g', kind='python', python_version='PYTHON3_11',\n"
        "    code_src='src/other.py', handler='g')",
        "its source `src/other.py` is in no cell",
    ),
    "defined again": (
        DOWNLOAD.replace("2.2.3", "2.2.2"),
        "function `download` is defined again",
    ),
    "a second project": (
        "p = dh.get_or_create_project('other')",
        "a second project, `other`, is taken for the first",
    ),
    "no version": (
        "project.new_function(name='g', kind='python', code_src='src/etl.py', handler='count')",
        "function `g` says no `python_version`; it gets the notebook's, PYTHON3_10",
    ),
    "an action that nobody knows": (
        "f.run('deploy')",
        "a run of `download` is left out: its action is `deploy`",
    ),
    "a run in a list": (
        "runs = [f.run('job', parameters={'limit': n}) for n in (1, 2)]",
        "a run of `download` is left out, for it is in a loop",
    ),
    "a run in a lambda": (
        "later = lambda: f.run('job')",
        "a run of `download` is left out, for it is in a lambda",
    ),
    "a run that depends": (
        "import os\nif os.environ.get('CI'):\n    f.run('job')\nelse:\n    pass",
        "a run of `download` is written though it is made only if `os.environ.get('CI')`",
    ),
    "a run that may not be": (
        "ready and f.run('job')",
        "a run of `download` is written though it is made only if `ready`",
    ),
    "a run of nobody knows what": (
        "functions['a'].run('job')",
        "a run is left out: its function is known only at run time, `functions['a']`",
    ),
    "arguments that nobody knows": (
        "f.run('job', **settings)",
        "a run of `download`: `**settings` is known only at run time",
    ),
    "an action in arguments that nobody knows": (
        "f.run(**settings)",
        "a run of `download` is left out: its action is known only at run time, `**settings`",
    ),
    "a function of arguments that nobody knows": (
        "project.new_function(**settings)",
        "a function is left out: its name is known only at run time, `**settings`",
    ),
    "what is imported": (
        "g = project.import_function('g.yaml')",
        "`import_function` is not followed: what it makes is left out",
    ),
    "an older SDK": (
        "project.run_function('g', inputs={})",
        "`run_function` is not followed: what it makes is left out",
    ),
    "a function that nothing calls": (
        "class Pipeline:\n    def go(self):\n        f.run('job')",
        "no call of `go` is followed: what it would make is left out",
    ),
    "a trigger of a service": (
        "f.trigger('serve', 'scheduler', 't', schedule='0 1 * * *')",
        "trigger `t` is left out: it starts `serve`, and triggers start jobs",
    ),
    "more of a trigger": (
        "f.trigger('job', 'scheduler', 't', schedule='0 1 * * *', zone='x')",
        "trigger `t`: `zone` is left out, for no descriptor has it",
    ),
    "more of data": (
        "project.new_dataitem('d', 'table', path='s3://x/y', partitions=3)",
        "dataitem `d`: `partitions` is left out, for no descriptor has it",
    ),
    "a scheduled workflow": (
        "w = project.get_workflow('w')\nw.run('pipeline', schedule='0 5 * * *')",
        "the workflow `w` is left out, with its schedule `0 5 * * *`",
    ),
    "what grows": (
        "".join(f"def f{n}():\n    f{n + 1}()\n    f{n + 1}()\n\n" for n in range(19))
        + "def f19(): ...\n\nf0()\n",
        "it does too much to be followed",
    ),
    "what no file can have": (
        "f.run('job', parameters={'a': 1e999, 'b': '\\ud800', 'c': 0x" + "f" * 9000 + "})",
        "a run of `download`: `parameters.a` is known only at run time, `1e999`",
    ),
    "a run that is handed on": (
        "list(map(f.run, ['job']))",
        "`download.run` is handed to what is not followed",
    ),
    "a function that is handed on": (
        "def go(n):\n    f.run('job')\n\nlist(map(go, [1, 2]))",
        "`go` is handed to what is not followed",
    ),
    "a function that calls itself": (
        "def go(n):\n    f.run('job', parameters={'n': n})\n    go(2)\n\ngo(1)",
        "`go` is handed to what is not followed",
    ),
    "a class that fails": (
        "class A:\n    raise E\n    def go(self): ...\n\nA().go()\nx.run('job')",
        "a run is left out: its function is known only at run time, `x`",
    ),
    "a run with nothing known": (
        "x.run(action, parameters={'a': 1})",
        "a run is left out: its function is known only at run time, `x`",
    ),
    "a run by its name": (
        "getattr(f, 'run')('deploy')",
        "a run of `download` is left out: its action is `deploy`",
    ),
    "a run in an annotation": (
        "x: f.run('deploy') = 1",
        "a run of `download` is left out: its action is `deploy`",
    ),
    "a run too deep": (
        "x = " + "[" * 60 + "f.run('job')" + "]" * 60,
        "this is nested too deep to be followed",
    ),
    "a key that is not an identifier": (
        "f.run('job', **{'**': 3})",
        "a run of `download`: `**{'...': 3}` is known only at run time",
    ),
    "very much": (
        f"x = '{'a' * 90_000}'\ny = [x] * 20\n"
        + "".join(f"f.run('job', parameters={{'x': x, 'n': {n}}})\n" for n in range(150)),
        "it does too much to be followed",
    ),
    "a file in the home": ("%%writefile ~/x.py\nx = 1", "the file `~/x.py` lies outside"),
    "a file somewhere": ("%%writefile $DIR/x.py\nx = 1", "the file `$DIR/x.py` lies outside"),
    "what is not Python": ("this is = = not python", "cell 5 is not valid Python"),
    "a file elsewhere": ("%%writefile ../x.py\nx = 1", "the file `../x.py` lies outside"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_is_told(case: str) -> None:
    cell, said = LEFT_OUT[case]
    imported = Imported(notebook(*cells(DOWNLOAD, cell)))
    assert any(said in message for message in imported.messages), imported.messages
    assert "functions/download.yaml" in imported.files
    assert "hunter2" not in json.dumps(imported.files)
    place = next(each.span for each in imported.told if said in each.message)
    number = len(cells(DOWNLOAD, cell))
    assert place.path == f"demo.ipynb:cell {number}"
    assert imported.texts[place.path] == cell


FOLLOWED: Mapping[str, tuple[Sequence[str], str, Any]] = {
    "rebound names": (
        [
            DOWNLOAD,
            "f.run('job')",
            "f = project.new_function(name='count', kind='python', handler='count',\n"
            "    python_version='PYTHON3_11', code_src='src/etl.py')",
            "f.run('job')",
        ],
        "runs/count.yaml",
        {"function": "count"},
    ),
    "a chain of calls": (
        [DOWNLOAD, "project.get_function('download').run('job')"],
        "runs/download.yaml",
        {"function": "download"},
    ),
    "try": (
        [
            "try:\n    f = project.get_function('download')\n"
            f"except Exception:\n{DOWNLOAD.replace(chr(10), chr(10) + '    ')}\n",
            "f.run('job')",
        ],
        "runs/download.yaml",
        {"function": "download"},
    ),
    "a function of the notebook": (
        [DOWNLOAD, "def main():\n    f.run('job')\n\nif __name__ == '__main__':\n    main()"],
        "runs/download.yaml",
        {"function": "download"},
    ),
    "f-strings, sums and subscripts": (
        [
            DOWNLOAD,
            "base: str = 'https://example.com'\nconf = {'n': [1, 2]}\n"
            "f.run('job',\n"
            "    parameters={'a': f'{base}/{PROJECT}', 'n': conf['n'][1], 'l': [1] + [2]})",
        ],
        "runs/download.yaml",
        {
            "function": "download",
            "parameters": {"a": "https://example.com/demo", "n": 2, "l": [1, 2]},
        },
    ),
    "magics among code": (
        [DOWNLOAD, "!ls -la\n%time x = 1\nfiles = !ls\nf.run(\n    'job')\n?f"],
        "runs/download.yaml",
        {"function": "download"},
    ),
    "settings that are known": (
        [
            DOWNLOAD,
            "more = {'parameters': {'limit': 0, 'url': None}}\n"
            "f.run(*['job'], **more, **{'envs': [{'name': 'A', 'value': None}]})",
        ],
        "runs/download.yaml",
        {
            "function": "download",
            "parameters": {"limit": 0, "url": None},
            "envs": [{"name": "A", "value": None}],
        },
    ),
    "f-strings as Python has them": (
        [
            DOWNLOAD,
            "a = 'x'\n"
            "f.run('job', parameters={'p': f'\\t{a}{{}}', 'r': rf'\\d{a}', 'n': f\"'{a}'\"})",
        ],
        "runs/download.yaml",
        {"function": "download", "parameters": {"p": "\tx{}", "r": "\\dx", "n": "'x'"}},
    ),
    "text that looks like magics": (
        [
            DOWNLOAD,
            "# why?\n"
            "text = '''\n%s of it?\npip install x\n!ls\n'''  # what is it?\n"
            "n = (5\n    % 3)\n!ls # ''' it's\npip install \"pandas==2\"\nf.run?\n"
            "f.run('job', parameters={'text': text})",
        ],
        "runs/download.yaml",
        {"function": "download", "parameters": {"text": "\n%s of it?\npip install x\n!ls\n"}},
    ),
    "functions that make functions": (
        [
            "def made(name, handler='download', *more):\n"
            "    return project.new_function(name=name, kind='python', code_src='src/etl.py',\n"
            "        python_version='PYTHON3_11', handler=handler)\n\n"
            "def go(function):\n    with open('x') as f:\n        return function.run('job')\n\n"
            "assert go(made('download'))"
        ],
        "runs/download.yaml",
        {"function": "download"},
    ),
    "objects": (
        [
            DOWNLOAD.replace("f = ", "") + "class Pipeline:\n"
            "    limit = 3\n\n"
            "    def __init__(self, project):\n"
            "        self.f = project.get_function('download')\n\n"
            "    def go(self, n):\n        self.f.run('job', parameters={'n': n})\n\n"
            "Pipeline(project).go(7)",
        ],
        "runs/download.yaml",
        {"function": "download", "parameters": {"n": 7}},
    ),
    "the SDK by other names": (
        [
            "import digitalhub as d\nfrom digitalhub import new_function as nf\n"
            "from digitalhub import *\n"
            "nf('demo', name='download', kind='python', code_src='src/etl.py',\n"
            "    python_version='PYTHON3_11', handler='download')\n"
            "(g := d.get_function('download', 'demo')).run('job')\n"
            "new_dataitem('demo', name='x', kind='table', path='s3://x/y')",
        ],
        "runs/download.yaml",
        {"function": "download"},
    ),
    "data of one kind": (
        [DOWNLOAD, "project.log_table('t', path='s3://x/t.parquet')"],
        "data/dataitem/t.yaml",
        {"path": "s3://x/t.parquet"},
    ),
    "names of the script": (
        [
            DOWNLOAD,
            "x = 1\n\ndef inner(y=x):\n    try:\n        return 1\n    finally:\n"
            "        f.run('job', parameters={'x': x, 'y': y})\n\n"
            "def outer(x):\n    return inner()\n\nx = 3\nouter(5)\n"
            "run = f.run\nrun('build')",
        ],
        "runs/download.yaml",
        {"function": "download", "parameters": {"x": 3, "y": 1}},
    ),
    "what may fail": (
        [
            DOWNLOAD,
            "def fail(why):\n    raise ValueError(why)\n\nready or fail('not ready')\n"
            "x = [n or fail(n) for n in a]\nf.run('job')",
        ],
        "runs/download.yaml",
        {"function": "download"},
    ),
    "conditions that reading decides": (
        [
            DOWNLOAD,
            "TRY = False\nif TRY:\n    f.run('job', parameters={'limit': 1})\n"
            "elif True:\n    f.run('job', parameters={'limit': 2 if TRY else 3})\n",
        ],
        "runs/download.yaml",
        {"function": "download", "parameters": {"limit": 3}},
    ),
    "keys": (
        [
            DOWNLOAD,
            "a = project.new_artifact(name='a', kind='artifact', path='s3://x/a')\n"
            "f.run('job', inputs={'x': a.key, 'y': 'store://other/model/model/m',\n"
            "    'z': dh.get_dataitem(project='demo', entity_name='d').key})",
        ],
        "runs/download.yaml",
        {
            "function": "download",
            "inputs": {
                "x": "store://demo/artifact/artifact/a",
                "y": "store://other/model/model/m",
                "z": "d",
            },
        },
    ),
    "a trigger": (
        [
            DOWNLOAD,
            "f.trigger('job', 'lifecycle', 'on-cities', states=['READY'],\n"
            "    key=f'store://{PROJECT}/dataitem/table/*',\n"
            "    template={'inputs': {'u': '{{input.key}}'}})",
        ],
        "triggers/on-cities.yaml",
        {
            "function": "download",
            "key": "store://demo/dataitem/table/*",
            "states": ["READY"],
            "template": {"inputs": {"u": "{{input.key}}"}},
        },
    ),
    "a trigger of the project": (
        [
            DOWNLOAD,
            "project.new_trigger('daily', kind='scheduler', task='python+job', function=f.key,\n"
            "    schedule='0 0 6 * * ?', template={'parameters': {'u': 'x'}})",
        ],
        "triggers/daily.yaml",
        {
            "function": "download",
            "schedule": "0 0 6 * * ?",
            "template": {"parameters": {"u": "x"}},
        },
    ),
    "a run of the project": (
        [
            DOWNLOAD,
            "dh.new_run(project.name, 'python+job:run', function='python://demo/download',\n"
            "    parameters={'u': 'x'})",
        ],
        "runs/download.yaml",
        {"function": "download", "parameters": {"u": "x"}},
    ),
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_what_is_followed(case: str) -> None:
    more, path, spec = FOLLOWED[case]
    assert Imported(notebook(*cells(*more))).yaml(path)["spec"] == spec


STALE = {
    "an item": "d['limit'] = 2",
    "an item of an item": "d['more']['x'] = 2",
    "a method": "d.update(limit=2)",
    "an alias": "e = d\ne.pop('limit')",
    "a part": "e = d['more']\ne['x'] = 3",
    "deleted": "del d['limit']",
    "augmented": "d |= {'limit': 2}",
    "passed on": "change(d)",
    "a loop": "for d in ({'limit': 2}, {}):\n    pass",
    "done in a loop": "for n in (1, 2):\n    d = {'limit': n}",
    "a branch": "if other:\n    d = {'limit': 2}",
    "a match": "match other:\n    case 1:\n        d = {'limit': 2}",
    "after an exception": "try:\n    d = {'limit': 2}\nexcept E:\n    d = {'limit': 3}",
    "an exception": "try:\n    other()\nexcept E as d:\n    pass",
    "with": "with other() as d:\n    pass",
    "imported": "from other import d",
    "imported by another name": "import other as d",
    "walrus": "print(d := other())",
    "unpacked": "d, = [{'limit': 2}]",
    "the rest": "a, *d = other",
    "global": "def change():\n    global d\n    d = {'limit': other()}\n\nchange()",
    "a function": "def d(): ...",
    "a class": "class d: ...",
    "before a break": "for n in a:\n    d = n\n    if n:\n        break\n    d = {'limit': 1}",
    "carried from turn to turn": "e = d\nfor n in a:\n    d = e\n    e = {'limit': n}",
    "in the middle of what fails": "e = d\ntry:\n    d = 2\n    g()\n    d = e\nexcept:\n    pass",
    "at last": "def f2():\n    try:\n        return d\n    finally:\n        return 2\n\nd = f2()",
    "a walrus in a loop": "[(d := n) for n in a]",
    "a name that is not main": "if __name__ != '__main__':\n    pass\nelse:\n    d = other()",
    "of another function": "def f1():\n    return e\n\ndef f2(e):\n    return f1()\n\nd = f2(d)",
    "decorated": "@other\ndef made():\n    return {'limit': 1}\n\nd = made()",
    "a generator": "def made():\n    return {'limit': 1}\n    yield\n\nd = made()",
    "a callback": "def g():\n    global d\n    d = 2\n\nother(g)",
    "in a condition": "def g():\n    global d\n    d = a()\n\nif g():\n    pass",
    "a property": "class A:\n    def __init__(self, d):\n        self.d = d\n\n"
    "    @property\n    def d(self):\n        return 2\n\nd = A(d).d",
    "a coroutine": "async def g(d):\n    return d\n\nd = g(d)",
    "a chain of comparisons": "x = 1 > 2 > (d := {'limit': 3})",
    "one's own callback": "def g():\n    global d\n    d = a()\n\ndef h(x):\n    x()\n\nh(g)",
    "exec": "exec('d = 2')",
    "a star": "from other import *",
    "an attribute": "class A: ...\n\na = A()\na.d = d\na.d += {}\nd = a.d",
    "what is set from outside": "class A: ...\n\na = A()\na.d = d\nsetattr(a, 'd', 2)\nd = a.d",
    "through an unpacked one": "a, b = d, 2\na['limit'] = 2",
    "through a loop": "for v in [d]:\n    v['limit'] = 2",
    "through or": "e = d or {}\ne['limit'] = 2",
    "through an item": "e = d.get('more')\ne['x'] = 2",
    "through a method": "u = d.update\nu(limit=2)",
    "through any arguments": "def g(*a):\n    a[0]['limit'] = 2\n\ng(d)",
    "a text in braces": "d = {'limit': f'{[1]}', True: 1}",
    "one or another": "d = d if other else {'limit': 2}",
    "or": "d = d or other",
}


@pytest.mark.parametrize("case", STALE)
def test_what_may_have_changed_is_not_written(case: str) -> None:
    cell = f"d = {{'limit': 1, 'more': {{'x': 1}}}}\n{STALE[case]}\nf.run('job', parameters=d)"
    imported = Imported(notebook(*cells(DOWNLOAD, cell)))
    written = imported.yaml("runs/download.yaml")["spec"].get("parameters", {})
    assert not {"limit", "more"} & set(written)
    assert any(
        "`parameters" in each and "is known only at run time" in each for each in imported.messages
    )


def test_what_is_as_it_was_is_written() -> None:
    before = "d = {'limit': 1}\nprint(d)\nfor n in (1, 2):\n    len(d)\n"
    before += "if other:\n    d = {'limit': 1}\n"
    before += "def own(d):\n    d = 3\n\nown(4)\nx = [d for d in (1, 2)]\n"
    cell = f"{before}f.run('job', parameters=d)\nd.clear()"
    imported = Imported(notebook(*cells(DOWNLOAD, cell)))
    assert imported.yaml("runs/download.yaml")["spec"]["parameters"] == {"limit": 1}
    assert imported.messages == []


def test_names_that_share_a_file() -> None:
    def made(name: str) -> str:
        return (
            f"project.new_function({name!r}, 'python', python_version='PYTHON3_11',\n"
            f"    code='def f(): ...', handler='f').run('job', parameters={{'n': {name!r}}})\n"
            f"project.new_dataitem({name!r}, 'table', path='s3://x/' + {name!r})\n"
        )

    names = ("a b", "a-b", "A-B", "東京", "大阪", "../x", "x" * 300)
    imported = Imported(notebook(*cells(*map(made, names))))
    for folder in ("functions", "data/dataitem"):
        written = {
            imported.yaml(path)["name"]: path
            for path in imported.files
            if path.startswith(f"{folder}/") and path.endswith(".yaml")
        }
        assert set(written) == set(names)
        assert len({path.lower() for path in written.values()}) == len(names)
    runs = [imported.yaml(path) for path in imported.files if path.startswith("runs/")]
    assert {each["spec"]["parameters"]["n"] for each in runs} == set(names)
    assert not any(".." in path or not path.isascii() for path in imported.files)


def test_runs_that_differ_in_what_nobody_knows() -> None:
    cell = "f.run('job', parameters={'url': a()})\nf.run('job', parameters={'url': b()})"
    imported = Imported(notebook(*cells(DOWNLOAD, cell)))
    texts = [text for path, text in imported.files.items() if path.startswith("runs/")]
    assert sorted(text.splitlines()[0] for text in texts) == [
        "# parameters.url: a()",
        "# parameters.url: b()",
    ]


def test_half_a_character() -> None:
    imported = Imported(notebook(*cells(DOWNLOAD, "%%writefile x.py\n'\ud800'")))
    assert (
        "cell 5 holds lone surrogates, which UTF-8 cannot encode, and is left out"
        in imported.messages
    )
    assert "x.py" not in imported.files


RUN = "runs/download.yaml"


def test_no_secret_is_written() -> None:
    cell = (
        "f.run('job', envs=[{'name': 'DB_PASSWORD',\n"
        "    'value': get('hunter2-swordfish', 'DB_PASSWORD')}],\n"
        "    parameters={'url': open('https://user:hunter2-swordfish@example.com'),\n"
        "    'api_key': wrap('hunter2-swordfish'),\n"
        "    'c': login(1,  # the password is hunter2-swordfish\n"
        "    'hunter2-swordfish')}, **other('hunter2-swordfish'))\n"
        "project.log_dataitem('a', kind='table', data='hunter2-swordfish')"
    )
    imported = Imported(notebook(*cells(DOWNLOAD, cell)))
    assert "swordfish" not in json.dumps(imported.files)
    assert "# envs.DB_PASSWORD.value: get('...', 'DB_PASSWORD')" in imported.files[RUN]
    assert not any("swordfish" in message for message in imported.messages)


@pytest.mark.parametrize("name", ["demo.py", "demo.ipynb"])
def test_no_secret_is_printed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source = (
        "import digitalhub as dh\nproject = dh.get_or_create_project('demo')\n"
        f"{DOWNLOAD}f.run('job', parameters={{'a': wrap('hunter2-swordfish')}}, unknown=3)\n"
    )
    content = source.encode() if name.endswith(".py") else notebook(source)
    (tmp_path / name).write_bytes(content)
    assert main(["import", name]) == 1
    said = capsys.readouterr().err
    assert "parameters.a" in said
    assert "swordfish" not in said


def test_a_folder_that_cells_write() -> None:
    imported = Imported(
        notebook(
            *cells(
                "%%writefile src/..b.py\nx = 1",
                "project.new_function('g', 'python', python_version='PYTHON3_11',\n"
                "    code_src='src', handler='etl:count').run('job')",
            )
        ),
        beside={"src/more.py": "y = 1\n", "src/etl.py": "older\n"},
    )
    assert imported.messages == []
    assert "def count" in imported.files["src/etl.py"]
    assert {"src/..b.py", "src/more.py"} < set(imported.files)


def test_deep_and_wide_code_is_read_in_little_time() -> None:
    """Each of these took hours, or all of the memory, when parts were looked at twice."""
    nested = "f(" * 45 + "1" + ")" * 45
    doubled = "a = 'x' * 1\n" + "a = f'{a}{a}'\n" * 60 + "b = [1]\n" + "b = [b, b]\n" * 60
    deep = "x = " + "[" * 3000 + "]" * 3000 + "\n" + "c = []\n" + "c = [c]\n" * 3000
    wide = "\n".join("x = " + " + ".join(["y"] * 2000) for _ in range(20))
    for cell in (f"z = {nested}", doubled, deep, wide):
        run = "f.run('job', parameters={'b': 1})"
        imported = Imported(notebook(*cells(DOWNLOAD, cell, run)))
        assert imported.yaml("runs/download.yaml")["spec"]["parameters"] == {"b": 1}


def test_projects_whose_names_are_put_together() -> None:
    for name, wanted in (("f'{user}-my-project'", "my-project"), ("user", "demo")):
        made = [*cells(DOWNLOAD)]
        made[1] = f"project = dh.get_or_create_project({name})"
        imported = Imported(notebook(*made))
        assert imported.yaml("gitopsc.yaml")["project"] == wanted
        assert "the project's name is known only at run time" in imported.messages[0]
    made[1] = "project = dh.get_or_create_project('My_Project')"
    assert Imported(notebook(*made)).yaml("gitopsc.yaml")["project"] == "my-project"


def test_sources_beside_the_notebook() -> None:
    beside = {"src/etl.py": "def download(): ...\n", "lib/a/x.py": "x = 1\n", "lib/y.py": "y = 1\n"}
    made = (
        *cells(DOWNLOAD)[:2],
        DOWNLOAD,
        "project.new_function('g', kind='python', code_src='lib', handler='y:g')",
        "project.new_function('h', kind='python', code_src='git+https://example.com/r',\n"
        "    handler='m:h')",
        "sql = '''def k(): ...\n'''\n"
        "project.new_function('k', kind='python', code=sql, handler='k')",
    )
    imported = Imported(notebook(*made), beside=beside)
    assert {path for path in imported.files if path.endswith(".py")} == {
        *beside,
        "functions/k.py",
    }
    assert imported.files["functions/k.py"] == "def k(): ...\n"
    assert (
        imported.yaml("functions/h.yaml")["spec"]["source"]["source"] == "git+https://example.com/r"
    )


def test_a_script() -> None:
    text = (
        "import digitalhub as dh\n\n\n"
        "def main() -> None:\n"
        "    project = dh.get_or_create_project('demo')\n"
        "    di = dh.new_dataitem('demo', name='raw', kind='table', path='s3://x/y.csv')\n"
        "    f = dh.new_function(project='demo', name='f', kind='python', handler='f',\n"
        "        python_version='PYTHON3_11', code='def f(a): ...')\n"
        "    f.run('job', inputs={'a': di.key})\n"
        "    f.run('job', parameters={'a': unknown})\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    imported = Imported(text.encode(), "demo.py")
    assert imported.yaml("runs/f.yaml")["spec"] == {"function": "f", "inputs": {"a": "raw"}}
    (told,) = imported.told
    assert told.span == ("demo.py", 10, 5, 10, 44)


BAD: Mapping[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "it is not JSON"),
    "not text": (b"\xff\xfe\x00", "it is not text in UTF-8"),
    "no cells": (b"{}", "it has no cells"),
    "a list": (b"[]", "it has no cells"),
    "deep": (b"[" * 100_000, "it is not JSON"),
    "another language": (
        notebook("x <- 1", kernelspec={"language": "R"}),
        "its language is R",
    ),
    "nothing of the platform": (notebook("x = 1"), "makes a Python function"),
    "odd cells": (
        json.dumps(
            {"cells": [1, {"cell_type": "code"}, {"cell_type": "code", "source": [1]}]}
        ).encode(),
        "makes a Python function",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_an_error(case: str) -> None:
    content, said = BAD[case]
    imported = Imported(content)
    assert imported.files == {}
    assert has_errors(imported.told)
    assert said in imported.messages[-1]


def test_an_older_format() -> None:
    data = json.loads(notebook(*cells(DOWNLOAD)))
    older = [
        {**cell, "input": cell.pop("source"), "language": "python"} for cell in data.pop("cells")
    ]
    imported = Imported(json.dumps({"nbformat": 3, "worksheets": [{"cells": older}]}).encode())
    assert "functions/download.yaml" in imported.files


def test_outputs_of_megabytes() -> None:
    data = json.loads(notebook(*cells(DOWNLOAD, "f.run('job', parameters={'a': unknown})")))
    data["cells"][0]["outputs"] = [{"data": {"image/png": "A" * 5_000_000}}]
    imported = Imported(json.dumps(data, indent=1).encode())
    assert "runs/download.yaml" in imported.files


def test_no_value_changes_what_is_written() -> None:
    name = "x\\n# y: z"
    imported = Imported(
        notebook(
            *cells(
                DOWNLOAD,
                f"f.run('job', parameters={{'limit': '{name}', 'a': f('\\u202e\\n\\u0007')}})",
            )
        )
    )
    text = imported.files["runs/download.yaml"]
    assert yaml.safe_load(text)["spec"]["parameters"] == {"limit": "x\n# y: z"}
    assert "\u202e" not in text


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    proof = tmp_path / "ran"
    made = cells(DOWNLOAD, f"open({str(proof)!r}, 'w')", f"!touch {proof}")
    made = (*made, "f.run('job', parameters={'url': 'https://example.com'})")
    (tmp_path / "demo.ipynb").write_bytes(notebook(*made))
    assert main(["import", "demo.ipynb"]) == 0
    said = capsys.readouterr().err
    assert "created   demo/runs/download.yaml\n" in said
    assert "imported; fix what is told of demo" not in said
    assert "imported; `gitopsc compile demo` makes its manifests" in said
    assert not proof.exists()
    assert main(["import", "demo.ipynb"]) == 1
    assert "there already" in capsys.readouterr().err
    subprocess.run(["git", "init", "-q"], cwd=tmp_path / "demo", check=True)
    assert main(["compile", "demo"]) == 0
    capsys.readouterr()
    linked = tmp_path / "linked"
    linked.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (linked / "functions").symlink_to("../elsewhere")
    assert main(["import", "demo.ipynb", "linked"]) == 1
    assert "`linked/functions` is a link to a folder elsewhere" in capsys.readouterr().err
    assert not [*(tmp_path / "elsewhere").iterdir()]
    for wrong in ("none.ipynb", "demo/gitopsc.yaml"):
        with pytest.raises(SystemExit):
            main(["import", wrong])
    (tmp_path / "empty.py").write_text("x = 1\n")
    assert main(["import", "empty.py", "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [each["code"] for each in report["diagnostics"]] == ["C331"]
    assert not (tmp_path / "empty").exists()
