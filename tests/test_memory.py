"""What is remembered between compiles: it changes no byte, and may be gone at any time."""

from __future__ import annotations

import marshal
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import CASES, ROOT, SAMPLE
from gitopsc import narrow, trace
from gitopsc.adapters import memory
from gitopsc.cli import main
from gitopsc.commands import changed, remembering
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import LITERAL_CREDENTIAL, UNKNOWN_KEY, Diagnostic, Label
from gitopsc.model.fix import Fix
from gitopsc.model.source import Span
from gitopsc.write import Target

EDITS = 1000 // 10


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Seven projects, one of them inside another, and files in none."""
    root = tmp_path / "repository"
    for name, source in (
        ("a/sample", SAMPLE),
        ("a/sample/apps", CASES / "many-projects" / "repo" / "first"),
        ("second", CASES / "many-projects" / "repo" / "group" / "second"),
        ("storage", CASES / "storage-and-builds" / "repo"),
        ("dialect", CASES / "dialect" / "repo"),
        ("fetched", CASES / "fetched" / "repo"),
        ("older", CASES / "older-platforms" / "repo"),
    ):
        ignored = shutil.ignore_patterns("deploy", "exports")
        shutil.copytree(source, root / name, ignore=ignored, dirs_exist_ok=True)
    (root / "values.yaml").write_text("x: 1\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def outputs(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts[:1]
    }


def problems(text: str) -> list[str]:
    """What is printed, without what is done."""
    done = ("created ", "changed ", "removed ", "gitopsc: ")
    return [line for line in text.splitlines() if not line.startswith(done)]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["compile", *arguments])
    return status, "".join(capsys.readouterr())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_1000_random_edits_give_the_bytes_of_a_clean_compile(
    seed: int,
    repository: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clean compile finds nothing to change in what cached ones have written: of all that depends
    on an edit, and half of the times of files alone."""
    if seed % 2:
        monkeypatch.setattr(trace, "LEAST_FILES", 0)
        monkeypatch.setattr(narrow, "LARGEST_SHARE", 1)
    chance = random.Random(seed)
    inputs = sorted(
        path
        for path in repository.rglob("*")
        if path.is_file()
        and ".git" not in path.parts
        and path.suffix in (".yaml", ".json", ".py", ".lock")
    )
    originals = {path: path.read_bytes() for path in inputs}
    words = [b"IT", b"geo", b"pandas==2.2.3", b"3", b"v1", b"PYTHON3_11", b"run", b"500m"]
    compiled = 0
    for _ in range(EDITS):
        path = chance.choice(inputs)
        text = path.read_bytes() if path.exists() else originals[path]
        match chance.randrange(8):
            case 0 | 1:
                path.write_bytes(originals[path])
            case 2:
                path.write_bytes(text + b"\n# a comment\n")
            case 3:
                path.unlink(missing_ok=True)
            case 4:
                path.chmod(path.stat().st_mode ^ 0o100) if path.exists() else None
            case _:
                path.write_bytes(text.replace(chance.choice(words), chance.choice(words), 1))
        cached = said(capsys, str(repository))
        again = said(capsys, str(repository), "--check", "--no-cache")
        assert again[0] == cached[0], (path, cached[1], again[1])
        assert problems(again[1]) == problems(cached[1]), path
        if cached[0] == 0:
            compiled += 1
        else:
            for broken in inputs:
                if not broken.exists() or broken.read_bytes() != originals[broken]:
                    broken.write_bytes(originals[broken])
    assert compiled > EDITS / 5


