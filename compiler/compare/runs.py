"""A compilation -> its runs in each environment, with the objects that they are in a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from gitopsc.model.artifact import KNATIVE_SERVICE, ClusterObject
from gitopsc.model.compilation import Compilation
from gitopsc.model.descriptor import Environment
from gitopsc.model.program import Program
from gitopsc.model.resolution import ResolvedRun

MAIN_KINDS: Mapping[str, Literal["job", "schedule", "service"]] = {
    "CronJob": "schedule",
    "CronWorkflow": "schedule",
    "Deployment": "service",
    "Job": "job",
    KNATIVE_SERVICE: "service",
    "Workflow": "job",
}
"""What a run is in a cluster, and which of its objects says so."""

Where = tuple[str, str, str]
"""Project, environment and the run's name in the cluster."""


class ClusterRun(NamedTuple):
    """A run of an environment. `main` is its Job, CronJob or Deployment, or the Workflow that does
    the same; `kinds` are those of all its objects."""

    program: Program
    environment: Environment
    resolved: ResolvedRun
    main: ClusterObject
    kinds: frozenset[str]

    @property
    def name(self) -> str:
        return self.resolved.name

    @property
    def kind(self) -> Literal["job", "schedule", "service"]:
        return MAIN_KINDS[self.main.kind]

    @property
    def group(self) -> str | None:
        gitops = self.resolved.spec.gitops
        return gitops.group if gitops is not None else None

    @property
    def pods_at_once(self) -> int:
        """Of a job: its shards that run together."""
        gitops = self.resolved.spec.gitops
        if gitops is None or gitops.completions is None:
            return 1
        return min(gitops.completions, gitops.parallelism or gitops.completions)


Runs = Mapping[Where, ClusterRun]


def runs_of(compilation: Compilation) -> Mapping[Where, ClusterRun]:
    """Those that get objects."""
    mains = {
        (project.name, each.environment, each.run): each
        for project, objects in compilation.objects
        for each in objects
        if each.run is not None and each.kind in MAIN_KINDS
    }
    kinds: dict[Where, set[str]] = {}
    for compiled, objects in compilation.objects:
        for each in objects:
            if each.run is not None:
                where = compiled.name, each.environment, each.run
                kinds.setdefault(where, set()).add(each.kind)
    found = {}
    for resolution in compilation.resolutions:
        project = resolution.program.project.name
        for resolved in resolution.cluster_runs:
            key = project, resolution.environment.name, resolved.name
            if (main := mains.get(key)) is not None:
                found[key] = ClusterRun(
                    resolution.program,
                    resolution.environment,
                    resolved,
                    main,
                    frozenset(kinds[key]),
                )
    return found
