"""A request -> what was compiled anew, what was remembered, and where each is written."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from gitopsc.adapters import memory
from gitopsc.adapters.folder import Listing
from gitopsc.adapters.git import GitRefused
from gitopsc.adapters.previous import Base, previous_at, previous_on_disk
from gitopsc.adapters.template import keep_compiled
from gitopsc.commands.reading import Reading, read
from gitopsc.commands.selection import chosen, own_ids, selects
from gitopsc.model.compilation import Compilation, Compiled
from gitopsc.model.diagnostic import (
    BAD_OUTPUT,
    GIT_REFUSED,
    ORPHANED_OUTPUT,
    Diagnostic,
    has_errors,
)
from gitopsc.model.files import OWNERSHIP_LIST
from gitopsc.model.footprint import Trace
from gitopsc.model.memo import Memo, content_key
from gitopsc.model.output import OutputFile
from gitopsc.model.previous import Previous
from gitopsc.model.printable import printable
from gitopsc.model.source import Span, Tree
from gitopsc.pipeline import compile_parts, compile_tree, link_tree
from gitopsc.revise import revise
from gitopsc.write import Target


class Request(NamedTuple):
    """What was asked for, and what is known of before.

    `base` is the commit that clusters have, and `held` is what the last compile remembers of it.
    `known` are the remembered parts, each with those of its inputs whose content has changed since.
    `began` is when that was looked at, in nanoseconds.
    """

    arguments: argparse.Namespace
    listing: Listing
    base: Base
    key: bytes
    held: memory.Held | None
    known: Mapping[str, tuple[memory.Part, Sequence[str]]]
    began: int


class Revision(NamedTuple):
    """What is new in a part of which the rest is as it was: inputs, by their paths below the root,
    files of its output, and the trace."""

    part: memory.Part
    changed: Sequence[str]
    files: tuple[OutputFile, ...]
    trace: Trace


class Recompiled(NamedTuple):
    """`made` are the files of projects that were compiled; `recalled` the parts that were not, and
    `revised` those of which some files were.

    `previous` is what clusters have.
    """

    reading: Reading
    previous: Previous
    compilation: Compilation
    parts: tuple[tuple[Tree, Compilation], ...]
    recalled: Mapping[str, memory.Part]
    revised: Mapping[str, Revision]
    targets: Mapping[Compiled, Target]
    made: Mapping[Compiled, tuple[OutputFile, ...]]

    @property
    def file_count(self) -> int:
        known = [*self.recalled.values(), *(each.part for each in self.revised.values())]
        kept = sum(len(part.paths) - len(part.names) for part in known)
        whole = (target for target in self.targets.values() if target.listed is None)
        return kept + sum(len(target.files) for target in whole)

    @property
    def shown_targets(self) -> tuple[tuple[str, str], ...]:
        """Output folders, and how people see them."""
        found = ((str(target.folder), target.shown) for target in self.targets.values())
        return tuple(sorted(found))


def recompile(request: Request) -> tuple[Recompiled, list[Diagnostic]]:
    """With all that is wrong, where people see it. Raises GitRefused and Unselected."""
    arguments = request.arguments
    if not arguments.no_cache:
        keep_compiled(memory.own_key())
    reading = read(arguments.path, request.listing)
    # How many projects there are decides where each is written.
    known = {} if arguments.output is not None else request.known
    recalled: dict[str, memory.Part] = {}
    revised: dict[str, Revision] = {}

    def recall(tree: Tree) -> Compilation | None:
        part, changed = known.get(part_name(tree), (None, ()))
        if part is None or part.names != file_names(tree):
            return None
        before = Compilation.from_plain(part.result)
        if not changed:
            recalled[part_name(tree)] = part
            return before
        revision = _revision(reading, tree, part, changed, before)
        if revision is None:
            return None
        revised[part_name(tree)] = revision
        return replace(before, outputs=((before.projects[0], revision.files),))

    def memory_of(tree: Tree) -> AbstractContextManager[Memo]:
        return memory.remembered_steps(tree.folder, tree.part)

    compilation = Compilation()
    parts: tuple[tuple[Tree, Compilation], ...] = ()
    tree, unknown = _with_previous(reading, request)
    problems = [*reading.scanned, *unknown]
    if not has_errors(problems) and selects(arguments):
        compilation = _selected(tree, arguments)
    elif not has_errors(problems):
        compilation, parts = compile_parts(tree, recall, None if arguments.no_cache else memory_of)
    made = dict(compilation.outputs)
    targets = {
        project: _target(reading, project, made.get(project, ()), arguments.output, compilation)
        for project in compilation.projects
    }
    folders = {os.path.realpath(target.folder) for target in targets.values()}
    problems += [
        problem
        for problem in reading.placed(compilation.diagnostics)
        if problem.code is not ORPHANED_OUTPUT or os.path.realpath(problem.span.path) not in folders
    ]
    if not has_errors(problems):
        problems += _unusable(reading, targets, arguments.output)
    for each, part in parts:
        if part_name(each) in revised:
            project = part.projects[0]
            targets[project] = _some_of(targets[project], revised[part_name(each)])
    result = Recompiled(
        reading, tree.previous, compilation, parts, recalled, revised, targets, made
    )
    return result, problems


def _revision(
    reading: Reading,
    tree: Tree,
    part: memory.Part,
    changed: Sequence[str],
    before: Compilation,
) -> Revision | None:
    """None where all of the part has to be compiled."""
    root = os.path.realpath(reading.root)
    trace = memory.recall_trace(part, root, part_name(tree))
    if trace is None:
        return None
    paths = [path.removeprefix(f"{root}/") for path in changed]
    found = revise(tree, Trace.from_plain(trace), before.diagnostics, paths)
    if found is None:
        return None
    # Of a file that was unread, or has changed meanwhile, the next compile would see no change.
    read_now = {path: content_key(each) for path, each in tree.contents_read if path not in paths}
    return Revision(part, paths, *found) if part.has_read(root, read_now) else None


def _some_of(target: Target, revision: Revision) -> Target:
    """The target of a part of which the rest is there."""
    folder = os.path.realpath(target.folder)
    return target._replace(listed=revision.part.stamp(f"{folder}/{OWNERSHIP_LIST}"))


def _selected(tree: Tree, arguments: argparse.Namespace) -> Compilation:
    """What is selected, with all that is wrong anywhere. Raises Unselected and GitRefused."""
    programs, problems = link_tree(tree, fetches=None)
    kept = {}
    if not has_errors(problems):
        ids = chosen(arguments, programs, tree)
        kept = {program.project.prefix: own_ids(program, ids) for program in programs}
    return compile_tree(tree, kept=kept)


def _with_previous(reading: Reading, request: Request) -> tuple[Tree, list[Diagnostic]]:
    """The tree with what clusters have: a commit of it, or the output as it is outside of Git."""
    root = os.path.realpath(reading.root)
    if has_errors(reading.scanned):
        with suppress(GitRefused):
            request.base()  # which is under way, and has to be waited for
        return reading.tree, []
    try:
        commit = request.base()
    except GitRefused as error:
        named = request.arguments.base
        hint = "name a commit of this clone; a shallow one has few, and `git fetch` brings more"
        message = f"`{printable(named)}` is not a commit here: {error}"
        return reading.tree, [Diagnostic(GIT_REFUSED, message, Span("."), hint)]
    if request.listing().is_repository:
        previous = previous_at(root, commit)
    else:
        previous = previous_on_disk(root, reading.tree.outputs)
    return replace(reading.tree, previous=previous), []


def _target(
    reading: Reading,
    project: Compiled,
    files: tuple[OutputFile, ...],
    chosen: str | None,
    compilation: Compilation,
) -> Target:
    """`-o` says where to write, not what: the content speaks of the project's own output folder."""
    if chosen is None:
        inside = f"{project.prefix}{project.output}"
        return Target(Path(reading.root, inside), reading.prefix + inside, files)
    many = len(compilation.projects) > 1
    folder = Path(chosen) / project.name if many else Path(chosen)
    return Target(folder, folder.as_posix(), files)


