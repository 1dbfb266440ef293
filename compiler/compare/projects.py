"""Both sides -> the base with its projects called as the head calls them.

A cluster does not know the name of a project: the objects of one that is renamed stay what they
are, as long as its folder does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gitopsc.model.compilation import Compilation, Compiled


def renamed_projects(base: Compilation, head: Compilation) -> Mapping[str, str]:
    """What projects of the base are called in the head, where that is another name."""
    was, now = ({each.name for each in side.projects} for side in (base, head))
    new = {each.folder: each.name for each in head.projects if each.name not in was}
    return {
        each.name: new[each.folder]
        for each in base.projects
        if each.name not in now and each.folder in new
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
