"""Reports of runs -> text: how each stands, what it made, and how its last runs compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gitopsc.model.inquiry import Done, RunReport
from gitopsc.model.moment import ago, moment
from gitopsc.model.printable import printable
from gitopsc.report.table import size_of, table

_COLOURS_OF = {
    "failed": 31,
    "waiting": 33,
    "began": 36,
    "done": 32,
    "changed": 33,
    "never ran": 2,
}
_WORDS = {"never": "changed", "ready": "service"}
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
        state = f"{_word(each):9}"
        painted = f"\x1b[{_COLOURS_OF.get(_word(each), 32)}m{state}\x1b[0m" if colour else state
        name, head = printable(each.run), printable(_head(each, now, starts=starts))
        lines.append(f"{name:{width}}  {painted}  {head}".rstrip())
        details = _details(each, now, shown, compares=compares)
        lines += [f"    {printable(line)}".rstrip() for line in details]
    return "".join(f"{line}\n" for line in (*lines, ""))


def _word(report: RunReport) -> str:
    if report.begun is not None:
        return "began"
    if report.state == "never" and not report.last:
        return "never ran"
    return _WORDS.get(report.state, report.state)


def _summary(reports: Sequence[RunReport]) -> str:
    """Such as `1 failed, 2 done`."""
    words = [_word(each) for each in reports]
    counts = {word: words.count(word) for word in (*_COLOURS_OF, *words)}
    told = {word: f"{count} {word}" for word, count in counts.items() if count}
    if "service" in told and counts["service"] > 1:
        told["service"] += "s"
    return ", ".join(told.values())


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
        if report.has_changed:
            words += "; it has changed since"
    elif report.state == "never" and report.last:
        words = f"not run since; last done {_when(report.last[0], now)}"
    elif report.state == "ready":
        words = "the data that it reads is there"
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
        yield f"began {moment(at)} ({ago(now - at)}); how it ended is unknown"
    for key in report.newer:
        yield f"there is newer data of {key}"
    for output in report.outputs:
        size = "" if output.size is None else size_of(output.size)
        size = size if output.is_there else "gone"
        yield f"{output.type} {output.name}  {size}  {shown(output.path)}"
    if report.serving is not None:
        yield from _serving(report.serving, now)
    if compares and len(report.last) > 1:
        yield from _comparison(report.last)
    elif report.done is not None and report.done.values:
        yield ", ".join(f"{key} = {_value(each)}" for key, each in report.done.values.items())


def _serving(serving: Mapping[str, Any], now: float) -> Iterator[str]:
    """As a replica has said last: it may have ended since."""
    since = f"{moment(serving['since'])} ({ago(now - serving['since'])})"
    yield f"replica {serving['replica']} said that it serves since {since}; it may have stopped"
    for key, version in sorted(serving["versions"].items()):
        yield f"  {key}, version {short(version)}"
    refused = serving.get("refused")
    if refused is not None:
        when = f"{moment(refused['at'])} ({ago(now - refused['at'])})"
        yield f"newer data was refused {when}: {refused['reason'][:_LONGEST_ERROR]}"


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


def _value(value: Any) -> str:
    """Of a series the last one."""
    if isinstance(value, list) and value:
        value = value[-1]
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
