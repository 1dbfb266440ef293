"""A fuzzer that is guided by coverage: changed inputs reach code that random ones do not.

    python tests/fuzz_guided.py [inputs]        (what `make fuzz-guided` calls; needs atheris)

Each input is some files of a project: descriptors, settings, a lock, a list of owned files, Python,
a zip archive. Problems are diagnostics, so whatever is raised is a bug. It starts from what is in
`tests/fuzz/`, `tests/errors/` and the sample, and keeps nothing.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

with atheris.instrument_imports(include=["gitopsc"]):
    from conftest import SAMPLE, tree_of
    from gitopsc.adapters.archive import BadArchive, unpack
    from gitopsc.model.ownership import ownership
    from gitopsc.model.remote import NotRemote, remote_of
    from gitopsc.pipeline import compile_tree
    from gitopsc.report.json import render_json
    from gitopsc.report.text import render_text

NAMES = ("a.yaml", "gitopsc.yaml", "gitopsc.lock", "src/etl.py", "b.json", "src.zip")
SEPARATOR = b"\n=====\n"
BASE = {
    "src/etl.py": "def run(x=1, **rest):\n    return x\n",
    "gitopsc.yaml": "project: demo\nregistry: registry.example.com\nstores: {default: s3://data}\n",
}
DEFAULT_INPUTS = 100_000


def one_input(data: bytes) -> None:
    """The first byte says which files the parts are."""
    shift = data[0] if data else 0
    parts = data[1:].split(SEPARATOR)[: len(NAMES)]
    named = {NAMES[(number + shift) % len(NAMES)]: part for number, part in enumerate(parts)}
    tree = tree_of({**BASE, **named})
    found = compile_tree(tree).diagnostics
    render_text(found, tree.lines)
    render_json("failed", found, ())
    text = data.decode("utf-8", "replace")
    ownership(text)
    for line in text.split("\n")[:5]:
        try:
            remote_of(line)
        except NotRemote:
            continue
    try:
        unpack(data[1:])
    except BadArchive:
        return


def seeds(folder: Path) -> None:
    """What the tests have, each as an input."""
    sources = [*(ROOT / "tests" / "fuzz").iterdir(), *(ROOT / "tests" / "errors").glob("*.yaml")]
    sources += [each for each in SAMPLE.rglob("*.*") if "deploy" not in each.parts]
    for number, path in enumerate(sorted(each for each in sources if each.is_file())):
        kind = {".py": 3, ".json": 4}.get(path.suffix, int(path.name == "gitopsc.yaml"))
        (folder / str(number)).write_bytes(bytes([kind]) + path.read_bytes())


def main() -> None:
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_INPUTS
    folder = Path(tempfile.mkdtemp(prefix="gitopsc-fuzz-"))
    seeds(folder)
    options = [f"-runs={inputs}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *options, str(folder)], one_input)
    try:
        atheris.Fuzz()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
