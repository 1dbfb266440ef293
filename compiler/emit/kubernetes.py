"""EnvironmentPlan -> the manifests of Kubernetes, and what object each of them holds."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from gitopsc.adapters.processes import steps
from gitopsc.adapters.template import Text, render_yaml
from gitopsc.emit.images import PLATFORM, BuiltImage, builder_secrets, runner
from gitopsc.emit.knative import knative_service
from gitopsc.emit.patches import Patched, joined, patched
from gitopsc.emit.pods import (
    AS_IT_IS,
    QUEUE,
    TARGET,
    lineage_annotations,
    object_annotations,
    object_labels,
    own_labels,
    pod_template,
    unexpanded,
    wave_annotation,
)
from gitopsc.model import identity
from gitopsc.model.artifact import ClusterObject, ImageReference, Manifest
from gitopsc.model.descriptor import Environment
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.files import SETTINGS_FILE
from gitopsc.model.memo import Memo, step_key
from gitopsc.model.names import cleaned
from gitopsc.model.plan import (
    CERTIFICATES,
    Claim,
    EnvironmentPlan,
    ExternalSecret,
    ImageBuild,
    Plan,
    Workload,
)
from gitopsc.model.pod import DEFAULT_USER

_UNSTARTED = 6
"""How often a pod is tried again that never came to run, such as one that a kubelet refuses."""

_BUILD_SECONDS = 7 * 86_400
_CERTIFICATE_FOLDER = "/etc/buildkit"
"""Where the client of BuildKit has its certificates."""

_FILE = 200
"""Longest part of a file's name that is a name of somebody else."""

_KEY = 253
"""Longest key of a ConfigMap."""


def manifests(
    plan: Plan, planned: EnvironmentPlan, images: Mapping[str, BuiltImage], memo: Memo
) -> Iterator[Manifest]:
    """`images` are those of the plan, by name."""

    def render(workload: Workload, memo: Memo) -> Manifest:
        reference = image_reference(plan, planned, workload, images)
        workload, beside = with_sidecar(plan, planned, workload, images)
        if workload.is_scaled_to_zero:
            manifest = knative_service(plan, planned.environment, workload, reference)
        else:
            manifest = _workload_manifest(plan, planned, workload, reference, memo)
        if beside is not None:
            first, *rest = manifest.objects
            manifest = manifest._replace(objects=(first._replace(sidecar=beside), *rest))
        return manifest._replace(group=workload.group)

    yield from steps(memo, planned.workloads, render)
    for claim in planned.claims:
        name = f"claim-{claim.name}.yaml"
        made = ClusterObject("PersistentVolumeClaim", claim.name, planned.environment.name)
        yield Manifest(name, _claim(plan, planned, claim), (made,), group=claim.group)
    for secret in planned.external_secrets:
        # With a dot, which no run has in its name.
        short = secret.name
        if len(short) > _FILE:
            short = f"{short[:_FILE]}.{identity.content_digest(short.encode())[:10]}"
        name = f"external-secret.{short}.yaml"
        made = ClusterObject("ExternalSecret", secret.name, planned.environment.name)
        yield Manifest(name, _external_secret(plan, planned, secret), (made,))
    for build in planned.builds:
        yield _build_manifest(plan, planned, build, images[build.image])


def with_sidecar(
    plan: Plan, planned: EnvironmentPlan, workload: Workload, images: Mapping[str, BuiltImage]
) -> tuple[Workload, ImageReference | None]:
    """With the reference of what stands beside its container."""
    sidecar = workload.sidecar
    if sidecar is None:
        return workload, None
    reference = images[sidecar.image].reference(plan, planned.environment.registry)
    return replace(workload, sidecar=sidecar._replace(image=str(reference))), reference


def image_reference(
    plan: Plan, planned: EnvironmentPlan, workload: Workload, images: Mapping[str, BuiltImage]
) -> ImageReference | str:
    if workload.image is None:
        return workload.ready_image or ""
    return images[workload.image].reference(plan, planned.environment.registry)


class _Rendered(NamedTuple):
    """A run's objects as text, with what they are called and the digest of their pods' text."""

    text: str
    kind: str
    name: str
    pod_template: str


