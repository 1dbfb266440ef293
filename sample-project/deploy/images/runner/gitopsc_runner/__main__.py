"""Starts the runner from its folder: neither the working directory nor PYTHONPATH has a say."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from gitopsc_runner.start import main

    beside = None
    if end := os.environ.get("GITOPSC_END"):
        from gitopsc_runner.beside import Beside

        beside = Beside(end)
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if beside is not None:
        beside.ends(code)
    os._exit(code)  # threads that a function has left running would keep the process
