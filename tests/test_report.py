"""How diagnostics and lineage are printed."""

from __future__ import annotations

import json

from gitopsc.model.diagnostic import NO_REGISTRY, UNKNOWN_KEY, Diagnostic, Label, in_order
from gitopsc.model.output import Change
from gitopsc.model.source import Span
from gitopsc.report.json import render_json
from gitopsc.report.text import render_counts, render_text

PROBLEM = Diagnostic(
    UNKNOWN_KEY,
    "unknown key `x`",
    Span("a.yaml", 2, 3, 2, 4),
    "did you mean `y`?",
    (Label(Span("b.yaml", 1, 1, 1, 2), "here"),),
)
SOURCES = {"a.yaml": ["spec:", "  x: 1"], "b.yaml": ["y"]}


def lines(path: str) -> list[str]:
    return SOURCES.get(path, [])


def test_text() -> None:
    assert render_text([PROBLEM], lines) == (
        "a.yaml:2:3: error[C302]: unknown key `x`\n"
        "  2 |   x: 1\n"
        "        ^\n"
        "  b.yaml:1:1: here\n"
        "  1 | y\n"
        "      ^\n"
        "  hint: did you mean `y`?\n"
    )


def test_colour_only_when_asked() -> None:
    assert "\x1b[1;31merror[C302]\x1b[0m" in render_text([PROBLEM], lines, colour=True)


def test_a_place_without_a_line_has_no_excerpt() -> None:
    gone = Diagnostic(NO_REGISTRY, "m", Span("gone.yaml", 9))
    assert render_text([gone], lines) == "gone.yaml:9:1: warning[C503]: m\n"


def test_a_long_line_is_cut_around_the_place() -> None:
    long = "a" * 300 + "HERE" + "b" * 300
    problem = Diagnostic(UNKNOWN_KEY, "m", Span("l", 1, 301, 1, 305))
    _, source, caret = render_text([problem], lambda _: [long]).splitlines()
    assert len(source) < 120
    assert source[caret.index("^") : caret.rindex("^") + 1] == "HERE"


def test_no_file_steers_the_terminal() -> None:
    problem = Diagnostic(UNKNOWN_KEY, "m\x1b[2J", Span("l", 1, 1, 1, 2), "h\x07")
    assert "\x1b" not in render_text([problem], lambda _: ["\x1b]0;x\x07"])


def test_counts() -> None:
    warning = Diagnostic(NO_REGISTRY, "m", Span("x"))
    assert render_counts([PROBLEM, PROBLEM, warning]) == "2 errors, 1 warning"
    assert render_counts([]) == ""


def test_order() -> None:
    later = Diagnostic(UNKNOWN_KEY, "m", Span("a.yaml", 10))
    assert in_order([later, PROBLEM, later]) == (PROBLEM, later)


def test_json() -> None:
    found = json.loads(render_json("written", [PROBLEM], [Change("deploy/x", "created")]))
    assert found["changes"] == [{"path": "deploy/x", "action": "created"}]
    assert (found["version"], found["status"]) == (1, "written")
    (problem,) = found["diagnostics"]
    assert problem["code"] == "C302"
    assert (problem["file"], problem["line"], problem["column"]) == ("a.yaml", 2, 3)
    assert problem["related"][0]["message"] == "here"
