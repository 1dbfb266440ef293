"""Nodes that were chosen -> what of a review is about them: runs, with their images and claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from gitopsc.compare.runs import ClusterRun, Where
from gitopsc.model.consequence import Consequence, ObjectChange
from gitopsc.model.names import cleaned


class Focus:
    """Without `chosen`, all of it, or all of one environment. A claim is looked at with the runs
    that mount it."""

    def __init__(
        self,
        chosen: Set[str] | None,
        environment: str | None,
        *sides: Mapping[Where, ClusterRun],
    ) -> None:
        self._chosen = chosen
        self._environment = environment
        self._claims = {
            (where[0], volume.claim_of(cleaned(run.name)))
            for runs in map(self.on, sides)
            for where, run in runs.items()
            for volume in run.resolved.volumes
        }
        self._images = {
            (where[0], str(run.main.image).rpartition("/")[2].removeprefix(f"{where[0]}-"))
            for runs in map(self.on, sides)
            for where, run in runs.items()
        }

    @property
    def is_whole(self) -> bool:
        """All runs are looked at."""
        return self._chosen is None

    def has_run(self, project: str, name: str | None) -> bool:
        return self._chosen is None or f"{project}/run/{name}" in self._chosen

    def is_in(self, environment: str) -> bool:
        return self._environment in (None, environment)

    def on(self, runs: Mapping[Where, ClusterRun]) -> Mapping[Where, ClusterRun]:
        return {
            where: run
            for where, run in runs.items()
            if self.is_in(where[1]) and self.has_run(where[0], where[2])
        }

    def has(self, consequence: Consequence) -> bool:
        """Of a consequence in one environment."""
        if not all(map(self.is_in, consequence.environments)):
            return False
        if self._chosen is None:
            return True
        whose = consequence.project, consequence.subject
        if consequence.kind == "claim":
            return whose in self._claims
        if consequence.kind == "image":
            return whose in self._images
        if consequence.kind == "object":
            return self.has_run(consequence.project, consequence.parent)
        return self.has_run(*whose)

    def objects(self, changes: Iterable[ObjectChange]) -> tuple[ObjectChange, ...]:
        return tuple(
            each
            for each in changes
            if self.is_in(each.environment)
            if self.has_run(each.project, each.run)
            or (each.kind == "PersistentVolumeClaim" and (each.project, each.name) in self._claims)
        )
