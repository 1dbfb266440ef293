"""What genuine handlers call of the platform's SDK (digitalhub.md section 12), and what it gives.

What the real SDK gives is in section 12.1, as it was run there. Each row is a handler's body; it is
run by the runner, with data that another run has made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from test_runner import get, serving
from test_runner_store import Runs

MODEL = "store://demo/model/model/m"
ARTIFACT = "store://demo/artifact/artifact/a"
FOLDER = "store://demo/artifact/artifact/f"
TABLE = "store://demo/dataitem/table/t"

MAKE = """
import os
import pandas
from pathlib import Path


def make(project, run):
    Path("a.txt").write_text("of a")
    os.makedirs("folder/inner", exist_ok=True)
    Path("folder/one.txt").write_text("one")
    Path("folder/inner/two.txt").write_text("two")
    project.log_artifact("a", "artifact", "a.txt", description="said", labels=["x"])
    project.log_artifact("f", kind="artifact", source="folder")
    project.log_table("t", data=pandas.DataFrame({"n": [1, 2]}))
    m = project.log_model(
        name="m", kind="model", source="a.txt", framework="torch", algorithm="tree",
        parameters={"depth": 3}, base_model="base", metrics={"accuracy": 0.5},
    )
    m.log_metric("loss", 0.25)
    run.log_metric("speed", 7, single_value=True)
    return "fine"
