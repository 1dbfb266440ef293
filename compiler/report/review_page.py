"""Review -> the lineage page, on which what the change touches stands out, and what is deleted is
still there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gitopsc.model.compilation import Compilation
from gitopsc.model.consequence import VERBS, Consequence, Review
from gitopsc.model.names import cleaned
from gitopsc.model.node_link import unique_id
from gitopsc.model.program import Lineage, Program
from gitopsc.report.lineage import lineage_ids
from gitopsc.report.page import Change, Happening, render_page
from gitopsc.report.review import headline, told_rows, told_sentences, told_warnings


def render_review_page(review: Review, subject: str, base: Compilation, head: Compilation) -> str:
    """`base` and `head` are what the review is of; a base that does not compile has no programs."""
    programs = [*_gone(base.programs, {*lineage_ids(head.programs)}), *head.programs]
    nodes = {*lineage_ids(programs)}
    functions = {
        (program.project.name, cleaned(function.name)): function.unique_name
        for program in programs
        for function in program.functions
    }
    happenings = []
    for consequence, verb, name, where, why in told_rows(review):
        node = _node(consequence, functions)
        weight = VERBS.index(consequence.verb)
        shown = node if node in nodes else None
        happenings.append(Happening(shown, weight, verb, name, where, why))
    change = Change(
        headline(review, subject),
        tuple(told_warnings(review)),
        tuple(told_sentences(review)),
        tuple(happenings),
    )
    return render_page(programs, head, change)


def _node(each: Consequence, functions: dict[tuple[str, str], str]) -> str | None:
    if each.kind == "image":
        function = functions.get((each.project, each.subject.partition(":")[0]))
        return f"{each.project}/function/{function}"
    return f"{each.project}/run/{each.subject}"


def _gone(programs: Sequence[Program], known: set[str]) -> Iterator[Program]:
    """What only the base has, with the arrows that led there."""
    for program in programs:
        project, lineage = program.project.name, program.lineage
        gone = {node.id for node in lineage.nodes if unique_id(project, node) not in known}
        edges = tuple(each for each in lineage.edges if gone & {each.source, each.target})
        near = gone | {id_ for each in edges for id_ in (each.source, each.target)}
        nodes = tuple(node for node in lineage.nodes if node.id in near)
        yield replace(program, lineage=Lineage(nodes, edges))
