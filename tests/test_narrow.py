"""A change inside of a few files is compiled without the rest, and comes to the same bytes."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from conftest import CASES, SAMPLE, tree_from, tree_of
from gitopsc import narrow, trace
from gitopsc.model.compilation import Compilation
from gitopsc.model.footprint import Trace
from gitopsc.model.output import OutputFile
from gitopsc.pipeline import compile_part
from gitopsc.revise import revise

_WORD = re.compile(rb"[A-Za-z][\w-]*|\d+")
_DOCUMENTS = re.compile(rb"(?m)^---.*\n")
_WORDS = (
    *(b"IT", b"true", b"0", b"parameters", b"resources", b"description"),
    b'project.log_artifact("x", "artifact", "f")',
    b"store://demo/dataitem/table/cities",
)

Files = Mapping[str, bytes]


@dataclass
class Known:
    files: Files
    compilation: Compilation
    trace: Trace

    @property
    def output(self) -> Files:
        return output(self.compilation)

    def after(self, path: str, content: bytes) -> tuple[tuple[OutputFile, ...], Trace] | None:
        tree = tree_of({**self.files, path: content})
        return revise(tree, self.trace, self.compilation.diagnostics, [path])


def output(compilation: Compilation) -> Files:
    ((_, files),) = compilation.outputs
    return {file.path: file.content for file in files}


def known(files: Files) -> Known | None:
    compilation = compile_part(tree_of(files), is_traced=True)
    trace = compilation.trace
    return Known(files, compilation, trace) if trace is not None else None


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the projects of the tests were large, and all of each were a small part."""
    monkeypatch.setattr(trace, "LEAST_FILES", 0)
    monkeypatch.setattr(narrow, "LARGEST_SHARE", 1)


def projects() -> Iterator[tuple[str, Files]]:
    folders = [case / "repo" for case in sorted(CASES.iterdir()) if (case / "repo").is_dir()]
    for folder in (SAMPLE, *folders):
        tree = tree_from(folder, "/deploy/")
        files = {path: file.content for path, file in tree.files.items()}
        yield folder.parent.name if folder.name == "repo" else folder.name, files
        yield f"{folder.parent.name}-in-many-files", dict(apart(files))


def apart(files: Files) -> Iterator[tuple[str, bytes]]:
    """With a file for each document."""
    for path, content in files.items():
        documents = [each for each in _DOCUMENTS.split(content) if each.strip()]
        if not path.endswith(".yaml") or len(documents) < 2:
            yield path, content
        else:
            for number, document in enumerate(documents):
                yield f"{path.removesuffix('.yaml')}-{number}.yaml", document


def changed(content: bytes, words: list[bytes], chance: random.Random) -> bytes:
    """With another word or number somewhere, or a line more or less."""
    found = list(_WORD.finditer(content))
    lines = content.split(b"\n")
    place = chance.randrange(len(lines))
    match chance.randrange(7):
        case 0 | 1 | 2 | 3 if found:
            word = chance.choice(found)
            other = chance.choice(words)
            if word[0].isdigit():
                other = str(chance.randrange(100)).encode()
            return content[: word.start()] + other + content[word.end() :]
        case 4:
            del lines[place]
        case 5:
            lines.insert(place, lines[place])
        case _:
            lines.insert(place, b"# a comment")
    return b"\n".join(lines)


def check_change(before: Known, path: str, content: bytes) -> bool:
    """Whether it is narrow."""
    found = before.after(path, content)
    if found is None:
        return False
    whole = compile_part(tree_of({**before.files, path: content}), is_traced=True)
    what = path, content.decode(errors="replace")
    assert {*whole.diagnostics} == {*before.compilation.diagnostics}, what
    after = {**before.output, **{each.path: each.content for each in found[0]}}
    assert after == output(whole), what
    assert found[1] == whole.trace, what
    return True


def check_random_changes(name: str, files: Files, count: int) -> int:
    """Of so many, how many were narrow."""
    before = known(files)
    if before is None:
        return 0
    chance = random.Random(name)
    words = sorted({word[0] for content in files.values() for word in _WORD.finditer(content)})
    words += _WORDS
    paths = [path for path in files if path.endswith((".yaml", ".json", ".py", ".txt", ".lock"))]
    narrow_ones = 0
    for _ in range(count):
        path = chance.choice(paths)
        content = changed(files[path], words, chance)
        narrow_ones += check_change(before, path, content)
    return narrow_ones


CASES_OF_PROJECTS = dict(projects())


