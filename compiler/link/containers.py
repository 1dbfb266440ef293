"""Runs of containers in environments -> what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitopsc.link import sentences
from gitopsc.link.data import DATA_NAME
from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import INJECTED_ARGUMENTS, SIDECAR_ARGUMENT, Run

_RESERVED = (*INJECTED_ARGUMENTS, SIDECAR_ARGUMENT)
"""What the handler of the runner beside a container is called with, but for its inputs."""


def container_problems(project: Project, runs: Mapping[str, Run]) -> Iterator[Diagnostic]:
    """What is the same in several environments is told for each; only the first is kept."""
    for run in runs.values():
        if run.spec.args is not None and not run.function.is_container:
            yield sentences.args_of_python(run)
    containers = [run for run in runs.values() if run.function.is_container]
    for run in containers:
        for reference in (*run.references, *run.code_inputs):
            if reference.evidence == "key":
                yield sentences.does_not_wait(reference, run)
            else:
                yield sentences.key_as_text(reference, run)
    for environment in project.environments:
        for run in containers:
            if run.is_in(environment.name):
                yield from _problems(run.within(environment))


def _problems(run: Run) -> Iterator[Diagnostic]:
    if run.has_address:
        if not run.spec.service_ports:
            yield sentences.no_ports(run)
        ports = [each.port for each in run.spec.service_ports or ()]
        for index, port in enumerate(ports):
            if port in ports[:index]:
                yield sentences.one_port(port, index, run)
    if run.has_sidecar:
        if run.function.descriptor.spec.command is None:
            yield sentences.no_command(run)
        for key, names in _files(run):
            for name in names:
                is_reserved = name in _RESERVED
                if is_reserved or not DATA_NAME.fullmatch(name):
                    yield sentences.not_a_file_name(run, key, name, is_reserved=is_reserved)
    scale = run.spec.gitops.scale if run.spec.gitops is not None else None
    if scale is not None and scale.concurrency is not None and not scale.is_to_zero:
        yield sentences.requests_are_not_counted(run)


def _files(run: Run) -> Iterator[tuple[str, list[str]]]:
    yield "inputs", [read.argument for read in run.inputs if read.argument is not None]
    yield "outputs", [output.name for output in run.outputs]
