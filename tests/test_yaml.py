"""What the reader makes of scalars and awkward texts; what the writer makes of values."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from conftest import tree_of
from gitopsc.adapters.template import yaml_scalar
from gitopsc.adapters.yaml import read_again, read_documents
from gitopsc.model.diagnostic import NOT_JSON_VALUE
from gitopsc.model.document import Document
from gitopsc.model.output import readable_json
from gitopsc.parse import parse
from ruamel.yaml import YAML

SCALARS: list[tuple[str, Any]] = [
    ("1", 1),
    ("-1", -1),
    ("012", 12),
    ("0o14", 12),
    ("0x1F", 31),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("1_000", "1_000"),
    ("1:20", "1:20"),
    ("08", 8),
    ("yes", "yes"),
    ("no", "no"),
    ("on", "on"),
    ("True", True),
    ("~", None),
    ("", None),
    ("null", None),
    ("2026-01-01", "2026-01-01"),
    ("=", "="),
    ('"1"', "1"),
    ("'true'", "true"),
    ("!!str 1", "1"),
    ("!!float 1", 1),
    ("! 1", "1"),
    ("store://a/b", "store://a/b"),
    ("{x: store://a/b:c, y: [d:e]}", {"x": "store://a/b:c", "y": ["d:e"]}),
    ("{x: y:,}", {"x": "y:"}),
    ("|\n  a\n  b\n", "a\nb\n"),
    (">-\n  a\n  b\n", "a b"),
]


def read(text: str, path: str = "x.yaml") -> Document:
    documents, problem = read_documents(path, text)
    if problem is not None:
        documents, problem = read_again(path, text)
    assert problem is None
    (document,) = documents
    return document


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_are_read_as_yaml_1_2(text: str, value: Any) -> None:
    found = read(f"key: {text}\n").data["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_both_readers_agree(text: str, value: Any) -> None:
    documents, problem = read_again("x.yaml", f"key: {text}\n")
    assert problem is None
    assert documents[0].data == {"key": value}


def test_every_position_is_where_its_text_is() -> None:
    text = "a: 1\n'b c': &x\n  é: [one, two,  three]\nalias: *x\nlast: {k: v}\n"
    document = read(text)
    lines = text.split("\n")

    def at(*pointer: str | int, key: bool = False) -> str:
        span = document.key_span(*pointer) if key else document.span(*pointer)
        assert span.line == span.end_line
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]

    assert at("a") == "1"
    assert at("b c", key=True) == "'b c'"
    assert at("b c", "é", key=True) == "é"
    assert at("b c", "é", 2) == "three"
    assert at("alias") == "*x"
    assert at("alias", "é", 1) == "two"
    assert at("last", "k") == "v"
    assert at("last", "missing") == "{k: v}"


def test_json_is_read_with_its_escapes() -> None:
    value = {"emoji": "\U0001f600", "slash": "a/b", "tab": "\t", "quote": '"', "back": "\\ud83d"}
    text = json.dumps(value, indent="\t").replace("a/b", "a\\/b")
    assert read(text, "x.json").data == value


def test_many_documents_and_lists() -> None:
    tree = tree_of({"x.yaml": "kind: a\n---\n- kind: b\n- kind: c\n---\n---\nkind: d\n"})
    documents, problems = parse(tree)
    assert problems == ()
    kinds = [each.data["kind"] for each in documents if isinstance(each.data, dict)]
    assert kinds == ["a", "b", "c", "d"]


FOREIGN = [
    "{{ template }}\nkind: Deployment\n",
    "kind: ConfigMap\nx: [",
    "\tkind: x",
    "kind: \x07",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_broken_files_of_others_are_nobodys_error(text: str) -> None:
    assert parse(tree_of({"x.yaml": text}))[1] == ()


CRASHED_A_READER_ONCE = [
    "08",
    ".inf",
    "!!int abc",
    "!!float abc",
    "!!bool x",
    "&a [*a]",
    "&a {b: *a}",
    "{*a : b}",
    "*unknown",
    "? {a: b}\n: c",
    "? [a]\n: [b]",
    "? - a\n  - b\n: c",
    "a: &x b\n*x : c",
    "<<: {a: b}",
    "\x00",
    "\ufeffa: b",
    "9" * 5000,
    "1e999",
    "-.INF",
    "!!python/object:os.system x",
    "!<tag:example.com> x",
    "%YAML 1.1\n---\na: b",
    "%TAG ! tag:x,2000:\n---\n!a b",
    "- - - - a",
    "'",
    '"\\ud800"',
    "a: |\n",
    "[" * 1000,
    "{name: j, name: &a {x: 1, y: 2}, spec: {p: *a, foo: 1}}",
    "a: &a " + "[" * 40 + "]" * 40 + "\nb: &b " + "[" * 20 + "*a" + "]" * 20 + "\nc: [[[[*b]]]]",
    "a: &a [" + "1," * 2000 + "]\nb: [" + "*a," * 2000 + "]",
    '"\\ud83d"',
    "\n".join(f"k{n}: 1" for n in range(3000)) * 2,
    "{a: " * 100,
    "---\n---\n---",
    "# only a comment",
    "",
]


@pytest.mark.parametrize("text", CRASHED_A_READER_ONCE)
@pytest.mark.parametrize("shape", ["{}", "kind: python\nmetadata: {}\nspec: {}\nx:\n  {}"])
def test_no_text_raises(text: str, shape: str) -> None:
    text = shape.replace("{}", text)
    for reader in (read_documents, read_again):
        documents, _ = reader("x.yaml", text)
        for document in documents:
            json.dumps(document.data, allow_nan=False)
            assert document.span() is not None


AWKWARD = [
    *("y", "Yes", "NO", "on", "Off", "true", "NULL", "~", "", " ", "null", "none", "e1", "E"),
    *("012", "0o14", "0x1F", "1e3", "1_000", "22:30", "1.5", ".5", "-1", "+1", ".inf", ".nan"),
    *("a: b", "a #b", "- a", "? a", "[a]", "{a}", "*a", "&a", "!a", "%a", "@a", "`a`", "|", ">"),
    *("'", '"', "\\", "a\nb", "a\r\nb", "\t", "\x00", "\x07", "\x7f", "\x85", "\xa0", "\u2028"),
    *("\ufeff", "é", "日本", "\U0001f600", "$(X)", "${X}", "{{ x }}", "{% x %}", "#", "---", "..."),
    *("=", "<<", "2026-01-01", "a/b", "a:b", "a-b_c.d", "/etc", "x" * 200, " lead", "trail "),
]


@pytest.mark.parametrize("value", AWKWARD)
def test_a_written_scalar_reads_back_in_both_versions(value: str) -> None:
    text = f"key: {yaml_scalar(value)}\nlist: [{yaml_scalar(value)}]\n"
    assert text.count("\n") == 2
    expected = {"key": value, "list": [value]}
    assert yaml.safe_load(text) == expected
    assert YAML(typ="safe", pure=True).load(text) == expected
    assert read(text).data == expected


@pytest.mark.parametrize("value", AWKWARD)
def test_readable_json_reads_back_from_a_block_of_yaml(value: str) -> None:
    text = readable_json({"key": value, value or "empty": [value]})
    assert json.loads(text)["key"] == value
    block = "x: |\n" + "".join(f"  {line}\n" for line in text.splitlines())
    assert yaml.safe_load(block) == {"x": text}


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        *(("utf-16", ""), ("utf-16-be", "\ufeff"), ("utf-32", ""), ("utf-32-be", "\ufeff")),
        *(("utf-16-le", ""), ("utf-16-be", ""), ("latin-1", "")),
    ],
)
def test_other_encodings(encoding: str, mark: str) -> None:
    text = "kind: python\nname: é\nspec: {}\n"
    tree = tree_of({"x.yaml": (mark + text).encode(encoding)})
    assert [each.code.id for each in parse(tree)[1]] == ["C202"]
    foreign = tree_of({"x.yaml": (mark + "kind: é\n").encode(encoding)})
    assert parse(foreign)[1] == ()


def test_a_file_too_large_for_descriptors() -> None:
    pairs = "".join(f"    key{number}: value\n" for number in range(300_000))
    text = f"kind: python+job:run\nname: r\nspec:\n  parameters:\n{pairs}"
    assert [each.code.id for each in parse(tree_of({"x.yaml": text}))[1]] == ["C207"]
    foreign = text.replace("python+job:run", "other")
    assert parse(tree_of({"x.yaml": foreign}))[1] == ()


def test_a_long_list_is_no_work_squared() -> None:
    """Each item is a document of its own; quadratic, this took minutes."""
    items = ",".join('{"kind": "x", "i": [1, 2, 3]}' for _ in range(20_000))
    documents, problems = parse(tree_of({"x.json": f"[{items}]"}))
    assert (len(documents), problems) == (20_000, ())
    assert documents[-1].span("i", 2) == documents[-1].span("i", 2)
    assert documents[-1].span("i", 2).column == len(items) - 1


def test_only_the_end_of_a_pair_is_no_character() -> None:
    (document,), _ = read_again("x.yaml", 'a: "x\\ud800y"\n')
    assert [each.code for each in document.faults] == [NOT_JSON_VALUE]
