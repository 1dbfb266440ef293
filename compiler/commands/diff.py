"""`gitopsc diff`: two states of a repository -> what merging does in clusters, on stdout."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from gitopsc.adapters.git import GitRefused, has_commits, merge_base, merged, path_in_repository
from gitopsc.commands.arguments import add_path, add_selection
from gitopsc.commands.reading import read
from gitopsc.commands.selection import chosen_of_both, selects
from gitopsc.commands.terminal import wants_colour
from gitopsc.model.compilation import Compilation
from gitopsc.model.consequence import CLASSES, Review
from gitopsc.model.diagnostic import NO_PROJECT, did_you_mean, has_errors, listed
from gitopsc.model.program import Program
from gitopsc.model.source import Tree
from gitopsc.pipeline import review_environments, review_trees
from gitopsc.report.lineage import render_mermaid
from gitopsc.report.review import (
    render_differences,
    render_differences_json,
    render_review,
    render_review_json,
    render_review_markdown,
)
from gitopsc.report.text import render_counts, render_text
from gitopsc.scan import scan_revision
from gitopsc.select import Unselected

DESCRIPTION = (
    "Say what merging HEAD into BASE does in clusters: which jobs run, which services roll, what is"
    " deleted, and why. Without refs, what the working tree changes of HEAD."
)

_MOST_DRAWN = 40
"""Boxes of a picture in a comment."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "--base", metavar="REF", help="the branch that is merged into, such as origin/main"
    )
    parser.add_argument("--head", metavar="REF", help="what is merged (default: HEAD)")
    parser.add_argument(
        "--env",
        metavar="E",
        nargs="+",
        action="extend",
        default=[],
        help="look at one environment only; of two, say what the second has otherwise than the"
        " first (with --base, as that has it)",
    )
    add_selection(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json", "markdown", "html"),
        default="text",
        help="text for people, JSON, Markdown for a comment, or a page for a browser (default:"
        " text)",
    )
    parser.add_argument(
        "--exit-code", action="store_true", help="exit 1 where anything changes in a cluster"
    )
    add_fail_on(parser)


def add_fail_on(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fail-on",
        metavar="VERBS",
        type=_verbs,
        default=(),
        help=f"exit 1 where one of these happens, with commas: {', '.join(CLASSES)}",
    )


def _verbs(text: str) -> tuple[str, ...]:
    found = tuple(each.strip() for each in text.split(",") if each.strip())
    for each in found:
        if each not in CLASSES:
            known = ", ".join(CLASSES)
            raise argparse.ArgumentTypeError(f"`{each}` is not one of {known}")
    return found


class _Sides(NamedTuple):
    """Both trees, what the base has committed, and what is to be known of how they were found.
    `written` are the output folders as controllers would find them after a merge."""

    base: Tree
    head: Tree
    committed: Mapping[str, bytes]
    subject: str
    warnings: tuple[str, ...] = ()
    written: Mapping[str, Mapping[str, bytes]] = {}


class Reviewed(NamedTuple):
    """A review, what does it, and both sides."""

    review: Review
    subject: str
    before: Compilation
    after: Compilation

    def text(self, form: str, *, colour: bool = False) -> str:
        """In one of the formats."""
        if form == "json":
            return render_review_json(self.review, self.subject)
        if form == "markdown":
            touched = _touched(self.review, self.after.programs)
            return render_review_markdown(self.review, self.subject, touched)
        if form == "html":
            from gitopsc.report.review_page import render_review_page

            return render_review_page(self.review, self.subject, self.before, self.after)
        return render_review(self.review, self.subject, colour=colour)


class Unreviewed(Exception):
    """What is changed does not compile; the message is what a terminal shows of that."""


def run(arguments: argparse.Namespace) -> int:
    try:
        if len(arguments.env) > 1:
            return _between_environments(arguments)
        found = reviewed(arguments)
    except (GitRefused, Unselected) as error:
        print(f"gitopsc diff: {error}", file=sys.stderr)
        return 2
    except Unreviewed as error:
        sys.stderr.write(str(error))
        return 1
    sys.stdout.write(found.text(arguments.format, colour=wants_colour(sys.stdout)))
    has_changes = arguments.exit_code and (found.review.consequences or found.review.unmade)
    return 1 if has_changes or fails(found.review, arguments.fail_on) else 0


