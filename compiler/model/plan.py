"""What is to be made, in words that know neither Docker nor Kubernetes."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from gitopsc.model.descriptor import Environment, ExternalKey, SecretKey
from gitopsc.model.pod import Expose, Pod, Scale
from gitopsc.model.program import SIDECAR_REQUESTS, Action, Build, Fetch, Lineage
from gitopsc.model.scheduling import Scheduling
from gitopsc.model.source import FunctionFile, Span
from gitopsc.model.specification import RunSpec
from gitopsc.model.store import RecordKey
from gitopsc.model.volume import Volume

_HOME = "/home/function"
CACHE_VARIABLES: Mapping[str, str] = {
    "HF_HOME": f"{_HOME}/.cache/huggingface",
    "HOME": _HOME,
    "MPLCONFIGDIR": f"{_HOME}/.cache/matplotlib",
    "NUMBA_CACHE_DIR": f"{_HOME}/.cache/numba",
    "TORCH_HOME": f"{_HOME}/.cache/torch",
    "XDG_CACHE_HOME": f"{_HOME}/.cache",
}
"""Where libraries may write on a read-only root; an author's own variables win."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image to build for a function. `name` is fit for a path, `repository` for a reference.

    Versions of one function have one repository, and `version` is what the lineage calls it.
    `files` are relative to the project where they have an origin. A container's has a `dockerfile`
    of its author in the folder `context` of the project, and `files` are all that lies there.
    """

    name: str
    repository: str
    function: str
    version: str
    base: str
    build: Build
    requirements: tuple[str, ...]
    packages: str | None
    files: tuple[FunctionFile, ...]
    fetch: Fetch | None
    context: str | None = None
    dockerfile: str | None = None


class Mount(NamedTuple):
    """A volume of a workload. `name` is unique in it; `claim` is what its claim is called."""

    name: str
    volume: Volume
    claim: str | None


OBJECT_LIMIT = 1_400_000
"""Bytes of an object that a cluster stores, with something left of etcd's 1.5 MiB for what
controllers add."""

Labels = tuple[tuple[str, str], ...]
"""Keys and values, sorted, each key once."""


class Claim(NamedTuple):
    """A claim to make, for one run or for many, of one `group` or of none. `is_kept` says that no
    controller may prune it; `place` is that of the volume which brings it."""

    name: str
    size: str
    access_mode: str
    storage_class: str | None
    is_kept: bool
    wave: int
    source: str
    place: Span
    group: str | None = None


class ExternalSecret(NamedTuple):
    """A Secret to be fetched: its keys, and what a store calls each."""

    name: str
    store: str
    is_of_cluster: bool
    keys: tuple[tuple[str, ExternalKey], ...]


class Port(NamedTuple):
    """A port of a Service. `target` is that of the container, by its number or its name."""

    name: str
    port: int
    target: int | str


class ContainerStart(NamedTuple):
    """How a container of its own is started, where the runner is not: with a command instead of its
    image's entrypoint, as which user. It writes to its own root, as far as that user may."""

    command: str | None
    args: tuple[str, ...]
    user: int | None
    group: int | None
    fs_group: int | None


EXCHANGED = (("exchange", "/gitopsc"), ("inputs", "/inputs"), ("outputs", "/outputs"))
"""Volumes and their places: where a container and the runner beside it meet."""


class Sidecar(NamedTuple):
    """The runner beside a container: `image` names an `Image` of the plan, and once it is known is
    the reference. It mounts what is called as `mounts` say, and the container does not. Its CPU is
    limited where its container's is."""

    image: str
    variables: Mapping[str, SecretKey]
    mounts: tuple[str, ...]
    cpu_limit: str | None
    requests: Mapping[str, str] = SIDECAR_REQUESTS