"""

CALLS: Mapping[str, str] = {
    "as_file is a path": "assert Path(a.as_file()).read_text() == 'of a'",
    "as_file of several is their folder": "assert Path(f.as_file(), 'inner/two.txt').exists()",
    "open(as_file())": "assert open(m.as_file()).read() == 'of a'",
    "as_df": "assert t.as_df()['n'].tolist() == [1, 2]",
    "as_df(file_format=)": "assert len(t.as_df(file_format=t.spec.path.rpartition('.')[2])) == 2",
    "download": "assert Path(a.download('here.txt')).read_text() == 'of a'",
    "metadata": "assert (a.metadata.name, a.metadata.project) == ('a', 'demo')",
    "metadata.description": "assert a.metadata.description == 'said'",
    "metadata.labels": "assert a.metadata.labels == ['x']",
    "metadata.labels of none": "m.metadata.labels.append('z')",
    "metadata.labels.append, save": "a.metadata.labels.append('y'); a.save(update=True)",
    "refresh": "assert a.refresh() is a",
    "spec.path": "assert a.spec.path.endswith('a.txt')",
    "spec.framework": "assert (m.spec.framework, m.spec.algorithm) == ('torch', 'tree')",
    "spec.parameters": "assert m.spec.parameters == {'depth': 3}",
    "spec.base_model": "assert m.spec.base_model == 'base'",
    "spec.to_dict": "assert m.spec.to_dict()['framework'] == 'torch'",
    "status.metrics": "assert m.status.metrics == {'accuracy': 0.5, 'loss': [0.25]}",
    "status.state": "assert a.status.state == 'READY'",
    "status.files": (
        "assert sorted(x['path'] for x in f.status.files) == ['inner/two.txt', 'one.txt']"
    ),
    "metrics": "assert m.metrics['loss'] == [0.25]",
    "to_dict": "assert a.to_dict()['status']['files'][0]['size'] == 4",
    "project.get_*": "assert context.project.get_model('m').key == m.key",
    "project.list_*": "assert {'a', 'f'} <= {x.name for x in project.list_artifacts()}",
    "project.get_run": "assert project.get_run('Make').status.metrics == {'speed': 7}",
    "project.get_run.status.to_dict": (
        "assert project.get_run('make').status.to_dict()['results'] == {'output_0': 'fine'}"
    ),
    "project.get_run of one that never ran": "raises(lambda: project.get_run('other'), 'is done')",
    "run.status": "run.log_metric('x', 1); assert run.status.metrics == {'x': [1]}",
    "run.metrics": "run.log_metric('y', 1); assert run.metrics['y'] == [1]",
    "run.refresh": "assert run.refresh().status.state == 'RUNNING'",
    "project.get_run of this one": "assert project.get_run(run.id).status.state == 'RUNNING'",
    "RUN_ID": "assert os.environ['RUN_ID'] == 'use' == run.id",
    "get_run(RUN_ID)": "assert project.get_run(os.environ['RUN_ID']) is run",
    "secrets": "assert project.get_secret('TOKEN').read_secret_value() == 'hush'",
    "secrets of others": "raises(lambda: project.get_secret('NONE'), 'add it to its')",
    "context.root": "assert Path(context.root) == Path.cwd()",
    "context.logger": "context.logger.info_with('said', x=1)",
    "digitalhub at its top": "import digitalhub as dh; assert dh.get_model('m').id == m.id",
    "digitalhub at its top, of a project": (
        "import digitalhub as dh; assert dh.get_model('m', project='demo').id == m.id"
    ),
    "digitalhub.log_artifact": (
        "import digitalhub as dh; Path('z').write_text('z');"
        "dh.log_artifact(project='demo', name='z', kind='artifact', source='z');"
        "assert project.get_artifact('z').as_file()"
    ),
    "digitalhub.log_artifact, by place": (
        "import digitalhub as dh; Path('z').write_text('z');"
        "assert dh.log_artifact('demo', 'z', 'artifact', 'z').name == 'z'"
    ),
    "another project": "import digitalhub as dh; raises(lambda: dh.get_project('x'), 'knows no')",
    "a submodule": (
        "from digitalhub.entities.artifact._base.entity import Artifact;"
        "assert isinstance(a, Artifact)"
    ),
    "import of a submodule": "from digitalhub.entities.run._base.entity import Run",
    "log_*(path=)": (
        "Path('p.txt').write_text('p'); x = project.log_artifact('p', 'artifact', 'p.txt',"
        " path=os.environ['STORE'] + '/own/q.txt'); assert x.spec.path.endswith('/own/q.txt');"
        "assert open(x.as_file()).read() == 'p'"
    ),
    "log_*(path=) of a folder": (
        "Path('p.txt').write_text('p'); x = project.log_artifact('p', 'artifact', 'p.txt',"
        " path=os.environ['STORE'] + '/own/'); assert open(x.as_file()).read() == 'p'"
    ),
    "log_*(path=) elsewhere": (
        "Path('p').write_text('p');"
        "raises(lambda: project.log_artifact('p', 'artifact', 'p', path='s3://x/y'), 'no declared')"
    ),
    "numbers of numpy": (
        "import numpy as np; Path('n').write_text('n');"
        "x = project.log_model('n', 'model', source='n',"
        " metrics={'a': np.float32(0.5)}, parameters={np.int64(1): {3, 2}, 'v': np.arange(2)});"
        "assert x.metrics == {'a': 0.5} and x.spec.parameters == {'1': [2, 3], 'v': [0, 1]}"
    ),
    "its own data by key": (
        "Path('k').write_text('k'); x = project.log_artifact('k', 'artifact', source='k');"
        "assert project.get_artifact(x.key).key == x.key"
    ),
    "something else in the place of a part": (
        "Path('o').write_text('o'); x = project.log_artifact('o', 'artifact', 'o');"
        "x.metadata = 'x'; x.spec = {'colour': 'red'};"
        "assert x.save().entity.spec == {'colour': 'red'}"
    ),
    "a folder at a path, twice": (
        "os.makedirs('d/i', exist_ok=True); Path('d/i/x').write_text('x');"
        "place = os.environ['STORE'] + '/d/';"
        "y = [project.log_artifact('d', 'artifact', source='d', path=place) for _ in 'ab'];"
        "assert [z['path'] for z in y[1].status.files] == ['i/x']"
    ),
    "classes for annotations": (
        "from digitalhub.entities.dataitem.table.entity import DataitemTable;"
        "from digitalhub.entities._commons.enums import EntityTypes;"
        "import digitalhub_runtime_python.utils; assert isinstance(t, DataitemTable)"
    ),
    "hasattr": "import digitalhub; assert hasattr(digitalhub, 'log_artifact')",
    "hasattr of what is not covered": (
        "import digitalhub; assert not hasattr(digitalhub, 'delete_run')"
    ),
    "a copy of an entity": "import copy; assert copy.deepcopy(m).key == m.key",
    "a returned path again": (
        "x = a.download('again.txt'); raises(lambda: a.download('again.txt'), 'already')"
    ),
    "what is not covered": "raises(lambda: project.share('x'), 'is not covered')",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    found = Runs(tmp_path_factory.mktemp("sdk"))
    found.variables = {"TOKEN": "hush", "STORE": found.root.as_uri()}
    (found.folder / "function" / "main.py").write_text(source_of_calls())
    found("make", run="make")
    return found


def source_of_calls() -> str:
    """A module with a function for each call, and handlers that make data and call them all."""
    handlers = [
        f"def call_{number}(context, project, run, a, f, t, m):\n    {body}\n"
        for number, body in enumerate(CALLS.values())
    ]
    return "\n\n".join([MAKE, MORE, *handlers])


MORE = """
import traceback


