"""Workload -> what its pods are made from, and what its objects are labelled with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitopsc.adapters.packaged import container_files
from gitopsc.adapters.template import Text, render_yaml
from gitopsc.adapters.yaml import read_documents
from gitopsc.model.artifact import ImageReference
from gitopsc.model.descriptor import Environment, SecretKey
from gitopsc.model.plan import EXCHANGED, ImageBuild, Plan, Workload
from gitopsc.model.pod import DEFAULT_USER

TARGET = "targets/kubernetes"
QUEUE = "kueue.x-k8s.io/queue-name"
"""Kueue suspends a Job that has it, until there is room: no manifest ever says `suspend`."""

_SCRATCH = (("shared", "/shared"), ("home", "/home/function"), ("tmp", "/tmp"))
AS_IT_IS = ("kustomize.toolkit.fluxcd.io/substitute", "disabled")
"""Flux would take `$` in an object for variables of its own."""

_ANNOTATION = 8_192
"""Longest annotation: all of an object's may have 256 KiB. `reports/lineage.json` has the rest."""


_SCRAPED = (
    ("prometheus.io/path", "/metrics"),
    ("prometheus.io/port", "8082"),
    ("prometheus.io/scrape", "true"),
)


def pod_template(
    plan: Plan, environment: Environment, workload: Workload, image: ImageReference | str
) -> Text:
    """What the pods of a run are made from, whatever makes them."""
    labels = [("app.kubernetes.io/name", workload.application), *own_labels(plan, workload.name)]
    if workload.action == "serve":
        labels.append(("gitopsc/service", workload.name))
    container = workload.container
    enter = Text(container_files()["enter.sh"]) if workload.sidecar is not None else None
    return render_yaml(
        f"{TARGET}/pod.yaml.j2",
        workload=workload,
        image=str(image),
        labels=[*labels, *sorted(workload.pod.labels.items())],
        annotations=_pod_annotations(environment, workload),
        **_identity(workload),
        variables=[_variable(name, value) for name, value in workload.variables.items()],
        scratch=_scratch(workload),
        command=unexpanded(container.command or "") if container is not None else "",
        arguments=[unexpanded(each) for each in container.args] if container is not None else [],
        enter=enter,
        exchanged=EXCHANGED if workload.sidecar is not None else (),
    )


def _pod_annotations(environment: Environment, workload: Workload) -> list[tuple[str, str]]:
    scraped = _SCRAPED if environment.metrics == "annotations" else ()
    is_served = workload.action == "serve" and workload.container is None
    return sorted({**dict(scraped if is_served else ()), **workload.pod.annotations}.items())


def _identity(workload: Workload) -> Mapping[str, int | None]:
    """Whose processes those of its pods are; what says nothing leaves it to the cluster."""
    own = workload.container
    user = own.user if own is not None else None
    if user is None and workload.pod.user != "assigned":
        user = workload.pod.user or DEFAULT_USER
    return {
        "user": user,
        "group": (own and own.group) or user,
        "fs_group": (own and own.fs_group) or user,
    }


def _scratch(workload: Workload) -> list[tuple[str, str]]:
    """Folders that can be written, of the runner where one stands beside a container; a volume of
    it takes the place of the one it is at."""
    if workload.container is not None and workload.sidecar is None:
        return []
    beside = workload.sidecar
    mounts = [each for each in workload.mounts if beside is None or each.name in beside.mounts]
    taken = {mount.volume.mount_path for mount in mounts}
    return [(name, path) for name, path in _SCRATCH if path not in taken]


def _variable(name: str, value: str | SecretKey) -> Mapping[str, Any]:
    if isinstance(value, SecretKey):
        return {"name": name, "secret": value}
    return {"name": name, "secret": None, "value": unexpanded(value)}


def unexpanded(value: str) -> str:
    """The kubelet turns `$(X)` into a variable's value, and `$$` into `$`."""
    return value.replace("$", "$$") if "$(" in value or "$$" in value else value


def own_labels(plan: Plan, name: str) -> list[tuple[str, str]]:
    return [("gitopsc/project", plan.project), ("gitopsc/run", name)]


def object_labels(plan: Plan, component: str, made: Workload | ImageBuild) -> dict[str, str]:
    """Its author's, those that Kubernetes recommends, and ours, which win."""
    labels = {
        **dict(made.labels),
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/instance": made.name,
        "app.kubernetes.io/managed-by": "gitopsc",
        "app.kubernetes.io/name": made.application,
        "app.kubernetes.io/part-of": plan.project,
        **dict(own_labels(plan, made.name)),
    }
    return dict(sorted(labels.items()))


def wave_annotation(environment: Environment, wave: int) -> list[tuple[str, str]]:
    """None unless somebody asks: in a wave, a failed or a long Job holds up every later commit."""
    return [("argocd.argoproj.io/sync-wave", str(wave))] if environment.sync_waves else []


def object_annotations(environment: Environment, workload: Workload) -> list[tuple[str, str]]:
    """On objects only: none of it may roll a pod or rename a Job."""
    found = [
        *wave_annotation(environment, workload.wave),
        ("gitopsc/source", workload.source),
        AS_IT_IS,
    ]
    if workload.needs_server_side:
        found.append(("argocd.argoproj.io/sync-options", "ServerSideApply=true"))
    return sorted(found)


def lineage_annotations(workload: Workload) -> list[tuple[str, str]]:
    """On the Job or the Deployment alone, where people look for them."""
    annotations = {
        "gitopsc/compute": workload.compute,
        "gitopsc/function": workload.function,
        "gitopsc/lineage-in": " ".join(workload.reads),
        "gitopsc/lineage-out": " ".join(workload.writes),
    }
    return [(key, each) for key, each in annotations.items() if 0 < len(each) <= _ANNOTATION]


def data_of(text: str) -> dict[str, Any]:
    """What a text of ours says."""
    documents, _ = read_documents("", str(text))
    data: dict[str, Any] = documents[0].data
    return data
