"""Reports of runs -> text: how each stands, what it made, and how its last runs compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gitopsc.model.inquiry import Done, RunReport
from gitopsc.model.moment import ago, moment
from gitopsc.model.printable import printable

_COLOURS = {"done": 32, "failed": 31, "never": 2, "ready": 32, "waiting": 33}
_WORDS = {"never": "never ran", "ready": "ready"}
_LINES = 10
_LONGEST = 60


def render_status(
    title: str,
    reports: Sequence[RunReport],
    now: float,
    shown: Callable[[str], str],
    *,
    colour: bool,
) -> str:
    """`now` is in seconds since 1970; `shown` makes a URL short."""
    width = max(len(each.run) for each in reports)
    lines = [title, ""]
    for each in reports:
        state = f"{_WORDS.get(each.state, each.state):9}"
        painted = f"\x1b[{_COLOURS[each.state]}m{state}\x1b[0m" if colour else state
        name, head = printable(each.run), printable(_head(each, now))
        lines.append(f"{name:{width}}  {painted}  {head}".rstrip())
        lines += [f"    {printable(line)}".rstrip() for line in _details(each, now, shown)]
    return "".join(f"{line}\n" for line in (*lines, ""))


def _head(report: RunReport, now: float) -> str:
    following = f"next {moment(report.next)}" if report.next is not None else ""
    if report.state == "failed" and report.failure is not None:
        failure = report.failure
        when = f"{moment(failure['at'])} ({ago(now - failure['at'])}), after"
        return f"{when} {failure['seconds']:.1f} s: {failure['error'][:200]}"
    if report.state == "waiting":
        return str(report.reason)
    if report.done is not None:
        return "; ".join(filter(None, (_when(report.done, now), following)))
    if report.state == "ready":
        return "its data is there"
    return following


def _when(done: Done, now: float) -> str:
    words = f"record {done.compute[:12]}"
    if done.begun is not None and done.seconds is not None:
        end = done.begun + done.seconds
        words = f"{moment(end)} ({ago(now - end)}), in {done.seconds:.1f} s; {words}"
    is_late = done.begun is None or abs(done.begun - (done.tick or done.begun)) >= 60
    return f"for {moment(done.tick)}: {words}" if done.tick is not None and is_late else words


def _details(report: RunReport, now: float, shown: Callable[[str], str]) -> Iterator[str]:
    if report.failure is not None:
        yield from (f"| {line}" for line in report.failure["lines"][-_LINES:])
        if report.last:
            yield f"last done: {_when(report.last[0], now)}"
    for output in report.outputs:
        size = "gone" if output.size is None else size_of(output.size)
        yield f"{output.type} {output.name}  {size}  {shown(output.path)}"
    if report.serving is not None:
        yield from _serving(report.serving, now)
    if len(report.last) > 1:
        yield from _comparison(report.last)
    elif report.done is not None and report.done.values:
        yield ", ".join(f"{key} = {_value(each)}" for key, each in report.done.values.items())


def _serving(serving: Mapping[str, Any], now: float) -> Iterator[str]:
    since = f"since {moment(serving['at'])} ({ago(now - serving['at'])})"
    for key, version in sorted(serving["versions"].items()):
        tick = serving["ticks"].get(key)
        of = f" of {tick}" if tick else ""
        yield f"serves {key}{of}, version {version[:12]}..., {since}"


def _comparison(last: Sequence[Done]) -> Iterator[str]:
    """The last runs below one another: what they were given that differs, and what came of it."""
    given = _columns(each.parameters for each in last)
    differing = [
        name for name in given if len({_value(each.parameters.get(name)) for each in last}) > 1
    ]
    names = [*differing, *_columns(each.values for each in last)]
    rows = [["last runs", "seconds", *names]]
    for each in last:
        values = {**each.parameters, **each.values}
        seconds = "" if each.seconds is None else f"{each.seconds:.1f}"
        cells = [_value(values[name]) if name in values else "" for name in names]
        rows.append([moment(each.tick) if each.tick is not None else "", seconds, *cells])
    yield from table(rows)


def _columns(mappings: Any) -> list[str]:
    names: dict[str, None] = {}
    for mapping in mappings:
        names.update(dict.fromkeys(mapping))
    return list(names)


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Cells below one another: the first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield "  ".join(cells).rstrip()


def _value(value: Any) -> str:
    """Of a series the last one."""
    if isinstance(value, list) and value:
        value = value[-1]
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def size_of(size: int) -> str:
    """Bytes as people read them."""
    number, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