@pytest.mark.parametrize("name", CASES_OF_PROJECTS)
def test_random_changes_come_to_the_same(name: str) -> None:
    check_random_changes(name, CASES_OF_PROJECTS[name], 20)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES_OF_PROJECTS)
def test_200_random_changes_come_to_the_same(name: str) -> None:
    check_random_changes(f"{name} again", CASES_OF_PROJECTS[name], 200)


def test_many_changes_are_narrow() -> None:
    counts = [
        check_random_changes(name, CASES_OF_PROJECTS[name], 10) for name in ("shards", "clock")
    ]
    assert all(counts), counts


FUNCTION = """\
kind: python
name: {name}
spec: {{python_version: PYTHON3_11, source: {{source: {name}.py, handler: run}}}}
"""
RUN = """\
kind: python+job:run
name: {name}
metadata: {{description: First}}
spec:
  function: {function}
  parameters: {{country: IT}}
  resources: {{cpu: 500m, mem: 1Gi}}
  inputs: {{table: {reads}}}
  outputs: {{output_0: {name}}}
"""
SETTINGS = "project: demo\nregistry: registry.example.com/t\nstores: {default: s3://data}\n"
CODE = 'def run(table=None, country=None):\n    print("one")\n    return table\n'
FILES = {
    "gitopsc.yaml": SETTINGS,
    **{f"{name}.py": CODE for name in ("clean", "join")},
    **{f"{name}.yaml": FUNCTION.format(name=name) for name in ("clean", "join")},
    "first.yaml": RUN.format(name="first", function="clean", reads="store://x/dataitem/table/t"),
    "second.yaml": RUN.format(name="second", function="join", reads="first"),
    "third.yaml": RUN.format(name="third", function="join", reads="second"),
    "alone.yaml": RUN.format(name="alone", function="clean", reads="store://x/dataitem/table/u"),
}


def written(before: Known, path: str, old: str, new: str) -> set[str] | None:
    """The files of the output that become other ones."""
    text = before.files[path].decode()
    assert old in text
    found = before.after(path, text.replace(old, new, 1).encode())
    if found is None:
        return None
    names = {each.path for each in found[0] if before.output[each.path] != each.content}
    return {name.removeprefix("manifests/default/") for name in names}


@pytest.fixture
def before() -> Known:
    found = known({path: text.encode() for path, text in FILES.items()})
    assert found is not None
    return found


ALL = {"first.yaml", "second.yaml", "third.yaml"}
OF_CLEAN = {"images/docker-bake.json"}


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("first.yaml", "First", "Second", set()),
        ("first.yaml", "1Gi", "2Gi", {"first.yaml"}),
        ("third.yaml", "country: IT", "country: FR", {"third.yaml"}),
        ("first.yaml", "country: IT", "country: FR", ALL),
        ("clean.py", '"one"', '"two"', {*ALL, "alone.yaml", *OF_CLEAN}),
        # An image is made of bytes, a result of what runs.
        ("clean.py", "    print", "    # why\n    print", {"first.yaml", "alone.yaml", *OF_CLEAN}),
    ],
)
def test_what_is_behind_a_face(
    path: str, old: str, new: str, expected: set[str], before: Known
) -> None:
    assert written(before, path, old, new) == expected


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("first.yaml", "name: first", "name: fourth"),
        ("first.yaml", "output_0: first", "output_0: other"),
        ("second.yaml", "table: first", "table: alone"),
        ("second.yaml", "function: join", "function: clean"),
        ("second.yaml", "  inputs", "  schedule: 0 3 * * *\n  inputs"),
        ("second.yaml", "  inputs", "  secrets: [TOKEN]\n  inputs"),
        ("second.yaml", "country: IT", "country: 'store://x/dataitem/table/v'"),
        ("second.yaml", "country: IT", "nation: IT"),
        ("clean.py", "print(", "project.log_artifact('x', 'artifact', "),
        ("clean.py", "country=None", "nation=None"),
        ("clean.py", "def run", "def ran"),
        ("gitopsc.yaml", "/t", "/u"),
    ],
)
def test_what_others_may_see_is_compiled_as_a_whole(
    path: str, old: str, new: str, before: Known
) -> None:
    assert written(before, path, old, new) is None


