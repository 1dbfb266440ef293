"""A run in an environment -> what its runner reads, as JSON; what is empty is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitopsc.model.descriptor import Environment
from gitopsc.model.program import Program, Reference, Run
from gitopsc.model.specification import RunSpec
from gitopsc.model.store import Store
from gitopsc.resolve.digests import Computes, read_version


def runner_settings(
    program: Program,
    environment: Environment,
    run: Run,
    spec: RunSpec,
    compute: str,
    computes: Computes,
) -> Mapping[str, Any]:
    """`spec` is the run's with defaults."""
    function = run.function
    stores = environment.stores
    secrets = {*(spec.secrets or ()), *environment.store_secrets}
    settings = {
        "action": run.action,
        "compute": compute,
        "deadline": spec.gitops and spec.gitops.deadline,
        "environment": environment.name,
        "function": function.name,
        "handler": function.handler,
        "init": function.init,
        "init_parameters": run.init_parameters,
        "inputs": {read.argument: _read(read, computes) for read in run.inputs},
        "module": function.module,
        "outputs": {output.name: str(output.key) for output in run.outputs},
        "parameters": run.parameters,
        "project": program.project.name,
        "references": {read.written: _read(read, computes) for read in run.references},
        "run": run.name,
        "scheduled": run.is_scheduled,
        # Only stores need them: without one, this key would rename every Job with a secret.
        "secrets": sorted(secrets) if stores else [],
        "stores": {name: _address(store) for name, store in stores.items()},
    }
    return {key: value for key, value in settings.items() if value not in (None, False, {}, [])}


def _read(reference: Reference, computes: Computes) -> dict[str, str]:
    """With the run that makes the data, for whose record the runner waits."""
    producer = {"producer": reference.producer} if reference.producer else {}
    return {**read_version(reference, computes), **producer}


def _address(store: Store) -> Mapping[str, Any]:
    return {"url": store.url, **({"options": store.options} if store.options else {})}
