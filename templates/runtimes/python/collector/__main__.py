"""Starts the collector of a store from its folder, with the runner's modules beside it."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    folder = Path(__file__).resolve().parent
    sys.path[:1] = [str(folder), str(folder.parent / "runner")]
    from garbage import main

    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads of drivers would keep the process