def test_the_second_compile_says_the_same_and_reads_nothing(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(capsys, str(repository))[0] == 0
    age(repository)
    status, first = said(capsys, str(repository))
    assert status == 0
    assert "up to date" in first
    blocked = dict.fromkeys(name for name in sys.modules if name.startswith("gitopsc.commands.c"))
    for name in blocked:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gitopsc.commands.changed", None)
    assert said(capsys, str(repository)) == (0, first)
    assert said(capsys, str(repository), "--check") == (0, first)


def test_a_fresh_clone_with_the_cache_of_before_compiles_nothing(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As CI has it, where only the cache is kept: new times and inodes, and the same content."""
    assert said(capsys, str(repository))[0] == 0
    expected = said(capsys, str(repository))
    origin = repository.parent / "origin"
    author = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["add", "-A"], [*author, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    assert said(capsys, str(repository)) == expected  # and what clusters have now is known
    repository.rename(origin)
    subprocess.run(["git", "clone", "-q", str(origin), str(repository)], check=True)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "gitopsc.commands.changed", None)
        assert said(capsys, str(repository)) == expected
        assert said(capsys, str(repository)) == expected
    output = repository / "storage" / "deploy" / "images" / "docker-bake.json"
    text = output.read_text()
    output.write_text(text.replace("registry", "registrY"))  # as long as before
    assert "changed" in said(capsys, str(repository))[1]
    assert output.read_text() == text


@pytest.mark.parametrize("number", range(3))
def test_one_edit_does_the_steps_that_depend_on_it(
    repository: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read and rendered again is the file that changed, and what is made of it."""
    from gitopsc import parse
    from gitopsc.emit import kubernetes

    main(["compile", str(repository)])
    done: list[str] = []
    read_documents, rendered = parse.read_documents, kubernetes._rendered
    monkeypatch.setattr(
        parse, "read_documents", lambda path, text: done.append(path) or read_documents(path, text)
    )
    monkeypatch.setattr(
        kubernetes,
        "_rendered",
        lambda *arguments: done.append(arguments[2].run) or rendered(*arguments),
    )
    path = repository / "storage" / "runs.yaml"
    edits = (("", "# a comment\n"), ("", "---\n"), ("mem: ", "mem: 1"))
    old, new = edits[number]
    text = path.read_text()
    path.write_text(text.replace(old, new, 1))
    main(["compile", str(repository)])
    assert done.count("runs.yaml") + done.count("storage/runs.yaml") == 1
    assert len(done) <= 3, done


def age(root: Path) -> None:
    """All files get old times, as if nobody had touched them for long."""
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, ns=(10**18 + 1, 10**18 + 1))


@pytest.mark.parametrize(
    "edit",
    [
        lambda root: (root / "storage" / "runs.yaml").write_text("{}\n"),
        lambda root: (root / "new").mkdir() or (root / "new" / "gitopsc.yaml").write_text(""),
        lambda root: (root / "second" / "new.yaml").write_text("kind: python\nspec: {}\n"),
        lambda root: (root / "storage" / "src" / "train.py").unlink(),
        lambda root: (root / "storage" / "deploy" / "reports" / "lineage.json").write_text("mine"),
        lambda root: (root / "storage" / "deploy" / "images" / "docker-bake.json").unlink(),
        lambda root: (root / "storage" / "deploy" / ".gitopsc-files").unlink(),
        lambda root: (root / ".gitignore").write_text("functions.yaml\n"),
        lambda root: shutil.rmtree(root / ".git"),
        lambda root: link_away(root / "storage" / "deploy" / "images"),
        lambda root: link_away(root / "storage" / "deploy"),
        lambda root: (root / "gitopsc.yaml").write_text("project: all-of-it\n"),
    ],
)
def test_what_has_changed_is_seen(
    repository: Path, edit: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, str(repository))[0] == 0
    age(repository)
    before = said(capsys, str(repository))
    assert before[0] == 0
    edit(repository)
    after = said(capsys, str(repository), "--check")
    assert after == said(capsys, str(repository), "--check", "--no-cache")
    assert after != before


@pytest.mark.parametrize("is_ignored", [False, True])
def test_the_second_compile_of_all_is_quick(
    repository: Path,
    is_ignored: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though the first one has made the output folders, which no listing knew before."""
    if is_ignored:
        (repository / ".gitignore").write_text("deploy/\nout/\n")
    age(repository)
    time.sleep(0.15)
    assert said(capsys, str(repository))[0] == 0
    monkeypatch.setitem(sys.modules, "gitopsc.commands.changed", None)
    assert said(capsys, str(repository))[0] == 0
    subprocess.run(["git", "add", "."], cwd=repository, check=True)
    assert said(capsys, str(repository))[0] == 0


def link_away(folder: Path) -> None:
    """The same files by way of a link."""
    away = folder.parents[3] / "away"
    shutil.move(folder, away)
    folder.symlink_to(away)


def test_a_folder_of_a_project_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner = tmp_path / "root" / "first"
    shutil.copytree(CASES / "many-projects" / "repo" / "first", inner)
    (inner / "gitopsc.yaml").unlink()
    descriptors = (inner / "all.yaml").read_text()
    (inner / "all.yaml").write_text(descriptors.replace(", outputs: {x: shared}", ""))
    subprocess.run(["git", "init", "-q"], cwd=inner.parent, check=True)
    assert said(capsys, str(inner))[0] == 0
    age(inner)
    assert said(capsys, str(inner))[0] == 0
    (inner.parent / "gitopsc.yaml").write_text("project: outer\n")
    assert "C314" in said(capsys, str(inner))[1]


def test_a_repository_that_is_made_is_seen(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(repository / ".git")
    assert "C102" in said(capsys, str(repository))[1]
    assert "C102" in said(capsys, str(repository))[1]
    subprocess.run(["git", "init", "-q"], cwd=repository, check=True)
    assert "C102" not in said(capsys, str(repository))[1]


def test_what_appears_during_a_compile_is_seen_by_the_next(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(repository / ".git")  # without Git, folders are walked

    def write_late(*arguments: object) -> object:
        (repository / "storage" / "late.yaml").write_text("kind: python+job:run\nspec: {}\n")
        return write(*arguments)  # type: ignore[arg-type]

    write = changed.write
    monkeypatch.setattr(changed, "write", write_late)
    assert said(capsys, str(repository))[0] == 0
    assert "C303" in said(capsys, str(repository))[1]


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that counts as one, compiled and aged."""
    monkeypatch.setattr(trace, "LEAST_FILES", 0)
    monkeypatch.setattr(narrow, "LARGEST_SHARE", 1)
    root = tmp_path / "large"
    shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("deploy"))
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    assert main(["compile", str(root)]) == 0
    age(root)
    assert main(["compile", str(root)]) == 0
    return root


def edit(root: Path, memory: int) -> None:
    """Of one run, in two environments."""
    path = root / "runs" / "jobs.yaml"
    path.write_text(re.sub(r"mem: \d+Gi", f"mem: {memory}Gi", path.read_text()))


def test_an_edit_is_compiled_without_the_rest(
    large: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written, checked and remembered, one after the other."""
    capsys.readouterr()
    whole: list[object] = []
    monkeypatch.setattr(remembering, "_part", lambda *arguments: whole.append(arguments))
    for number in (3, 4, 5):
        edit(large, number)
        status, text = said(capsys, str(large), "--check")
        assert (status, "stale: 2 of" in text) == (1, True)
        assert "written: 2 changed" in said(capsys, str(large))[1]
        written = large / "deploy" / "manifests" / "staging" / "summarise-countries.yaml"
        assert f"{number}Gi" in written.read_text()
        age(large / "deploy")
        assert "up to date" in said(capsys, str(large))[1]
    assert not whole
    assert said(capsys, str(large), "--check", "--no-cache")[0] == 0


def test_an_edit_beside_another_compile_is_compiled_with_all(
    large: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes meanwhile may have written of other files: then nothing is as it was."""
    write, other = changed.write, large / "deploy" / "manifests" / "staging" / "announce.yaml"
    text = other.read_text()

    def write_late(targets: Sequence[Target]) -> object:
        monkeypatch.setattr(changed, "write", write)
        other.write_text("of another compile")
        os.utime(large / "deploy" / ".gitopsc-files")
        return write(targets)

    monkeypatch.setattr(changed, "write", write_late)
    edit(large, 3)
    assert "written: 3 changed" in said(capsys, str(large))[1]
    assert other.read_text() == text


@pytest.mark.parametrize("name", ["etl.py", "countries.py"])
def test_what_changes_while_a_part_is_compiled_is_seen(
    name: str, large: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that somebody saves after the times were compared, and puts back afterwards."""
    source = large / "src" / name
    text, compared = source.read_text(), memory.Part.compared

    def compared_before(part: memory.Part) -> object:
        found = compared(part)
        source.write_text(f"{text}\n\nMORE = 1\n")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(memory.Part, "compared", compared_before)
        edit(large, 3)
        assert said(capsys, str(large))[0] == 0
    source.write_text(text)
    assert said(capsys, str(large))[0] == 0
    assert said(capsys, str(large), "--check", "--no-cache")[0] == 0


def test_what_was_never_read_is_seen_once_it_is(
    large: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of requirements that have none: nobody can tell that a function is made of them."""
    functions = large / "functions" / "announce.yaml"
    text = functions.read_text()
    for name in ("one.txt", "two.txt"):
        (large / name).write_text("# none\n")
    assert said(capsys, str(large))[0] == 0
    for name in ("one.txt", "two.txt"):
        functions.write_text(f"{text}  requirements: [{name}]\n")
        assert said(capsys, str(large))[0] == 0
        age(large)
    (large / "two.txt").write_text("requests==2.32.3\n")
    assert "written" in said(capsys, str(large))[1]
    assert said(capsys, str(large), "--check", "--no-cache")[0] == 0


def test_what_is_told_of_a_part_is_remembered_as_it_is() -> None:
    """What the settings allow stays a note, what nobody may see is not shown, and a fix is one."""
    span = Span("a.yaml", 3, 4, 3, 9)
    told = (
        Diagnostic(LITERAL_CREDENTIAL, "a token", span, "revoke it", private=True),
        Diagnostic(LITERAL_CREDENTIAL, "a token of tests", span, allowed="it opens nothing"),
        Diagnostic(UNKNOWN_KEY, "a slip", span, fix=Fix("replace", span, "mem")),
        Diagnostic(UNKNOWN_KEY, "one of two", span, related=(Label(span, "the other"),)),
    )
    plain = marshal.loads(marshal.dumps(Compilation(diagnostics=told).plain()))
    assert Compilation.from_plain(plain).diagnostics == told


def test_what_nobody_reads_may_grow(
    large: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (large / "NOTES.md").write_text("one\n")
    assert said(capsys, str(large))[0] == 0
    (large / "NOTES.md").write_text("one, and more\n")
    monkeypatch.setitem(sys.modules, "gitopsc.commands.changed", None)
    assert said(capsys, str(large))[0] == 0


def test_links_do_not_switch_memory_off(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "storage" / "latest").symlink_to("src")
    (repository / "storage" / "outside").symlink_to("/etc/hostname")
    (repository / "storage" / "nowhere").symlink_to("nothing")
    compiled = []
    compile_changed = changed.compile_changed

    def counted(request: changed.Request) -> int:
        compiled.append(request)
        return compile_changed(request)

    monkeypatch.setattr(changed, "compile_changed", counted)
    # What a link leads to is not looked into: while that is young, it may change unseen.
    for _ in range(5):
        compiled.clear()
        assert said(capsys, str(repository))[0] == 0
        if not compiled:
            return
    raise AssertionError([list(request.known) for request in compiled])


@pytest.mark.parametrize("target", ["there.py", "../outside.py"])
def test_a_file_that_becomes_a_link_is_seen(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the same bytes: what was compiled is no longer what is there."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "gitopsc.yaml").write_text("project: demo\nregistry: registry.example.com\n")
    (root / "all.yaml").write_text(
        "kind: python\nname: etl\nspec:\n  python_version: PYTHON3_11\n"
        "  source: {source: etl.py, handler: run}\n"
    )
    for place in (root / "etl.py", root / target):
        place.write_text("def run(): ...\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    age(root)
    age(tmp_path)
    assert said(capsys, str(root))[0] == 0
    (root / "etl.py").unlink()
    (root / "etl.py").symlink_to(target)
    for _ in range(2):
        status, text = said(capsys, str(root))
        assert status == 1
        assert "`etl.py`" in text


def test_no_cache_inside_of_what_is_compiled(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (str(repository / ".cache"), "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", place)
        assert said(capsys, str(repository))[0] == 0
        assert not Path(place).exists()


@pytest.mark.slow
def test_an_edit_of_the_same_size_in_the_same_moment_is_seen(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = repository / "storage" / "src" / "train.py"
    for number in range(20):
        path.write_text(f'"""{number % 10}"""\n\n\ndef train(epochs=1): ...\n\n\n' + SERVE)
        assert said(capsys, str(repository))[0] == 0
        path.write_text(f'"""{(number + 5) % 10}"""\n\n\ndef train(epochs=1): ...\n\n\n' + SERVE)
        assert said(capsys, str(repository), "--check")[0] == 1


SERVE = "def init(context): ...\n\n\ndef serve(context, event): ...\n"


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "other", "folder"])
def test_a_damaged_cache_is_no_cache(
    repository: Path,
    damage: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert said(capsys, str(repository))[0] == 0
    expected = said(capsys, str(repository))
    (place,) = (each for each in (tmp_path / "cache" / "gitopsc").iterdir() if each.is_file())
    content = place.read_bytes()
    place.unlink()
    match damage:
        case "empty":
            place.write_bytes(b"")
        case "cut":
            place.write_bytes(content[: len(content) // 2])
        case "other":
            place.write_bytes(content[:40] + b"\xff" + content[41:])
        case "folder":
            place.mkdir()
    assert said(capsys, str(repository)) == expected


def test_a_cache_that_cannot_be_written_is_no_problem(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    assert said(capsys, str(repository))[0] == 0
    assert said(capsys, str(repository))[0] == 0


def test_nothing_is_kept_in_the_repository(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, str(repository))[0] == 0
    found = outputs(repository)
    assert said(capsys, str(repository))[0] == 0
    assert outputs(repository) == found
    assert {path.split("/")[0] for path in found} == {
        *("a", "dialect", "fetched", "older", "second", "storage", "values.yaml")
    }


def test_old_memories_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for number in range(230):
        key = number.to_bytes(32, "big")
        memory.remember(key, memory.Memory(b"", ("", ""), (), (None, (), ""), {}))
        assert memory.recall(key) is not None
    assert len(list((tmp_path / "gitopsc").iterdir())) == 200


def test_a_compile_without_changes_imports_little(tmp_path: Path) -> None:
    """What takes long to import is for compiles that find something to do."""
    project = tmp_path / "project"
    shutil.copytree(SAMPLE, project)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-X", "importtime", "-m", "gitopsc", "compile", str(project)]
    age(project)
    for _ in range(2):
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    imported = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "gitopsc.adapters.memory" in imported
    heavy = {"networkx", "jsonschema", "jsonschema_rs", "jinja2", "git", "yaml", "ruamel.yaml"}
    assert not imported & {*heavy, "pathspec", "packaging", "dataclasses", "pathlib", "ast"}


def test_one_project_becomes_two_in_a_chosen_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one project the folder is its output; with two, each has a folder in it."""
    root, chosen = tmp_path / "root", tmp_path / "out"
    shutil.copytree(CASES / "many-projects" / "repo" / "first", root / "first")
    assert said(capsys, str(root), "-o", str(chosen))[0] == 0
    assert said(capsys, str(root), "-o", str(chosen))[0] == 0
    shutil.rmtree(chosen)
    shutil.copytree(CASES / "many-projects" / "repo" / "group" / "second", root / "second")
    assert said(capsys, str(root), "-o", str(chosen))[0] == 0
    assert {path.name for path in chosen.iterdir()} == {"first", "second"}
    assert (chosen / "first" / "reports" / "lineage.json").is_file()
