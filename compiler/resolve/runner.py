"""A run in an environment -> what its runner reads, as JSON; what is empty is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitopsc.model.descriptor import DEFAULT_TIME_ZONE, Environment, SecretKey
from gitopsc.model.names import cleaned
from gitopsc.model.program import (
    SIDECAR_ARGUMENT,
    SIDECAR_HANDLER,
    SIDECAR_MODULE,
    Output,
    Program,
    Reference,
    Run,
)
from gitopsc.model.quantity import amount
from gitopsc.model.store import Store
from gitopsc.resolve.digests import Computes, read_version

_WAIT_SECONDS = 60
_CHEAP = amount("2Gi")
"""Memory that a pod may hold while it waits for what runs upstream are about to make."""


def runner_settings(
    program: Program,
    environment: Environment,
    run: Run,
    compute: str,
    computes: Computes,
    secrets: Mapping[str, SecretKey],
    requests: Mapping[str, str],
) -> Mapping[str, Any]:
    """`secrets` are those of the run and of its stores; `requests` the run's with defaults."""
    function = run.function
    stores = environment.stores
    producers = {read.producer for read in run.reads}
    clocks = {cleaned(name): clock for name, clock in computes.clocks.items() if name in producers}
    zone = environment.time_zone
    handler, module, parameters = function.handler, function.module, run.parameters
    if function.is_container:
        made = {output.name: _made(output) for output in run.outputs}
        handler, module, parameters = SIDECAR_HANDLER, SIDECAR_MODULE, {SIDECAR_ARGUMENT: made}
    settings = {
        "action": run.action,
        "clocks": clocks,
        "compute": compute,
        "count": run.spec.gitops and run.spec.gitops.completions,
        "environment": environment.name,
        "follow": _follow(run) if clocks and run.action == "serve" else None,
        "function": function.name,
        "handler": handler,
        "init": function.init,
        "init_parameters": run.init_parameters,
        "inputs": {read.argument: _read(read, computes) for read in run.inputs},
        "module": module,
        "outputs": {output.name: str(output.key) for output in run.outputs},
        "parameters": parameters,
        "project": program.project.name,
        "references": {
            read.written: _read(read, computes) for read in (*run.references, *run.code_inputs)
        },
        "run": cleaned(run.name),
        "schedule": run.spec.cron,
        "secrets": {
            name: f"{secret.name}/{secret.key}" for name, secret in sorted(secrets.items())
        },
        "stores": {name: _address(store) for name, store in stores.items()},
        "time_zone": zone if (clocks or run.is_scheduled) and zone != DEFAULT_TIME_ZONE else None,
        "wait": _wait(run, requests),
    }
    return {key: value for key, value in settings.items() if value not in (None, False, {}, [])}


def _made(output: Output) -> list[str]:
    return [output.key.type, output.key.kind, output.key.name]


def _follow(run: Run) -> str | None:
    """What a service does when there is new data; nothing if it does not look."""
    wish = run.spec.gitops.follow if run.spec.gitops is not None else None
    if wish is False:
        return None
    if wish == "restart":
        return "restart"
    return "keep" if run.function.init_assigns else "switch"


def _wait(run: Run, requests: Mapping[str, str]) -> int | None:
    """Seconds for which a job waits for data upstream before it ends, to be tried again later."""
    if run.action != "job" or not any(read.producer for read in run.reads):
        return None
    is_cheap = amount(requests["mem"]) <= _CHEAP and not amount(requests.get("gpu", "0"))
    return _WAIT_SECONDS if is_cheap else None


def _read(reference: Reference, computes: Computes) -> dict[str, str]:
    """With the run that makes the data, for whose record the runner waits."""
    producer = {"producer": cleaned(reference.producer)} if reference.producer else {}
    return {**read_version(reference, computes), **producer}


def _address(store: Store) -> Mapping[str, Any]:
    return {"url": store.url, **({"options": store.options} if store.options else {})}
