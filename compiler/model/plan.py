"""What is to be made, in words that know neither Docker nor Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.model.descriptor import Environment, SecretKey
from compiler.model.program import Action, FunctionFile, Lineage


@dataclass(frozen=True, slots=True)
class Image:
    """An image to build for a function. `name` is fit for a path and an image reference.

    `files` are relative to the project where they have an origin.
    """

    name: str
    function: str
    base: str
    requirements: tuple[str, ...]
    files: tuple[FunctionFile, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """A run in a cluster. `name` and `application` (its function's) are fit for Kubernetes.

    `image` names an `Image` of the plan, or `ready_image` is the reference of one that is there.
    `settings` is the JSON text that the runner reads. `variables` are values or keys of Secrets.
    `source` is the descriptor's path in the project; `reads` and `writes` are keys of data.
    """

    name: str
    run: str
    function: str
    application: str
    action: Action
    image: str | None
    ready_image: str | None
    settings: str
    variables: Mapping[str, str | SecretKey]
    cpu: str
    memory: str
    gpu: str | None
    disk: str
    replicas: int
    service_type: str
    service_name: str
    compute: str
    wave: int
    source: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """One environment and its workloads, sorted by name."""

    environment: Environment
    workloads: tuple[Workload, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A project's images, and its workloads in each environment.

    `prefix` is what a place in the tree starts with, and a path in the project does not.
    """

    project: str
    prefix: str
    output: str
    images: tuple[Image, ...]
    environments: tuple[EnvironmentPlan, ...]
    lineage: Lineage
