"""The runner's handler beside a container: it brings inputs as files, waits, and stores outputs.

The shell that starts the container waits for `go`, touches `beat` while the container runs, and
writes its exit code to `code`.
"""

import os
import shutil
import time
from pathlib import Path

from gitopsc_runner.outcome import Unusable, Waiting

_ROOT = Path(os.environ.get("GITOPSC_ROOT", "/"))
_EXCHANGE = _ROOT / "gitopsc"
_SILENT_SECONDS = 60
"""Without a sign of the container, which may have been killed with its shell."""

_AGAIN, _UNUSABLE = 75, 76
"""Exit codes that mean the same as the runner's own."""


def bring_and_keep(project, gitopsc_made, **inputs):
    """`gitopsc_made` has the type, the kind and the name of the data of each output."""
    for name, entity in inputs.items():
        _bring(entity, _ROOT / "inputs" / name)
    (_EXCHANGE / "go").touch()
    code = _exit_code()
    if code == _AGAIN:
        raise Waiting("the container ended with exit code 75, which asks for another try")
    if code == _UNUSABLE:
        raise Unusable("the container ended with exit code 76, which no other try would change")
    if code:
        raise RuntimeError(f"the container ended with exit code {code}")
    for name, (type_, kind, called) in gitopsc_made.items():
        made = _ROOT / "outputs" / name
        if not made.exists():
            raise Unusable(f"the container has left nothing at {made}, which the run declares")
        project.keep(type_, kind, called, made)


def _bring(entity, place):
    """As one file, or as a folder of several."""
    folder = place.with_name(f".{place.name}")
    found = Path(entity.download(f"{folder}/"))
    if found.is_file():
        found.replace(place)
        shutil.rmtree(folder)
    else:
        folder.replace(place)


def _exit_code():
    code, beat = _EXCHANGE / "code", _EXCHANGE / "beat"
    while not code.exists():
        if beat.exists() and time.time() - beat.stat().st_mtime > _SILENT_SECONDS:
            raise RuntimeError("the container was killed before it could say how it ended")
        time.sleep(0.2)
    return int(code.read_text())
