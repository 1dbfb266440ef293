"""Resolved runs -> Workloads: what each is called, started with, mounts and may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitopsc.model.address import PORT
from gitopsc.model.descriptor import SIDECAR_IMAGE, Project, SecretKey
from gitopsc.model.names import cleaned
from gitopsc.model.output import readable_json
from gitopsc.model.plan import (
    CACHE_VARIABLES,
    ContainerStart,
    Mount,
    Port,
    Sidecar,
    Workload,
)
from gitopsc.model.quantity import canonical
from gitopsc.model.resolution import ResolvedRun
from gitopsc.model.schedule import longest_gap
from gitopsc.model.specification import GitopsSpec
from gitopsc.plan.limits import needs_server_side
from gitopsc.plan.names import author_labels
from gitopsc.plan.storage import is_for_one_node, mounts

_JOB_SECONDS = 7 * 86_400
"""A job that waits for what never comes ends at last; a chain of jobs has time enough."""

_SCHEDULED_SECONDS = 86_400
"""While one of a schedule's jobs hangs, no other starts."""

_START_SECONDS = 2_400
"""More than the start-up probe allows, with a pull before it."""

_DATA_SECONDS = 7 * 86_400
"""A service may wait for its data as long as a job may take to make it."""


def workload_of(project: Project, resolved: ResolvedRun, wave: int) -> Workload:
    run = resolved.run
    function = run.function
    gitops = resolved.spec.gitops or GitopsSpec()
    version = function.descriptor.id
    requests = {key: canonical(each) for key, each in resolved.requests.items()}
    limits = {key: canonical(each) for key, each in resolved.limits.items()}
    mounted = mounts(resolved)
    settings = readable_json(resolved.settings) if resolved.settings else ""
    variables = _variables(project, resolved)
    return Workload(
        name=cleaned(run.name),
        run=run.name,
        spec=resolved.spec,
        function=f"{function.name}:{version}" if version else function.name,
        application=cleaned(function.name),
        action=run.action,
        image=cleaned(function.unique_name) if function.image is None else None,
        ready_image=function.image,
        settings=settings,
        variables=variables,
        cpu=requests["cpu"],
        cpu_limit=limits.get("cpu"),
        memory=requests["mem"],
        memory_limit=limits.get("mem", requests["mem"]),
        gpu=requests.get("gpu"),
        disk=requests["disk"],
        deadline=_deadline(resolved),
        mounts=mounted,
        scheduling=resolved.scheduling,
        pod=resolved.pod._replace(shm=resolved.pod.shm and canonical(resolved.pod.shm)),
        expose=gitops.expose,
        scale=gitops.scale,
        is_recreated=any(is_for_one_node(mount.volume) for mount in mounted),
        needs_server_side=needs_server_side(
            *(settings, variables, mounted, resolved.scheduling, resolved.pod, resolved.spec.args)
        ),
        service_name=run.service_name,
        compute=resolved.compute,
        wave=wave,
        source=project.relative(run.descriptor.path),
        reads=tuple(sorted({str(read.key) for read in run.reads})),
        writes=tuple(sorted(str(output.key) for output in run.outputs)),
        record=resolved.record,
        completions=gitops.completions,
        parallelism=gitops.parallelism or gitops.completions,
        queue=resolved.queue,
        ports=_ports(resolved),
        group=gitops.group,
        upstream=tuple(sorted({cleaned(read.producer) for read in run.reads if read.producer})),
        container=_container(resolved) if function.is_container else None,
        sidecar=_sidecar(resolved, mounted, limits.get("cpu")),
        labels=author_labels(run.descriptor.labels),
    )


def _ports(resolved: ResolvedRun) -> tuple[Port, ...]:
    """The runner has one, by name."""
    if not resolved.run.has_address:
        return ()
    if not resolved.run.function.is_container:
        return (Port("http", PORT, "http"),)
    return tuple(
        Port("http" if index == 0 else f"port-{each.port}", each.port, each.target)
        for index, each in enumerate(resolved.spec.service_ports or ())
    )


def _container(resolved: ResolvedRun) -> ContainerStart:
    spec = resolved.spec
    return ContainerStart(
        resolved.run.function.descriptor.spec.command,
        spec.args or (),
        spec.run_as_user,
        spec.run_as_group,
        spec.fs_group,
    )


def _sidecar(
    resolved: ResolvedRun, mounted: Sequence[Mount], cpu_limit: str | None
) -> Sidecar | None:
    if not resolved.run.has_sidecar:
        return None
    names = {cleaned(volume.name) for volume in resolved.store_volumes}
    return Sidecar(
        SIDECAR_IMAGE,
        resolved.store_secrets,
        tuple(mount.name for mount in mounted if mount.name.removeprefix("v-") in names),
        cpu_limit,
    )


def _deadline(resolved: ResolvedRun) -> int:
    run = resolved.run
    if run.action == "serve":
        return _DATA_SECONDS if any(read.producer for read in run.reads) else _START_SECONDS
    own = resolved.spec.gitops and resolved.spec.gitops.deadline
    if own or run.spec.cron is None:
        return own or _JOB_SECONDS
    if "clocks" not in resolved.settings:
        return _SCHEDULED_SECONDS
    return longest_gap(run.spec.cron) + _SCHEDULED_SECONDS  # it waits for its data, too


def _variables(project: Project, resolved: ResolvedRun) -> Mapping[str, str | SecretKey]:
    """An image that is built has those of caches itself."""
    function = resolved.run.function
    is_ready = function.image is not None and not function.is_container
    variables: dict[str, str | SecretKey] = {**(CACHE_VARIABLES if is_ready else {})}
    if function.is_container:  # to whom no runner tells it
        variables["RUN_ID"] = cleaned(resolved.name)
    variables |= resolved.variables
    variables["PROJECT_NAME"] = project.name  # as on the platform, whose own variables win
    return {name: variables[name] for name in sorted(variables)}