def raises(call, words):
    try:
        call()
    except Exception as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)


def gives(project):
    Path("a.txt").write_text("of a")
    return project.log_artifact("own", "artifact", "a.txt")


def all_calls(given):
    for name, call in sorted(globals().items(), key=lambda each: (len(each[0]), each[0])):
        if name.startswith("call_"):
            try:
                call(**given)
            except BaseException:
                print("FAILED", name, traceback.format_exc().replace(chr(10), " | "))


def every(context, project, run, a, f, t, m):
    all_calls(dict(context=context, project=project, run=run, a=a, f=f, t=t, m=m))
"""


def reads() -> dict[str, Any]:
    keys = {"a": ARTIFACT, "f": FOLDER, "t": TABLE, "m": MODEL}
    return {
        name: {"key": key, "producer": "make", "version": "1" * 64} for name, key in keys.items()
    }


@pytest.fixture(scope="module")
def failed(runs: Runs) -> Mapping[str, str]:
    """All calls are made in one process, one after the other: which of them have failed."""
    said = runs("every", run="use", compute="2" * 64, inputs=reads(), secrets={"TOKEN": ""})
    lines = (line.split(" ", 2) for line in said.splitlines() if line.startswith("FAILED "))
    return {name: trace for _, name, trace in lines}


@pytest.mark.parametrize("number", range(len(CALLS)), ids=list(CALLS))
def test_a_call(number: int, failed: Mapping[str, str]) -> None:
    assert failed.get(f"call_{number}") is None


def test_what_is_noted_of_other_data_is_in_the_record(runs: Runs) -> None:
    number = list(CALLS).index("metadata.labels.append, save")
    runs(f"call_{number}", run="use", compute="3" * 64, inputs=reads())
    path = runs.root / "demo" / "default" / "records" / "use" / f"{'3' * 64}.json"
    (noted,) = json.loads(path.read_text())["saved"].values()
    assert noted["metadata"]["labels"] == ["x", "y"]


def test_a_returned_entity_has_both_names(runs: Runs) -> None:
    said = runs("gives", run="gives", compute="4" * 64)
    assert '"output_0": "store://demo/artifact/artifact/own:' in said
    assert '"own": "store://demo/artifact/artifact/own:' in said


RETURNED = {
    "swapped": ("['a', 'b']", "project.log_artifact('b', source='x'), log('a')", ["a", "b"]),
    "a result of that name": ("['res', 'acc']", "log('acc'), 0.9", ["res"]),
}


@pytest.mark.parametrize("name", RETURNED)
def test_names_that_are_taken(name: str, tmp_path: Path) -> None:
    outputs, returned, expected = RETURNED[name]
    runs = Runs(tmp_path)
    (runs.folder / "function" / "main.py").write_text(
        "from digitalhub_runtime_python import handler\n\n"
        f"@handler(outputs={outputs})\ndef run(project):\n    open('x', 'w').close()\n"
        f"    def log(name):\n        return project.log_artifact(name, source='x')\n"
        f"    return {returned}\n"
    )
    runs("run")
    path = runs.root / "demo" / "default" / "records" / "run" / f"{'1' * 64}.json"
    assert sorted(json.loads(path.read_text())["outputs"]) == expected


def test_a_declared_output_stays_under_its_key(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    (runs.folder / "function" / "main.py").write_text(
        "def run(project):\n    open('x', 'w').close()\n"
        "    return project.log_artifact('data', source='x')\n"
    )
    runs("run", outputs={"data": "store://demo/artifact/artifact/other"})
    path = runs.root / "demo" / "default" / "records" / "run" / f"{'1' * 64}.json"
    assert json.loads(path.read_text())["outputs"]["data"]["name"] == "other"


def test_events(tmp_path: Path) -> None:
    source = tmp_path / "function"
    source.mkdir()
    (source / "main.py").write_text(
        "def serve(context, event):\n"
        "    return [event.url, event.timestamp.year > 2000, event.type, event.path]\n"
    )
    with serving(source, handler="serve") as (url, _, _):
        assert json.loads(get(f"{url}/x/y?z=1")[1]) == [f"{url}/x/y", True, "", "/x/y"]
