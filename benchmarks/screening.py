"""What looking for credentials costs: cold compiles with it and without, in pairs, in one process.

python benchmarks/screening.py [--descriptors 300] [--pairs 15]
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from pathlib import Path

from generate import generate
from gitopsc import pipeline
from gitopsc.scan import scan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--descriptors", type=int, default=300)
    parser.add_argument("--pairs", type=int, default=15)
    arguments = parser.parse_args()
    genuine = pipeline.screen

    def nothing(*_: object) -> tuple[()]:
        return ()

    with tempfile.TemporaryDirectory() as place:
        generate(arguments.descriptors, Path(place))
        ratios = []
        for number in range(arguments.pairs + 1):
            seconds = {}
            for name in ("with", "without") if number % 2 else ("without", "with"):
                pipeline.screen = genuine if name == "with" else nothing
                tree, _ = scan(place)
                gc.collect()
                began = time.perf_counter()
                pipeline.compile_tree(tree)
                seconds[name] = time.perf_counter() - began
            if number:  # the first one imports
                ratios.append(seconds["with"] / seconds["without"])
    print(f"{arguments.descriptors} descriptors, {arguments.pairs} pairs")
    print(f"with screening: {statistics.median(ratios):.3f}x the time without (median)")


if __name__ == "__main__":
    main()
