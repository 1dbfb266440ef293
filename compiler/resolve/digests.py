"""A run in an environment -> the fields that decide its result (design.md section 4a)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitopsc.model import identity
from gitopsc.model.program import Function, Reference, Run
from gitopsc.model.source import FunctionFile
from gitopsc.model.specification import RunSpec


class Computes(NamedTuple):
    """The compute digest of each run, and of those whose data has it as its version.

    What the clock starts makes new data each time: nothing downstream takes its digest. `clocks`
    are those runs, each with its schedule, and whether it is tried again.
    """

    of_runs: dict[str, str]
    of_data: dict[str, str]
    clocks: dict[str, Mapping[str, Any]]

    def add(self, run: Run, spec: RunSpec, digest: str) -> None:
        """`spec` is the run's with defaults."""
        self.of_runs[run.name] = digest
        if spec.cron is None:
            self.of_data[run.name] = digest
        else:
            retries = {"retries": True} if spec.backoff_limit else {}
            self.clocks[run.name] = {"schedule": spec.cron, **retries}


def compute_fields(
    run: Run,
    spec: RunSpec,
    variables: Mapping[str, str],
    secrets: Sequence[str],
    claims: Mapping[str, Any],
    computes: Computes,
) -> Mapping[str, Any]:
    """Named as in `identity.COMPUTE_FIELDS`; `spec` is the run's with defaults."""
    function = run.function
    return {
        "action": run.action,
        "args": list(run.spec.args or ()),
        "base_image": _base_image(function),
        "build": _build(function),
        "claims": claims,
        "code_inputs": {read.written: read_version(read, computes) for read in run.code_inputs},
        "code_outputs": {},
        "command": function.descriptor.spec.command if function.is_container else None,
        "completions": spec.gitops and spec.gitops.completions,
        "envs": variables,
        "handler": function.handler or None,
        "image": function.image,
        "init": function.init,
        "init_parameters": run.init_parameters,
        "inputs": {read.argument: read_version(read, computes) for read in run.inputs},
        "module": None if _is_one_file(function) else function.module or None,
        "outputs": {output.name: str(output.key) for output in run.outputs},
        "parameters": run.parameters,
        "python_version": function.python_version or None,
        "references": {read.written: read_version(read, computes) for read in run.references},
        "requirements": list(_requirements(function)),
        "rerun": spec.gitops and spec.gitops.rerun,
        "secrets": list(secrets),
        "source": _source_digests(function),
    }


def read_version(reference: Reference, computes: Computes) -> dict[str, str]:
    """What is read: the key, its resolved version, and where a declared one lies."""
    read = {"key": str(reference.key._replace(version=None))}
    if reference.producer is not None:
        if version := computes.of_data.get(reference.producer):
            read["version"] = version
    elif reference.key.version is not None:
        read["version"] = reference.key.version
    elif reference.declared is not None and reference.declared.id is not None:
        read["version"] = reference.declared.id
    if reference.declared is not None and reference.declared.spec.path is not None:
        read["path"] = reference.declared.spec.path
    return read


def _base_image(function: Function) -> str | None:
    """None where it is the one of its Python, by whatever name the project has it."""
    usual = {function.descriptor.default_base, f"python:{function.python_version}-slim"}
    return None if function.base_image in usual else function.base_image


def _build(function: Function) -> Any:
    """What instructions and variables put into an image; a ready image has it already."""
    build = function.build
    if function.image is not None or not (build.instructions or build.variables):
        return None
    return [build.instructions, build.variables, build.secrets]


def _is_one_file(function: Function) -> bool:
    return len(function.files) == 1 and function.content is None


def _requirements(function: Function) -> Sequence[str]:
    """What they were locked to is what is installed."""
    return sorted(function.packages.names) if function.packages else function.requirements


def _source_digests(function: Function) -> Any:
    """The content alone for one file: where a file lies does not decide a result.

    A source that was pinned has one digest; a builder that fetches it brings more than is vendored.
    """
    if function.fetch is not None:
        return ["fetched", function.content]
    if function.content is not None:
        return function.content
    if not function.files:
        return None
    if _is_one_file(function):
        return _digest(function.files[0])
    return {file.path: [_digest(file), file.executable] for file in function.files}


def _digest(file: FunctionFile) -> str:
    return file.code or identity.content_digest(file.content)