def _unusable(
    reading: Reading, targets: Mapping[Compiled, Target], chosen: str | None
) -> list[Diagnostic]:
    """An output folder is never read, so it cannot hold what a project reads, nor a project.

    Outside the folder that is compiled, it is only written to when somebody has `chosen` so.
    """
    root = os.path.realpath(reading.root)
    folders = {project.folder for project in targets}
    folders |= {path.rpartition("/")[0] for project in targets for path in project.read}
    inputs = {f"{root}/{each}".rstrip("/") for each in folders}  # no link leads to what is read
    around: set[str] = set()
    for path in inputs:
        while path not in around:
            around.add(path)
            path = os.path.dirname(path)
    problems = []
    for target in targets.values():
        folder = os.path.realpath(target.folder)
        if folder in around:
            message = "the output folder would hold what is read, and it is never read itself"
            hint = "choose a folder of its own"
            problems.append(Diagnostic(BAD_OUTPUT, message, Span(target.shown), hint))
        elif chosen is None and not f"{folder}/".startswith(f"{root}/"):
            message = "the output folder is a link that leads outside"
            hint = "remove the link, or say where to write with `-o`"
            problems.append(Diagnostic(BAD_OUTPUT, message, Span(target.shown), hint))
    if chosen is not None and len(targets) > 1 and Path(chosen, OWNERSHIP_LIST).exists():
        message = "the folder holds the output of one project, and here are several"
        hint = "choose another folder, or empty this one first"
        problems.append(Diagnostic(BAD_OUTPUT, message, Span(Path(chosen).as_posix()), hint))
    return problems


def part_name(tree: Tree) -> str:
    """The folder of a part, and what else its tree knows of what is around it."""
    return f"{tree.part}\0{tree.is_part}\0{tree.enclosing}"


def file_names(tree: Tree) -> memory.Names:
    return tuple((path, tree.files[path].executable) for path in tree.paths)
