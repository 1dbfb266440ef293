"""Starts the runner from its folder: neither the working directory nor PYTHONPATH has a say."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from gitopsc_runner.start import main

    sys.exit(main())
