"""`gitopsc completion`: a shell -> the script that completes commands and options in it."""

from __future__ import annotations

import argparse


def run(arguments: argparse.Namespace) -> int:
    import shtab

    print(shtab.complete(arguments.parser, arguments.shell))
    return 0
