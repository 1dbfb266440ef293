"""Diagnostics -> text for people: place, sentence, the source line with a caret, hint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from gitopsc.model.credentials import masked
from gitopsc.model.diagnostic import Diagnostic, Severity
from gitopsc.model.printable import printable
from gitopsc.model.source import Span

Lines = Callable[[str], list[str]]
"""Path of a file -> its lines, empty when there are none to show."""

_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}
_BOLD, _DIM, _HINT = "1", "2", "36"
_WIDTH = 100


def render_text(diagnostics: Iterable[Diagnostic], lines: Lines, *, colour: bool = False) -> str:
    """A blank line is between two. A file is split into lines once, however many it has."""
    found = list(diagnostics)
    known = cache(_without_private(found, lines))
    return "\n".join(_render(each, known, _painted if colour else _plain) for each in found)


Paint = Callable[[str, str], str]
"""A text and a colour -> what a terminal shows of it."""


def _plain(text: str, _: str) -> str:
    return text


def _painted(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"


def _without_private(diagnostics: Iterable[Diagnostic], lines: Lines) -> Lines:
    """Lines with `*` for what is private to one problem, whichever problem they are shown for."""
    private: dict[str, list[Span]] = {}
    for each in diagnostics:
        if each.private:
            private.setdefault(each.span.path, []).append(each.span)

    def shown(path: str) -> list[str]:
        found = list(lines(path))
        for span in private.get(path, ()):
            for number in range(span.line, min(span.end_line, len(found)) + 1):
                line = found[number - 1]
                start = span.column - 1 if number == span.line else 0
                end = span.end_column - 1 if number == span.end_line else len(line)
                found[number - 1] = line[:start] + "*" * max(0, end - start) + line[end:]
        return found

    return shown


def render_counts(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    counts = [
        (severity, sum(each.severity is severity for each in diagnostics)) for severity in Severity
    ]
    return ", ".join(
        f"{count} {severity.value}{'s' if count > 1 else ''}" for severity, count in counts if count
    )


def _render(diagnostic: Diagnostic, lines: Lines, paint: Paint) -> str:
    code = diagnostic.code
    colour = _COLOURS[diagnostic.severity]
    kind = paint(f"{diagnostic.severity.value}[{code.id}]", colour)
    place = paint(_place(diagnostic.span, lines), _BOLD)
    text = f"{place}: {kind}: {printable(diagnostic.message)}\n"
    text += _excerpt(diagnostic.span, lines, paint, colour)
    for label in diagnostic.related:
        text += f"  {paint(_place(label.span, lines), _BOLD)}: {printable(label.text)}\n"
        text += _excerpt(label.span, lines, paint, _DIM)
    if diagnostic.allowed is not None:
        text += f"  allowed: {printable(diagnostic.allowed)}\n"
    elif diagnostic.hint:
        text += f"  {paint('hint', _HINT)}: {printable(diagnostic.hint)}\n"
    return text


def _place(span: Span, lines: Lines) -> str:
    """No line begins with `::`, which a workflow of GitHub takes for a command. A folder has no
    lines, and what is about a file as a whole is on none."""
    path = printable(f"./{span.path}" if span.path.startswith(":") else span.path)
    if (span.line, span.column) == (1, 1) and not lines(span.path):
        return path
    return f"{path}:{span.line}:{span.column}"


def _excerpt(span: Span, lines: Lines, paint: Paint, colour: str) -> str:
    source = lines(span.path)
    if not source or span.line > len(source):
        return ""
    line = source[span.line - 1].rstrip("\r")
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    cut = max(0, start - _WIDTH // 2) if len(line) > _WIDTH else 0
    around = "\n".join(source[max(0, span.line - 1 - _NEAR) : span.line + _NEAR])
    shown = printable(_masked(line, cut, cut + _WIDTH, around[: _NEAR * 1000]))
    width = max(1, min(end, cut + _WIDTH, len(line)) - start)
    number = f"  {span.line} | "
    caret = f"{' ' * (len(number) + start - cut)}{paint('^' * width, colour)}"
    return f"{paint(f'{number}{shown}', _DIM)}\n{caret}\n"


def _masked(line: str, start: int, end: int, around: str) -> str:
    """A part of a line; a log is no place for a password, which may begin before it."""
    first = max(0, start - _AROUND)
    part = masked(line[first : end + _AROUND], around)
    return part[start - first : end - first]


_AROUND = 300
_NEAR = 2
"""Lines before and after one whose `name` may say that a `value` in it is a secret."""
