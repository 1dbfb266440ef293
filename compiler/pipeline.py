"""The stages in order: divide, parse, validate, normalize, load, screen, link, plan, emit, combine.

Scan is before, write after. One error anywhere means that nothing is emitted. Every stage still
runs on what it can, so that one compile shows every problem.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace

from gitopsc.adapters.processes import spread
from gitopsc.combine import combine
from gitopsc.divide import divide
from gitopsc.emit import emit
from gitopsc.link import link
from gitopsc.load import load
from gitopsc.model.compilation import Compilation, Compiled
from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import LOCK_CODES, Diagnostic, has_errors
from gitopsc.model.files import LOCK_FILE
from gitopsc.model.lock import FunctionPin, Lock
from gitopsc.model.output import OutputFile
from gitopsc.model.program import Program
from gitopsc.model.remote import Access
from gitopsc.model.source import FunctionFile, Tree
from gitopsc.normalize import normalize
from gitopsc.parse import parse
from gitopsc.plan import plan
from gitopsc.screen import screen
from gitopsc.tidy import tidy
from gitopsc.validate import validate

_MANY = 1_500
"""Files from which on a second process is worth its start."""


def compile_tree(tree: Tree) -> Compilation:
    """Everything a tree's projects become. Nothing is read but the tree, nothing is written."""
    return combine(tree, [compile_part(part) for part in divide(tree)])


def compile_part(tree: Tree) -> Compilation:
    """The same for one part of a divided tree."""
    documents, syntax = parse(tree)
    projects, grammar = validate(tree, documents)
    diagnostics = [*syntax, *grammar]
    broken = {_owner(each.span.path, projects) for each in syntax if has_errors([each])}
    programs = []
    plans = []
    for project in projects:
        if project.prefix in broken:
            continue  # a name in a broken file is not unknown, only unread
        project, dialect = normalize(project)
        functions, loading = load(project, tree)
        screening = screen(project, functions.values(), tree, (*grammar, *loading))
        program, binding = link(project, functions)
        sound = not has_errors((*grammar, *dialect, *loading, *binding))
        planned, limits = plan(program, sound=sound)
        programs.append(program)
        plans.append((program, planned))
        diagnostics += [*dialect, *loading, *screening, *binding, *limits]
    outputs: tuple[tuple[Compiled, tuple[OutputFile, ...]], ...] = ()
    if not has_errors(diagnostics):
        outputs = tuple((_short(each), emit(made)) for each, made in plans if made is not None)
    linked = {program.project.folder: program for program in programs}
    return Compilation(
        projects=tuple(_short(linked.get(each.folder) or each) for each in projects),
        programs=tuple(programs),
        outputs=outputs,
        diagnostics=tuple(diagnostics),
        is_empty=not any(project.descriptors for project in projects),
    )


def compile_parts(
    tree: Tree, recall: Callable[[Tree], Compilation | None]
) -> tuple[Compilation, tuple[tuple[Tree, Compilation], ...]]:
    """The same without programs, and what each part gave.

    What `recall` knows of a part is not compiled again; many others are, in several processes.
    """
    trees = divide(tree)
    recalled = [recall(part) for part in trees]
    new = [part for part, known in zip(trees, recalled, strict=True) if known is None]
    many = sum(len(part.files) for part in new) >= _MANY
    compiled = iter(spread(_without_programs, new, worthwhile=many))
    parts = tuple(
        (part, next(compiled) if known is None else known)
        for part, known in zip(trees, recalled, strict=True)
    )
    return combine(tree, [each for _, each in parts]), parts


def _without_programs(tree: Tree) -> Compilation:
    return replace(compile_part(tree), programs=())


def lock_tree(
    tree: Tree,
    *,
    check: bool,
    upgraded: Container[str] | None,
    with_requirements: bool,
    access: Access,
) -> tuple[tuple[tuple[Project, Mapping[str, FunctionPin]], ...], tuple[Diagnostic, ...]]:
    """The pins that each project is to have; for a `check` those it has, and what is wrong then.

    What is wrong with a lock is no problem when it is made anew.
    """
    from gitopsc.pin import pin, unpinned  # and what talks to networks, for this alone

    documents, syntax = parse(tree)
    projects, grammar = validate(tree, documents)
    diagnostics = [*syntax, *grammar]
    locked = []
    for project in projects:
        project, dialect = normalize(project)
        if not check:
            project = replace(project, fetches=False)  # what is locked is looked into, here and now
        functions, loading = load(project, tree)
        diagnostics += [*dialect, *loading]
        pins = project.lock.pins
        if check:
            diagnostics += unpinned(project) if with_requirements else ()
        elif not has_errors(_unlocked((*syntax, *grammar, *dialect, *loading))):
            present = {each.content for each in functions.values() if each.content is not None}
            pins, pinning = pin(
                project,
                access=access,
                present=present,
                upgraded=upgraded,
                with_requirements=with_requirements,
            )
            _, checked = load(replace(project, lock=Lock(pins)), tree)
            diagnostics = [
                *_unlocked(diagnostics),
                *pinning,
                *(() if has_errors(pinning) else checked),
            ]
        locked.append((project, pins))
    return tuple(locked), tuple(diagnostics if check else _unlocked(diagnostics))


def link_tree(tree: Tree) -> tuple[tuple[Program, ...], tuple[Diagnostic, ...]]:
    """Programs as a laptop runs them: what a builder would fetch is here."""
    documents, syntax = parse(tree)
    projects, grammar = validate(tree, documents)
    diagnostics = [*syntax, *grammar]
    programs = []
    for project in projects:
        project, dialect = normalize(project)
        project = replace(project, fetches=False)
        functions, loading = load(project, tree)
        program, binding = link(project, functions)
        programs.append(program)
        diagnostics += [*dialect, *loading, *binding]
    return tuple(programs), tuple(diagnostics)


def tidy_tree(tree: Tree) -> tuple[tuple[FunctionFile, ...], tuple[Diagnostic, ...]]:
    """The files of a tidy repository that means the same; none when there is an error."""
    documents, syntax = parse(tree)
    projects, grammar = validate(tree, documents)
    diagnostics = [*syntax, *grammar]
    files: list[FunctionFile] = []
    for project in projects:
        project, dialect = normalize(project)
        _, loading = load(project, tree)
        diagnostics += [*dialect, *_unlocked(loading)]
        if not has_errors(diagnostics):
            files += tidy(project, tree)
    return () if has_errors(diagnostics) else tuple(files), tuple(diagnostics)


def _unlocked(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Without what a new lock mends."""
    return [
        each
        for each in diagnostics
        if each.code not in LOCK_CODES and not each.span.path.endswith(LOCK_FILE)
    ]


def _owner(path: str, projects: Iterable[Project]) -> str:
    """The prefix of the nearest project around a file."""
    prefixes = (each.prefix for each in projects if path.startswith(each.prefix))
    return max(prefixes, key=len, default="")


def _short(linked: Program | Project) -> Compiled:
    project = linked if isinstance(linked, Project) else linked.project
    read = set()
    if isinstance(linked, Program):
        read = {path for path, _ in linked.files_read}
    return Compiled(
        project.name, project.folder, project.output, project.place, tuple(sorted(read))
    )