def reviewed(arguments: argparse.Namespace) -> Reviewed:
    """Raises GitRefused, Unselected and Unreviewed."""
    with _sides(arguments) as sides:
        choose = partial(chosen_of_both, arguments) if selects(arguments) else None
        environment = arguments.env[0] if arguments.env else None
        before, after, review = review_trees(
            sides.base, sides.head, sides.committed, choose, environment
        )
        what = "the merge" if arguments.base or arguments.head else "the working tree"
        if not (_has_no_project(after) and before.projects):  # the last one may go
            _check(after, sides.head, what)
        _check_environments(arguments.env, before, after)
        unmade = _unmade(sides.written, after)
        warnings = [*sides.warnings]
        errors = [each for each in before.diagnostics if has_errors([each])]
        if errors and not _has_no_project(before):
            counts = render_counts(errors)
            warnings.append(f"The base does not compile ({counts}): everything counts as new.")
    subject = sides.subject
    if selects(arguments):
        subject = f"Of what is selected, {subject[0].lower()}{subject[1:]}"
    review = replace(review, warnings=tuple(warnings), unmade=unmade)
    return Reviewed(review, subject, before, after)


def _unmade(
    written: Mapping[str, Mapping[str, bytes]], compilation: Compilation
) -> tuple[str, ...]:
    """Files of the outputs that are there and not what a compile makes, first those that a
    controller reads, then those of builders. An output that is on no branch has none."""
    made = {
        f"{project.prefix}{project.output}": {file.path: file.content for file in files}
        for project, files in compilation.outputs
    }
    found = []
    for output, files in written.items():
        compiled = made.get(output.rstrip("/"), {})
        for path in {*files, *compiled}:
            is_read = path.startswith(("manifests/", "controllers/", "images/"))
            text = files.get(path, b"").replace(b"\r\n", b"\n")
            if is_read and text != compiled.get(path, b"").replace(b"\r\n", b"\n"):
                found.append(os.path.join(output, path))
    return tuple(sorted(found, key=lambda path: ("/images/" in path, path)))


def _has_no_project(compilation: Compilation) -> bool:
    """Whether nothing else is wrong: then there is nothing, which compiles to nothing."""
    return {each.code for each in compilation.diagnostics if has_errors([each])} == {NO_PROJECT}


def _check(compilation: Compilation, tree: Tree, what: str) -> None:
    """Raises Unreviewed."""
    if errors := [each for each in compilation.diagnostics if has_errors([each])]:
        told = render_text(errors, tree.lines, colour=wants_colour())
        raise Unreviewed(f"{told}gitopsc diff: {what} does not compile\n")


def _check_environments(names: Sequence[str], *sides: Compilation) -> None:
    """Raises GitRefused."""
    plans = [each for side in sides for plan in side.plans for each in plan.environments]
    known = sorted({each.environment.name for each in plans})
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"there are {listed(known)}"
            raise GitRefused(f"no environment is called `{name}`; {hint}")


def _between_environments(arguments: argparse.Namespace) -> int:
    """Raises GitRefused and Unreviewed."""
    if len(arguments.env) > 2 or arguments.head or selects(arguments):
        raise GitRefused(
            "`--env` takes one or two environments, and two without `--head`, `--select`"
        )
    names = (arguments.env[0], arguments.env[1])
    reading = read(arguments.path)
    if has_errors(reading.scanned):
        raise GitRefused(reading.scanned[0].message)
    with ExitStack() as stack:
        second = reading.tree
        if arguments.base is not None:
            second, _ = stack.enter_context(scan_revision(arguments.path, arguments.base))
        before, after, found = review_environments(reading.tree, second, names)
        _check(before, reading.tree, "the working tree")
        _check(after, second, f"`{arguments.base}`")
        _check_environments(names[:1], before)
        _check_environments(names[1:], after)
    if arguments.format == "json":
        sys.stdout.write(render_differences_json(found, names))
    elif arguments.format == "text":
        sys.stdout.write(render_differences(found, names))
    else:
        raise GitRefused("two environments are compared as text or JSON")
    return 1 if arguments.exit_code and any(each.causes for each in found) else 0


