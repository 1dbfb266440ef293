"""The calls of tests/test_runner_sdk.py, made by the platform's real SDK: `beside.py FOLDER`.

FOLDER has `main.py`, whose `make` makes data and whose `every_here` makes all calls. Where the
server and the store are is in the environment, as the SDK wants it. Runs are the SDK's local ones.
"""

from __future__ import annotations

import os
import sys
import warnings

import digitalhub  # type: ignore[import-not-found]  # in an environment of its own

warnings.simplefilter("ignore")
os.chdir(sys.argv[1])
sys.path.insert(0, os.getcwd())
project = digitalhub.get_or_create_project("demo")
project.new_secret("TOKEN", secret_value="hush")


def run(handler: str, **given: object) -> object:
    function = project.new_function(
        name=handler.replace("_", "-"),
        kind="python",
        python_version="PYTHON3_11",
        code_src="main.py",
        handler=handler,
    )
    return function.run("job", local_execution=True, **given)


made = run("make").status.to_dict()["outputs"]  # type: ignore[attr-defined]
run("every_here", inputs={name: made[name] for name in "aftm"})
print("ALL CALLED")