@dataclass(frozen=True, slots=True)
class Workload:
    """A run in a cluster. `name` and `application` (its function's) are fit for Kubernetes.

    `image` names an `Image` of the plan, or `ready_image` is the reference of one that is there.
    `settings` is the JSON text that the runner reads. `variables` are values or keys of Secrets.
    `spec` has what the run says, with defaults. With a `scale`, its `replicas` count for nothing.
    `deadline` is in seconds: for a job to end, tries and waiting included, or for a service to get
    ready. `is_recreated` says that the old pods stop before new ones start; `needs_server_side`
    that the objects are too large for a client that notes in them what it has applied.
    `source` is the descriptor's path in the project; `reads` and `writes` are keys of data;
    `record` is where a job finds out that it is done. It may be done in `completions`, of which
    `parallelism` at once, and wait in a `queue`. A service is reached through its `ports`. What is
    no function of Python is a `container`, without disk, and with settings for a `sidecar` alone.
    `upstream` are workloads whose data it reads, by their names. Those of a `group` are applied by
    themselves. `labels` are its author's, of its objects and not of its pods.
    """

    name: str
    run: str
    spec: RunSpec
    function: str
    application: str
    action: Action
    image: str | None
    ready_image: str | None
    settings: str
    variables: Mapping[str, str | SecretKey]
    cpu: str
    cpu_limit: str | None
    memory: str
    memory_limit: str
    gpu: str | None
    disk: str
    mounts: tuple[Mount, ...]
    scheduling: Scheduling
    pod: Pod
    expose: Expose | None
    scale: Scale | None
    deadline: int
    is_recreated: bool
    needs_server_side: bool
    service_name: str
    compute: str
    wave: int
    source: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    record: RecordKey | None
    completions: int | None = None
    parallelism: int | None = None
    queue: str | None = None
    ports: tuple[Port, ...] = ()
    container: ContainerStart | None = None
    sidecar: Sidecar | None = None
    upstream: tuple[str, ...] = ()
    group: str | None = None
    labels: Labels = ()

    def has_monitor(self, environment: Environment) -> bool:
        """The runner has metrics; what others have, nobody here knows. Knative's pods are its own
        to watch."""
        is_served = self.action == "serve" and self.container is None
        return is_served and environment.metrics == "pod-monitor" and not self.is_scaled_to_zero

    @property
    def is_scaled_to_zero(self) -> bool:
        """Whether it has no pod while there are no requests."""
        return self.scale is not None and self.scale.is_to_zero

    @property
    def has_budget(self) -> bool:
        """With one pod there is none to spare: a budget would hold up drains, or mean nothing."""
        least = self.spec.replicas if self.scale is None else self.scale.least
        return self.action == "serve" and (least or 0) > 1


CERTIFICATES: Mapping[str, str] = {
    "ca.crt": "ca.pem",
    "tls.crt": "cert.pem",
    "tls.key": "key.pem",
}
"""Keys of the Secret by which a client and BuildKit know each other, and the files that `buildctl`
looks for."""


class ImageBuild(NamedTuple):
    """A run that has an image built in the cluster; `image` names an `Image` of the plan. Its `pod`
    is what the settings say of all."""

    name: str
    run: str
    image: str
    application: str
    address: str
    client_image: str
    registry_secret: str | None
    tls_secret: str | None
    secrets: Mapping[str, SecretKey]
    source: str
    labels: Labels
    pod: Pod


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """One environment with its workloads, claims and builds, each sorted by name."""

    environment: Environment
    workloads: tuple[Workload, ...]
    claims: tuple[Claim, ...]
    builds: tuple[ImageBuild, ...]

    @property
    def groups(self) -> tuple[str | None, ...]:
        """None first, which has all that is of no group."""
        return (None, *sorted({each.group for each in self.workloads if each.group is not None}))

    @property
    def secret_keys(self) -> Iterator[SecretKey]:
        """All that its pods read, as often as they do."""
        for workload in self.workloads:
            for value in workload.variables.values():
                if isinstance(value, SecretKey):
                    yield value
            if workload.sidecar is not None:
                yield from workload.sidecar.variables.values()
        for build in self.builds:
            yield from build.secrets.values()

    @property
    def external_secrets(self) -> tuple[ExternalSecret, ...]:
        """Those of the Secrets that somebody else keeps, sorted by name."""
        found: dict[str, dict[str, ExternalKey]] = {}
        for each in self.secret_keys:
            if each.external is not None:
                found.setdefault(each.name, {})[each.key] = each.external
        made = []
        for name, keys in sorted(found.items()):
            first = next(iter(keys.values()))
            listed = tuple(sorted(keys.items()))
            made.append(ExternalSecret(name, first.store, first.is_of_cluster, listed))
        return tuple(made)

    def only(self, kept: Container[str]) -> EnvironmentPlan:
        """The runs among some nodes of the lineage, with the claims that they mount."""
        workloads = tuple(each for each in self.workloads if f"run/{each.run}" in kept)
        mounted = {mount.claim for each in workloads for mount in each.mounts}
        return EnvironmentPlan(
            self.environment,
            workloads,
            tuple(each for each in self.claims if each.name in mounted),
            tuple(each for each in self.builds if f"run/{each.run}" in kept),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A project's images, and its workloads in each environment.

    `prefix` is what a place in the tree starts with, and a path in the project does not. `schemes`
    are those of the URLs that the runner opens. One that `is_part` lacks what was not chosen.
    """

    project: str
    prefix: str
    output: str
    schemes: tuple[str, ...]
    images: tuple[Image, ...]
    environments: tuple[EnvironmentPlan, ...]
    lineage: Lineage
    is_part: bool = False

    def only(self, kept: Container[str]) -> Plan:
        """The part of some nodes of the lineage, with the images that it needs."""
        environments = tuple(each.only(kept) for each in self.environments)
        needed = {each.image for planned in environments for each in planned.workloads}
        needed |= {each.image for planned in environments for each in planned.builds}
        sidecars = [each.sidecar for planned in environments for each in planned.workloads]
        needed |= {each.image for each in sidecars if each is not None}
        images = tuple(
            image
            for image in self.images
            if image.name in needed or f"function/{image.version}" in kept
        )
        lineage = self.lineage.only(kept)
        return replace(
            self, images=images, environments=environments, lineage=lineage, is_part=True
        )
