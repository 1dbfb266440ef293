"""The stages in order: divide, parse, validate, normalize, load, screen, link, resolve, plan,
excuse, emit, admit, combine; and trace, for the next compile.

Scan is before, write after. One error anywhere means that nothing is emitted. Every stage still
runs on what it can, so that one compile shows every problem. What other commands alone need (pin,
tidy, transcribe, compare) is imported where it is called: a compile starts without it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

from gitopsc.adapters.processes import spread
from gitopsc.admit import admit
from gitopsc.combine import combine
from gitopsc.divide import divide
from gitopsc.emit import emit
from gitopsc.excuse import excuse
from gitopsc.link import link
from gitopsc.load import load
from gitopsc.model.artifact import Emission
from gitopsc.model.compilation import Compilation, Compiled, Taken, Tidied, Transcript
from gitopsc.model.consequence import Difference, Review
from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import LOCK_CODES, Diagnostic, has_errors
from gitopsc.model.files import LOCK_FILE
from gitopsc.model.footprint import Scope
from gitopsc.model.lock import FunctionPin, Lock
from gitopsc.model.memo import Memo, content_key
from gitopsc.model.names import project_name
from gitopsc.model.plan import Plan
from gitopsc.model.program import Function, FunctionVersion, Program
from gitopsc.model.remote import Access
from gitopsc.model.resolution import Resolution
from gitopsc.model.source import FunctionFile, SourceFile, Tree
from gitopsc.normalize import normalize
from gitopsc.parse import parse
from gitopsc.plan import plan
from gitopsc.resolve import resolve
from gitopsc.screen import screen
from gitopsc.trace import trace
from gitopsc.validate import validate

_MANY = 1_500
"""Files from which on a second process is worth its start."""


@dataclass(frozen=True, slots=True)
class _Front:
    """One project with its loaded functions; `diagnostics` are those of normalizing and loading."""

    project: Project
    functions: Mapping[FunctionVersion, Function]
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """The projects of a tree that every command works on.

    `all` are those that are there; `fronts` are without the ones that have a broken file: a name in
    it is not unknown, only unread. `diagnostics` are of the tree: of parsing and validating.
    """

    all: tuple[Project, ...]
    fronts: tuple[_Front, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def every_diagnostic(self) -> tuple[Diagnostic, ...]:
        found = [problem for front in self.fronts for problem in front.diagnostics]
        return (*self.diagnostics, *found)


def _front_end(
    tree: Tree,
    *,
    fetches: bool | None = None,
    makes_lock: bool = False,
    with_broken: bool = False,
    memo: Memo | None = None,
    scope: Scope | None = None,
) -> _Read:
    """`fetches` says whether builders fetch sources, whatever the settings say; a lock that is made
    anew may be broken, and `with_broken` any file."""
    documents, syntax = parse(tree, memo, scope and scope.files)
    projects, grammar = validate(tree, documents)
    faults = _unlocked(syntax) if makes_lock else syntax
    broken = {_owner(fault.span.path, projects) for fault in faults if has_errors([fault])}
    fronts = []
    for project in projects:
        if with_broken or project.prefix not in broken:
            project, dialect = normalize(project, tree)
            if fetches is not None:
                project = replace(project, fetches=fetches)
            if scope is not None:
                project = replace(project, is_whole=False, described=scope.described)
            functions, loading = load(project, tree, memo)
            fronts.append(_Front(project, functions, (*dialect, *loading)))
    return _Read(projects, tuple(fronts), (*syntax, *grammar))


def compile_tree(
    tree: Tree, memo: Memo | None = None, kept: Mapping[str, Container[str]] | None = None
) -> Compilation:
    """Everything a tree's projects become. Nothing is read but the tree, nothing is written.

    `kept` are the nodes of each project's lineage of which files are made; without, of all.
    """
    return combine(tree, [compile_part(part, memo, kept) for part in divide(tree)])


def compile_part(
    tree: Tree,
    memo: Memo | None = None,
    kept: Mapping[str, Container[str]] | None = None,
    scope: Scope | None = None,
    *,
    is_traced: bool = False,
) -> Compilation:
    """The same for one part of a divided tree; what `memo` knows is not done again. With a `scope`,
    of a project what is in that alone. Traced, where it is of one project and has no errors."""
    read = _front_end(tree, memo=memo, scope=scope)
    diagnostics = [*read.every_diagnostic]
    programs = []
    resolved: list[Resolution] = []
    plans: list[tuple[Program, Plan]] = []
    for front in read.fronts:
        before = (*read.diagnostics, *front.diagnostics)
        screened = screen(front.project, front.functions.values(), tree, before)
        program, binding = link(front.project, front.functions)
        sound = not has_errors((*before, *binding))
        resolutions = [resolve(program, each) for each in front.project.environments]
        planned, limits = plan(program, resolutions, sound=sound)
        programs.append(program)
        resolved += resolutions
        diagnostics += binding
        is_whole = sound and front.project.is_whole
        diagnostics += excuse(front.project, (*screened, *limits), is_whole=is_whole)
        if planned is not None:
            if scope is not None:
                planned = planned.only(_nodes(program, scope.affected))
            elif kept is not None:
                planned = planned.only(kept.get(front.project.prefix, ()))
            plans.append((program, planned))
    compiled = {program.project.folder: _short(program) for program in programs}
    emitted: list[tuple[Compiled, Emission]] = []
    if not has_errors(diagnostics):
        for program, planned in plans:
            emission = emit(planned, memo)
            diagnostics += emission.problems
            if scope is None:  # behind a face is nothing that a cluster may refuse
                diagnostics += admit(planned, emission.files, tree.previous)
            emitted.append((compiled[program.project.folder], emission))
    if has_errors(diagnostics):
        emitted = []
    traced = None
    if is_traced and len(read.all) == len(emitted) == 1:
        traced = trace(programs[0], resolved, emitted[0][1])
    return Compilation(
        projects=tuple(compiled.get(each.folder) or _short(each) for each in read.all),
        programs=tuple(programs),
        resolutions=tuple(resolved),
        plans=tuple(planned for _, planned in plans),
        outputs=tuple((project, emission.files) for project, emission in emitted),
        objects=tuple((project, emission.objects) for project, emission in emitted),
        diagnostics=tuple(diagnostics),
        is_empty=not any(project.descriptors for project in read.all),
        taken=tuple(
            (compiled[program.project.folder], tuple(_taken(planned))) for program, planned in plans
        ),
        trace=traced,
    )


def _taken(planned: Plan) -> Iterator[Taken]:
    """Where no namespace is written, only the controller knows what meets there."""
    for environment in planned.environments:
        namespace = environment.environment.namespace
        controller = environment.environment.controller
        if controller is not None:
            name = f"{planned.project}-{environment.environment.name}"
            yield Taken("", controller.namespace, controller.applies_as, name)
        if namespace is not None:
            where = environment.environment.name, namespace
            for workload in environment.workloads:
                yield Taken(*where, "run", workload.name)
                if workload.action == "serve":
                    yield Taken(*where, "Service", workload.service_name)
            yield from (Taken(*where, "run", build.name) for build in environment.builds)
            yield from (Taken(*where, "claim", claim.name) for claim in environment.claims)
            for secret in environment.external_secrets:
                yield Taken(*where, "external secret", secret.name)


def _nodes(program: Program, files: Container[str]) -> frozenset[str]:
    """Those of the lineage that some files describe."""
    runs = (run.name for run in program.runs if run.descriptor.path in files)
    builds = (each.name for each in program.builds if each.merged.descriptor.path in files)
    functions = (each.unique_name for each in program.functions if each.descriptor.path in files)
    return frozenset(
        (*(f"run/{name}" for name in (*runs, *builds)), *(f"function/{each}" for each in functions))
    )


def compile_parts(
    tree: Tree,
    recall: Callable[[Tree], Compilation | None],
    memory_of: Callable[[Tree], AbstractContextManager[Memo]] | None = None,
) -> tuple[Compilation, tuple[tuple[Tree, Compilation], ...]]:
    """The same without programs, plans and objects, and what each part gave.

    What `recall` knows of a part is not compiled again; many others are, in several processes.
    `memory_of` lends the memo of one that is, and keeps what comes of it; without, nothing is kept,
    and nothing traced.
    """

    def compiled_with_memo(part: Tree) -> Compilation:
        with memory_of(part) if memory_of is not None else nullcontext(Memo()) as memo:
            compilation = compile_part(part, memo, is_traced=memory_of is not None)
        return replace(
            compilation,
            programs=(),
            resolutions=(),
            plans=(),
            objects=(),
            contents={path: content_key(each) for path, each in part.contents_read},
        )

    trees = divide(tree)
    recalled = [recall(part) for part in trees]
    new = [part for part, known in zip(trees, recalled, strict=True) if known is None]
    sizes = sorted(len(part.files) for part in new)
    many = sum(sizes[:-1]) >= _MANY  # beside the largest, of which the steps are shared
    compiled = iter(spread(compiled_with_memo, new, worthwhile=many, apart=True))
    parts = tuple(
        (part, next(compiled) if known is None else known)
        for part, known in zip(trees, recalled, strict=True)
    )
    return combine(tree, [compilation for _, compilation in parts]), parts


def lock_tree(
    tree: Tree,
    *,
    check: bool,
    upgraded: Container[str] | None,
    with_requirements: bool,
    with_images: bool,
    access: Access,
) -> tuple[tuple[tuple[Project, Mapping[str, FunctionPin]], ...], tuple[Diagnostic, ...]]:
    """The pins that each project is to have; for a `check` those it has, and what is wrong then.

    Problems of a lock that is made again are not reported.
    """
    from gitopsc.pin import pin, unpinned  # and what talks to networks, for this alone

    # What is locked is looked into, here and now.
    read = _front_end(tree, fetches=None if check else False, makes_lock=not check)
    diagnostics = [*read.every_diagnostic]
    locked = []
    for front in read.fronts:
        project, pins = front.project, front.project.lock.pins
        if check:
            diagnostics += unpinned(
                project, with_requirements=with_requirements, with_images=with_images
            )
        elif not has_errors(_unlocked((*read.diagnostics, *front.diagnostics))):
            contents = {function.content for function in front.functions.values()}
            pins, pinning = pin(
                project,
                access=access,
                present={content for content in contents if content is not None},
                upgraded=upgraded,
                with_requirements=with_requirements,
                with_images=with_images,
            )
            _, checked = load(replace(project, lock=Lock(pins)), tree)
            diagnostics = [
                *_unlocked(diagnostics),
                *pinning,
                *(() if has_errors(pinning) else checked),
            ]
        locked.append((project, pins))
    return tuple(locked), tuple(diagnostics if check else _unlocked(diagnostics))


def link_tree(
    tree: Tree, *, fetches: bool | None = False, with_broken: bool = False
) -> tuple[tuple[Program, ...], tuple[Diagnostic, ...]]:
    """Programs as a laptop runs them: what a builder would fetch is here. With None for `fetches`,
    the settings say who fetches. `with_broken` are those of which a file is unread: what it has is
    unknown to the others."""
    read = _front_end(tree, fetches=fetches, with_broken=with_broken)
    linked = [link(front.project, front.functions) for front in read.fronts]
    binding = [problem for _, problems in linked for problem in problems]
    return tuple(program for program, _ in linked), (*read.every_diagnostic, *binding)


def tidy_tree(tree: Tree) -> Tidied:
    """The files of a tidy repository that means the same; none when there is an error."""
    from gitopsc.tidy import tidy

    read = _front_end(tree)
    found = [problem for front in read.fronts for problem in front.diagnostics]
    diagnostics = (*read.diagnostics, *_unlocked(found))
    if has_errors(diagnostics):
        return Tidied((), (), diagnostics)
    files, literal = (
        tuple(
            file
            for front in read.fronts
            for file in tidy(front.project, tree, keeps_images=keeps_images)
        )
        for keeps_images in (False, True)
    )
    return Tidied(files, literal, diagnostics)


def review_trees(
    base: Tree,
    head: Tree,
    committed: Mapping[str, bytes],
    choose: Callable[[Compilation, Compilation, Review], Set[str]] | None = None,
    environment: str | None = None,
) -> tuple[Compilation, Compilation, Review]:
    """Both sides compiled, and what the second does over the first, with the steps that both have
    done once. With errors, a side is as if it had nothing. `committed` are the base's manifests;
    `choose` says, of all of it, which nodes are looked at, in all environments or in one."""
    from gitopsc.compare import compare

    memo = Memo()
    before, after = compile_tree(base, memo), compile_tree(head, memo)
    was = Compilation() if has_errors(before.diagnostics) else before
    is_now = Compilation() if has_errors(after.diagnostics) else after
    committed = committed if was is before else {}
    review = compare(was, is_now, committed, None, environment)
    if choose is not None and is_now is after:
        review = compare(was, is_now, committed, choose(was, is_now, review), environment)
    return before, after, review


def review_environments(
    first: Tree, second: Tree, names: tuple[str, str]
) -> tuple[Compilation, Compilation, tuple[Difference, ...]]:
    """Both sides compiled, which may be one, and what the second environment has otherwise."""
    from gitopsc.compare import compare_environments

    memo = Memo()
    before = compile_tree(first, memo)
    after = before if second is first else compile_tree(second, memo)
    return before, after, compare_environments(before, after, names)


def transcribe_notebook(
    path: str,
    content: bytes,
    beside: Tree,
    folder: str,
    around: Callable[[str], Mapping[str, bytes]] | None = None,
) -> tuple[Transcript, Compilation]:
    """The files that a notebook comes to, what it does not tell, and what they compile to in a
    folder of that name. `beside` is the notebook's own folder; `around` gives the files that a
    project of a name has anyway, such as its settings."""
    from gitopsc.transcribe import transcribe

    transcript = transcribe(path, content, beside.files, project_name(folder))
    if transcript.files and around is not None:
        added = (FunctionFile(*each) for each in around(transcript.project).items())
        named = {file.path: file for file in (*transcript.files, *added)}
        transcript = transcript._replace(files=tuple(named[path] for path in sorted(named)))
    made = {
        file.path: SourceFile(file.path, partial(getattr, file, "content"), file.executable)
        for file in transcript.files
    }
    return transcript, compile_tree(Tree(folder, made)) if made else Compilation()


def _unlocked(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Without what a new lock puts right."""
    return [
        problem
        for problem in diagnostics
        if problem.code not in LOCK_CODES and not problem.span.path.endswith(LOCK_FILE)
    ]


def _owner(path: str, projects: Iterable[Project]) -> str:
    """The prefix of the nearest project around a file."""
    prefixes = (project.prefix for project in projects if path.startswith(project.prefix))
    return max(prefixes, key=len, default="")


def _short(linked: Program | Project) -> Compiled:
    project = linked if isinstance(linked, Project) else linked.project
    read = set()
    if isinstance(linked, Program):
        read = {path for path, _ in linked.files_read}
    return Compiled(
        project.name, project.folder, project.output, project.place, tuple(sorted(read))
    )
