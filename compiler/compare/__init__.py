"""Two compilations, before and after a change -> Review: what merging it does, and why.

What a kind of change does to an object is Kubernetes' own (kubernetes.md section 7, and what was
seen in a cluster); whether a job does its work is decided by its record's key (design.md 4a).
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from gitopsc.compare.causes import environment_causes, own_causes
from gitopsc.compare.consequences import consequences
from gitopsc.compare.demands import demands
from gitopsc.compare.focus import Focus
from gitopsc.compare.notes import notes, notes_of_projects
from gitopsc.compare.objects import Manifests, changed_objects, manifests_of
from gitopsc.compare.projects import called, renamed_projects
from gitopsc.compare.runs import runs_of
from gitopsc.model.compilation import Compilation
from gitopsc.model.consequence import Cause, Difference, Review

__all__ = ("compare", "compare_environments")


def compare(
    base: Compilation,
    head: Compilation,
    committed: Mapping[str, bytes] = {},
    chosen: Set[str] | None = None,
    environment: str | None = None,
) -> Review:
    """Neither has errors. `committed` are manifests by their paths in the tree, as the base has
    them; none where output is kept off branches. `chosen` are the nodes that are looked at, in all
    environments or in one."""
    projects = renamed_projects(base, head)
    base = called(base, projects)
    if chosen is not None:
        chosen = {*chosen, *(_called(each, projects) for each in chosen)}
    names = _renamed(base, head)
    # A controller whose folder is missing reports that, and prunes nothing of it.
    left = _namespaces(base).keys() - names.keys() - _namespaces(head).keys()
    before, after = manifests_of(base).without(left), manifests_of(head)
    objects = changed_objects(before.called(names), after)
    runs = {
        (project, names.get((project, environment), environment), run): each
        for (project, environment, run), each in runs_of(base).items()
        if (project, environment) not in left
    }
    is_now = runs_of(head)
    focus = Focus(chosen, environment, runs, is_now)
    found, unchanged = consequences(runs, is_now, base, head, objects, focus)
    stale = changed_objects(_committed(committed, before), before) if committed else ()
    return Review(
        consequences=found,
        objects=focus.objects(objects),
        demands=demands(found, is_now),
        unchanged=unchanged,
        notes=(
            *notes_of_projects(projects, head),
            *notes(runs, is_now, base, head, objects, found, names, focus),
        ),
        stale=focus.objects(stale),
    )


def compare_environments(
    first: Compilation, second: Compilation, names: tuple[str, str]
) -> tuple[Difference, ...]:
    """What runs have otherwise in the environment of the second name than in that of the first,
    which may be of another state; sorted, after what all runs of a project have otherwise."""
    was, now = (
        {
            (project, run): each
            for (project, environment, run), each in runs_of(side).items()
            if environment == name
        }
        for side, name in zip((first, second), names, strict=True)
    )
    found: dict[str, list[Difference]] = {}
    for project, run in sorted({*was, *now}):
        old, new = was.get((project, run)), now.get((project, run))
        told = found.setdefault(project, [])
        if old is not None and new is not None:
            if not told or told[0].run is not None:
                causes = environment_causes(old.environment, new, is_of_all=True)
                own = tuple(each for each in causes if not each.text.startswith("environment "))
                told.insert(0, Difference(project, None, own))
            own = tuple(each for each in own_causes(old, new) if each.reason != "upstream")
            told.append(Difference(project, run, own))
        elif new is not None:
            place = new.resolved.run.descriptor.name_span
            only = Cause("new", f"only in {names[1]}", place)
            told.append(Difference(project, run, (only,)))
        elif old is not None:
            place = old.resolved.run.descriptor.name_span
            only = Cause("removed", f"only in {names[0]}", place)
            told.append(Difference(project, run, (only,)))
    return tuple(each for _, told in sorted(found.items()) for each in told)


def _called(node: str, projects: Mapping[str, str]) -> str:
    """A node of a project, as the head calls that."""
    project, _, rest = node.partition("/")
    return f"{projects.get(project, project)}/{rest}"


Names = Mapping[tuple[str, str], str]
"""By project and environment of the base, what the environment is called in the head."""


def _renamed(base: Compilation, head: Compilation) -> Names:
    """An environment that is gone, and a new one in its namespace, are one to a cluster."""
    was, now = _namespaces(base), _namespaces(head)
    found = {}
    for (project, name), namespace in was.items():
        taken = [
            other
            for (owner, other), place in now.items()
            if (owner, place) == (project, namespace) and (owner, other) not in was
        ]
        if (project, name) not in now and len(taken) == 1:
            found[project, name] = taken[0]
    return found


def _namespaces(compilation: Compilation) -> Mapping[tuple[str, str], str | None]:
    return {
        (plan.project, each.environment.name): each.environment.namespace
        for plan in compilation.plans
        for each in plan.environments
    }


def _committed(contents: Mapping[str, bytes], known: Manifests) -> Manifests:
    """The manifests of a commit, where the base would write them."""
    names = {
        path: (project, environment) for (project, environment, path), _ in known.texts.items()
    }
    found = {}
    for path, content in contents.items():
        folder = path.rpartition("/")[0]
        places = {home for other, home in names.items() if other.rpartition("/")[0] == folder}
        for project, environment in places:
            found[project, environment, path] = content.decode("utf-8", "replace")
    return Manifests(found, known.runs)
