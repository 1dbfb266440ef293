"""EnvironmentPlan -> the manifests of Argo Workflows; services and all else stay Kubernetes' own.

Jobs that read from one another are one Workflow, whose tasks wait for each other; it is named after
its content, as a Job is, so a new one does what is new in it, and its other pods find their work
done. What the clock starts is a CronWorkflow. Pods are those of the target `kubernetes`, as far as
a template of Argo's says the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitopsc.adapters.template import Text, yaml_document
from gitopsc.emit import kubernetes, sentences
from gitopsc.emit.images import BuiltImage
from gitopsc.emit.pods import AS_IT_IS, QUEUE, data_of, own_labels, pod_template, wave_annotation
from gitopsc.model import identity
from gitopsc.model.artifact import ClusterObject, ImageReference, Manifest
from gitopsc.model.memo import Memo
from gitopsc.model.plan import OBJECT_LIMIT, EnvironmentPlan, Plan, Workload
from gitopsc.model.program import RUNNER_VARIABLES, SHARD_VARIABLE

_ENTRYPOINT = "allJobs"
"""Runs have no capital letter in their names here, and no pod is called after it. Argo takes
letters, digits and `-` in names of templates and tasks, and no digit first where tasks wait for one
another (workflow/validate/validate.go)."""

_RUNNER = ("python", "/opt/gitopsc/gitopsc_runner")
"""What a built image starts: Argo asks a registry for the entrypoint where nothing says it."""

_WAITS = 1_000
"""How often a pod is tried again that has to wait, which it does for minutes each time."""

_UNSTARTED = 10
"""How often one that never came to run."""

_APPLIED = 240_000
"""Characters of an object that a client still keeps in an annotation of at most 256 KiB."""

_PER_TEMPLATE = ("affinity", "nodeSelector", "priorityClassName", "securityContext", "tolerations")
_PATCHED = ("enableServiceLinks", "runtimeClassName")
"""Of a pod, what a template says as it is, and what only a patch of it does."""

_NOTHING = "GITOPSC_NOTHING"
_SETTINGS = "gitopsc/run.json"


def manifests(
    plan: Plan, planned: EnvironmentPlan, images: Mapping[str, BuiltImage], memo: Memo
) -> Iterator[Manifest]:
    """`images` are those of the plan, by name."""
    jobs = [each for each in planned.workloads if each.action == "job"]
    rest = replace(
        planned, workloads=tuple(each for each in planned.workloads if each.action != "job")
    )
    references = {
        each.name: kubernetes.image_reference(plan, planned, each, images) for each in jobs
    }
    beside: dict[str, ImageReference | None] = {}
    for index, job in enumerate(jobs):
        jobs[index], beside[job.name] = kubernetes.with_sidecar(plan, planned, job, images)
    for group in _connected(jobs):
        manifest = _workflow(plan, planned, group, references)
        made = tuple(
            each._replace(sidecar=beside[job.name])
            for each, job in zip(manifest.objects, group, strict=True)
        )
        yield manifest._replace(objects=made, group=group[0].group)
    yield from kubernetes.manifests(plan, rest, images, memo)


def _connected(jobs: Sequence[Workload]) -> Iterator[tuple[Workload, ...]]:
    """Jobs of one group that read from one another, together, sorted; each that the clock starts is
    alone."""
    waiting = {each.name: each for each in jobs if each.spec.cron is None}
    yield from ((each,) for each in jobs if each.spec.cron is not None)
    near: dict[str, set[str]] = {name: set() for name in waiting}
    for name, job in waiting.items():
        for other in job.upstream:
            if other in waiting and waiting[other].group == job.group:
                near[name].add(other)
                near[other].add(name)
    while waiting:
        reached, border = set(), {min(waiting)}
        while border:
            reached |= border
            border = {each for name in border for each in near[name]} - reached
        yield tuple(waiting.pop(name) for name in sorted(reached))


def _workflow(
    plan: Plan,
    planned: EnvironmentPlan,
    group: Sequence[Workload],
    references: Mapping[str, ImageReference | str],
) -> Manifest:
    environment = planned.environment
    name = group[0].name
    here = {each.name for each in group}
    pods = {}
    templates: list[dict[str, Any]] = [_lineage(group, here)]
    problems = []
    for job in group:
        pod = pod_template(plan, environment, job, references[job.name])
        pods[job.name] = identity.content_digest(pod.encode())
        data = data_of(pod)
        for part, value in zip(("metadata", "spec"), _without_tags(data), strict=True):
            for way in _tagged(value, part):
                problems.append(sentences.tag_of_argo(job, way, plan.prefix))
        templates += _templates(job, data, environment.executor)
    secrets = sorted({each for job in group for each in job.pod.image_pull_secrets})
    spec: dict[str, Any] = {
        "entrypoint": _ENTRYPOINT,
        **({"imagePullSecrets": [{"name": each} for each in secrets]} if secrets else {}),
        "templates": templates,
    }
    cron = group[0].spec.cron
    kind = "Workflow"
    if cron is None:
        name += f"-{identity.content_digest(identity.canonical(spec))[:10]}"
    else:
        kind = "CronWorkflow"
        spec = {
            "schedules": [cron],
            "timezone": environment.time_zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "workflowSpec": spec,
        }
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": _metadata(plan, planned, group, name, len(json.dumps(spec)) > _APPLIED),
        "spec": spec,
    }
    sources = ", ".join(sorted({each.source for each in group}))
    text = Text(f"# Compiled from {sources}; edit that instead.\n{yaml_document(document)}")
    if len(text) > OBJECT_LIMIT:
        problems.append(sentences.large_workflow(group, OBJECT_LIMIT, plan.prefix))
    made = tuple(
        ClusterObject(
            kind,
            name,
            environment.name,
            run=job.run,
            image=references[job.name],
            pod_template=pods[job.name],
            compute=job.compute,
            record=job.record,
        )
        for job in group
    )
    return Manifest(f"{group[0].name}.yaml", text, made, tuple(problems))


def _metadata(
    plan: Plan, planned: EnvironmentPlan, group: Sequence[Workload], name: str, large: bool
) -> dict[str, Any]:
    namespace = planned.environment.namespace
    labels = {
        **dict(sorted(set.intersection(*(set(job.labels) for job in group)))),
        "app.kubernetes.io/component": "job",
        "app.kubernetes.io/managed-by": "gitopsc",
        "app.kubernetes.io/part-of": plan.project,
        "gitopsc/project": plan.project,
    }
    if len(group) == 1:
        labels |= dict(own_labels(plan, group[0].name))
    annotations = {
        # What its jobs need, such as claims, is in their own waves, which are not after it.
        **dict(wave_annotation(planned.environment, max(each.wave for each in group))),
        "gitopsc/runs": " ".join(each.name for each in group),
        "gitopsc/source": " ".join(sorted({each.source for each in group})),
        AS_IT_IS[0]: AS_IT_IS[1],
    }
    if large:
        annotations["argocd.argoproj.io/sync-options"] = "ServerSideApply=true"
    return {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        "labels": labels,
        "annotations": annotations,
    }


def _lineage(group: Sequence[Workload], here: set[str]) -> dict[str, Any]:
    """What waits for what: one that fails holds up nothing but what reads from it."""
    tasks = []
    for job in group:
        before = [_task(each) for each in job.upstream if each in here]
        task: dict[str, Any] = {"name": _task(job.name), "template": _first_template(job)}
        tasks.append({**task, "dependencies": before} if before else task)
    return {"name": _ENTRYPOINT, "dag": {"failFast": False, "tasks": tasks}}


def _templates(job: Workload, pod: Mapping[str, Any], executor: str) -> Iterator[dict[str, Any]]:
    """The template of a job; of one in shards, with what starts one for each."""
    if job.completions is None:
        yield _template(job, pod, executor)
        return
    task = {
        "name": "shard",
        "template": job.name,
        "arguments": {"parameters": [{"name": "index", "value": "{{item}}"}]},
        "withSequence": {"count": str(job.completions)},
    }
    dag = {"failFast": False, "tasks": [task]}
    yield {"name": _first_template(job), "parallelism": job.parallelism, "dag": dag}
    template = _template(job, pod, executor)
    index = {"name": SHARD_VARIABLE, "value": "{{inputs.parameters.index}}"}
    for container in (template["container"], *template.get("sidecars", ())):
        container["env"].append(index)
    yield {**template, "inputs": {"parameters": [{"name": "index"}]}}


def _first_template(job: Workload) -> str:
    """What starts its pods: with a capital letter, which no run has in its name here."""
    return job.name if job.completions is None else f"{job.name}-allShards"


def _task(name: str) -> str:
    return f"Job-{name}" if name[:1].isdigit() else name


def _template(job: Workload, pod: Mapping[str, Any], executor: str) -> dict[str, Any]:
    """A pod ends with its `container`, and as it does: where there is a runner, that is it. What it
    brings data for stands beside it."""
    metadata, spec = _without_tags(pod)
    *others, container = spec["containers"]
    container = {key: value for key, value in container.items() if key != "name"}
    is_runner = job.container is None or job.sidecar is not None
    if is_runner and (job.image is not None or job.sidecar is not None):
        container = {"image": container.pop("image"), "command": [*_RUNNER], **container}
    if job.spec.cron is not None and is_runner:
        values = ("{{workflow.name}}", "{{workflow.uid}}")
        container["env"] = [
            *({"name": k, "value": v} for k, v in zip(RUNNER_VARIABLES, values, strict=True)),
            *(each for each in container["env"] if each["name"] not in RUNNER_VARIABLES),
        ]
    if job.queue is not None:
        metadata["labels"][QUEUE] = job.queue
    patch = {key: spec[key] for key in _PATCHED if key in spec}
    account = spec.get("serviceAccountName")
    return {
        "name": job.name,
        "metadata": metadata,
        "activeDeadlineSeconds": job.deadline,
        "retryStrategy": _retries(job),
        **({"serviceAccountName": account} if account else {}),
        # The token of the executor is its own: handlers have none.
        "automountServiceAccountToken": False,
        "executor": {"serviceAccountName": executor},
        **{key: spec[key] for key in _PER_TEMPLATE if key in spec},
        "podSpecPatch": json.dumps(patch, sort_keys=True),
        "container": container,
        **({"sidecars": others} if others else {}),
        **({"volumes": spec["volumes"]} if "volumes" in spec else {}),
    }


def _retries(job: Workload) -> dict[str, Any]:
    """As of a Job (design.md section 4a): exit code 75 waits, 76 is in vain. Argo counts attempts
    of all causes together, and its longest duration would be that of all of them."""
    expression = (
        "lastRetry.exitCode == '75'"
        f" || (lastRetry.status == 'Error' && asInt(retries) < {_UNSTARTED})"
    )
    if job.spec.backoff_limit:
        failed = f"lastRetry.exitCode != '76' && asInt(retries) < {job.spec.backoff_limit}"
        expression += f" || ({failed})"
    return {
        "limit": _WAITS,
        "retryPolicy": "Always",
        "expression": expression,
        "backoff": {"duration": "1m", "factor": 1},
    }


# Argo takes what is in double braces for a variable of its own, several times over, so none may
# stay: JSON can write a brace in another way, and the kubelet can put nothing between two.


def _without_tags(pod: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metadata and spec of a pod."""
    metadata, spec = dict(pod["metadata"]), dict(pod["spec"])
    annotations = dict(metadata.get("annotations", {}))
    if _SETTINGS in annotations:
        annotations[_SETTINGS] = annotations[_SETTINGS].replace("{{", "{\\u007b")
        metadata["annotations"] = annotations
    return metadata, {**spec, "containers": [_untagged(each) for each in spec["containers"]]}


def _untagged(container: Mapping[str, Any]) -> dict[str, Any]:
    texts = [*container.get("args", ()), *(each.get("value", "") for each in container["env"])]
    if not any("{{" in text for text in texts):
        return dict(container)
    variables = [
        {**each, "value": _apart(each["value"])} if "value" in each else each
        for each in container["env"]
    ]
    found = {**container, "env": [{"name": _NOTHING, "value": ""}, *variables]}
    if "args" in found:
        found["args"] = [_apart(each) for each in found["args"]]
    return found


def _apart(text: str) -> str:
    return re.sub(r"\{(?=\{)", f"{{$({_NOTHING})", text)


def _tagged(value: Any, way: str) -> Iterator[str]:
    """Where double braces are left."""
    if isinstance(value, str) and "{{" in value:
        yield way
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _tagged(each, f"{way}.{key}" if way else str(key))
    elif isinstance(value, list):
        for each in value:
            yield from _tagged(each, way)
