"""Functions and runs that build -> images, what is built in the cluster, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterator

from gitopsc.adapters.packaged import container_files
from gitopsc.model.descriptor import SIDECAR_IMAGE, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.names import cleaned
from gitopsc.model.plan import Image, ImageBuild
from gitopsc.model.program import (
    SIDECAR_MODULE,
    Build,
    BuildRun,
    Function,
    Program,
)
from gitopsc.model.resolution import Resolution
from gitopsc.model.source import FunctionFile
from gitopsc.plan import sentences
from gitopsc.plan.names import author_labels

CONTEXT_LIMIT = 120_000
"""Bytes of a source that a build in the cluster takes: kubectl and Argo CD keep what they applied,
with the runner and in base64, in an annotation of at most 262,144."""


_ADDRESS = "build: {address: tcp://<host>:<port>}"
_REGISTRY = "registry: registry.example.com/team"


def image_of(function: Function) -> Image:
    return Image(
        name=cleaned(function.unique_name),
        repository=cleaned(function.name),
        function=function.name,
        version=function.unique_name,
        base="" if function.is_container else function.pinned_base,
        build=function.build,
        requirements=function.requirements,
        packages=function.packages.packages if function.packages else None,
        files=function.files,
        fetch=function.fetch,
        context=function.origin if function.is_container else None,
        dockerfile=function.dockerfile,
    )


def sidecar_image(project: Project) -> Image:
    """Of the runner that stands beside containers: a function of gitopsc's own."""
    files = (FunctionFile(SIDECAR_MODULE, container_files()[SIDECAR_MODULE].encode()),)
    return Image(
        name=SIDECAR_IMAGE,
        repository=SIDECAR_IMAGE,
        function=SIDECAR_IMAGE,
        version=SIDECAR_IMAGE,
        base=project.pinned_sidecar_base,
        build=Build(),
        requirements=(),
        packages=None,
        files=files,
        fetch=None,
    )


def cluster_builds(resolution: Resolution) -> Iterator[ImageBuild]:
    builder = resolution.environment.builder
    if builder is None or builder.address is None:
        return
    program = resolution.program
    for build in sorted(program.builds, key=lambda each: cleaned(each.name)):
        function = build.function
        if function.image is None:
            yield ImageBuild(
                name=cleaned(build.name),
                run=build.name,
                image=cleaned(function.unique_name),
                application=cleaned(function.name),
                address=builder.address,
                client_image=builder.client_image,
                registry_secret=builder.registry_secret,
                tls_secret=builder.tls_secret,
                secrets={name: resolution.build_secrets[name] for name in function.build.secrets},
                source=program.project.relative(build.merged.descriptor.path),
                labels=author_labels(build.merged.descriptor.labels),
                pod=resolution.environment.pod,
            )


def build_problems(resolution: Resolution) -> Iterator[Diagnostic]:
    """The client hands BuildKit what a ConfigMap holds; the builder may fetch more by itself."""
    if resolution.environment.builder is None:
        return
    program = resolution.program
    yield from _unbuilt(program, resolution.environment.name)
    for build in program.builds:
        if build.function.image is None:
            yield from _problems_of(resolution, build)


def _unbuilt(program: Program, environment: str) -> Iterator[Diagnostic]:
    built = {build.function.version for build in program.builds}
    used = {run.function.version: run.function for run in program.runs if not run.local}
    for version, function in sorted(used.items(), key=lambda each: str(each[0])):
        if function.image is None and function.is_container:
            yield sentences.not_built_in_clusters(function, environment)
        elif function.image is None and version not in built:
            yield sentences.not_built(function, environment)


def _problems_of(resolution: Resolution, build: BuildRun) -> Iterator[Diagnostic]:
    environment, function = resolution.environment, build.function
    if function.fetch is not None and function.fetch.remote.scheme == "ssh":
        yield sentences.needs_ssh(build)
    if environment.builder is not None and environment.builder.address is None:
        yield sentences.builder_lacks("address", _ADDRESS, environment.name, build)
    if environment.registry is None:
        yield sentences.builder_lacks("registry", _REGISTRY, environment.name, build)
    size = sum(len(file.content) for file in function.files)
    size += len(function.packages.packages) if function.packages else 0
    if size > CONTEXT_LIMIT:
        yield sentences.large_context(build, size, CONTEXT_LIMIT)
