"""`gitopsc compile` where something has changed: those parts are compiled, and remembered."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from gitopsc.adapters import memory
from gitopsc.adapters.folder import (
    Listing,
    ignored_outputs,
    left_out,
    listing_digest,
    output_folders,
    owned_below,
    start_listing,
)
from gitopsc.adapters.git import GitRefused
from gitopsc.adapters.previous import Base, folders_at, previous_at, previous_on_disk
from gitopsc.adapters.template import keep_compiled
from gitopsc.commands.reading import Reading, read
from gitopsc.commands.reporting import printed
from gitopsc.commands.selection import chosen, own_ids, selects
from gitopsc.commands.staged import staged_status
from gitopsc.model.compilation import Compilation, Compiled
from gitopsc.model.diagnostic import (
    BAD_OUTPUT,
    GIT_REFUSED,
    KEPT_FILE,
    NOT_WRITTEN,
    ORPHANED_OUTPUT,
    Diagnostic,
    has_errors,
    in_order,
)
from gitopsc.model.files import BAKE_FILE, MOST_OF_DESCRIPTORS, OWNERSHIP_LIST
from gitopsc.model.footprint import Trace
from gitopsc.model.memo import Memo, content_key
from gitopsc.model.output import Change, OutputFile, Status
from gitopsc.model.previous import Previous
from gitopsc.model.printable import printable
from gitopsc.model.source import SourceFile, Span, Tree, Unreadable
from gitopsc.pipeline import compile_parts, compile_tree, link_tree
from gitopsc.report.text import render_counts
from gitopsc.revise import revise
from gitopsc.select import Unselected
from gitopsc.write import Superseded, Target, drift, write


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


class _Revision(NamedTuple):
    """What is new in a part of which the rest is as it was: inputs, by their paths below the root,
    files of its output, and the trace."""

    part: memory.Part
    changed: Sequence[str]
    files: tuple[OutputFile, ...]
    trace: Trace


class _Result(NamedTuple):
    """`made` are the files of projects that were compiled; `recalled` the parts that were not, and
    `revised` those of which some files were.

    `previous` is what clusters have.
    """

    reading: Reading
    previous: Previous
    compilation: Compilation
    parts: tuple[tuple[Tree, Compilation], ...]
    recalled: Mapping[str, memory.Part]
    revised: Mapping[str, _Revision]
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


def compile_changed(request: Request) -> int:
    """Recalls, compiles, writes, reports and remembers."""
    arguments = request.arguments
    is_part = selects(arguments)
    try:
        result, problems = _compile(request)
        try:
            changes, refused = _write(result, problems, check=arguments.check, is_part=is_part)
        except Superseded:
            result, problems = _compile(request._replace(known={}))
            changes, refused = _write(result, problems, check=arguments.check, is_part=is_part)
    except (GitRefused, Unselected) as error:
        print(f"gitopsc compile: {error}", file=sys.stderr)
        return 2
    diagnostics = in_order((*problems, *refused))
    status = _status(diagnostics, changes, check=arguments.check)
    report = _Report(arguments.format, result.reading, diagnostics, result.file_count)
    for stream, text in zip((sys.stdout, sys.stderr), report.text(status, changes), strict=True):
        stream.write(text)
    if status in ("failed", "stale"):
        return 1
    # A file that was kept is on the list no more, so the next compile does not warn of it.
    if not arguments.no_cache and not any(each.code is KEPT_FILE for each in refused):
        _remember(request, result, report)
    read_files = [path for project in result.targets for path in project.read]
    unstaged = staged_status(arguments, request.listing, result.shown_targets, read_files)
    return 1 if status == "written" and arguments.fail_on_change else unstaged


def _compile(request: Request) -> tuple[_Result, list[Diagnostic]]:
    arguments = request.arguments
    if not arguments.no_cache:
        keep_compiled(memory.own_key())
    reading = read(arguments.path, request.listing)
    # How many projects there are decides where each is written.
    known = {} if arguments.output is not None else request.known
    recalled: dict[str, memory.Part] = {}
    revised: dict[str, _Revision] = {}

    def recall(tree: Tree) -> Compilation | None:
        part, changed = known.get(_name(tree), (None, ()))
        if part is None or part.names != _names(tree):
            return None
        before = Compilation.from_plain(part.result)
        if not changed:
            recalled[_name(tree)] = part
            return before
        revision = _revision(reading, tree, part, changed, before)
        if revision is None:
            return None
        revised[_name(tree)] = revision
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
        if _name(each) in revised:
            project = part.projects[0]
            targets[project] = _some_of(targets[project], revised[_name(each)])
    result = _Result(reading, tree.previous, compilation, parts, recalled, revised, targets, made)
    return result, problems


def _revision(
    reading: Reading,
    tree: Tree,
    part: memory.Part,
    changed: Sequence[str],
    before: Compilation,
) -> _Revision | None:
    """None where all of the part has to be compiled."""
    root = os.path.realpath(reading.root)
    trace = memory.recall_trace(part, root, _name(tree))
    if trace is None:
        return None
    paths = [path.removeprefix(f"{root}/") for path in changed]
    found = revise(tree, Trace.from_plain(trace), before.diagnostics, paths)
    if found is None:
        return None
    # Of a file that was unread, or has changed meanwhile, the next compile would see no change.
    read_now = {path: content_key(each) for path, each in tree.contents_read if path not in paths}
    return _Revision(part, paths, *found) if part.has_read(root, read_now) else None


def _some_of(target: Target, revision: _Revision) -> Target:
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


def _write(
    result: _Result, problems: Sequence[Diagnostic], *, check: bool, is_part: bool
) -> tuple[tuple[Change, ...], tuple[Diagnostic, ...]]:
    """What was changed, or for a `check` would be; nothing where there are errors."""
    if has_errors(problems):
        return (), ()
    changed = [target for project, target in result.targets.items() if project in result.made]
    if check:
        changes, refused = drift(changed)
        return _among(changes, changed) if is_part else changes, refused
    changes, refused = write(changed)
    if any(change.action == "created" for change in changes):
        refused += result.reading.placed(_unlisted(result.reading))
    return changes, refused


def _among(changes: Iterable[Change], targets: Iterable[Target]) -> tuple[Change, ...]:
    """Those of files that are all of the selected part."""
    own = {
        f"{target.shown}/{file.path}"
        for target in targets
        for file in target.files
        if file.path not in _OF_ALL and not file.path.endswith("/kustomization.yaml")
    }
    return tuple(each for each in changes if each.path in own)


_OF_ALL = (OWNERSHIP_LIST, BAKE_FILE, "reports/lineage.json")
"""Files that speak of all of a project."""


def _remember(request: Request, result: _Result, report: _Report) -> None:
    reading, listing = result.reading, request.listing
    root = os.path.realpath(reading.root)
    parts = _known(root, result, request.began)
    parts["(left out)"] = left_out(root, listing, reading.tree.files)
    digest = listing_digest(root, listing, [folder for folder, _ in result.shown_targets])
    if digest is not None:
        again = report.text("clean", ())
        found = memory.Memory(
            digest, again, result.shown_targets, _base(root, result, request), parts
        )
        memory.remember(request.key, found)


def _base(root: str, result: _Result, request: Request) -> memory.Held:
    """The commit, and what it has in each folder that holds manifests, then or now."""
    if not request.listing().is_repository:
        return None, (), ""
    commit = request.base()
    if request.held is not None and len(result.recalled) + len(result.revised) == len(result.parts):
        return commit, *request.held[1:]  # nobody has looked
    folders = {path.rsplit("/", 2)[0] for path in result.previous.names}
    folders |= {
        f"{os.path.relpath(os.path.realpath(folder), root)}/manifests"
        for folder, _ in result.shown_targets
    }
    inside = tuple(sorted(folder for folder in folders if not folder.startswith("../")))
    return commit, inside, folders_at(root, commit, inside)


def _unlisted(reading: Reading) -> tuple[Diagnostic, ...]:
    """What was just written, and Git ignores: the listing is from before."""
    root = os.path.realpath(reading.root)
    try:
        files, is_repository = start_listing(root)()
    except GitRefused:
        return ()
    owned = owned_below(root, output_folders(root, files))
    return ignored_outputs(root, files, owned) if is_repository else ()


def _name(tree: Tree) -> str:
    """The folder of a part, and what else its tree knows of what is around it."""
    return f"{tree.part}\0{tree.is_part}\0{tree.enclosing}"


def _names(tree: Tree) -> memory.Names:
    return tuple((path, tree.files[path].executable) for path in tree.paths)


def _known(root: str, result: _Result, began: int) -> dict[str, memory.Part]:
    """What is to be remembered of each part."""
    known = dict(result.recalled)
    for tree, compilation in result.parts:
        if _name(tree) in result.revised:
            revision = result.revised[_name(tree)]
            project = compilation.projects[0]
            known[_name(tree)] = _part_of_revision(root, tree, project, result, revision, began)
        elif _name(tree) not in result.recalled:
            known[_name(tree)] = _part(root, tree, compilation, result, began)
    return known


def _part_of_revision(
    root: str, tree: Tree, project: Compiled, result: _Result, revision: _Revision, began: int
) -> memory.Part:
    folder = os.path.realpath(result.targets[project].folder)
    written = {f"{folder}/{file.path}": content_key(file.content) for file in revision.files}
    files: dict[str, tuple[memory.Stamp, bytes | None]] = {
        place: (memory.stamp_at(place), content) for place, content in written.items()
    }
    for file in (tree.files[path] for path in revision.changed):
        files[f"{root}/{file.path}"] = file.stamp or memory.GONE, content_key(file.content)
    files[f"{folder}/{OWNERSHIP_LIST}"] = memory.stamp_at(f"{folder}/{OWNERSHIP_LIST}"), None
    part = revision.part.revised(files, began)
    memory.keep_trace(part, revision.trace.plain(), root, _name(tree))
    return part


def _part(
    root: str, tree: Tree, compilation: Compilation, result: _Result, began: int
) -> memory.Part:
    projects = compilation.projects
    files = (tree.files[path] for path in tree.paths)
    part = memory.part(
        _names(tree),
        [
            (f"{root}/{file.path}", file.stamp or memory.GONE, _content(file, compilation))
            for file in files
        ],
        [
            (f"{folder}/{file.path}", file.content)
            for project in projects
            for folder in [os.path.realpath(result.targets[project].folder)]
            for file in result.made.get(project, ())
        ],
        tuple(path for project in projects for path in project.read),
        compilation.plain(),
        targets=[os.path.join(root, project.folder, project.output) for project in projects],
        began=began,
    )
    if compilation.trace is not None:
        memory.keep_trace(part, compilation.trace.plain(), root, _name(tree))
    return part


def _content(file: SourceFile, compilation: Compilation) -> bytes:
    """The digest of what was read, in this process or in another, or by Git, whose own files say
    what is a part of every clone.

    Of a larger file than descriptors are in, the beginning may have been looked at.
    """
    if file.path in compilation.contents:
        return compilation.contents[file.path]
    if file.path.rpartition("/")[2].startswith(".git") and not file.is_link:
        with suppress(Unreadable):
            return content_key(file.content)
    return memory.UNKNOWN if file.is_link or file.size > MOST_OF_DESCRIPTORS else memory.UNREAD


class _Report(NamedTuple):
    form: str
    reading: Reading
    diagnostics: tuple[Diagnostic, ...]
    files: int

    def text(self, status: Status, changes: Sequence[Change]) -> tuple[str, str]:
        """For stdout, and for stderr."""
        summary = _summary(status, self.diagnostics, changes, self.files)
        return printed(
            self.form,
            status,
            self.diagnostics,
            changes,
            lines=self.reading.lines,
            summary=summary,
        )


def _status(diagnostics: Sequence[Diagnostic], changes: Sequence[Change], *, check: bool) -> Status:
    if has_errors(diagnostics):
        return "failed"
    if not changes:
        return "clean"
    return "stale" if check else "written"


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


def _summary(
    status: Status, diagnostics: Sequence[Diagnostic], changes: Sequence[Change], files: int
) -> str:
    counts = Counter(change.action for change in changes)
    listed = ", ".join(f"{counts[action]} {action}" for action in sorted(counts))
    found = render_counts(diagnostics)
    match status:
        case "failed":
            is_partial = any(each.code is NOT_WRITTEN for each in diagnostics)
            return found if is_partial else f"{found}; nothing was written"
        case "clean":
            summary = f"up to date, {files} files"
        case "written":
            summary = f"written: {listed}"
        case "stale":
            summary = f"stale: {len(changes)} of {files} files; run `gitopsc compile`"
    return f"{summary}; {found}" if found else summary
