"""Resolved services that scale to zero -> what Knative does not support of them."""

from __future__ import annotations

from collections.abc import Iterator

from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.resolution import Resolution, ResolvedRun
from gitopsc.plan import sentences

_VOLUMES = ("empty_dir",)
"""Types of volumes that Knative takes without a feature of its own being switched on."""

_VARIABLES = ("K_CONFIGURATION", "K_REVISION", "K_SERVICE", "PORT")
_PORTS = (8008, 8012, 8013, 8022, 9090, 9091)
"""What its own container in each pod has, or gives."""


def knative_problems(resolution: Resolution) -> Iterator[Diagnostic]:
    for resolved in resolution.cluster_runs:
        gitops = resolved.spec.gitops
        if gitops is None or gitops.scale is None or not gitops.scale.is_to_zero:
            continue
        if resolved.run.action != "serve":
            continue
        if not resolved.run.has_address:
            yield sentences.scaled_without_requests(resolved.run)
        else:
            yield from _problems(resolution, resolved)


def _problems(resolution: Resolution, resolved: ResolvedRun) -> Iterator[Diagnostic]:
    run, gitops = resolved.run, resolved.spec.gitops
    assert gitops is not None
    assert gitops.scale is not None
    if gitops.scale.concurrency is None:
        yield sentences.scaled_by_requests(run)
    elif gitops.scale.cpu is not None:
        yield sentences.not_by_cpu(run)
    if gitops.expose is not None:
        yield sentences.knative_has_no(run, "`expose`", run.merged.key_span("gitops", "expose"))
    if resolution.environment.network is not None:
        yield sentences.knative_has_no(run, "`network`", run.span("gitops", "scale"))
    if len(run.spec.service_ports or (None,)) > 1:
        yield sentences.knative_has_no(run, "more than one port", run.descriptor.name_span)
    if resolved.spec.service_type not in (None, "ClusterIP"):
        yield sentences.knative_has_no(run, "`service_type`", run.span("service_type"))
    for port in run.spec.service_ports or ():
        if port.target in _PORTS:
            what = f"port {port.target}, which is its own,"
            yield sentences.knative_has_no(run, what, run.span("service_ports"))
    for name in _VARIABLES:
        if name in resolved.variables:
            what = f"the variable `{name}`, which it sets itself,"
            yield sentences.knative_has_no(run, what, run.span("envs"))
    for volume in resolved.volumes:
        if volume.type not in _VOLUMES:
            what = f"volume `{volume.name}`"
            yield sentences.knative_has_no(run, what, run.span("volumes"))
    for key, value in resolved.scheduling._asdict().items():
        if value:
            yield sentences.knative_has_no(run, f"`{key}`", run.span("profile"))
