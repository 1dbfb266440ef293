"""`--select` and `--exclude` -> the nodes that they choose, by their ids among all projects."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence, Set

from gitopsc.model.compilation import Compilation
from gitopsc.model.consequence import Review
from gitopsc.model.names import cleaned
from gitopsc.model.node_link import unique_id
from gitopsc.model.program import Program
from gitopsc.model.source import Tree
from gitopsc.pipeline import review_trees
from gitopsc.report.lineage import lineage_ids
from gitopsc.scan import scan_revision
from gitopsc.select import select


def selects(arguments: argparse.Namespace) -> bool:
    return bool(arguments.select or arguments.exclude)


def chosen(arguments: argparse.Namespace, programs: Sequence[Program], tree: Tree) -> Set[str]:
    """Of the programs of a tree; `--base` names the commit that states compare with.

    Raises Unselected and GitRefused.
    """
    states = _states_since(arguments.path, arguments.base, tree) if arguments.base else None
    return select(programs, arguments.select, arguments.exclude, states)


def chosen_of_both(
    arguments: argparse.Namespace, before: Compilation, after: Compilation, review: Review
) -> Set[str]:
    """The same of two sides of a review: what is only on one of them can be chosen, too."""
    programs = (*before.programs, *after.programs)
    states = states_of(before, after, review)
    return select(programs, arguments.select, arguments.exclude, states)


def own_ids(program: Program, kept: Set[str]) -> Set[str]:
    """Ids of nodes in the lineage of one project."""
    project = program.project.name
    return {node.id for node in program.lineage.nodes if unique_id(project, node) in kept}


def _states_since(path: str, base: str, tree: Tree) -> Mapping[str, Set[str]]:
    with scan_revision(path, base) as (then, _):
        return states_of(*review_trees(then, tree, {}))


def states_of(before: Compilation, after: Compilation, review: Review) -> Mapping[str, Set[str]]:
    """Nodes that the first has not, and those that something happens to in clusters."""
    was, is_now = (set(lineage_ids(each.programs)) for each in (before, after))
    touched = {f"{each.project}/run/{each.subject}" for each in review.consequences}
    built = {
        (each.project, each.subject.partition(":")[0])
        for each in review.consequences
        if each.kind == "image"
    }
    for program in after.programs:
        project = program.project.name
        touched |= {
            f"{project}/function/{function.unique_name}"
            for function in program.functions
            if (project, cleaned(function.name)) in built
        }
    return {"new": is_now - was, "modified": touched & was & is_now}
