"""Review -> text for a terminal, JSON, or Markdown for a comment on a pull request.

The first sentence is the answer, fit for a title; then one line for each run, in the order of what
weighs most, with its cause and the place of it; consequences of a run stand below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple

from gitopsc.model.consequence import Cause, Consequence, Demand, Difference, Review, Verb
from gitopsc.model.output import readable_json
from gitopsc.model.printable import printable
from gitopsc.model.source import Span

MARKER = "<!-- gitopsc diff -->"
"""Of a comment, so that the next one takes its place."""

_LIMIT = 65_000
"""Characters of a comment; forges allow 65,536."""

_MORE = 3
"""Further causes of one consequence that are told."""

_MOST_UNCHANGED = 20
_MOST_UNMADE = 3
_DEEPEST = 3
"""Consequences of consequences that are indented further."""

_SHOWN: dict[Verb, str] = {"keeps": "keeps claim", "new job": "new Job", "patches": "patches"}
_COUNTED: tuple[tuple[Verb, str, str, str], ...] = (
    ("runs", "runs", "job", "jobs"),
    ("starts", "starts", "service", "services"),
    ("schedules", "adds", "schedule", "schedules"),
    ("reschedules", "reschedules", "job", "jobs"),
    ("rolls", "rolls", "service", "services"),
    ("scales", "scales", "service", "services"),
    ("new job", "replaces", "Job whose work is done", "Jobs whose work is done"),
    ("builds", "builds", "image", "images"),
    ("patches", "patches", "object in place", "objects in place"),
)


def headline(review: Review, subject: str) -> str:
    """`subject` is what does it: `Merging`, or `This change`."""
    parts = []
    for verb, word, one, many in _COUNTED:
        names = {(each.project, each.subject) for each in review.of(verb)}
        if names:
            parts.append(f"{word} {len(names)} {one if len(names) == 1 else many}")
    refused = {(each.project, each.subject) for each in review.of("refused")}
    deleted = review.of("deletes")
    if not review.consequences:
        return _after_unmade(review, f"{subject} changes nothing in a cluster.")
    words = f"{subject} {_listed(parts)}; it deletes {_deleted(deleted)}."
    if not parts:
        words = f"{subject} deletes {_deleted(deleted)}."
    if refused:
        count = "one object" if len(refused) == 1 else f"{len(refused)} objects"
        words = f"Kubernetes refuses {count} of this. {words}"
    return _after_unmade(review, words)


def _after_unmade(review: Review, words: str) -> str:
    """First, what a controller would apply though no descriptor says so."""
    if not review.unmade:
        return words
    count = len(review.unmade)
    files = _listed([f"`{path}`" for path in review.unmade[:_MOST_UNMADE]])
    if count > _MOST_UNMADE:
        files = f"`{review.unmade[0]}` and {count - 1} more files"
    are, they = ("is", "it is") if count == 1 else ("are", "they are")
    told = f"{files} {are} not what the descriptors make, and would be applied as {they}"
    if not review.of("refused"):  # which a compile would not write, either
        told += ": run `gitopsc compile`"
    return f"{told}. Compiled, {words[0].lower()}{words[1:]}"


def _deleted(found: Sequence[Consequence]) -> str:
    if not found:
        return "nothing"
    names: dict[str, set[str]] = {}
    for each in found:
        names.setdefault(each.kind, set()).add(each.subject)
    parts = []
    for kind, subjects in sorted(names.items()):
        count = len(subjects)
        what = "claim with its data" if kind == "claim" else kind
        many = "claims with their data" if kind == "claim" else f"{kind}s"
        parts.append(f"{count} {what if count == 1 else many}")
    return _listed(parts)


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else ""


# Rows


class _Row(NamedTuple):
    """One line; `depth` says below what it stands, and `others` how many more it is for."""

    depth: int
    consequence: Consequence
    others: int = 0


_FOLDED = 8
"""Runs to which the same happens for the same reason, from which on they are one line."""


def _rows(review: Review) -> Iterator[_Row]:
    """What follows from a run stands below it, once; images are told after all runs."""
    found = [each for each in review.consequences if each.kind != "image"]
    children: dict[tuple[str, str], list[Consequence]] = {}
    roots = []
    known = {(each.project, each.subject) for each in found if each.verb == "runs"}
    for each in found:
        parent = (each.project, each.parent or "")
        if parent in known and parent != (each.project, each.subject):
            children.setdefault(parent, []).append(each)
        else:
            roots.append(each)
    told: set[Consequence] = set()

    def below(each: Consequence, depth: int) -> Iterator[_Row]:
        if each not in told:
            told.add(each)
            yield _Row(depth, each)
            if each.verb == "runs":
                for child in children.get((each.project, each.subject), ()):
                    yield from below(child, depth + 1)

    alike: dict[Consequence, list[Consequence]] = {}
    for root in roots:
        if not (root.verb == "runs" and children.get((root.project, root.subject))):
            causes = tuple(cause._replace(place=None) for cause in root.causes)
            alike.setdefault(root._replace(subject="", causes=causes), []).append(root)
    many = {group[0]: group for group in alike.values() if len(group) >= _FOLDED}
    for first, group in many.items():
        told.update(group)
        yield _Row(0, first, len(group) - 1)
    for root in roots:
        yield from below(root, 0)
    for each in found:  # whose parents wait for each other
        yield from below(each, 0)
    yield from (_Row(0, each) for each in review.consequences if each.kind == "image")


def render_review(review: Review, subject: str, *, colour: bool = False) -> str:
    rows = [*_rows(review)]
    many = len({each.project for each in review.consequences}) > 1
    cells = [_cells(row, many=many) for row in rows]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(5)]
    lines = [headline(review, subject), ""]
    warnings = [*told_warnings(review)]
    lines += [f"warning: {printable(each)}" for each in warnings]
    lines += [""] if warnings else []
    for row, found in zip(rows, cells, strict=True):
        line = _line(found, widths)
        lines.append(_coloured(line, row, found[0]) if colour else line)
        for text, place in _more(row.consequence):
            lines.append(_line(("", "", "", text, place), widths))
    if rows:
        lines.append("")
    lines += [printable(each) for each in told_sentences(review)]
    if review.unchanged:
        lines.append(f"unchanged: {_names(review.unchanged)}")
    return "\n".join(lines).rstrip("\n") + "\n"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    told = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return printable("   ".join(told).rstrip())


def _cells(row: _Row, *, many: bool) -> tuple[str, str, str, str, str]:
    """What happens, to whom, where, why, and where that is written."""
    each = row.consequence
    name = f"{each.project}/{each.subject}" if many else each.subject
    verb = _SHOWN.get(each.verb, each.verb)
    if each.kind == "claim" and each.verb != "keeps":
        verb = f"{verb} claim"
    why, place = _cause(each.causes[0]) if each.causes else (each.note, "")
    if row.others:
        name += f" and {row.others} more"
    return "  " * min(row.depth, _DEEPEST) + verb, name, ", ".join(each.environments), why, place


def _cause(cause: Cause) -> tuple[str, str]:
    return cause.text, _at(cause.place)


def _more(each: Consequence) -> Iterator[tuple[str, str]]:
    for cause in each.causes[1 : 1 + _MORE]:
        text, place = _cause(cause)
        yield f"and {text}", place
    if len(each.causes) > 1 + _MORE:
        yield f"and {len(each.causes) - 1 - _MORE} more", ""
    if each.causes and each.note:
        yield each.note, ""


def _at(place: Span | None) -> str:
    return f"{place.path}:{place.line}" if place is not None else ""


class Told(NamedTuple):
    """A row in words: what happens to whom, where, and why."""

    consequence: Consequence
    verb: str
    name: str
    where: str
    why: tuple[str, ...]


def told_rows(review: Review) -> Iterator[Told]:
    """All of them, none folded, in their order."""
    many = len({each.project for each in review.consequences}) > 1
    for consequence in review.consequences:
        verb, name, where, *why = _cells(_Row(0, consequence), many=many)
        whys = [why, *_more(consequence)]
        told = tuple(", ".join(filter(None, each)) for each in whys if any(each))
        yield Told(consequence, verb, name, where, told)


def told_warnings(review: Review) -> Iterator[str]:
    """What needs a look first, in sentences."""
    yield from review.warnings
    for demand in review.demands:
        if demand.over:
            budget = _amounts({name: demand.budget[name] for name in demand.over})
            yield f"{_started(demand, demand.environment)}, and the budget is {budget}."


def _demands(review: Review) -> Iterator[str]:
    """Of several jobs, for one is told by its run; the same in several environments is one."""
    alike: dict[tuple[str, int, str], list[Demand]] = {}
    for demand in review.demands:
        if demand.jobs > 1 and not demand.over:
            asked = _amounts(demand.asked)
            alike.setdefault((demand.project, demand.jobs, asked), []).append(demand)
    many = len({demand.project for demand in review.demands}) > 1
    for found in alike.values():
        where = ", ".join(each.environment for each in found)
        where += f" of project {found[0].project}" if many else ""
        yield f"{_started(found[0], where)}."


def _started(demand: Demand, where: str) -> str:
    jobs = "1 job starts" if demand.jobs == 1 else f"{demand.jobs} jobs start together"
    asks = "asks" if demand.jobs == 1 else "they ask"
    joint = " and" if demand.jobs == 1 else ":"
    return f"{jobs} in {where}{joint} {asks} for {_amounts(demand.asked)}"


def _amounts(found: Mapping[str, str]) -> str:
    words = {"cpu": "{} CPU", "mem": "{} of memory", "gpu": "{} GPU"}
    return _listed(
        [words[name].format(found[name]) for name in words if found.get(name, "0") != "0"]
    )


def told_sentences(review: Review) -> Iterator[str]:
    """What else is to be known."""
    yield from review.notes
    yield from _demands(review)
    if review.stale:
        count = len(review.stale)
        objects = "1 object" if count == 1 else f"{count} objects"
        verb = "is" if count == 1 else "are"
        yield (
            f"Besides: {objects} that the base has committed {verb} not what its descriptors make:"
            " its output is stale, or another version wrote it. That changes, too."
        )


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_UNCHANGED])
    rest = len(names) - _MOST_UNCHANGED
    return f"{shown} and {rest} more" if rest > 0 else shown


_COLOURS: dict[Verb, str] = {
    "deletes": "31",
    "new job": "36",
    "refused": "31;1",
    "rolls": "33",
    "runs": "33;1",
    "starts": "32",
}


def _coloured(line: str, row: _Row, cell: str) -> str:
    code = _COLOURS.get(row.consequence.verb)
    return f"\x1b[{code}m{cell}\x1b[0m{line[len(cell) :]}" if code else line


def render_differences(found: Sequence[Difference], names: tuple[str, str]) -> str:
    """What one environment has otherwise than another, in lines; what is the same at the end."""
    many = len({each.project for each in found}) > 1
    rows: list[tuple[str, str, str]] = []
    for each in found:
        run = each.run or "(all)"
        labels = chain((f"{each.project}/{run}" if many else run,), repeat(""))
        rows += [(label, *_cause(cause)) for label, cause in zip(labels, each.causes, strict=False)]
    lines = [f"What {names[1]} has otherwise than {names[0]}:" + ("" if rows else " nothing.")]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines += ["", *(_line(row, widths) for row in rows), ""] if rows else []
    same = [each.run for each in found if each.run is not None and not each.causes]
    lines += [f"the same: {_names(same)}"] if same else []
    return "".join(f"{printable(line)}\n" for line in lines)


def render_differences_json(found: Sequence[Difference], names: tuple[str, str]) -> str:
    """`schemas/reports/environments.schema.json` describes it."""
    return readable_json(
        {
            "version": 1,
            "environments": [*names],
            "runs": [
                {"project": each.project, "run": each.run, "causes": _causes(each.causes)}
                for each in found
            ],
        }
    )


# JSON


def render_review_json(review: Review, subject: str) -> str:
    """`schemas/reports/review.schema.json` describes it."""
    return readable_json(
        {
            "version": 1,
            "summary": headline(review, subject),
            "classes": {**review.classes},
            "consequences": [_consequence(each) for each in review.consequences],
            "objects": [_object(each) for each in review.objects],
            "demands": [{**each._asdict(), "over": [*each.over]} for each in review.demands],
            "unchanged": [*review.unchanged],
            "notes": [*review.notes],
            "warnings": [*review.warnings],
            "stale": [_object(each) for each in review.stale],
            "unmade": [*review.unmade],
        }
    )


def _consequence(each: Consequence) -> dict[str, Any]:
    return {
        "verb": each.verb,
        "project": each.project,
        "subject": each.subject,
        "kind": each.kind,
        "environments": [*each.environments],
        "causes": _causes(each.causes),
        "parent": each.parent,
        "note": each.note,
    }


def _causes(causes: Sequence[Cause]) -> list[dict[str, Any]]:
    return [
        {
            "reason": cause.reason,
            "text": cause.text,
            "file": cause.place.path if cause.place is not None else None,
            "line": cause.place.line if cause.place is not None else None,
            "makers": [*cause.makers],
        }
        for cause in causes
    ]


def _object(each: Any) -> dict[str, Any]:
    return {**each._asdict(), "fields": [*each.fields]}


# Markdown


def render_review_markdown(review: Review, subject: str, lineage: str = "") -> str:
    """A comment: the answer first, a table of runs, the rest folded. Too long a one is cut.

    `lineage` is a Mermaid flowchart of what the change touches.
    """
    lines = [MARKER, f"**{_escaped(headline(review, subject))}**", ""]
    warnings = [*told_warnings(review)]
    lines += [f"> {_sentence(each)}" for each in warnings]
    lines += [""] if warnings else []
    rows = [*_rows(review)]
    many = len({each.project for each in review.consequences}) > 1
    if rows:
        lines += ["| | | where | why |", "|---|---|---|---|"]
        for row in rows:
            verb, name, where, *why = _cells(row, many=many)
            told = [_why(*why), *(_why(*each) for each in _more(row.consequence))]
            indent = "&nbsp;&nbsp;" * row.depth
            cells = (f"{indent}{verb.strip()}", _escaped(name), where, "<br>".join(told))
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        lines.append("")
    lines += [f"- {_sentence(each)}" for each in told_sentences(review)]
    if lineage:
        lines += ["", "<details><summary>What it touches</summary>", "", "```mermaid"]
        lines += [lineage.rstrip("\n"), "```", "", "</details>"]
    if review.unchanged:
        names = ", ".join(f"`{name}`" for name in review.unchanged)
        lines += ["", f"<details><summary>{len(review.unchanged)} unchanged</summary>", ""]
        lines += [names, "", "</details>"]
    return _cut("\n".join(lines)) + "\n"


def _why(text: str, place: str) -> str:
    return f"{_escaped(text)} ({_escaped(place)})" if place else _escaped(text)


def _sentence(text: str) -> str:
    """What stands between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _escaped(text)
    shown = (_escaped(part) if index % 2 == 0 else f"`{part}`" for index, part in enumerate(parts))
    return "".join(shown)


def _escaped(text: str) -> str:
    """Nothing in it is Markdown or HTML."""
    shown = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for char in "\\`*_[]@#!":
        shown = shown.replace(char, f"\\{char}")
    return shown


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _cut(text: str) -> str:
    if len(text) <= _LIMIT:
        return text
    kept = text[:_LIMIT].rpartition("\n")[0]
    return f"{kept}\n\n... and more: see `gitopsc diff`."
