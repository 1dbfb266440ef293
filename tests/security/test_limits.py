"""Nothing that a pull request holds takes a compile its time or its memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, tree_of
from gitopsc.adapters.archive import BadArchive, unpack
from gitopsc.adapters.git import RemoteRefused, RemoteRepository
from gitopsc.adapters.glob import is_pattern, matcher
from gitopsc.model.diagnostic import WRONG_VALUE, Diagnostic
from gitopsc.model.source import Span
from gitopsc.pipeline import compile_tree
from gitopsc.report.text import render_text

GIB = 1024**3
FUNCTION = (
    "kind: python\nname: etl\nspec:\n  python_version: PYTHON3_11\n"
    "  source: {source: src, handler: 'etl:run'}\n"
)


def seconds_and_memory(folder: Path, *command: str) -> tuple[str, float]:
    """What a command says, in at most 1 GiB of memory; and its processor time."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (GIB, GIB))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "gitopsc", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture
def project(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "gitopsc.yaml").write_text("project: demo\nregistry: registry.example.com\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "etl.py").write_text("def run(): ...\n")
    (tmp_path / "etl.yaml").write_text(FUNCTION)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("data.yaml", None), ("data.json", None), ("gitopsc.lock", "C207")),
        *(("src/model.bin", "C423"), ("deploy/.gitopsc-files", "C707")),
        *(("deploy/images/etl/Dockerfile", "C701"), ("named.yaml", "C207")),
    ],
)
def test_a_file_of_three_gigabytes_is_not_read(project: Path, name: str, code: str | None) -> None:
    place = project / name
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as file:
        file.write(b"kind: python\n" if name == "named.yaml" else b"")
        file.truncate(3 * GIB)
    for command in ("compile", "validate"):
        said, seconds = seconds_and_memory(project, command)
        if code is not None and (command == "compile" or not name.startswith("deploy")):
            assert f"[{code}]" in said
        if code is None:
            assert "error" not in said
        assert seconds < 10


def test_a_tree_that_unfolds_is_counted_while_it_is_walked(tmp_path: Path) -> None:
    """Ten names for one folder, ten times over: some hundred bytes, and ten to the tenth files."""
    import git

    def asked(*command: str, text: str = "") -> str:
        done = subprocess.run(
            ["git", *command], cwd=tmp_path, input=text, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    asked("init", "-q")
    tree = asked("mktree", text=f"100644 blob {asked('hash-object', '-w', '--stdin')}\tx\n")
    for _ in range(10):
        tree = asked("mktree", text="".join(f"040000 tree {tree}\t{n}\n" for n in range(10)))
    named = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    commit = asked(*named, "commit-tree", tree, "-m", "bomb")
    repository = git.Repo(tmp_path)
    remote = RemoteRepository(f"file://{tmp_path}", repository)
    remote._fetch = lambda commit: None  # type: ignore[method-assign]
    with pytest.raises(RemoteRefused, match="over 10,000 files"):
        list(remote.files(commit, 10_000, GIB))
    repository.close()


@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*ab", "**/**/**/x", "a" * 600, "**a**b**c"])
def test_patterns_that_take_long_are_refused(pattern: str) -> None:
    assert not is_pattern(pattern)
    files = {
        "gitopsc.yaml": f"project: demo\nexclude: [{json.dumps(pattern)}]\n",
        "a" * 200 + ".yaml": "x: 1\n",
    }
    assert WRONG_VALUE in {each.code for each in compile_tree(tree_of(files)).diagnostics}


def test_patterns_that_people_write_are_taken() -> None:
    for pattern in ("docs/**", "*.tmp.yaml", "**/tests/*", "/a/*b*.yaml", "!keep.yaml", "build/"):
        assert is_pattern(pattern), pattern
    assert matcher(["docs/**"])("docs/a/b.yaml")


def test_a_file_is_split_into_lines_once() -> None:
    calls = []

    def lines(path: str) -> list[str]:
        calls.append(path)
        return ["x"] * 10_000

    problems = [
        Diagnostic(WRONG_VALUE, "wrong", Span("a.yaml", line, 1, line, 2))
        for line in range(1, 10_001)
    ]
    assert render_text(problems, lines).count("error[") == 10_000
    assert calls == ["a.yaml"]


def archive(tmp_path: Path, names: dict[str, bytes], **attributes: int) -> bytes:
    place = tmp_path / "x.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in names.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = attributes.get("mode", 0o100644) << 16
            made.writestr(entry, content)
    return place.read_bytes()


@pytest.mark.parametrize(
    ("names", "mode"),
    [
        ({"bomb.py": b"0" * (65 * 1024 * 1024)}, 0o100644),
        ({f"{number}.py": b"" for number in range(10_001)}, 0o100644),
        ({"link.py": b"/etc/passwd"}, 0o120777),
        ({"device": b""}, 0o060644),
        ({"pipe": b""}, 0o010644),
        ({"A.py": b"", "a.py": b""}, 0o100644),
        ({"e\u0301.py": b"", "\u00e9.py": b""}, 0o100644),
        ({"ﬁ.py": b"", "fi.py": b""}, 0o100644),
        ({"../x.py": b""}, 0o100644),
        ({"/x.py": b""}, 0o100644),
        ({"c:\\x.py": b""}, 0o100644),
        ({"x": b"", "x/y": b""}, 0o100644),
        ({".git/config": b""}, 0o100644),
        ({"a\u202eb.py": b""}, 0o100644),
    ],
)
def test_crafted_archives(tmp_path: Path, names: dict[str, bytes], mode: int) -> None:
    with pytest.raises(BadArchive):
        unpack(archive(tmp_path, names, mode=mode))