def _workload_manifest(
    plan: Plan,
    planned: EnvironmentPlan,
    workload: Workload,
    image: ImageReference | str,
    memo: Memo,
) -> Manifest:
    environment = planned.environment
    where: tuple[object, ...] = (
        *(environment.namespace, environment.time_zone, environment.sync_waves),
        *(environment.network, environment.metrics),
    )
    key = step_key("workload", plan.project, where, workload, str(image))
    known = memo.recall(key)
    if known is None:
        known = tuple(_rendered(plan, planned, workload, image))
        memo.keep(key, known)
    rendered, problems = _patched(
        environment, workload.run, _Rendered(*known), _job_fields(workload)
    )
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
    beside = [
        ClusterObject(kind, name, environment.name, run=workload.run)
        for kind, name in _beside(environment, workload)
    ]
    return Manifest(f"{workload.name}.yaml", rendered.text, (made, *beside), problems)


def _patched(
    environment: Environment, run: str, rendered: _Rendered, fields: Mapping[str, Any]
) -> tuple[_Rendered, tuple[Diagnostic, ...]]:
    """With the settings' patches. What they change in a Job's pods is in its name, too, beside the
    `fields` that are."""
    if not any(each.is_for(each.kind, run) for each in environment.patches):
        return rendered, ()
    parts, problems = patched(rendered.text, environment, run)
    texts = []
    for part in parts:
        if isinstance(part, Patched) and part.kind == rendered.kind:
            if part.pod is not None:
                digest = identity.content_digest(part.pod.encode())
                rendered = rendered._replace(pod_template=digest)
            if part.kind == "Job" and (part.pod is not None or part.fixed):
                pod = part.pod or rendered.pod_template
                changed = {**fields, "patched": part.fixed, "pod": pod}
                part = part.renamed(_job_name(run, changed))
                rendered = rendered._replace(name=part.name)
        texts.append(part.text if isinstance(part, Patched) else part)
    return rendered._replace(text=joined(texts)), problems


def _job_name(run: str, fields: Mapping[str, Any]) -> str:
    return f"{cleaned(run)}-{identity.object_digest(fields)[:10]}"


def _job_fields(workload: Workload) -> Mapping[str, Any]:
    """What a Job's name is made of beside its pods."""
    return {
        "compute": workload.compute,
        "queue": workload.queue,
        "retries": bool(workload.spec.backoff_limit),
    }


def _beside(environment: Environment, workload: Workload) -> Iterator[tuple[str, str]]:
    """The other objects of a service, in the order of its template."""
    if workload.action != "serve":
        return
    if workload.ports:
        yield "Service", workload.service_name
    if workload.has_budget:
        yield "PodDisruptionBudget", workload.name
    if workload.scale is not None:
        yield "HorizontalPodAutoscaler", workload.name
    if workload.expose is not None:
        yield "HTTPRoute" if workload.expose.gateway else "Ingress", workload.name
    if environment.network is not None and workload.ports:
        yield "NetworkPolicy", workload.name
    if workload.has_monitor(environment):
        yield "PodMonitor", workload.name


