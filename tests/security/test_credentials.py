"""Credentials that are written out are found, and no report prints one."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest
from conftest import CASES, SAMPLE, SAMPLES, tree_from, tree_of
from gitopsc.adapters.credential_formats import credentials_in
from gitopsc.model.credentials import masked, names_literal_secret, names_secret
from gitopsc.model.diagnostic import LITERAL_CREDENTIAL, Diagnostic
from gitopsc.model.source import Span
from gitopsc.pipeline import compile_tree
from gitopsc.report.github import render_github
from gitopsc.report.json import render_json
from gitopsc.report.sarif import render_sarif
from gitopsc.report.text import render_text

CODES = {"C323", "C324", "C325"}
A = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6" * 4


def with_checksum(prefix: str, text: str) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number, end = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        end = digits[rest] + end
    return f"{prefix}_{text}{end}"


def key_block(kind: str) -> str:
    return f"-----BEGIN {kind}-----\nMIIEowIBAAKCAQEA7\n-----END {kind}-----\n"


PLANTED = (
    *(f"{each}_{A[:36]}" for each in ("ghp", "gho", "ghu", "ghs", "ghr")),
    *(with_checksum(each, A[:30]) for each in ("ghp", "npm")),
    f"github_pat_{A[:22]}_{A[:59]}",
    *(f"{each}-{A[:20]}" for each in ("glpat", "gldt", "glft", "glsoat", "glrt", "glcbt")),
    f"GR1348941{A[:20]}",
    f"glptt-{A[:40]}",
    *(f"{each}QWERTYUIOP123456" for each in ("AKIA", "ASIA", "ABIA", "ACCA")),
    f"aws_secret_key = '{A[:40]}'",
    f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={A[:86]}==",
    *(
        f"{each}://etl:hunter22@db.internal:5432/x"
        for each in ("postgres", "mysql", "amqp", "redis")
    ),
    *(f"https://user:{each}@files.internal/x" for each in ("hunter22", "p%40ss", "a.b-c")),
    "mongodb+srv://etl:hunter22@cluster0.mongo.internal/x",
    f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{A[:43]}",
    f"//registry.internal/:_authToken=npm_{A[:36]}",
    f"npm_{A[:36]}",
    f"sk-{A[:20]}T3BlbkFJ{A[:20]}",
    f"sk-proj-{A[:48]}",
    f"sk-ant-api03-{A[:90]}",
    f"pypi-AgEIcHlwaS5vcmc{A[:80]}",
    f"SG.{A[:22]}.{A[:43]}",
    *(f"xox{each}-123456789012-123456789012-abcdef" for each in "abp"),
    "https://hooks.slack.com/services/T0123/B0123/abcdefghij",
    f"sq0csp-{A[:43]}",
    *(f"{each}_live_{A[:24]}" for each in ("sk", "rk")),
    f"whsec_{A[:32]}",
    f"hf_{'abcdefghijklmnopqrstuvwxyzABCDEFGH'}",
    f"AIza{A[:35]}",
    f"dckr_pat_{A[:27]}",
    f"dop_v1_{'0123456789abcdef' * 4}",
    f"dapi{'0123456789abcdef' * 2}",
    *map(
        key_block,
        (
            *("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"),
            *("ENCRYPTED PRIVATE KEY", "DSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
        ),
    ),
    f"AGE-SECRET-KEY-1{'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L' * 2}"[:74],
    "PuTTY-User-Key-File-2: ssh-rsa",
)
FUNCTION = {
    "kind": "python",
    "name": "etl",
    "spec": {
        "python_version": "PYTHON3_11",
        "source": {"source": "src/etl.py", "handler": "run"},
        "build": {},
    },
}
PLACES = ("envs", "parameters", "init_parameters", "instructions", "metadata", "settings", "source")


def found(place: str, value: str) -> tuple[tuple[Diagnostic, ...], dict[str, str]]:
    function = json.loads(json.dumps(FUNCTION))
    del function["spec"]["build"]
    run: dict[str, object] = {"function": "etl"}
    kind, source = "python+job:run", "def run(**more): ...\n"
    settings: dict[str, object] = {"project": "demo", "registry": "registry.example.com"}
    metadata: dict[str, object] = {}
    if place == "envs":
        run["envs"] = [{"name": "X", "value": value}]
    elif place == "parameters":
        run["parameters"] = {"x": [value]}
    elif place == "init_parameters":
        kind = "python+serve:run"
        run["init_parameters"] = {"x": {"y": value}}
    elif place == "instructions":
        kind = "python+build:run"
        run["instructions"] = [f"echo '{value}'"]
    elif place == "metadata":
        metadata = {"description": value}
    elif place == "settings":
        settings["profiles"] = {"small": {"envs": [{"name": "X", "value": value}]}}
    else:
        source += f"X = {value!r}\n"
    files = {
        "gitopsc.yaml": json.dumps(settings, indent=1),
        "f.yaml": json.dumps(function),
        "r.yaml": json.dumps(
            {"kind": kind, "name": "r", "metadata": metadata, "spec": run}, indent=1
        ),
        "src/etl.py": source,
    }
    return compile_tree(tree_of(files)).diagnostics, files


@pytest.mark.parametrize("value", PLANTED, ids=range(len(PLANTED)))
def test_every_planted_credential_is_found_everywhere_and_printed_nowhere(value: str) -> None:
    for place in PLACES:
        diagnostics, files = found(place, value)
        ours = [each for each in diagnostics if each.code.id in CODES]
        assert ours, place
        wanted = {"C325", "C323"} if place == "source" else {"C323"}
        assert {each.code.id for each in ours} <= wanted, place
        text = render_text(diagnostics, lambda path, files=files: files[path].split("\n"))
        for report in (
            text,
            render_json("failed", diagnostics, ()),
            render_sarif(diagnostics),
            render_github(diagnostics),
        ):
            secret = value.split("\n")[1 if "-----BEGIN" in value else 0]
            assert secret not in report, place


def test_the_list_is_long_enough() -> None:
    assert len(PLANTED) >= 60


@pytest.mark.parametrize("value", [with_checksum("ghp", A[:30]), key_block("RSA PRIVATE KEY")])
def test_in_a_source_what_proves_itself_is_an_error(value: str) -> None:
    codes = {each.code.id for each in found("source", value)[0]}
    assert "C323" in codes
    wrong = f"ghp_{A[:36]}"
    assert "C325" in {each.code.id for each in found("source", wrong)[0]}


@pytest.mark.parametrize(
    "value",
    [
        *("AKIAIOSFODNN7EXAMPLE", "postgres://etl:etl@localhost:5432/x", "redis://u:p@127.0.0.1/0"),
        *("https://user:${PASSWORD}@files.internal/x", "https://user:<password>@files.internal/x"),
        *("postgresql://{USER}:{PASSWORD}@{HOST}/x", "postgresql://etl:%s@db.internal/x"),
        *("sk-learn", "eyJ", "ghp_short", "python:3.11-slim@sha256:0", "git@github.com:a/b.git"),
        *("https://docs.example.com/a:b@c", "mailto:someone@example.com", "token", "a key"),
    ],
)
def test_placeholders_and_lookalikes_are_silent(value: str) -> None:
    for place in PLACES:
        if place != "source" or "PASSWORD" not in value:
            assert not CODES & {each.code.id for each in found(place, value)[0]}, place


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        *(
            ("DB_PASSWORD", "hunter22", True),
            ("DB_PASS", "sommer2024", True),
            ("smtp-pass", "sommer2024", True),
            ("low_pass", "butterworth", False),
            ("boarding_pass", "x123", False),
            ("BYPASS", "sommer2024", False),
            ("compass", "sommer2024", False),
            ("apiKey", "0f8a9c7d", True),
            ("api-token", "x1y2", True),
        ),
        *(("AWS_SECRET_ACCESS_KEY", "abcd/efg", True), ("passphrase", "correcthorse", True)),
        *(
            ("max_tokens", "4096", False),
            ("tokenizer", "bert-base", False),
            ("key", "country", False),
        ),
        *(
            ("secret_name", "db", False),
            ("password", "DB_PASSWORD", False),
            ("token", "${T}", False),
        ),
        *(("password", "<yours>", False), ("token", "/run/secrets/t", False), ("token", "", False)),
        *(("token", "store://demo/artifact/artifact/x", False), ("password", "xxxxxxxx", False)),
    ],
)
def test_telling_names(name: str, value: str, is_secret: bool) -> None:
    assert names_literal_secret(name, value) is is_secret


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ({"password": 19283746}, {"C324"}),
        ({"max_tokens": 19283746}, set()),
        ({"password": 8080, "token": True, "secret": 1.5}, set()),
    ],
)
def test_numbers_under_telling_names(given: dict[str, object], codes: set[str]) -> None:
    run = {"kind": "python+job:run", "name": "r", "spec": {"function": "etl", "parameters": given}}
    function = json.loads(json.dumps(FUNCTION))
    del function["spec"]["build"]
    files = {
        "gitopsc.yaml": "project: demo\n",
        "all.json": json.dumps([function, run]),
        "src/etl.py": "def run(**more): ...\n",
    }
    told = [each for each in compile_tree(tree_of(files)).diagnostics if each.code.id in CODES]
    assert {each.code.id for each in told} == codes
    assert all("19283746" not in render_text([each], lambda path: [files[path]]) for each in told)


def test_nothing_is_found_in_what_is_genuine() -> None:
    folders = [SAMPLE, *(each / "repo" for each in CASES.iterdir())]
    for folder in folders:
        diagnostics = compile_tree(tree_from(folder, without="/deploy/")).diagnostics
        assert not [each for each in diagnostics if each.code.id in CODES], folder


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no samples here")
def test_nothing_is_found_in_the_samples() -> None:
    for folder in SAMPLES.iterdir():
        if folder.is_dir():
            diagnostics = compile_tree(tree_from(folder)).diagnostics
            assert not [each for each in diagnostics if each.code.id in CODES], folder
    for path in Path(SAMPLES).rglob("*.py"):
        assert credentials_in(path.read_text(errors="replace")) == ()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("secrets: {DB_PASSWORD: x}", "secrets: {DB_PASSWORD: *}"),
        ("secrets: {DATABASE: hunter2, B: c}", "secrets: {DATABASE: *******, B: *}"),
        ("{name: DB_PASSWORD, value: hunter2}", "{name: DB_PASSWORD, value: *******}"),
        ("  password: hunter2", "  password: *******"),
        ("f(name='TOKEN', secret_value='hunter2')", "f(name='TOKEN', secret_value='*******')"),
        ('{"token": "hunter2", "a": 1}', '{"token": "*******", "a": 1}'),
        ("x: glpat-aaaaaaaaaaaaaaaaaaaa", "x: **************************"),
        ('{name: DB_PASSWORD, value: "a b", x: 1}', "{name: DB_PASSWORD, value: *****, x: 1}"),
        ("{name: DB_PASSWORD, value: {x: y}}", "{name: DB_PASSWORD, value: ******}"),
        ("{value: 12345678, name: DB_PASSWORD}", "{value: ********, name: DB_PASSWORD}"),
        ("{name: MODE, value: fast}", "{name: MODE, value: fast}"),
    ],
)
def test_every_excerpt_masks(line: str, shown: str) -> None:
    assert masked(line) == shown


def test_a_name_on_the_line_before_tells_of_a_value() -> None:
    text = "- name: DB_PASSWORD\n  value: {x: hunter3}\n"
    span = Span("x.yaml", 2, 10, 2, 12)
    problem = Diagnostic(LITERAL_CREDENTIAL, "here", span)
    assert "hunter" not in render_text([problem], lambda _: text.split("\n"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("x", r'"\u0067hp_' + A[:36] + '"'),
        ("x", "postgres://etl:hunter3@db.internal/example"),
        ("DB_PASSWORD", "HUNTER22"),
        ("DB_PASSWORD", "abc hunter3"),
        ("DB_PASSWORD", "/hunter3"),
    ],
)
def test_other_spellings_are_found(key: str, value: str) -> None:
    files = {
        "gitopsc.yaml": "project: demo\nregistry: registry.example.com\n",
        "f.yaml": json.dumps(FUNCTION),
        "src/etl.py": "def run(): ...\n",
        "r.yaml": "kind: python+job:run\nname: r\nspec:\n  function: etl\n"
        f"  envs: [{{name: {key}, value: {value}}}]\n",
    }
    assert CODES & {each.code.id for each in compile_tree(tree_of(files)).diagnostics}


def test_a_byte_that_is_not_text_hides_no_key() -> None:
    files = {
        "gitopsc.yaml": "project: demo\nregistry: registry.example.com\n",
        "f.yaml": "{kind: python, name: f, spec: {python_version: PYTHON3_11,"
        ' source: {source: src, handler: "etl:run"}}}',
        "src/etl.py": "def run(): ...\n",
        "src/key.txt": b"\xff\n" + key_block("RSA PRIVATE KEY").encode(),
    }
    assert "C323" in {each.code.id for each in compile_tree(tree_of(files)).diagnostics}


def test_a_long_word_takes_no_time() -> None:
    """What is quadratic would take hours."""
    function = {"source": {"source": "src/etl.py", "handler": "run"}}
    spec = {"python_version": "PYTHON3_11", **function}
    files = {
        "gitopsc.yaml": "project: demo\nregistry: registry.example.com\n",
        "f.yaml": json.dumps({"kind": "python", "name": "etl", "spec": spec}),
        "src/etl.py": f"def run(): ...\npassword = 'hunter22'\n# {'n' * 1_000_000}\n",
    }
    assert "C325" in {each.code.id for each in compile_tree(tree_of(files)).diagnostics}
    for word in ("n" * 1_000_000, "a.b-" * 250_000, "token" * 200_000):
        assert masked(f"{word}: x")
        assert not names_secret(word)


def test_one_line_with_several_hides_them_all() -> None:
    text = (
        "kind: python+job:run\nname: r\nspec:\n  function: etl\n"
        "  envs: [{name: A, value: 'redis://u:hunter2@x.internal'},"
        " {name: B_TOKEN, value: hunter3}]\n"
        "  parameters:\n    password:\n      >-\n      hunter4\n    nosuch: 1\n"
    )
    files = {"gitopsc.yaml": "project: demo\n", "f.yaml": json.dumps(FUNCTION), "r.yaml": text}
    files["src/etl.py"] = "def run(password): ...\n"
    diagnostics = compile_tree(tree_of(files)).diagnostics
    report = render_text(diagnostics, lambda path: files[path].split("\n") if path in files else [])
    assert {"C323", "C324"} <= {each.code.id for each in diagnostics}
    assert "hunter" not in report
