"""The schedule of a run, a task or a trigger -> a cron expression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from gitopsc.model.descriptor import Descriptor, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.names import cleaned
from gitopsc.model.schedule import NotCron, cron_of
from gitopsc.model.source import Tree
from gitopsc.normalize import sentences


def scheduled(
    run: Descriptor, problems: list[Diagnostic], is_committed: Callable[[str], bool]
) -> Descriptor:
    """The `schedule` of a run, or of a task for its runs, becomes `cron`, if it is one.

    That the platform would refuse it is said where it is new: what is committed, somebody wants so.
    """
    if "schedule" not in run.written or not run.valid:
        return run
    span = run.span("spec", "schedule")
    try:
        cron = cron_of(run.written["schedule"])
    except NotCron as error:
        problems.append(sentences.not_cron(error, span))
        return replace(run, valid=False)
    problems += [sentences.lossy_cron(loss, cron, span) for loss in cron.losses]
    is_trigger = run.document.data["kind"] == "scheduler"
    if is_trigger and not cron.is_platforms and not is_committed(run.name):
        problems.append(sentences.platform_refuses(run.written["schedule"], cron, span))
    return replace(run, written={**run.written, "cron": cron.expression})


def committed(project: Project, tree: Tree) -> Callable[[str], bool]:
    """Whether the base has the manifest of a name; outside of Git, nothing is committed."""
    output = f"{project.prefix}{project.output}/"

    @cache
    def names() -> frozenset[str]:
        return frozenset(
            path.rpartition("/")[2]
            for path, content in tree.previous.names.items()
            if content and path.startswith(output)
        )

    return lambda name: f"{cleaned(name)}.yaml" in names()
