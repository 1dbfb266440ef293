"""EnvironmentPlan -> the manifests of Kubernetes, and what object each of them holds."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gitopsc.adapters.template import Text, render_yaml
from gitopsc.emit.images import PLATFORM, BuiltImage, builder_secrets, runner
from gitopsc.model import identity
from gitopsc.model.artifact import ClusterObject, ImageReference, Manifest
from gitopsc.model.descriptor import SecretKey
from gitopsc.model.memo import Memo, step_key
from gitopsc.model.plan import Claim, EnvironmentPlan, ImageBuild, Plan, Workload

_TARGET = "targets/kubernetes"
_SCRATCH = (("shared", "/shared"), ("home", "/home/function"), ("tmp", "/tmp"))
_KEY = 253
"""Longest key of a ConfigMap."""

_ANNOTATION = 8_192
"""Longest annotation: all of an object's may have 256 KiB. `reports/lineage.json` has the rest."""


def manifests(
    plan: Plan, planned: EnvironmentPlan, images: Mapping[str, BuiltImage], memo: Memo
) -> Iterator[Manifest]:
    """`images` are those of the plan, by name."""
    registry = planned.environment.registry
    names = []
    for workload in planned.workloads:
        reference: ImageReference | str = workload.ready_image or ""
        if workload.image is not None:
            reference = images[workload.image].reference(plan, registry)
        manifest = _workload_manifest(plan, planned, workload, reference, memo)
        names.append(manifest.name)
        yield manifest
    for claim in planned.claims:
        name = f"claim-{claim.name}.yaml"
        names.append(name)
        made = ClusterObject("PersistentVolumeClaim", claim.name, planned.environment.name)
        yield Manifest(name, _claim(plan, planned, claim), (made,))
    for build in planned.builds:
        manifest = _build_manifest(plan, planned, build, images[build.image])
        names.append(manifest.name)
        yield manifest
    listed = render_yaml(
        f"{_TARGET}/kustomization.yaml.j2",
        name=f"{plan.project}-{planned.environment.name}",
        resources=sorted(names),
    )
    yield Manifest("kustomization.yaml", listed)


class _Rendered(NamedTuple):
    """A run's objects as text, with what they are called and the digest of their pods' text."""

    text: str
    kind: str
    name: str
    config_name: str
    pod_template: str


def _workload_manifest(
    plan: Plan,
    planned: EnvironmentPlan,
    workload: Workload,
    image: ImageReference | str,
    memo: Memo,
) -> Manifest:
    environment = planned.environment
    key = step_key("workload", plan.project, environment.namespace, workload, str(image))
    known = memo.recall(key)
    if known is None:
        known = tuple(_rendered(plan, planned, workload, image))
        memo.keep(key, known)
    rendered = _Rendered(*known)
    made = ClusterObject(
        rendered.kind,
        rendered.name,
        environment.name,
        run=workload.run,
        image=image,
        pod_template=rendered.pod_template,
        compute=workload.compute,
        record=workload.record,
    )
    others = [ClusterObject("ConfigMap", rendered.config_name, made.environment, run=workload.run)]
    if workload.action == "serve":
        service = ClusterObject(
            "Service", workload.service_name, made.environment, run=workload.run
        )
        others.append(service)
    return Manifest(f"{workload.name}.yaml", rendered.text, (made, *others))


