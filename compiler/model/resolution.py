"""What resolve gives: the runs of a program as an environment has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitopsc.model.descriptor import Environment, Profile, SecretKey
from gitopsc.model.pod import Pod
from gitopsc.model.program import Program, Run
from gitopsc.model.scheduling import Scheduling
from gitopsc.model.source import Span
from gitopsc.model.specification import RunSpec
from gitopsc.model.store import RecordKey
from gitopsc.model.volume import Volume


@dataclass(frozen=True, slots=True)
class ResolvedRun:
    """A run with its profile, the defaults and the stores of one environment.

    `spec` is the run's with defaults; what a profile or the settings add to is beside it.
    `own_variables` are those of the run and its profile; `variables` have secrets, too. `requests`
    and `limits` are of `cpu`, `mem`, `gpu` and `disk`. `volumes` are sorted by name;
    `store_volumes` are those of them that stores bring, and `store_secrets` what stores ask for,
    which a container itself does not get. `compute` is the digest of
    `compute_fields`; `settings` is what the runner reads, as JSON. `record` is where a job
    finds out that it is done; without a store it does not. A job may wait in a `queue`.
    """

    run: Run
    spec: RunSpec
    profile: Profile
    own_variables: Mapping[str, str]
    variables: Mapping[str, str | SecretKey]
    secrets: tuple[str, ...]
    requests: Mapping[str, str]
    limits: Mapping[str, str]
    volumes: tuple[Volume, ...]
    store_volumes: tuple[Volume, ...]
    store_secrets: Mapping[str, SecretKey]
    scheduling: Scheduling
    pod: Pod
    compute: str
    compute_fields: Mapping[str, Any]
    settings: Mapping[str, Any]
    record: RecordKey | None
    queue: str | None = None

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def pod_variables(self) -> Mapping[str, str | SecretKey]:
        """With those of the runner beside a container."""
        return {**self.store_secrets, **self.variables} if self.run.has_sidecar else self.variables

    @property
    def keeps_claims(self) -> bool:
        return self.spec.gitops is None or self.spec.gitops.on_delete == "keep"

    def place_of(self, field: str) -> Span:
        """Where the value of a compute field is written; of a default, the nearest place."""
        function = self.run.function.descriptor
        if field in _OF_SOURCE:
            return function.span("spec", "source", _OF_SOURCE[field])
        if field in _OF_FUNCTION:
            return function.span("spec", field)
        if field in ("completions", "rerun"):
            return self.run.span("gitops", field)
        if field == "references":
            return next((read.span for read in self.run.references), self.run.descriptor.name_span)
        if field == "claims":
            return self.run.span("volumes")
        if field in ("action", "build"):
            return self.run.descriptor.name_span
        return self.run.span(field)


_OF_SOURCE = {
    "handler": "handler",
    "init": "init_function",
    "module": "handler",
    "source": "source",
}
_OF_FUNCTION = ("base_image", "command", "image", "python_version", "requirements")


@dataclass(frozen=True, slots=True)
class Resolution:
    """A program in an environment. `runs` come after the runs whose data they read.

    `build_secrets` are where the cluster has what builds need.
    """

    program: Program
    environment: Environment
    runs: tuple[ResolvedRun, ...]
    build_secrets: Mapping[str, SecretKey]

    @property
    def cluster_runs(self) -> tuple[ResolvedRun, ...]:
        """Those that get objects here."""
        return tuple(each for each in self.runs if each.run.is_in(self.environment.name))
