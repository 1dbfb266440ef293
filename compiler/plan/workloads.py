"""Resolved runs -> Workloads: what each is called, started with, mounts and may take."""

from __future__ import annotations

from collections.abc import Mapping

from gitopsc.model.descriptor import Project, SecretKey
from gitopsc.model.names import cleaned
from gitopsc.model.output import readable_json
from gitopsc.model.plan import Workload
from gitopsc.model.resolution import ResolvedRun
from gitopsc.plan.names import service_name
from gitopsc.plan.storage import is_for_one_node, mounts

_HOME = "/home/function"
_VARIABLES: Mapping[str, str] = {
    "HF_HOME": f"{_HOME}/.cache/huggingface",
    "HOME": _HOME,
    "MPLCONFIGDIR": f"{_HOME}/.cache/matplotlib",
    "NUMBA_CACHE_DIR": f"{_HOME}/.cache/numba",
    "TORCH_HOME": f"{_HOME}/.cache/torch",
    "XDG_CACHE_HOME": f"{_HOME}/.cache",
}
"""Where libraries may write on a read-only root; a run's own variables win."""


def workload_of(project: Project, resolved: ResolvedRun, wave: int) -> Workload:
    run = resolved.run
    function = run.function
    version = function.descriptor.id
    requests, limits = resolved.requests, resolved.limits
    mounted = mounts(resolved)
    return Workload(
        name=cleaned(run.name),
        run=run.name,
        spec=resolved.spec,
        function=f"{function.name}:{version}" if version else function.name,
        application=cleaned(function.name),
        action=run.action,
        image=cleaned(function.unique_name) if function.image is None else None,
        ready_image=function.image,
        settings=readable_json(resolved.settings),
        variables=_variables(project, resolved),
        cpu=requests["cpu"],
        cpu_limit=limits.get("cpu"),
        memory=requests["mem"],
        memory_limit=limits.get("mem", requests["mem"]),
        gpu=requests.get("gpu"),
        disk=requests["disk"],
        mounts=mounted,
        scheduling=resolved.scheduling,
        is_recreated=any(is_for_one_node(mount.volume) for mount in mounted),
        service_name=service_name(run),
        compute=resolved.compute,
        wave=wave,
        source=project.relative(run.descriptor.path),
        reads=tuple(sorted({str(read.key) for read in run.reads})),
        writes=tuple(sorted(str(output.key) for output in run.outputs)),
        record=resolved.record,
    )


def _variables(project: Project, resolved: ResolvedRun) -> Mapping[str, str | SecretKey]:
    variables: dict[str, str | SecretKey] = {**_VARIABLES, **resolved.variables}
    variables["PROJECT_NAME"] = project.name  # as on the platform, whose own variables win
    return {name: variables[name] for name in sorted(variables)}
