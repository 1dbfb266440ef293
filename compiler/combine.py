"""Compilations of parts -> one Compilation, with what only all projects together can have wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitopsc.model.compilation import Compilation, Compiled, Taken
from gitopsc.model.diagnostic import (
    BAD_SETTINGS,
    DEFINED_TWICE,
    NO_DESCRIPTORS,
    NO_PROJECT,
    ONE_NAME,
    ORPHANED_OUTPUT,
    Diagnostic,
    Label,
    has_errors,
    in_order,
)
from gitopsc.model.files import OWNERSHIP_LIST, SETTINGS_FILE
from gitopsc.model.source import Span, Tree


def combine(tree: Tree, parts: Sequence[Compilation]) -> Compilation:
    """`tree` is what was divided into the parts. An error in one means no outputs of any."""
    projects = tuple(sorted((each for part in parts for each in part.projects), key=_folder))
    diagnostics = [each for part in parts for each in part.diagnostics]
    is_empty = all(part.is_empty for part in parts)
    if is_empty and not has_errors(diagnostics):
        diagnostics.append(_nothing_found(tree, projects))
    diagnostics += _name_clashes(projects)
    diagnostics += _folder_clashes(projects)
    diagnostics += _cluster_clashes([each for part in parts for each in part.taken])
    diagnostics += _orphaned_outputs(tree, projects)
    outputs = [each for part in parts for each in part.outputs]
    objects = [each for part in parts for each in part.objects]
    if has_errors(diagnostics):
        outputs, objects = [], []
    return Compilation(
        projects=projects,
        programs=tuple(
            sorted(
                (each for part in parts for each in part.programs),
                key=lambda program: program.project.folder,
            )
        ),
        resolutions=tuple(each for part in parts for each in part.resolutions),
        plans=tuple(planned for part in parts for planned in part.plans),
        outputs=tuple(sorted(outputs, key=lambda each: each[0].folder)),
        objects=tuple(sorted(objects, key=lambda each: each[0].folder)),
        diagnostics=in_order(diagnostics),
        is_empty=is_empty,
        taken=tuple(each for part in parts for each in part.taken),
    )


def _folder(project: Compiled) -> str:
    return project.folder


def _nothing_found(tree: Tree, projects: Sequence[Compiled]) -> Diagnostic:
    """A project may be new; where there is none, what was meant to be checked is elsewhere."""
    hint = (
        "a descriptor is YAML or JSON with `kind:` and `spec:`, in a file that Git does not ignore"
    )
    if "" in tree.outputs:
        hint = f"the folder holds `{OWNERSHIP_LIST}`, so it is taken for an output"
    if projects:
        return Diagnostic(NO_DESCRIPTORS, "there is no descriptor here", Span("."), hint)
    hint += "; `gitopsc init` starts a project"
    return Diagnostic(NO_PROJECT, "there is no project and no descriptor here", Span("."), hint)


def _name_clashes(projects: Sequence[Compiled]) -> list[Diagnostic]:
    first: dict[str, Compiled] = {}
    problems = []
    for project in projects:
        other = first.setdefault(project.name, project)
        if other is not project:
            message = f"project `{project.name}` is defined twice"
            hint = f"write another `project:` into {SETTINGS_FILE}"
            related = (Label(other.place, "first here"),)
            problems.append(Diagnostic(DEFINED_TWICE, message, project.place, hint, related))
    return problems


def _cluster_clashes(
    taken: Sequence[tuple[Compiled, tuple[Taken, ...]]],
) -> Iterator[Diagnostic]:
    """Two owners of one object overwrite each other for ever: the first name of two projects."""
    first: dict[Taken, Compiled] = {}
    told = set()
    for project, names in sorted(taken, key=lambda each: each[0].folder):
        for name in names:
            other = first.setdefault(name, project)
            if other is not project and (other, project) not in told:
                told.add((other, project))
                message = f"projects `{other.name}` and `{project.name}` both have {name.kind}"
                message += f" `{name.name}` in namespace `{name.namespace}`"
                message += f" (environment `{name.environment}`)" if name.environment else ""
                hint = "rename one, or give one project another namespace"
                related = (Label(other.place, "the other is here"),)
                yield Diagnostic(ONE_NAME, message, project.place, hint, related)


def _folder_clashes(projects: Sequence[Compiled]) -> list[Diagnostic]:
    """An output folder is never read, so no project may lie in another's, nor share it."""
    problems = []
    written = {f"{project.prefix}{project.output}/": project for project in projects}
    for project in projects:
        for folder in _around(project.prefix):
            owner = written.get(folder)
            if owner is not None:
                message = f"project `{project.name}` lies in the output folder of `{owner.name}`"
                hint = "move it, or write another `output` into the other's gitopsc.yaml"
                problems.append(Diagnostic(BAD_SETTINGS, message, project.place, hint))
        for folder in _around(f"{project.prefix}{project.output}/"):
            owner = written.get(folder)
            # A project inside another's output is told of above, and once is enough.
            if owner not in (None, project) and not project.prefix.startswith(folder):
                message = f"projects `{owner.name}` and `{project.name}` write to one folder"
                hint = "give each an `output` of its own"
                problems.append(Diagnostic(BAD_SETTINGS, message, project.place, hint))
    return problems


def _around(folder: str) -> list[str]:
    """A folder and those it lies in, each with `/` at its end."""
    parts = folder.split("/")[:-1]
    return ["/".join(parts[: end + 1]) + "/" for end in range(len(parts))]


def _orphaned_outputs(tree: Tree, projects: Sequence[Compiled]) -> list[Diagnostic]:
    """A controller may still apply what nobody compiles any more."""
    written = {f"{project.prefix}{project.output}" for project in projects}
    hint = "delete the folder, or bring back the project that made it"
    return [
        Diagnostic(ORPHANED_OUTPUT, "no project writes this output any more", Span(folder), hint)
        for folder in tree.outputs
        if folder and folder not in written
    ]
