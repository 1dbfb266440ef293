"""`python -m gitopsc` -> the command line."""

from __future__ import annotations

from gitopsc.cli import console

if __name__ == "__main__":
    console()
