"""Both sides -> the base with its projects called as the head calls them.

A cluster does not know the name of a project: the objects of one that is renamed stay what they
are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gitopsc.model.compilation import Compilation, Compiled


def renamed_projects(base: Compilation, head: Compilation) -> Mapping[str, str]:
    """What projects of the base are called in the head, where that is another name.

    A folder is the same project, whatever it is called, unless its name is in a new folder: then it
    was moved. Of what is left, one that is gone and one that is new are one where their namespaces
    are the same.
    """
    was, now = ({each.name: each.folder for each in side.projects} for side in (base, head))
    moved = {name for name in was.keys() & now.keys() if now[name] not in was.values()}
    owners = {folder: name for name, folder in now.items() if name not in moved}
    found = {
        name: owners[folder]
        for name, folder in was.items()
        if name not in moved and owners.get(folder, name) != name
    }
    gone = [name for name in was if name not in found and name not in now]
    come = [name for name in now if name not in was and name not in found.values()]
    if len(gone) == len(come) == 1 and _namespaces(base, gone[0]) == _namespaces(head, come[0]):
        found[gone[0]] = come[0]
    taken = {*found.values()}
    for name in was.keys() - found.keys():  # which is gone, and another has its name now
        if name in taken:
            found[name] = f"{name} (before)"
    return found


def _namespaces(compilation: Compilation, project: str) -> set[str | None]:
    return {
        each.environment.namespace
        for plan in compilation.plans
        for each in plan.environments
        if plan.project == project
    }


def called(base: Compilation, names: Mapping[str, str]) -> Compilation:
    """With other names of projects."""
    if not names:
        return base

    def named(project: Compiled) -> Compiled:
        return project._replace(name=names.get(project.name, project.name))

    programs = {}
    for each in base.programs:
        name = each.project.name
        project = replace(each.project, name=names.get(name, name))
        programs[name] = replace(each, project=project)
    return replace(
        base,
        projects=tuple(map(named, base.projects)),
        programs=tuple(programs[each.project.name] for each in base.programs),
        resolutions=tuple(
            replace(each, program=programs[each.program.project.name]) for each in base.resolutions
        ),
        plans=tuple(
            replace(each, project=names.get(each.project, each.project)) for each in base.plans
        ),
        outputs=tuple((named(project), files) for project, files in base.outputs),
        objects=tuple((named(project), objects) for project, objects in base.objects),
    )
