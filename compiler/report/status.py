"""Reports of runs -> text: how each stands, what it made, and how its last runs compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gitopsc.model.inquiry import Done, RunReport
from gitopsc.model.moment import ago, moment
from gitopsc.model.printable import printable

_COLOURS = {"failed": 31, "waiting": 33, "done": 32, "never": 2, "ready": 32}
_WORDS = {"never": "not run", "ready": "may serve"}
_LINES = 10
_LONGEST = 60
_LONGEST_ERROR = 200
_SHORT = 12


def render_status(
    title: str,
    reports: Sequence[RunReport],
    now: float,
    shown: Callable[[str], str],
    *,
    compares: bool,
    starts: bool,
    colour: bool,
) -> str:
    """`now` is in seconds since 1970; `shown` makes a URL short. It `compares` the last runs of
    each; where schedules `starts` them, it says when."""
    width = max(len(each.run) for each in reports)
    lines = [f"{printable(title)}: {_summary(reports)}", ""]
    for each in reports:
        word = _WORDS.get(each.state, each.state)
        state = f"{'never ran' if each.state == 'never' and not each.last else word:9}"
        painted = f"\x1b[{_COLOURS[each.state]}m{state}\x1b[0m" if colour else state
        name, head = printable(each.run), printable(_head(each, now, starts=starts))
        lines.append(f"{name:{width}}  {painted}  {head}".rstrip())
        details = _details(each, now, shown, compares=compares)
        lines += [f"    {printable(line)}".rstrip() for line in details]
    return "".join(f"{line}\n" for line in (*lines, ""))


def _summary(reports: Sequence[RunReport]) -> str:
    """Such as `1 failed, 2 done`."""
    counts = {state: sum(each.state == state for each in reports) for state in _COLOURS}
    words = {"never": "to run", "ready": "to serve"}
    return ", ".join(
        f"{count} {words.get(state, state)}" for state, count in counts.items() if count
    )


def _head(report: RunReport, now: float, *, starts: bool) -> str:
    following = f"next {moment(report.next)}" if report.next is not None and starts else ""
    words = ""
    if report.state == "failed" and report.failure is not None:
        failure = report.failure
        when = f"{moment(failure['at'])} ({ago(now - failure['at'])}), after"
        words = f"{when} {failure['seconds']:.1f} s: {failure['error'][:_LONGEST_ERROR]}"
    elif report.state == "waiting":
        words = str(report.reason)
    elif report.done is not None:
        words = _when(report.done, now)
    elif report.state == "never" and report.last:
        words = f"since it has changed; last done {_when(report.last[0], now)}"
    elif report.state == "ready":
        words = "its data is there"
    return "; ".join(filter(None, (words, following)))


def _when(done: Done, now: float) -> str:
    words = f"record {done.compute[:12]}"
    if done.begun is not None and done.seconds is not None:
        end = done.begun + done.seconds
        words = f"{moment(end)} ({ago(now - end)}), in {done.seconds:.1f} s; {words}"
    is_late = done.begun is None or abs(done.begun - (done.tick or done.begun)) >= 60
    return f"for {moment(done.tick)}: {words}" if done.tick is not None and is_late else words


def _details(
    report: RunReport, now: float, shown: Callable[[str], str], *, compares: bool
) -> Iterator[str]:
    if report.failure is not None:
        yield from (f"| {line[:_LONGEST_ERROR]}" for line in report.failure["lines"][-_LINES:])
        if report.last:
            yield f"last done: {_when(report.last[0], now)}"
    if report.begun is not None:
        at = report.begun["at"]
        yield f"began {moment(at)} ({ago(now - at)}), and has not ended since"
    for key in report.newer:
        yield f"there is newer data of {key}"
    for output in report.outputs:
        size = "gone" if output.size is None else size_of(output.size)
        yield f"{output.type} {output.name}  {size}  {shown(output.path)}"
    if report.serving is not None:
        yield from _serving(report.serving, now)
    if compares and len(report.last) > 1:
        yield from _comparison(report.last)
    elif report.done is not None and report.done.values:
        yield ", ".join(f"{key} = {_value(each)}" for key, each in report.done.values.items())


def _serving(serving: Mapping[str, Any], now: float) -> Iterator[str]:
    for key, version in sorted(serving["versions"].items()):
        since = serving["since"]
        when = f"{moment(since)} ({ago(now - since)})"
        yield f"replica {serving['replica']} serves since {when}:"
        yield f"  {key}, version {short(version)}"
    refused = serving.get("refused")
    if refused is not None:
        when = f"{moment(refused['at'])} ({ago(now - refused['at'])})"
        yield f"newer data is not served since {when}: {refused['reason'][:_LONGEST_ERROR]}"


def short(version: str) -> str:
    """A version with its tick: what tells it from others of the same run."""
    compute, separator, tick = version.partition("-")
    if len(compute) <= _SHORT:
        return version
    return f"{compute[:_SHORT]}...{separator}{tick}"


def _comparison(last: Sequence[Done]) -> Iterator[str]:
    """The last runs below one another: what they were given that differs, and what came of it."""
    given = _columns(each.parameters for each in last)
    differing = [
        name for name in given if len({_value(each.parameters.get(name)) for each in last}) > 1
    ]
    names = [*differing, *_columns(each.values for each in last)]
    rows = [["last runs", "seconds", *names]]
    for number, each in enumerate(last):
        values = {**each.parameters, **each.values}
        seconds = "" if each.seconds is None else f"{each.seconds:.1f}"
        if number + 1 < len(last) and each.begun == last[number + 1].begun:
            seconds = "nothing new"
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
