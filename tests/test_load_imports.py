"""Imports that nothing in an image provides: found where it is sure, and silent everywhere else."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping

import pytest
from conftest import tree_of
from gitopsc.adapters.packaged import RUNTIME, known_packages, runner_requirements
from gitopsc.adapters.requirement import plain_name
from gitopsc.adapters.standard_library import standard_library
from gitopsc.pipeline import compile_tree


def unmet(
    files: Mapping[str, str] | str, requirements: tuple[str, ...] = (), **keys: object
) -> set[tuple[str, str, int]]:
    """Module, file and line of each import that is warned of; the handler is `main:run`."""
    files = {"main.py": files} if isinstance(files, str) else files
    function = {
        "kind": "python",
        "name": "f",
        "spec": {
            "python_version": "PYTHON3_11",
            "requirements": [*requirements],
            "source": {"source": "src", "handler": "main:run"},
            **keys,
        },
    }
    tree = tree_of(
        {
            "f.json": json.dumps(function).encode(),
            **{f"src/{path}": text for path, text in files.items()},
        }
    )
    found = [each for each in compile_tree(tree).diagnostics if each.code.id == "C431"]
    modules = (re.findall("`(.*?)`", each.message)[0] for each in found)
    return {
        (module, each.span.path, each.span.line)
        for module, each in zip(modules, found, strict=True)
    }


RUN = "\n\ndef run(): ...\n"

SILENT = {
    "names that packages have besides": (
        f"import grpc, airflow, functorch, torchgen, Cython, pyximport{RUN}",
        ("grpcio", "apache-airflow", "torch", "cython"),
    ),
    "what only running has": (f"import __main__, distutils.util{RUN}", ()),
    "the standard library": (f"import json, tomllib, xml.etree.ElementTree{RUN}", ()),
    "what is required": (f"import yaml, PIL.Image{RUN}", ("PyYAML>=6", "Pillow")),
    "what that brings": (f"import numpy, dateutil.parser{RUN}", ("pandas==2.2.3",)),
    "what older versions brought": (f"import pytz{RUN}", ("pandas==2.2.3",)),
    "the platform's own": (
        f"import digitalhub as dh\nimport digitalhub_runtime_python\nimport nuclio_sdk{RUN}",
        (),
    ),
    "under try": (f"try:\n    import orjson\nexcept ImportError:\n    orjson = None{RUN}", ()),
    "under if": (f"import typing\nif typing.TYPE_CHECKING:\n    import pandas{RUN}", ()),
    "in a function that nobody calls": (f"def other():\n    import torch{RUN}", ()),
    "in a method": (f"class C:\n    def m(self):\n        import torch{RUN}", ()),
    "with a package that nobody knows": (f"import torch{RUN}", ("acme-tools",)),
    "with extras": (f"import torch{RUN}", ("pandas[performance]",)),
    "from a URL": (f"import torch{RUN}", ("x @ https://example.com/x.whl",)),
    "a name that many packages share": (f"from google.cloud import storage{RUN}", ()),
    "where the path is moved": (f"import sys\nsys.path.append('/x')\nimport torch{RUN}", ()),
    "not in what is not Python": ("import torch\ndef run(:\n", ()),
}


@pytest.mark.parametrize("case", SILENT)
def test_silent(case: str) -> None:
    text, requirements = SILENT[case]
    assert unmet(text, requirements) == set()


def test_modules_beside_it() -> None:
    files = {
        "main.py": "from lib import tool\nfrom .near import x\nimport own\n\n"
        "def run():\n    tool.do()\n",
        "lib/__init__.py": "",
        "lib/tool.py": "import requests\n\n"
        "def do():\n    import torch\n\ndef never():\n    import jax\n",
        "near.py": "",
        "own.py": "import own\nimport bs4\n",
        "unused.py": "import keras\n",
    }
    assert unmet(files) == {
        ("requests", "src/lib/tool.py", 1),
        ("torch", "src/lib/tool.py", 4),
        ("bs4", "src/own.py", 2),
    }


def test_the_first_place_of_each() -> None:
    text = "import pandas as pd\nfrom pandas.api import types\n\ndef run():\n    import pandas\n"
    assert unmet(text) == {("pandas", "src/main.py", 1)}


@pytest.mark.parametrize(
    "keys",
    [
        {"base_image": "registry.example.com/science:1"},
        {"image": "registry.example.com/science:1"},
    ],
)
def test_an_image_of_ones_own(keys: Mapping[str, str]) -> None:
    assert unmet(f"import torch{RUN}", **keys) == set()


def test_what_a_python_no_longer_has() -> None:
    assert unmet(f"import imghdr{RUN}") == set()
    assert unmet(f"import imghdr{RUN}", python_version="PYTHON3_13") == {
        ("imghdr", "src/main.py", 1)
    }


def test_the_standard_library_is_that_of_each_python() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    own = {name for name in sys.stdlib_module_names if not name.startswith("_")}
    assert own <= standard_library(version) | {"antigravity", "this"}


def test_names_of_packages_are_in_their_normal_form() -> None:
    known = known_packages(RUNTIME)
    names = {
        name for names in (*known.modules.values(), *known.requires.values()) for name in names
    }
    for name in names | known.requires.keys():
        assert plain_name(name) == name
    for text in runner_requirements(RUNTIME, ("s3", "gs", "az", "https")):
        assert plain_name(text) is not None


def hints(files: Mapping[str, str], spec: Mapping[str, object]) -> list[str | None]:
    function = {"kind": "python", "name": "f", "spec": spec}
    tree = tree_of({"f.json": json.dumps(function).encode(), **files})
    return [each.hint for each in compile_tree(tree).diagnostics if each.code.id == "C431"]


def test_what_to_do_is_told() -> None:
    spec = {
        "python_version": "PYTHON3_13",
        "source": {"source": "src", "handler": "main:run"},
        "requirements": ["pandas"],
    }
    files = {
        "src/main.py": f"import src.lib.a\nimport imghdr\nimport torch\nimport other.b{RUN}",
        "src/lib/a.py": "x = 1\n",
        "other/b.py": "x = 1\n",
    }
    assert hints(files, spec) == [
        "its source is `src/`: import `src/lib/a.py` as `lib.a`",
        "Python has it up to version 3.12 only: use what replaces it",
        "add `torch` to `requirements`",
        "`other/b.py` is not in its source: let `source` be a folder that has it",
    ]


def test_requirements_with_errors_say_nothing_of_what_is_there() -> None:
    spec = {
        "python_version": "PYTHON3_11",
        "source": {"source": "src", "handler": "main:run"},
        "requirements": ["nosuch.txt"],
    }
    assert hints({"src/main.py": f"import torch{RUN}"}, spec) == []
