"""Program and Environment -> Resolution: profile, defaults and settings, applied once, here.

The same for a pod and for a laptop: a digest that both agree on is what their records are under.
What comes after asks a resolved run, and not the settings again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gitopsc.model import identity
from gitopsc.model.address import PORT, address_of, with_addresses
from gitopsc.model.descriptor import Environment, Profile, SecretKey
from gitopsc.model.names import cleaned
from gitopsc.model.pod import Pod
from gitopsc.model.program import Program, Run
from gitopsc.model.resolution import Resolution, ResolvedRun
from gitopsc.model.specification import GitopsSpec, RunSpec
from gitopsc.model.store import DEFAULT, LATEST, RecordKey
from gitopsc.model.volume import Volume
from gitopsc.resolve.digests import Computes, compute_fields
from gitopsc.resolve.runner import runner_settings

__all__ = ("resolve",)

_DEFAULTS = RunSpec(backoff_limit=0, replicas=1, service_type="ClusterIP", gitops=GitopsSpec())
_DEFAULT_RESOURCES: Mapping[str, str] = {"cpu": "100m", "mem": "256Mi", "disk": "1Gi"}
"""design.md section 4."""


def resolve(program: Program, environment: Environment) -> Resolution:
    """All runs of a program, those of laptops, too."""
    computes = Computes({}, {}, {})
    addresses = _addresses(program, environment)
    runs = tuple(
        _resolved(program, environment, run.within(environment), computes, addresses)
        for run in program.runs
    )
    names = {name for build in program.builds for name in build.function.build.secrets}
    return Resolution(program, environment, runs, _secrets(program, environment, names))


def _addresses(program: Program, environment: Environment) -> Mapping[str, str]:
    """Of services, by their runs. On a laptop one service listens at a time."""
    if environment is program.project.local:
        return {run.name: f"http://127.0.0.1:{PORT}" for run in program.runs}
    return {
        run.name: address_of(
            run.service_name, environment.namespace, _port(run.within(environment))
        )
        for run in program.runs
        if run.has_address
    }


def _port(run: Run) -> int:
    ports = run.spec.service_ports or ()
    scale = run.spec.gitops.scale if run.spec.gitops is not None else None
    if scale is not None and scale.is_to_zero:
        return 80  # of Knative's own Service
    return ports[0].port if ports else PORT


def _resolved(
    program: Program,
    environment: Environment,
    run: Run,
    computes: Computes,
    addresses: Mapping[str, str],
) -> ResolvedRun:
    """`computes` has the digests of all runs that this one reads from, and gets its own. What
    decides a result is which service is called, and not its address.

    Without a store that pods share, data that only code asks for is left out: the code may handle
    that it is missing.
    """
    store = environment.stores.get(DEFAULT)
    is_kept = run.local or environment is program.project.local
    if run.code_inputs and not is_kept and (store is None or not store.is_shared):
        run = replace(run, code_inputs=())
    spec = run.spec.over(environment.defaults).over(_DEFAULTS)
    profile = environment.profile(spec.profile)
    written = {variable.name: variable.value for variable in spec.envs or ()}
    own_variables = {**written, **profile.variables}
    secrets = tuple(sorted(spec.secrets or ()))
    own_secrets = _secrets(program, environment, secrets)
    store_secrets = _secrets(program, environment, environment.store_secrets)
    resources = run.spec.resources or {}
    defaults = environment.defaults.resources or {}
    own_requests = {name: quantity.request for name, quantity in resources.items()}
    own_limits = {
        name: quantity.limit for name, quantity in resources.items() if quantity.limit is not None
    }
    volumes = _volumes(environment, spec, profile, run)
    claims = _claims(environment, run, volumes)
    fields = compute_fields(run, spec, own_variables, secrets, claims, computes)
    compute = identity.compute_digest(fields)
    computes.add(run, spec, compute)
    run = _calling(run, addresses)
    written, own_variables = (with_addresses(each, addresses) for each in (written, own_variables))
    if spec.args is not None:
        spec = replace(spec, args=tuple(with_addresses(spec.args, addresses)))
    known = {**store_secrets, **({} if run.function.is_container else own_secrets)}
    requests = {
        **_DEFAULT_RESOURCES,
        **{name: quantity.request for name, quantity in defaults.items()},
        **own_requests,
        **profile.requests,
    }
    return ResolvedRun(
        run=run,
        spec=spec,
        profile=profile,
        own_variables=own_variables,
        variables={
            **({} if run.function.is_container else store_secrets),
            **written,
            **own_secrets,
            **profile.variables,
        },
        secrets=secrets,
        requests=requests,
        limits={**own_limits, **profile.limits},
        volumes=volumes,
        store_volumes=environment.store_volumes,
        store_secrets=store_secrets,
        scheduling=profile.scheduling.over(spec.scheduling),
        pod=_pod(environment, profile, spec, run),
        compute=compute,
        compute_fields=fields,
        settings=runner_settings(program, environment, run, compute, computes, known, requests)
        if run.has_runner
        else {},
        record=_record(program, environment, run, compute),
        queue=_queue(environment, profile, spec) if run.action == "job" else None,
    )


def _calling(run: Run, addresses: Mapping[str, str]) -> Run:
    if not run.calls:
        return run
    return replace(
        run,
        parameters=with_addresses(run.parameters, addresses),
        init_parameters=with_addresses(run.init_parameters, addresses),
    )


def _pod(environment: Environment, profile: Profile, spec: RunSpec, run: Run) -> Pod:
    own = spec.gitops.pod if spec.gitops is not None else Pod()
    image = Pod(pull_policy=run.function.descriptor.spec.image_pull_policy)
    return profile.pod.over(own.over(image.over(environment.pod)))


def _queue(environment: Environment, profile: Profile, spec: RunSpec) -> str | None:
    own = spec.gitops.queue if spec.gitops is not None else None
    return profile.queue or own or environment.queue


def _record(program: Program, environment: Environment, run: Run, compute: str) -> RecordKey | None:
    store = environment.stores.get(DEFAULT)
    if store is None or run.action != "job" or not run.has_runner:
        return None
    name = LATEST if run.is_scheduled else compute
    place = store.place(environment.namespace)
    return RecordKey(place, program.project.name, environment.name, cleaned(run.name), name)


def _volumes(
    environment: Environment, spec: RunSpec, profile: Profile, run: Run
) -> tuple[Volume, ...]:
    """A profile's win over the run's of the same name, and those of stores over both."""
    stores = environment.store_volumes if run.has_runner else ()
    given = (*(spec.volumes or ()), *profile.volumes, *stores)
    volumes = {cleaned(volume.name): volume for volume in given}
    return tuple(volumes[name] for name in sorted(volumes))


def _claims(environment: Environment, run: Run, volumes: tuple[Volume, ...]) -> Mapping[str, Any]:
    """The claims that a run mounts besides its stores', which decide what it finds on them.

    Another claim, or one of that name elsewhere, is empty: what was done is not done on it.
    """
    mounted = {
        name: volume.mount_path
        for volume in volumes
        if volume not in environment.store_volumes
        and (name := volume.claim_of(cleaned(run.name))) is not None
    }
    return {"mounted": mounted, "namespace": environment.namespace} if mounted else {}


def _secrets(
    program: Program, environment: Environment, names: Iterable[str]
) -> dict[str, SecretKey]:
    """Where a cluster has them: as the settings say, else as on the platform."""
    default = f"proj-secrets-{program.project.name}"
    return {name: environment.secrets.get(name, SecretKey(default, name)) for name in names}
