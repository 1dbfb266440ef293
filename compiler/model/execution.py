"""A run in an environment -> what decides its result, and what the runner is told of it.

The same for a pod and for a laptop: a digest that both agree on is what their records are under.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitopsc.model import identity
from gitopsc.model.descriptor import Environment
from gitopsc.model.program import Function, Program, Reference, Run
from gitopsc.model.store import Store


class Execution(NamedTuple):
    """`settings` is what the runner reads, as JSON; what is empty is left out.

    `variables` are the environment's, without secrets.
    """

    run: Run
    compute: str
    settings: Mapping[str, Any]
    variables: Mapping[str, str]


def executions(program: Program, environment: Environment) -> tuple[Execution, ...]:
    """All runs of a program, after those whose data they read."""
    computes = _Computes({}, {})
    found = []
    for run in program.runs:
        digest = computes.of_runs[run.name] = _compute(environment, run, computes)
        if run.cron is None:
            computes.of_data[run.name] = digest
        settings = _settings(program, environment, run, computes)
        found.append(Execution(run, digest, settings, _variables(environment, run)))
    return tuple(found)


class _Computes(NamedTuple):
    """The compute digest of each run, and of those whose data has it as its version.

    What the clock starts makes new data each time: nothing downstream takes its digest.
    """

    of_runs: dict[str, str]
    of_data: dict[str, str]


def _compute(environment: Environment, run: Run, computes: _Computes) -> str:
    """`computes` has the digests of all runs that this one reads from."""
    function = run.function
    fields = {
        "action": run.action,
        "base_image": None if function.base == function.default_base else function.base,
        "build": _build(function),
        "envs": _variables(environment, run),
        "handler": function.handler,
        "image": function.image,
        "init": function.init,
        "init_parameters": run.init_parameters,
        "inputs": {each.argument: _read_version(each, computes) for each in run.inputs},
        "module": None if _is_one_file(function) else function.module,
        "outputs": {each.name: str(each.key) for each in run.outputs},
        "parameters": run.parameters,
        "python_version": function.python_version,
        "references": {each.written: _read_version(each, computes) for each in run.references},
        "requirements": sorted(_requirements(function)),
        "rerun": run.rerun,
        "secrets": list(run.secrets),
        "source": _source_digests(function),
    }
    return identity.compute_digest(fields)


def _variables(environment: Environment, run: Run) -> dict[str, str]:
    """A profile wins over the run (digitalhub.md section 5.4)."""
    return {**run.environment, **environment.profile(run.profile).variables}


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
    return function.packages.names if function.packages else function.requirements


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
        return identity.content_digest(function.files[0].content)
    return {
        each.path: [identity.content_digest(each.content), each.executable]
        for each in function.files
    }


def _read_version(reference: Reference, computes: _Computes) -> dict[str, str]:
    """What is read: the key, its resolved version, and where a declared one lies."""
    read = {"key": str(reference.key._replace(version=None))}
    if reference.producer is not None:
        if version := computes.of_data.get(reference.producer):
            read["version"] = version
    elif reference.key.version is not None:
        read["version"] = reference.key.version
    elif reference.declared is not None and reference.declared.id is not None:
        read["version"] = reference.declared.id
    if reference.declared is not None and "path" in reference.declared.spec:
        read["path"] = reference.declared.spec["path"]
    return read


def _read(reference: Reference, computes: _Computes) -> dict[str, str]:
    """The same for the runner, which waits for the record of the run that makes the data."""
    producer = {"producer": reference.producer} if reference.producer else {}
    return {**_read_version(reference, computes), **producer}


def _settings(
    program: Program, environment: Environment, run: Run, computes: _Computes
) -> Mapping[str, Any]:
    function = run.function
    settings = {
        "action": run.action,
        "compute": computes.of_runs[run.name],
        "deadline": run.deadline,
        "environment": environment.name,
        "function": function.name,
        "handler": function.handler,
        "init": function.init,
        "init_parameters": run.init_parameters,
        "inputs": {each.argument: _read(each, computes) for each in run.inputs},
        "module": function.module,
        "outputs": {each.name: str(each.key) for each in run.outputs},
        "parameters": run.parameters,
        "project": program.project.name,
        "references": {each.written: _read(each, computes) for each in run.references},
        "run": run.name,
        "scheduled": run.cron is not None,
        # Where there is no store, settings are what they were before there was any: no Job moves.
        "secrets": sorted({*run.secrets, *environment.store_secrets} if environment.stores else ()),
        "stores": {name: _address(store) for name, store in environment.stores.items()},
    }
    return {key: value for key, value in settings.items() if value not in (None, False, {}, [])}


def _address(store: Store) -> Mapping[str, Any]:
    return {"url": store.url, **({"options": store.options} if store.options else {})}
