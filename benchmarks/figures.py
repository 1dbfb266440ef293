"""What compiling costs, as ratios to reading and hashing the same files in the same run.

Prints the table that the README quotes. Each figure is the best of some runs, for other work on the
machine only ever adds to one.

    python benchmarks/figures.py [--sizes 100,1000,10000] [--project-size 300] [--folder /dev/shm]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from generate import PROJECT_SIZE, commit, generate

COMPILE = (sys.executable, "-m", "gitopsc", "compile")
ROOT = Path(__file__).resolve().parents[1]
REPEATS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100,1000,10000")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--project-size", type=int, default=PROJECT_SIZE)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        os.environ["PYTHONPATH"] = str(ROOT / ".editable")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # which installers write
        for size in map(int, options.sizes.split(",")):
            rows.append(measure(size, Path(place) / str(size), options.project_size))
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, best of {REPEATS}\n")
    print("\n".join(table(rows)))


Row = dict[str, tuple[float, float | None]]
"""What was measured -> seconds, and how many times reading and hashing that is."""


def measure(size: int, root: Path, project_size: int) -> Row:
    generate(size, root, project_size=project_size)
    inputs = [path for path in listed(root) if path.suffix != ""]
    floor = best(lambda: read_and_hash(inputs))
    row: Row = {"descriptors": (size, None), "read and hash": (floor, None)}

    def timed(name: str, command: tuple[str, ...], before: Callable[[], object]) -> None:
        seconds = best(
            lambda: subprocess.run(command, cwd=root, check=True, capture_output=True), before
        )
        row[name] = (seconds, seconds / floor)

    def forget() -> None:
        shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
        for folder in root.glob("projects/*/deploy"):
            shutil.rmtree(folder)

    timed("cold compile", COMPILE, forget)
    commit(root)
    subprocess.run(COMPILE, cwd=root, check=True, capture_output=True)
    timed("unchanged", COMPILE, lambda: None)
    timed("`--check`", (*COMPILE, "--check"), lambda: None)

    def clone() -> None:
        """With the cache of before, as CI has it: everywhere new times, and the same content."""
        origin = root.with_name("origin")
        root.rename(origin)
        subprocess.run(("git", "clone", "-q", origin, root), check=True)
        shutil.rmtree(origin)

    timed("fresh clone, cache kept", COMPILE, clone)
    timed("`git status`", ("git", "status"), lambda: None)
    run = root / "projects" / "p0" / "runs" / "f0" / "r0.yaml"
    values = iter(range(1000))

    def edit() -> None:
        run.write_text(
            re.sub(r"description: .*", f"description: Edit {next(values)}", run.read_text())
        )
        time.sleep(0.2)  # a person needs longer to get from an editor to a command

    timed("one file changed", COMPILE, edit)
    handlers = (root / "projects" / "p0" / "src").rglob("f*.py")
    handler = max(handlers, key=lambda path: int(path.stem[1:]))

    def edit_handler() -> None:
        """Of the last function, whose runs are read by few."""
        text = re.sub(r"(?m)^LIMIT = .*", f"LIMIT = {next(values)}", handler.read_text())
        handler.write_text(text)
        time.sleep(0.2)

    timed("one handler changed", COMPILE, edit_handler)
    timed("start-up", (sys.executable, "-m", "gitopsc", "--version"), lambda: None)
    forget()
    row["peak memory"] = (peak(root), None)
    return row


def best(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    found = []
    for _ in range(REPEATS):
        before()
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def read_and_hash(paths: list[Path]) -> None:
    for path in map(os.fspath, paths):
        descriptor = os.open(path, os.O_RDONLY)
        hashlib.blake2b(os.read(descriptor, 1 << 20)).digest()
        os.close(descriptor)


def listed(root: Path) -> list[Path]:
    command = ("git", "ls-files", "-z")
    names = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return [root / name for name in names.split("\0") if name]


def peak(root: Path) -> float:
    """MiB of a cold compile: of its largest process."""
    pid = os.fork()
    if pid == 0:
        os.chdir(root)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execv(sys.executable, COMPILE)
    _, _, usage = os.wait4(pid, 0)
    assert isinstance(usage, resource.struct_rusage)
    return usage.ru_maxrss / 1024


def table(rows: list[Row]) -> Iterator[str]:
    names = list(rows[0])
    yield "| | " + " | ".join(f"{row['descriptors'][0]:,.0f} descriptors" for row in rows) + " |"
    yield "|---|" + "---|" * len(rows)
    for name in names[1:]:
        yield f"| {name} | " + " | ".join(cell(name, *row[name]) for row in rows) + " |"


def cell(name: str, value: float, ratio: float | None) -> str:
    if name == "peak memory":
        return f"{value:.0f} MiB"
    seconds = f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"
    return seconds if ratio is None else f"{seconds}, {ratio:.1f}x"


if __name__ == "__main__":
    main()
