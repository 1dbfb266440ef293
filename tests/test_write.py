"""What a compile does to a folder: ownership, pruning, refusal, whole files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from gitopsc import write as write_stage
from gitopsc.adapters import processes
from gitopsc.adapters.atomic import replace_file
from gitopsc.model.diagnostic import FOREIGN_FILE, NOT_WRITTEN, Diagnostic
from gitopsc.model.files import OWNERSHIP_LIST
from gitopsc.model.output import Change, OutputFile
from gitopsc.write import Target
from gitopsc.write import drift as drift_all
from gitopsc.write import write as write_all

MARK = "# Compiled from "


def path_of(name: str) -> str:
    """A path that the compiler writes, for a short name of a test."""
    return f"manifests/{name if '/' in name else f'default/{name}'}.yaml"


def files(**contents: str) -> list[OutputFile]:
    named = {path_of(name.replace("__", "/")): MARK + text for name, text in contents.items()}
    owned = "".join(f"{name}\n" for name in sorted(named))
    return [
        OutputFile(name, text.encode())
        for name, text in sorted({**named, OWNERSHIP_LIST: owned}.items())
    ]


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path / "project" / "deploy", "deploy", ())


def deployed(name: str) -> str:
    return f"deploy/{path_of(name)}"


Outcome = tuple[tuple[Change, ...], tuple[Diagnostic, ...]]


def write(target: Target, files: list[OutputFile]) -> Outcome:
    return write_all([target._replace(files=tuple(files))])


def drift(target: Target, files: list[OutputFile]) -> Outcome:
    return drift_all([target._replace(files=tuple(files))])


def content(target: Target) -> dict[str, str]:
    found = {
        path.relative_to(target.folder).as_posix(): path.read_text()
        for path in target.folder.rglob("*")
        if path.is_file()
    }
    return {
        path.removeprefix("manifests/").removeprefix("default/").removesuffix(".yaml"): (
            text.removeprefix(MARK).replace("manifests/", "").replace("default/", "")
        ).replace(".yaml", "")
        for path, text in found.items()
    }


def test_first_second_and_changed(target: Target) -> None:
    first = files(a="1", sub__b="2")
    assert drift(target, first)[0] == (
        Change(deployed("a"), "created"),
        Change(deployed("sub/b"), "created"),
    )
    assert not target.folder.exists()
    assert write(target, first) == (
        (Change(deployed("a"), "created"), Change(deployed("sub/b"), "created")),
        (),
    )
    assert content(target) == {"a": "1", "sub/b": "2", OWNERSHIP_LIST: "a\nsub/b\n"}
    times = {path: path.stat().st_mtime_ns for path in target.folder.rglob("*")}
    assert write(target, first) == ((), ())
    assert times == {path: path.stat().st_mtime_ns for path in target.folder.rglob("*")}
    changes, _ = write(target, files(a="1", sub__c="3"))
    assert changes == (Change(deployed("sub/b"), "removed"), Change(deployed("sub/c"), "created"))
    changes, _ = write(target, files(a="edited"))
    assert changes == (Change(deployed("a"), "changed"), Change(deployed("sub/c"), "removed"))
    assert not (target.folder / "sub").exists()


def test_an_owned_file_edited_by_hand_is_restored_and_named(target: Target) -> None:
    write(target, files(a="1"))
    (target.folder / path_of("a")).write_text("by hand")
    assert write(target, files(a="1"))[0] == (Change(deployed("a"), "changed"),)
    assert content(target)["a"] == "1"


def test_a_foreign_file_is_refused_and_nothing_is_written(target: Target) -> None:
    place = target.folder / path_of("a")
    place.parent.mkdir(parents=True)
    place.write_text("somebody's")
    (target.folder / "other").write_text("untouched")
    _, problems = write(target, files(a="1", b="2"))
    assert [each.code for each in problems] == [FOREIGN_FILE]
    assert problems[0].span.path == deployed("a")
    assert content(target) == {"a": "somebody's", "other": "untouched"}
    place.unlink()
    assert write(target, files(a="1", b="2"))[1] == ()
    assert write(target, files())[1] == ()
    assert content(target) == {"other": "untouched", OWNERSHIP_LIST: ""}


def test_a_lost_list_is_made_again_when_the_files_are_ours(target: Target) -> None:
    write(target, files(a="1"))
    (target.folder / OWNERSHIP_LIST).unlink()
    assert write(target, files(a="1"))[1] == ()
    assert content(target)[OWNERSHIP_LIST] == "a\n"


@pytest.mark.parametrize("what", ["folder", "file", "link", "linked folder"])
def test_things_in_the_way(target: Target, what: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b").write_text("not ours")
    target.folder.mkdir(parents=True)
    place = target.folder / "manifests" / "sub"
    place.parent.mkdir()
    if what == "folder":
        (place / "b.yaml").mkdir(parents=True)
    elif what == "file":
        place.write_text("a file")
    elif what == "link":
        place.mkdir()
        (place / "b.yaml").symlink_to(elsewhere / "b")
    else:
        place.symlink_to(elsewhere)
    _, problems = write(target, files(sub__b="1"))
    assert [each.code for each in problems] == [FOREIGN_FILE]
    assert (elsewhere / "b").read_text() == "not ours"


def test_a_folder_in_the_place_of_a_file_that_is_left_over(target: Target) -> None:
    write(target, files(a="1", b="2"))
    (target.folder / path_of("b")).unlink()
    (target.folder / path_of("b")).mkdir()
    assert write(target, files(a="3")) == ((Change(deployed("a"), "changed"),), ())
    assert (target.folder / path_of("b")).is_dir()
    assert drift(target, files(a="3")) == ((), ())


def test_the_temporary_file_goes_through_no_link(target: Target, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep")
    target.folder.mkdir(parents=True)
    (target.folder / ".gitopsc-tmp").symlink_to(victim)
    assert write(target, files(a="1"))[1] == ()
    assert victim.read_text() == "keep"
    assert content(target) == {"a": "1", OWNERSHIP_LIST: "a\n"}


def test_a_write_that_the_machine_refuses(target: Target) -> None:
    target.folder.parent.mkdir(parents=True)
    target.folder.write_text("a file where the folder should be")
    _, problems = write(target, files(a="1"))
    assert [each.code for each in problems] == [NOT_WRITTEN]


WRITER = """
import sys
from pathlib import Path
from gitopsc.model.output import OutputFile
from gitopsc.write import Target, write
folder, text = sys.argv[1:]
names = [f"manifests/d{n % 7}/f{n}.yaml" for n in range(200) if text == "a" or n % 3]
content = b"# Compiled from " + (text * 20_000).encode()
files = [OutputFile(name, content) for name in sorted(names)]
files.append(OutputFile(".gitopsc-files", "".join(f"{n}\\n" for n in sorted(names)).encode()))
print("start", flush=True)
changes, problems = write([Target(Path(folder), "out", tuple(files))])
assert not problems, problems
"""


def writer(folder: Path, text: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(folder), text]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_whole_files(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "foreign").write_text("somebody's")
    chance = random.Random(0)
    for round_ in range(20):
        process = writer(folder, "ab"[round_ % 2])
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for path in folder.rglob("f*.yaml"):
            assert path.read_text() in (MARK + "a" * 20_000, MARK + "b" * 20_000)
    last = writer(folder, "b")
    last.communicate()
    assert last.returncode == 0
    found = {path.name for path in folder.rglob("*") if path.is_file()}
    expected = {f"f{n}.yaml" for n in range(200) if n % 3}
    assert found == {*expected, OWNERSHIP_LIST, "foreign"}
    assert all(path.read_text()[-1] == "b" for path in folder.rglob("f*.yaml"))


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    both = [writer(folder, "a"), writer(folder, "b")]
    for process in both:
        process.communicate()
        assert process.returncode == 0
    found = {path.read_bytes()[-1:] for path in folder.rglob("f*.yaml")}
    assert len(found) == 1


def test_a_refusal_in_one_folder_leaves_the_others_alone(tmp_path: Path) -> None:
    first = Target(tmp_path / "a", "a", tuple(files(x="1")))
    second = Target(tmp_path / "b", "b", tuple(files(x="1")))
    place = second.folder / path_of("x")
    place.parent.mkdir(parents=True)
    place.write_text("somebody's")
    _, problems = write_all([first, second])
    assert [each.span.path for each in problems] == [f"b/{path_of('x')}"]
    assert content(first) == {}


def test_what_a_killed_compile_left_is_removed_but_not_by_way_of_a_link(tmp_path: Path) -> None:
    away = tmp_path / "away"
    (away / "f").mkdir(parents=True)
    (away / "f" / ".gitopsc-tmp").write_text("somebody's")
    folder = tmp_path / "deploy"
    (folder / "images").mkdir(parents=True)
    (folder / "manifests" / "default").mkdir(parents=True)
    (folder / "manifests" / "default" / ".gitopsc-tmp").write_text("half")
    (folder / "images" / "f").symlink_to(away / "f")
    (folder / OWNERSHIP_LIST).write_text("images/f/Dockerfile\nmanifests/default/a.yaml\n")
    path = "manifests/default/a.yaml"
    files = (OutputFile(OWNERSHIP_LIST, f"{path}\n".encode()), OutputFile(path, b"a"))
    _, problems = write_all([Target(folder, "deploy", files)])
    assert problems == ()
    assert (folder / path).read_bytes() == b"a"
    assert not (folder / "manifests" / "default" / ".gitopsc-tmp").exists()
    assert (away / "f" / ".gitopsc-tmp").read_text() == "somebody's"


def test_an_interrupt_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    place = tmp_path / "gitopsc.lock"
    place.write_text("before")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_file(str(place), b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["gitopsc.lock"]
    assert place.read_text() == "before"


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of pytest's own threads
def test_several_processes_write_one_folder(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one would: also where one of them is refused."""
    monkeypatch.setattr(processes, "_processors", lambda: 3)
    monkeypatch.setattr(write_stage, "_MANY", 2)
    named = {f"e{number % 7}__r{number}": str(number) for number in range(60)}
    changes, problems = write(target, files(**named))
    assert not problems
    assert len(changes) == 60
    assert there(target) == {each.path: each.content.decode() for each in files(**named)}
    fewer = {name: f"{text}!" for name, text in named.items() if int(text) % 2}
    changes, _ = write(target, files(**fewer))
    assert {each.action for each in changes} == {"changed", "removed"}
    assert there(target) == {each.path: each.content.decode() for each in files(**fewer)}

    def refused(place: str, *arguments: Any, **options: Any) -> None:
        if place.endswith("/r31.yaml"):
            raise PermissionError(13, "Permission denied", place)
        replace_file(place, *arguments, **options)

    monkeypatch.setattr(write_stage, "replace_file", refused)
    _, (problem,) = write(target, files(**named))
    assert problem.code is NOT_WRITTEN
    assert problem.span.path.endswith("/r31.yaml")


def there(target: Target) -> dict[str, str]:
    found = (path for path in target.folder.rglob("*") if path.is_file())
    return {path.relative_to(target.folder).as_posix(): path.read_text() for path in found}