def _touched(review: Review, programs: Sequence[Program]) -> str:
    """The runs that something happens to, and the data between them; nothing where there is none,
    or too much for a picture."""
    touched = {(each.project, f"run/{each.subject}") for each in review.consequences}
    parts = []
    for program in programs:
        lineage = program.lineage
        runs = {id_ for project, id_ in touched if project == program.project.name}
        data = [
            {edge.source, edge.target} - runs
            for edge in lineage.edges
            if edge.relation != "run_of" and runs & {edge.source, edge.target}
        ]
        counted = Counter(id_ for ends in data for id_ in ends)
        shared = {id_ for id_, count in counted.items() if count > 1}
        parts.append(replace(program, lineage=lineage.only(runs | shared)))
    drawn = sum(len(part.lineage.nodes) for part in parts)
    has_data = any(
        edge.relation in ("consumes", "produced_by") and edge.source.startswith("run/")
        for part in parts
        for edge in part.lineage.edges
    )
    return render_mermaid(parts) if has_data and drawn <= _MOST_DRAWN else ""


def fails(review: Review, wanted: Sequence[str]) -> bool:
    """What Kubernetes refuses fails always: a controller that is refused one object stops."""
    return not {"refused", *wanted}.isdisjoint(review.classes)


@contextmanager
def _sides(arguments: argparse.Namespace) -> Iterator[_Sides]:
    """Raises GitRefused."""
    folder = arguments.path
    with ExitStack() as stack:
        if arguments.base is None and arguments.head is None:
            reading = read(folder)
            base = Tree(reading.tree.folder, {})
            written: Mapping[str, Mapping[str, bytes]] = {}
            if has_commits(folder):
                base, written = stack.enter_context(scan_revision(folder, "HEAD"))
            if has_errors(reading.scanned):
                raise GitRefused(reading.scanned[0].message)
            yield _Sides(base, reading.tree, _manifests(written), "This change")
            return
        base_ref, head_ref = arguments.base or "HEAD", arguments.head or "HEAD"
        base, written = stack.enter_context(scan_revision(folder, base_ref))
        warnings: tuple[str, ...] = ()
        try:
            merge = stack.enter_context(merged(folder, base_ref, head_ref))
            conflicts = _outside(merge.conflicts, folder, base)
            reason = f"{', '.join(conflicts[:3])} cannot be merged by itself" if conflicts else ""
        except GitRefused as error:
            reason = str(error)
        if not reason:
            tree, now = stack.enter_context(scan_revision(folder, merge.tree, merge.objects))
            now = {**_unlisted(written, tree), **now}
            if merge.conflicts:  # in generated files, which somebody has to compile
                now = {}
        else:
            parted = merge_base(folder, base_ref, head_ref)
            base, written = stack.enter_context(scan_revision(folder, parted))
            tree, now = stack.enter_context(scan_revision(folder, head_ref))
            warnings = (f"This is what `{head_ref}` does since it left `{base_ref}`: {reason}.",)
        yield _Sides(base, tree, _manifests(written), "Merging", warnings, now)


def _unlisted(
    written: Mapping[str, Mapping[str, bytes]], head: Tree
) -> Mapping[str, Mapping[str, bytes]]:
    """Outputs of the base whose lists the head lacks, while manifests are there: nothing says any
    more what of them gitopsc has made."""
    folders = [(output, os.path.join(output, "manifests/")) for output in written]
    return {
        output: {} for output, folder in folders if any(p.startswith(folder) for p in head.files)
    }


def _outside(conflicts: Sequence[str], folder: str, base: Tree) -> list[str]:
    """What is generated is compiled again: conflicts in it do not count."""
    prefix = path_in_repository(folder)
    outputs = tuple(f"{prefix}{each}/" for each in base.outputs)
    return [path for path in conflicts if not path.startswith(outputs)]


def _manifests(written: Mapping[str, Mapping[str, bytes]]) -> Mapping[str, bytes]:
    return {
        os.path.join(output, path): content
        for output, files in written.items()
        for path, content in files.items()
        if path.startswith("manifests/")
    }