def _rendered(
    plan: Plan, planned: EnvironmentPlan, workload: Workload, image: ImageReference | str
) -> _Rendered:
    """A Job and its settings are named after their content, a service's are not.

    Kubernetes lets no one change a Job's `spec`, so all of that text is in the Job's name. A
    service's objects keep their names, and new settings roll it through a pod annotation; a
    CronJob keeps its name, and its next job has the new settings.
    """
    settings_digest = identity.content_digest(workload.settings.encode())[:10]
    is_job = workload.action == "job"
    recommended = _recommended_labels(plan, workload.action, workload.name, workload.application)
    config_name = f"{workload.name}-{settings_digest}" if is_job else workload.name
    # Pods carry the selector's labels and no other: a label more would be another Job.
    selector = [("gitopsc/project", plan.project), ("gitopsc/run", workload.name)]
    pod = render_yaml(
        f"{_TARGET}/pod.yaml.j2",
        workload=workload,
        image=str(image),
        labels=selector,
        annotations=[] if is_job else [("gitopsc/settings", settings_digest)],
        variables=[_variable(name, value) for name, value in workload.variables.items()],
        scratch=_scratch(workload),
        config_name=config_name,
    )
    spec_template = "job-spec.yaml.j2" if is_job else "deployment-spec.yaml.j2"
    spec = render_yaml(f"{_TARGET}/{spec_template}", workload=workload, pod=pod, selector=selector)
    name = workload.name
    kind, template = "Deployment", "service"
    if workload.spec.cron is not None:
        kind, template = "CronJob", "cronjob"
    elif is_job:
        kind, template = "Job", "job"
        fields = {"compute": workload.compute, "settings": workload.settings, "spec": spec}
        name += f"-{identity.object_digest(fields)[:10]}"
    text = render_yaml(
        f"{_TARGET}/{template}.yaml.j2",
        workload=workload,
        name=name,
        config_name=config_name,
        namespace=planned.environment.namespace,
        labels=sorted([*selector, *recommended]),
        annotations=_annotations(workload),
        lineage_annotations=_lineage_annotations(workload),
        selector=selector,
        settings=Text(workload.settings),
        spec=spec,
    )
    return _Rendered(
        str(text), kind, name, config_name, pod_template=identity.content_digest(pod.encode())
    )


def _context(plan: Plan, built: BuiltImage) -> Mapping[str, bytes]:
    """Every file that building an image takes, by its path in the project."""
    folder = f"{plan.output}/images/runner"
    context = {f"{folder}/{path}": content for path, content in runner(plan)}
    context |= {f"{plan.output}/{path}": content for path, content in built.files.items()}
    for file in built.image.files:
        if file.origin is not None:
            context[file.origin.removeprefix(plan.prefix)] = file.content
    return context


def _build_manifest(
    plan: Plan, planned: EnvironmentPlan, build: ImageBuild, built: BuiltImage
) -> Manifest:
    """A client of BuildKit with the whole context; both are named after their content."""
    files = [
        {"key": _key_of(path), "path": path, **_configured(content)}
        for path, content in sorted(_context(plan, built).items())
    ]
    listed = [[each["path"], each["content"]] for each in files]
    digest = identity.content_digest(identity.canonical(listed))
    config_name = f"{build.name}-{digest[:10]}"
    selector = [("gitopsc/project", plan.project), ("gitopsc/run", build.name)]
    reference = built.reference(plan, planned.environment.registry)
    command = [
        *("buildctl", "--addr", build.address, "build", "--frontend", "dockerfile.v0"),
        *("--local", "context=/workspace"),
        *("--local", f"dockerfile=/workspace/{plan.output}/images/{build.image}"),
        *("--opt", f"platform={PLATFORM}"),
        *(part for each in builder_secrets(built.image) for part in ("--secret", each)),
        *("--output", f"type=image,name={reference},push=true"),
    ]
    spec = render_yaml(
        f"{_TARGET}/build-spec.yaml.j2",
        build=build,
        selector=selector,
        command=[_unexpanded(each) for each in command],
        secrets=sorted(build.secrets.items()),
        config_name=config_name,
        files=files,
    )
    name = f"{build.name}-{identity.object_digest({'spec': spec})[:10]}"
    labels = _recommended_labels(plan, "build", build.name, build.application)
    text = render_yaml(
        f"{_TARGET}/build.yaml.j2",
        build=build,
        name=name,
        config_name=config_name,
        namespace=planned.environment.namespace,
        labels=sorted([*selector, *labels]),
        annotations=[
            ("argocd.argoproj.io/sync-wave", "-1"),  # what it builds is for the runs of wave 0
            ("gitopsc/source", build.source),
        ],
        texts=[each for each in files if not each["is_binary"]],
        blobs=[each for each in files if each["is_binary"]],
        spec=spec,
    )
    environment = planned.environment.name
    objects = (
        ClusterObject("Job", name, environment, run=build.name, image=build.client_image),
        ClusterObject("ConfigMap", config_name, environment, run=build.name),
    )
    return Manifest(f"{build.name}.yaml", text, objects)