SERVICE = """\
kind: python+serve:run
name: api
spec: {function: clean, replicas: 2}
"""
TWO_FILES = {
    "gitopsc.yaml": SETTINGS,
    "src/main.py": "import a\nimport b\n\n\ndef run(project):\n    a.go(project)\n",
    **{f"src/{name}.py": "def go(project):\n    project.log_artifact('x')\n" for name in "ab"},
    "f.yaml": FUNCTION.format(name="f").replace("f.py", "src").replace("run}", "main:run}"),
    "first.yaml": "kind: python+job:run\nname: first\nspec: {function: f}\n",
}
HARD: Mapping[str, tuple[Mapping[str, str], str, str, str]] = {
    "a descriptor in the folder of an image": (
        {
            **FILES,
            "img/Dockerfile": "FROM scratch\nCOPY . /\n",
            "img/box.yaml": "kind: container\nname: box\nspec: {dockerfile: img/Dockerfile}\n",
            "img/alone.yaml": FILES["alone.yaml"].replace("alone", "inside"),
        },
        *("img/alone.yaml", "1Gi", "2Gi"),
    ),
    "a file of a source becomes a descriptor": (
        {**TWO_FILES, "src/more.yaml": "name: second\nspec: {function: f}\n"},
        *("src/more.yaml", "name", "kind: python+job:run\nname"),
    ),
    "a service that only an environment names": (
        {
            **FILES,
            "api.yaml": SERVICE,
            "gitopsc.yaml": SETTINGS + "environments:\n  prod:\n    runs:\n      alone:"
            " {envs: [{name: URL, value: '${service:api}'}]}\n",
        },
        *("alone.yaml", "1Gi", "2Gi"),
    ),
    "no requirements any more": (
        {
            **FILES,
            "clean.yaml": FUNCTION.format(name="clean").replace(
                "spec: {", "spec: {requirements: [pandas==2.2.3], "
            ),
        },
        *("clean.yaml", "[pandas==2.2.3]", "[]"),
    ),
    "data that another file of the source makes": (
        TWO_FILES,
        *("src/main.py", "a.go", "b.go"),
    ),
    "what a build puts into an image": (
        {
            **FILES,
            "build.yaml": "kind: python+build:run\nname: b\n"
            "spec: {function: clean, envs: [{name: A, value: one}]}\n",
        },
        *("build.yaml", "value: one", "value: two"),
    ),
    "the first of two uses of a name": (
        {
            **TWO_FILES,
            "src/a.py": "def go(project):\n    project.log_table('x')\n"
            "    project.log_croissant('x')\n",
            "t.yaml": "kind: lifecycle\nname: t\nspec:\n  task: python+job://demo/x\n"
            "  function: python://demo/f\n  key: store://demo/dataitem/croissant/x\n"
            "  template: {}\n",
        },
        *(
            "src/a.py",
            "project.log_table('x')\n    project.log_croissant('x')",
            "project.log_croissant('x')\n    project.log_table('x')",
        ),
    ),
    "a warning in the file of a task": (
        {
            **FILES,
            "api.yaml": SERVICE,
            "task.yaml": "kind: python+serve\nname: t\nspec:\n  function: clean\n  volumes:\n"
            "    - {name: v, volume_type: shared_volume, mount_path: /data,"
            " spec: {claimName: c, size: 1Gi}}\n",
        },
        *("api.yaml", "replicas: 2", "replicas: 3"),
    ),
}


@pytest.mark.parametrize("case", HARD)
def test_what_others_see_by_another_way(case: str) -> None:
    """Compiled as a whole, or to what a whole compile comes to."""
    texts, path, old, new = HARD[case]
    before = known({path: text.encode() for path, text in texts.items()})
    assert before is not None
    assert old in texts[path]
    content = texts[path].replace(old, new, 1).encode()
    check_change(before, path, content)
    whole = compile_part(tree_of({**before.files, path: content}))
    assert output(whole) != before.output or whole.diagnostics != before.compilation.diagnostics


def test_a_small_part_is_found(before: Known) -> None:
    scope = narrow.narrow(before.trace, ["third.yaml"])
    assert scope is not None
    assert scope.affected == {"third.yaml"}
    assert "alone.yaml" not in scope.files
    assert {"join.yaml", "second.yaml", "first.yaml", "clean.yaml"} < scope.files


def test_of_what_is_large_no_part_is_small(before: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrow, "LARGEST_SHARE", 0.5)
    assert narrow.narrow(before.trace, ["alone.yaml"]) is not None
    assert narrow.narrow(before.trace, ["third.yaml"]) is None
    monkeypatch.setattr(trace, "LEAST_FILES", 100)
    assert known(before.files) is None
