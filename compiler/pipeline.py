"""The stages in order: parse, validate, load, link, plan, emit. Scan is before, write after.

One error anywhere means that nothing is emitted. Every stage still runs on what it can, so that
one compile shows every problem.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from compiler.emit import emit
from compiler.link import link
from compiler.load import load
from compiler.model.descriptor import Project
from compiler.model.diagnostic import NO_DESCRIPTORS, Diagnostic, has_errors, in_order
from compiler.model.output import OutputFile
from compiler.model.program import Program
from compiler.model.source import OWNERSHIP_LIST, Span, Tree
from compiler.parse import parse
from compiler.plan import plan
from compiler.validate import validate


@dataclass(frozen=True, slots=True)
class Compilation:
    """What compiling a tree gave. `outputs` is empty when `diagnostics` has an error."""

    programs: tuple[Program, ...]
    outputs: tuple[tuple[Project, tuple[OutputFile, ...]], ...]
    diagnostics: tuple[Diagnostic, ...]


def compile_tree(tree: Tree) -> Compilation:
    """Everything a tree's projects become. Nothing is read but the tree, nothing is written."""
    documents, syntax = parse(tree)
    projects, grammar = validate(tree, documents)
    diagnostics = [*syntax, *grammar]
    if not any(project.descriptors for project in projects) and not has_errors(diagnostics):
        diagnostics.append(_nothing_found(tree))
    broken = {_owner(each.span.path, projects) for each in syntax if has_errors([each])}
    programs = []
    plans = []
    for project in projects:
        if project.prefix in broken:
            continue  # a name in a broken file is not unknown, only unread
        functions, loading = load(project, tree)
        program, binding = link(project, functions)
        sound = not has_errors((*grammar, *loading, *binding))
        planned, limits = plan(program, sound=sound)
        programs.append(program)
        plans.append((project, planned))
        diagnostics += [*loading, *binding, *limits]
    outputs: tuple[tuple[Project, tuple[OutputFile, ...]], ...] = ()
    if not has_errors(diagnostics):
        outputs = tuple((project, emit(each)) for project, each in plans if each is not None)
    return Compilation(tuple(programs), outputs, in_order(diagnostics))


def _owner(path: str, projects: Iterable[Project]) -> str:
    """The prefix of the nearest project around a file."""
    prefixes = (each.prefix for each in projects if path.startswith(each.prefix))
    return max(prefixes, key=len, default="")


def _nothing_found(tree: Tree) -> Diagnostic:
    hint = (
        "a descriptor is YAML or JSON with `kind:` and `spec:`, in a file that Git does not ignore"
    )
    if "" in tree.outputs:
        hint = f"the folder holds `{OWNERSHIP_LIST}`, so it is taken for an output"
    return Diagnostic(NO_DESCRIPTORS, "there is no descriptor here", Span("."), hint)
