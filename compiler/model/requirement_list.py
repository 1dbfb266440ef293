"""What a cluster must have before an environment is applied: nothing of it is in the manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitopsc.model.plan import CERTIFICATES, EnvironmentPlan, Plan, Workload

_CUSTOM = {
    "route": "httproutes.gateway.networking.k8s.io",
    "monitor": "podmonitors.monitoring.coreos.com",
    "knative": "services.serving.knative.dev",
    "workflow": "workflows.argoproj.io",
    "cron": "cronworkflows.argoproj.io",
    "secret": "externalsecrets.external-secrets.io",
    "queue": "localqueues.kueue.x-k8s.io",
}

Item = tuple[str, str, str]
"""A kind, a name, and the key of a Secret or the namespace of a Gateway, or nothing."""


def required(plan: Plan) -> Mapping[str, Any]:
    """By environment and kind, sorted; images that are built are listed by `gitopsc images`."""
    return {
        planned.environment.name: {
            "namespace": planned.environment.namespace,
            **_grouped(sorted({*_items(planned)})),
        }
        for planned in plan.environments
    }


def _grouped(items: list[Item]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for kind, name, more in items:
        if kind == "secrets":
            keys = found.setdefault(kind, {}).setdefault(name, [])
            keys += [more] if more else []
        elif kind == "gateways":
            found.setdefault(kind, []).append({"name": name, "namespace": more or None})
        else:
            found.setdefault(kind, []).append(name)
    return found


def _items(planned: EnvironmentPlan) -> Iterator[Item]:
    environment = planned.environment
    made = {claim.name for claim in planned.claims}
    for workload in planned.workloads:
        yield from _of_workload(workload)
        if workload.is_scaled_to_zero:
            yield "custom_resources", _CUSTOM["knative"], ""
        for mount in workload.mounts:
            if mount.claim is not None and mount.claim not in made:
                yield "claims", mount.claim, ""
            if mount.volume.storage_class is not None:
                yield "storage_classes", mount.volume.storage_class, ""
        if workload.has_monitor(environment):
            yield "custom_resources", _CUSTOM["monitor"], ""
    jobs = [each for each in planned.workloads if each.action == "job"]
    if environment.target == "argo-workflows" and jobs:
        yield "service_accounts", environment.executor, ""
        for job in jobs:
            yield "custom_resources", _CUSTOM["workflow" if job.spec.cron is None else "cron"], ""
    for secret in planned.secret_keys:
        if secret.external is None:
            yield "secrets", secret.name, secret.key
    for external in planned.external_secrets:
        kind = "cluster_secret_stores" if external.is_of_cluster else "secret_stores"
        yield kind, external.store, ""
        yield "custom_resources", _CUSTOM["secret"], ""
    for build in planned.builds:
        if build.registry_secret is not None:
            yield "secrets", build.registry_secret, ".dockerconfigjson"
        if build.tls_secret is not None:
            for key in CERTIFICATES:
                yield "secrets", build.tls_secret, key
        for name in build.pod.image_pull_secrets:
            yield "secrets", name, ".dockerconfigjson"
        if build.pod.service_account is not None:
            yield "service_accounts", build.pod.service_account, ""


def _of_workload(workload: Workload) -> Iterator[Item]:
    pod, scheduling = workload.pod, workload.scheduling
    for name in pod.image_pull_secrets:
        yield "secrets", name, ".dockerconfigjson"
    for kind, name_ in (
        ("service_accounts", pod.service_account),
        ("priority_classes", scheduling.priority_class),
        ("runtime_classes", scheduling.runtime_class),
        ("images", workload.ready_image),
        ("queues", workload.queue),
    ):
        if name_ is not None:
            yield kind, name_, ""
    if workload.queue is not None:
        yield "custom_resources", _CUSTOM["queue"], ""
    expose = workload.expose
    if expose is not None and expose.gateway is not None:
        yield "gateways", expose.gateway.name, expose.gateway.namespace or ""
        yield "custom_resources", _CUSTOM["route"], ""
    elif expose is not None:
        if expose.class_name is not None:
            yield "ingress_classes", expose.class_name, ""
        if expose.tls is not None:
            yield "secrets", expose.tls, "tls.crt"
            yield "secrets", expose.tls, "tls.key"