def _key_of(path: str) -> str:
    """A key of a ConfigMap, one for each path: a file more moves no other."""
    key = re.sub(r"[^A-Za-z0-9.-]", lambda found: f"_{ord(found[0]):02x}", path)
    return key if len(key) <= _KEY else identity.content_digest(path.encode())


def _configured(content: bytes) -> dict[str, Any]:
    """A file as a ConfigMap holds it: as text, or in base64."""
    try:
        text = content.decode("utf-8")
        is_binary = "\0" in text
    except UnicodeDecodeError:
        is_binary = True
    return {
        "is_binary": is_binary,
        "content": base64.b64encode(content).decode() if is_binary else text,
    }


def _claim(plan: Plan, planned: EnvironmentPlan, claim: Claim) -> Text:
    """What keeps a claim is there from its first apply: afterwards would be too late."""
    annotations = [
        ("argocd.argoproj.io/sync-wave", str(claim.wave)),
        ("gitopsc/source", claim.source),
    ]
    if claim.is_kept:
        annotations += [
            ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
            ("argocd.argoproj.io/sync-options", "Prune=false,Delete=false"),
            ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
        ]
    return render_yaml(
        f"{_TARGET}/claim.yaml.j2",
        claim=claim,
        name=claim.name,
        namespace=planned.environment.namespace,
        labels=[
            ("app.kubernetes.io/managed-by", "gitopsc"),
            ("app.kubernetes.io/part-of", plan.project),
            ("gitopsc/project", plan.project),
        ],
        annotations=sorted(annotations),
    )


def _recommended_labels(
    plan: Plan, component: str, name: str, application: str
) -> list[tuple[str, str]]:
    return [
        ("app.kubernetes.io/component", component),
        ("app.kubernetes.io/instance", name),
        ("app.kubernetes.io/managed-by", "gitopsc"),
        ("app.kubernetes.io/name", application),
        ("app.kubernetes.io/part-of", plan.project),
    ]


def _annotations(workload: Workload) -> list[tuple[str, str]]:
    """On objects only: none of it may roll a pod or rename a Job."""
    return [
        ("argocd.argoproj.io/sync-wave", str(workload.wave)),
        ("gitopsc/source", workload.source),
    ]


def _lineage_annotations(workload: Workload) -> list[tuple[str, str]]:
    """On the Job or the Deployment alone, where people look for them."""
    annotations = {
        "gitopsc/compute": workload.compute,
        "gitopsc/function": workload.function,
        "gitopsc/lineage-in": " ".join(workload.reads),
        "gitopsc/lineage-out": " ".join(workload.writes),
    }
    return [(key, each) for key, each in annotations.items() if 0 < len(each) <= _ANNOTATION]


def _scratch(workload: Workload) -> list[tuple[str, str]]:
    """Folders that can be written; a volume of the run takes the place of the one it is at."""
    taken = {mount.volume.mount_path for mount in workload.mounts}
    return [(name, path) for name, path in _SCRATCH if path not in taken]


def _variable(name: str, value: str | SecretKey) -> Mapping[str, Any]:
    if isinstance(value, SecretKey):
        return {"name": name, "secret": value}
    return {"name": name, "secret": None, "value": _unexpanded(value)}


def _unexpanded(value: str) -> str:
    """The kubelet turns `$(X)` into a variable's value, and `$$` into `$`."""
    return value.replace("$", "$$") if "$(" in value or "$$" in value else value
