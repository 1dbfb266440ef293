"""A text that does not parse, and what a parser of YAML said of it -> the problem, for people.

The parser says where it could not go on. What a person has to fix is often before that: a bracket
that is open, a line without its colon.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from gitopsc.model.diagnostic import NOT_YAML, Diagnostic
from gitopsc.model.source import Span

_CONFLICT = re.compile(r"(?m)^(?:<{7} |={7}$|>{7} )")
_STRANGE_INDENT = re.compile("(?m)^( *)[\u00a0\u2000-\u200b\u202f\u3000]+")
_AFTER_A_LINE = ("mapping values", "expected <block end>", "expected '<document start>'")
"""Problems that the line before may be the cause of."""

_KEY_AND_COLLECTION = re.compile(r"( *(?:- +)?)[A-Za-z_][\w.-]* +[\[{]")
_KEY_AND_VALUE = re.compile(r" *(?:- +)?[A-Za-z_][\w.-]*(?: +[^\s#:\"'\[{](?:[^:]|:(?=\S))*)?")
_KEY_WITHOUT_BLANK = re.compile(r"([a-z_][a-z0-9_]*):([\w./-]+)(?: +#.*)?$")
_NEXT = re.compile("'(?::|<scalar>)'")
_ENDS = ("<stream end>", "end of stream", "<document start>", "document separator")
_OPEN = re.compile(r"flow|quoted scalar")
"""What has an end of its own."""

_WORDS: Final = (
    (r"found character '`'", "a value cannot begin with a backtick", "quote it"),
    (r"found character '(.)' that cannot start", "a value cannot begin with `{}`", "quote it"),
    (r"unknown escape character '(.)'", "`\\{}` means nothing in double quotes", "use single ones"),
    (r"expected chomping", "only a `|` or a `>` is on that line", "write the text below it"),
    (r"sequence entries are not", "a list begins on a line of its own", "write it below the key"),
    (
        r"<stream end>",
        "the file ends too early",
        "look for a bracket or a quote that is not closed",
    ),
    (r"<document start>", "it goes on after its end", "write `---` before another document"),
    (r"(?:found|got) '(.)'", "unexpected `{}`", "remove it, or put the value into quotes"),
)
"""What parsers say; in words for people; and what to do."""


class _Fault(NamedTuple):
    """Line and column, from 1."""

    line: int
    column: int
    words: str
    hint: str


def syntax_problem(path: str, text: str, error: Exception) -> Diagnostic:
    """`error` is one of PyYAML's or of ruamel.yaml's, with its marks."""
    if conflict := _CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        span = Span(path, line, 1, line, 8)
        return Diagnostic(NOT_YAML, "a merge conflict is left in the file", span, "resolve it")
    if strange := _STRANGE_INDENT.search(text):
        line = text.count("\n", 0, strange.start()) + 1
        span = Span(path, line, len(strange[1]) + 1, line, len(strange[0]) + 1)
        message = "not valid YAML: a space that is not a plain one, such as a non-breaking one"
        return Diagnostic(NOT_YAML, message, span, "indent with plain spaces")
    language, fault = "JSON", _of_json(text) if path.endswith(".json") else None
    if fault is None:
        language, fault = "YAML", _of_yaml(text.split("\n"), error)
    span = Span(path, fault.line, fault.column, fault.line, fault.column + 1)
    return Diagnostic(NOT_YAML, f"not valid {language}: {fault.words}", span, fault.hint)


def _of_json(text: str) -> _Fault | None:
    """None for what JSON has, and YAML has not."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if text.startswith(("//", "/*", "#"), error.pos):
            hint = "remove it, or write YAML"
            return _Fault(error.lineno, error.colno, "it has no comments", hint)
        words = error.msg[:1].lower() + error.msg[1:]
        return _Fault(error.lineno, error.colno, words, "fix it there, or just before")
    except (RecursionError, ValueError):
        return None
    return None


