"""`gitopsc run`: which errors of a project stop a run."""

from __future__ import annotations

import pytest
from conftest import tree_of
from gitopsc.commands.blocking import blocking
from gitopsc.model.diagnostic import has_errors
from gitopsc.pipeline import link_tree

PROJECT = {
    "gitopsc.yaml": "project: demo\nstores: {default: s3://bucket}\n",
    "makes.py": "def makes(project):\n    project.log_artifact('first', 'artifact', 'x')\n",
    "reads.py": "def reads(before):\n    pass\n",
    "names.py": "def names(project):\n    project.get_artifact('first')\n",
    "alone.py": "def alone():\n    pass\n",
    "functions.yaml": """
kind: python
name: makes
spec: {python_version: PYTHON3_11, source: {source: makes.py, handler: makes}}
---
kind: python
name: reads
spec: {python_version: PYTHON3_11, source: {source: reads.py, handler: reads}}
---
kind: python
name: names
spec: {python_version: PYTHON3_11, source: {source: names.py, handler: names}}
---
kind: python
name: alone
spec: {python_version: PYTHON3_11, source: {source: alone.py, handler: alone}}
""",
    "makes.yaml": """
kind: python+job:run
name: makes
spec: {function: makes}
""",
    "reads.yaml": """
kind: python+job:run
name: reads
spec: {function: reads, inputs: {before: store://demo/artifact/artifact/first}}
""",
    "names.yaml": """
kind: python+job:run
name: names
spec: {function: names}
""",
    "other.yaml": """
kind: python+job:run
name: other
spec: {function: alone}
---
kind: container
name: tiler
spec: {image: "registry.example.com/tiler:1"}
---
kind: secret
name: more
spec: {}
""",
}
"""One run makes what two read: one by an input, one by its code."""

CASES = {
    "a key of another run": ("other.yaml", "function:", "functoin:", "makes", 0),
    "a key of the run": ("reads.yaml", "inputs:", "inptus:", "reads", None),
    "a parameter of the run": (
        "reads.yaml",
        "{function: reads,",
        "{function: reads, parameters: {more: 1},",
        "reads",
        1,
    ),
    "a key of its function": ("functions.yaml", "handler: makes", "handelr: makes", "makes", None),
    "a key of another function": ("functions.yaml", "handler: reads", "handelr: reads", "makes", 0),
    "a key of a container": ("other.yaml", "{image:", "{imgae:", "makes", 0),
    "a handler that is not there": ("functions.yaml", "handler: names", "handler: nam", "makes", 0),
    "source that does not parse": ("names.py", "def names(", "def names((", "makes", 0),
    "its own source": ("makes.py", "def makes(", "def makes((", "makes", None),
    "settings": ("gitopsc.yaml", "stores:", "stroes:", "makes", None),
    "who makes what it reads": ("makes.yaml", "{function: makes}", "{functoin: makes}", "reads", 1),
    "who makes what its code reads": (
        "makes.yaml",
        "{function: makes}",
        "{functoin: makes}",
        "names",
        1,
    ),
    "a newer version of its function": (
        "functions.yaml",
        "kind: python\nname: reads\nspec: {",
        "kind: python\nname: makes\nid: newer\nspec: {handelr: x, ",
        "makes",
        None,
    ),
    "data that is invalid": ("other.yaml", "spec: {}", "spec: 3", "makes", 1),
    "a file that does not parse": ("other.yaml", "spec: {}", "spec: {", "makes", 0),
    "such a file beside a reader": ("other.yaml", "spec: {}", "spec: {", "reads", 0),
    "who makes what it reads, there": ("makes.yaml", "{function:", "[function:", "reads", 1),
    "its task, in such a file": (
        "other.yaml",
        "spec: {}",
        "spec: {\n---\nkind: python+job\nname: t\n",
        "makes",
        1,
    ),
    "a version of its function, in such a file": (
        "other.yaml",
        "spec: {}",
        "spec: {\n---\nkind: python\nname: makes\nid: newer\n",
        "makes",
        1,
    ),
    "settings that do not parse": ("gitopsc.yaml", "stores: {", "stores: {{", "makes", 1),
    "a kind that is unknown": ("other.yaml", "python+job:run", "python+jub:run", "makes", 0),
}


@pytest.mark.parametrize("case", CASES)
def test_what_stops_a_run(case: str) -> None:
    """None says that the run is not even there."""
    file, old, new, name, expected = CASES[case]
    assert old in PROJECT[file]
    tree = tree_of({**PROJECT, file: PROJECT[file].replace(old, new, 1)})
    programs, problems = link_tree(tree, with_broken=True)
    errors = [each for each in problems if has_errors([each])]
    assert errors
    (program,) = programs
    runs = [run for run in program.runs if run.name == name]
    if expected is None:
        assert not runs or blocking(runs, program, errors)
        return
    assert runs

    def text_of(path: str) -> str:
        return "\n".join(tree.lines(path))

    assert bool(blocking(runs, program, errors, text_of)) == bool(expected), errors
