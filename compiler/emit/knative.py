"""Workload -> a service of Knative, which has pods only while there are requests.

Its pods are those of a Deployment, as far as Knative allows with the features that it has switched
on by itself; `plan` has refused what needs others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitopsc.adapters.template import Text, yaml_document
from gitopsc.emit.pods import (
    data_of,
    lineage_annotations,
    object_annotations,
    object_labels,
    pod_template,
)
from gitopsc.model import identity
from gitopsc.model.artifact import KNATIVE_SERVICE, ClusterObject, ImageReference, Manifest
from gitopsc.model.descriptor import Environment
from gitopsc.model.plan import Plan, Workload

_HEALTH_PORT = 8082
_OF_A_POD = ("enableServiceLinks", "imagePullSecrets", "serviceAccountName")
_OF_A_CONTAINER = ("runAsGroup", "runAsNonRoot", "runAsUser", "seccompProfile")
"""What Knative takes of a pod's security context, where a container says it."""


def knative_service(
    plan: Plan, environment: Environment, workload: Workload, image: ImageReference | str
) -> Manifest:
    pod = pod_template(plan, environment, workload, image)
    data = data_of(pod)
    annotations = [*object_annotations(environment, workload), *lineage_annotations(workload)]
    document = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": workload.service_name,
            **({"namespace": environment.namespace} if environment.namespace else {}),
            "labels": object_labels(plan, workload.action, workload),
            "annotations": dict(sorted(annotations)),
        },
        "spec": {"template": _template(workload, data)},
    }
    made = ClusterObject(
        KNATIVE_SERVICE,
        workload.service_name,
        environment.name,
        run=workload.run,
        image=image,
        pod_template=identity.content_digest(pod.encode()),
        compute=workload.compute,
        record=workload.record,
    )
    head = f"# Compiled from {workload.source}; edit that instead.\n"
    text = Text(f"{head}{yaml_document(document)}")
    return Manifest(f"{workload.name}.yaml", text, (made,))


def _template(workload: Workload, pod: Mapping[str, Any]) -> dict[str, Any]:
    spec = pod["spec"]
    (container,) = spec["containers"]
    security = {
        key: value for key, value in spec["securityContext"].items() if key in _OF_A_CONTAINER
    }
    container = {
        **container,
        "securityContext": {**security, **container["securityContext"]},
        "ports": [{"name": "http1", "containerPort": container["ports"][0]["containerPort"]}],
    }
    if workload.container is None:
        # Knative would ask the port of requests, which is the handler's.
        container.pop("livenessProbe", None)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if probe in container:
            container[probe] = _probe(container[probe], container["ports"][0]["containerPort"])
    volumes = [_volume(each) for each in spec.get("volumes", ())]
    metadata = pod["metadata"]
    annotations = {
        **metadata.get("annotations", {}),
        "autoscaling.knative.dev/max-scale": str(workload.scale.most if workload.scale else 1),
        "autoscaling.knative.dev/metric": "concurrency",
        "autoscaling.knative.dev/min-scale": "0",
        "autoscaling.knative.dev/target": str(workload.scale and workload.scale.concurrency),
        "serving.knative.dev/progress-deadline": f"{workload.deadline}s",
    }
    return {
        "metadata": {"labels": metadata["labels"], "annotations": annotations},
        "spec": {
            "automountServiceAccountToken": False,
            **{key: spec[key] for key in _OF_A_POD if key in spec},
            "containers": [container],
            **({"volumes": volumes} if volumes else {}),
        },
    }


def _probe(probe: Mapping[str, Any], port: int) -> dict[str, Any]:
    """Knative gives the port of requests another name, so all are known by their numbers."""
    found = dict(probe)
    if "httpGet" in found:
        found["httpGet"] = {**found["httpGet"], "port": _HEALTH_PORT}
    if "tcpSocket" in found:
        found["tcpSocket"] = {"port": port}
    return found


def _volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    """Knative knows the downward API in a projected volume only."""
    if "downwardAPI" not in volume:
        return dict(volume)
    return {
        "name": volume["name"],
        "projected": {"sources": [{"downwardAPI": volume["downwardAPI"]}]},
    }
