"""`python -m compiler` -> the command line."""

from __future__ import annotations

from compiler.cli import console

if __name__ == "__main__":
    console()