def _of_yaml(lines: list[str], error: Exception) -> _Fault:
    problem, context = (str(getattr(error, key, None) or "") for key in ("problem", "context"))
    begun = getattr(error, "context_mark", None)
    mark = getattr(error, "problem_mark", None) or begun
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    source = lines[line - 1] if line <= len(lines) else ""
    if "simple key" in context and begun:
        return _without_a_colon(begun.line + 1, begun.column + 1)
    if source.lstrip(" ").startswith("\t"):
        return _Fault(line, column, "a tab before the key", "indent with spaces")
    if begun and _OPEN.search(context) and _is_left_open(problem, begun.line + 1 < line):
        return _not_closed(lines, begun.line, begun.column)
    if any(each in problem for each in _AFTER_A_LINE) and (above := _line_before(lines, line - 1)):
        return above
    if "mapping values" in problem:
        return _second_colon(source, line, column)
    if "expected <block end>" in problem:
        return _after_a_value(source, line, column)
    for pattern, words, hint in _WORDS:
        if found := re.search(pattern, problem):
            return _Fault(line, column, words.format(*found.groups()), hint)
    words = f"{problem or error} {context}".split("\n")[0].strip()
    hint = "look for a bracket or a quote that is not closed, or a value that needs quotes"
    return _Fault(line, column, words, hint)


def _without_a_colon(line: int, column: int) -> _Fault:
    return _Fault(line, column, "a line without a colon", "write `key: value`")


def _is_left_open(problem: str, is_on_another_line: bool) -> bool:
    """At the end of the file, or at the next key, it shows that something has no end."""
    is_at_end = any(each in problem for each in _ENDS)
    return is_at_end or (is_on_another_line and _NEXT.search(problem) is not None)


def _not_closed(lines: list[str], line: int, column: int) -> _Fault:
    """What begins at a place (from 0), or the last bracket before it that is open."""
    before = "\n".join([*lines[:line], "".join(lines[line : line + 1])[: column + 1]])
    place = len(before) - 1 if before[-1:] in _BEGINS else _last_open(before)
    if place < 0:
        hint = "look for a bracket or a quote that is not closed"
        return _Fault(len(lines), 1, "the file ends too early", hint)
    hint = "close it, or put a value that has such a character into quotes"
    row, start = before.count("\n", 0, place) + 1, before.rfind("\n", 0, place)
    return _Fault(row, place - start, f"`{before[place]}` is not closed", hint)


_BEGINS = ("[", "{", '"', "'")


def _last_open(text: str) -> int:
    """The place of a bracket; -1 where all are closed."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] in "]}") - (text[place] in "[{")
        if depth < 0:
            return place
    return -1


def _line_before(lines: list[str], end: int) -> _Fault | None:
    """The line before `end` (from 0) that has a key and a value, and no colon, if it is at the same
    depth as the line after it or one of its keys. An item of a list, such as `- pandas`, has no
    key."""
    after = lines[end] if end < len(lines) else ""
    for number in range(min(end, len(lines)) - 1, -1, -1):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = len(line) - len(line.lstrip(" -"))
        is_near = depth <= len(after) - len(after.lstrip(" -"))
        is_item = line.lstrip().startswith("- ")
        if is_item and (after.lstrip().startswith("- ") or " " not in line.strip()[2:].strip()):
            return None
        tight = _KEY_WITHOUT_BLANK.match(line, depth)
        if tight and is_near:
            hint = f"write `{tight[1]}: {tight[2]}`"
            return _Fault(number + 1, depth + 1, "no blank after a colon", hint)
        if _KEY_AND_VALUE.fullmatch(line.rstrip()) and is_near:
            return _without_a_colon(number + 1, depth + 1)
        return None
    return None


def _second_colon(source: str, line: int, column: int) -> _Fault:
    if bare := _KEY_AND_COLLECTION.match(source):
        return _without_a_colon(line, len(bare[1]) + 1)
    if source[: column - 1].count(":"):
        hint = 'a value that contains ": " needs quotes'
        return _Fault(line, column, "a second `: ` in one line", hint)
    return _misaligned(source, line)


def _after_a_value(source: str, line: int, column: int) -> _Fault:
    if not source[: column - 1].strip(" -"):
        return _misaligned(source, line)
    rest = source[column - 1 :].split()
    if not rest or rest[0][0] in "]},":
        words = f"unexpected `{rest[0][0] if rest else ''}`"
        return _Fault(line, column, words, "remove it, or put the value into quotes")
    words = f"`{rest[0][:20]}` follows a value that has ended"
    return _Fault(line, column, words, "quote all of the value")


def _misaligned(source: str, line: int) -> _Fault:
    """A line that fits no indent around it."""
    width = len(source) - len(source.lstrip(" "))
    blanks = "1 blank" if width == 1 else f"{width} blanks"
    words = "the line is indented unlike those it could belong to"
    return _Fault(line, width + 1, words, f"it starts with {blanks}; align it with its neighbours")