def _rendered(
    plan: Plan, planned: EnvironmentPlan, workload: Workload, image: ImageReference | str
) -> _Rendered:
    """A Job is named after its content, the objects of a service and a CronJob are not.

    Kubernetes lets no one change a Job's pod template, so all of that text is in the Job's name;
    the settings are in it, too, as an annotation, so that no pod ever starts with those of another
    generation.
    """
    environment = planned.environment
    is_job = workload.action == "job"
    labels = object_labels(plan, workload.action, workload)
    pod = pod_template(plan, environment, workload, image)
    spec_template = "job-spec.yaml.j2" if is_job else "deployment-spec.yaml.j2"
    spec = render_yaml(
        f"{TARGET}/{spec_template}", workload=workload, pod=pod, unstarted=_UNSTARTED
    )
    name = workload.name
    kind, template = "Deployment", "service"
    if workload.spec.cron is not None:
        kind, template = "CronJob", "cronjob"
    elif is_job:
        kind, template = "Job", "job"
        name = _job_name(workload.run, {**_job_fields(workload), "pod": pod})
    annotations = object_annotations(environment, workload)
    if kind == "Job" and workload.queue is not None:
        labels[QUEUE] = workload.queue
    text = render_yaml(
        f"{TARGET}/{template}.yaml.j2",
        workload=workload,
        name=name,
        namespace=environment.namespace,
        labels=sorted(labels.items()),
        annotations=annotations,
        main_annotations=sorted([*annotations, *lineage_annotations(workload)]),
        time_zone=environment.time_zone,
        network=environment.network,
        has_monitor=workload.has_monitor(environment),
        project=plan.project,
        route_annotations=_route_annotations(annotations, workload),
        spec=spec,
    )
    return _Rendered(str(text), kind, name, identity.content_digest(pod.encode()))


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
    reference = built.reference(plan, planned.environment.registry)
    command = [
        *("buildctl", "--addr", build.address),
        *(("--tlsdir", _CERTIFICATE_FOLDER) if build.tls_secret is not None else ()),
        *("build", "--frontend", "dockerfile.v0"),
        *("--local", "context=/workspace"),
        *("--local", f"dockerfile=/workspace/{plan.output}/images/{build.image}"),
        *("--opt", f"platform={PLATFORM}"),
        *(part for each in builder_secrets(built.image) for part in ("--secret", each)),
        *("--output", f"type=image,name={reference},push=true"),
    ]
    pod = render_yaml(
        f"{TARGET}/build-pod.yaml.j2",
        build=build,
        labels=[
            ("app.kubernetes.io/name", build.application),
            *own_labels(plan, build.name),
            *sorted(build.pod.labels.items()),
        ],
        user=None if build.pod.user == "assigned" else build.pod.user or DEFAULT_USER,
        command=[unexpanded(each) for each in command],
        secrets=sorted(build.secrets.items()),
        config_name=config_name,
        files=files,
        certificates=CERTIFICATES,
        certificate_folder=_CERTIFICATE_FOLDER,
    )
    name = _job_name(build.run, {"pod": pod})
    text = render_yaml(
        f"{TARGET}/build.yaml.j2",
        build=build,
        name=name,
        config_name=config_name,
        namespace=planned.environment.namespace,
        labels=list(object_labels(plan, "build", build).items()),
        # What it builds is for the runs of wave 0.
        annotations=[
            *wave_annotation(planned.environment, -1),
            ("gitopsc/source", build.source),
            AS_IT_IS,
        ],
        deadline=_BUILD_SECONDS,
        texts=[each for each in files if not each["is_binary"]],
        blobs=[each for each in files if each["is_binary"]],
        pod=pod,
    )
    rendered = _Rendered(str(text), "Job", name, identity.content_digest(pod.encode()))
    rendered, problems = _patched(planned.environment, build.run, rendered, {})
    environment = planned.environment.name
    objects = (
        ClusterObject("Job", rendered.name, environment, run=build.name, image=build.client_image),
        ClusterObject("ConfigMap", config_name, environment, run=build.name),
    )
    return Manifest(f"{build.name}.yaml", rendered.text, objects, problems)


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
        *wave_annotation(planned.environment, claim.wave),
        ("gitopsc/source", claim.source),
        AS_IT_IS,
    ]
    if claim.is_kept:
        annotations += [
            ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
            ("argocd.argoproj.io/sync-options", "Prune=false,Delete=false"),
            ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
        ]
    return render_yaml(
        f"{TARGET}/claim.yaml.j2",
        claim=claim,
        name=claim.name,
        namespace=planned.environment.namespace,
        labels=_project_labels(plan),
        annotations=sorted(annotations),
    )


def _external_secret(plan: Plan, planned: EnvironmentPlan, secret: ExternalSecret) -> Text:
    """What it fetches is there before what reads it."""
    return render_yaml(
        f"{TARGET}/external-secret.yaml.j2",
        secret=secret,
        settings=Text(SETTINGS_FILE),
        namespace=planned.environment.namespace,
        labels=_project_labels(plan),
        annotations=[*wave_annotation(planned.environment, -1), AS_IT_IS],
    )


def _project_labels(plan: Plan) -> list[tuple[str, str]]:
    """Of what several runs share."""
    return [
        ("app.kubernetes.io/managed-by", "gitopsc"),
        ("app.kubernetes.io/part-of", plan.project),
        ("gitopsc/project", plan.project),
    ]


def _route_annotations(
    annotations: list[tuple[str, str]], workload: Workload
) -> list[tuple[str, str]]:
    own = workload.expose.annotations if workload.expose is not None else {}
    return sorted({**own, **dict(annotations)}.items())
