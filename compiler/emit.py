"""Plan -> OutputFiles: Dockerfiles, manifests and reports, as text that nothing parses again."""

from __future__ import annotations

import base64
import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

from gitopsc.adapters.packaged import runner_files
from gitopsc.adapters.template import Text, render_dockerfile, render_yaml
from gitopsc.model import identity
from gitopsc.model.descriptor import SecretKey
from gitopsc.model.files import OWNERSHIP_LIST
from gitopsc.model.output import OutputFile, readable_json
from gitopsc.model.plan import Claim, EnvironmentPlan, Image, ImageBuild, Plan, Workload
from gitopsc.model.program import Fetch
from gitopsc.model.source import FunctionFile

PLATFORM = "linux/amd64"

_RUNTIME = "python"
_TARGET = "targets/kubernetes"
_SOURCE_FOLDER = "/opt/function"
_RUNNER_FOLDER = "/opt/gitopsc"
_REQUIREMENTS = "/opt/function.requirements.txt"
_COPIES = 100
"""Files of one COPY: a line of a Dockerfile may have 65,535 bytes."""

_SCRATCH = (("shared", "/shared"), ("home", "/home/function"), ("tmp", "/tmp"))
_RUNNER = "gitopsc_runner"
_SSH = re.compile(r"^ssh://([^/:@]+@[^/:]+)/")
"""What linters take for a repository has the short form; a port cannot be said in it."""

_GIT_TOKEN = "GIT_TOKEN"
"""The platform's secret for private repositories; BuildKit calls its own GIT_AUTH_TOKEN."""

_KEY = 253
"""Longest key of a ConfigMap."""

_ANNOTATION = 8_192
"""Longest annotation: all of an object's may have 256 KiB. `reports/lineage.json` has the rest."""

_RUNNER_PATTERNS = ("requirements.txt", f"{_RUNNER}/*.py")
"""All of the runner; its folder is ours alone, so a pattern copies just what is named."""


def emit(plan: Plan) -> tuple[OutputFile, ...]:
    """All files of a project's output, sorted by path, the list of them included."""
    files: dict[str, bytes] = {}
    tags = {}
    images = {each.name: each for each in plan.images}
    if plan.images:
        for path, content in _runner(plan):
            files[f"images/runner/{path}"] = content
    made = {}
    for image in plan.images:
        built = made[image.name] = _image_files(plan, image)
        files |= built
        tags[image.name] = _tag(plan, image, built)
    if plan.images:
        files["images/docker-bake.json"] = readable_json(_bake(plan, tags)).encode()
    for planned in plan.environments:
        files |= _manifests(plan, planned, tags)
        for build in planned.builds:
            image = images[build.image]
            context = _context(plan, image, made[image.name])
            manifest = _image_build(plan, planned, build, image, tags[image.name], context)
            files[f"manifests/{planned.environment.name}/{build.name}.yaml"] = manifest.encode()
    files["reports/lineage.json"] = readable_json(_lineage(plan)).encode()
    owned = "".join(f"{path}\n" for path in sorted(files))
    files[OWNERSHIP_LIST] = owned.encode()
    return tuple(OutputFile(path, files[path]) for path in sorted(files))


# Images


def _runner(plan: Plan) -> tuple[tuple[str, bytes], ...]:
    """The runner's files, with the drivers for the project's stores among its requirements."""
    return runner_files(_RUNTIME, plan.schemes)


def _image_files(plan: Plan, image: Image) -> dict[str, bytes]:
    """The Dockerfile of a function, and what it copies that is not in the project yet."""
    folder = f"images/{image.name}"
    files = {}
    for file in image.files:
        if file.origin is None:
            files[f"{folder}/source/{file.path}"] = file.content
    if image.requirements:
        lines = "".join(f"{requirement}\n" for requirement in image.requirements)
        files[f"{folder}/requirements.txt"] = (image.packages or lines).encode()
    source = [_placed(plan, folder, file) for file in image.files]
    requirements = f"{plan.output}/{folder}/requirements.txt" if image.requirements else None
    dockerfile = render_dockerfile(
        f"runtimes/{_RUNTIME}/Dockerfile.j2",
        base=image.base,
        title=image.function,
        variables=image.build.variables,
        instructions=[["/bin/sh", "-c", each] for each in image.build.instructions],
        secrets=image.build.secrets,
        runner_requirements=[
            f"{plan.output}/images/runner/requirements.txt",
            f"{_RUNNER_FOLDER}/requirements.txt",
        ],
        requirements=requirements and [requirements, _REQUIREMENTS],
        is_hashed=image.packages is not None,
        runner=[f"{plan.output}/images/runner/{_RUNNER}/*.py", f"{_RUNNER_FOLDER}/{_RUNNER}/"],
        source=_copies(source, _SOURCE_FOLDER),
        fetch=_added(image.fetch) if image.fetch is not None else None,
    )
    copied = {str(each.origin) for each in source}
    copied |= {f"{plan.output}/images/runner/{path}" for path in _RUNNER_PATTERNS}
    if requirements is not None:
        copied.add(requirements)
    ignore = render_dockerfile(
        f"runtimes/{_RUNTIME}/Dockerfile.dockerignore.j2",
        paths=[Text(path) for path in sorted(copied)],
    )
    files[f"{folder}/Dockerfile"] = dockerfile.encode()
    files[f"{folder}/Dockerfile.dockerignore"] = ignore.encode()
    return files


def _added(fetch: Fetch) -> Mapping[str, Any]:
    """What the builder adds by itself: a commit, an archive, or a file, none but the pinned one."""
    remote, pin = fetch
    place = f"{_SOURCE_FOLDER}/"
    url = remote.url
    if remote.form == "git":
        # Builders take a URL for a repository's when it ends so.
        url = f"{url.rstrip('/').removesuffix('.git')}.git#{pin.commit}"
        url = _SSH.sub(r"\1:", url)
    elif remote.form == "file":
        place += remote.file_name
    return {"form": remote.form, "paths": [url, place], "url": url, "checksum": pin.sha256}


def _placed(plan: Plan, folder: str, file: FunctionFile) -> FunctionFile:
    """The same file with its place below the build context, the project's folder."""
    if file.origin is None:
        origin = f"{plan.output}/{folder}/source/{file.path}"
    else:
        origin = file.origin.removeprefix(plan.prefix)
    return FunctionFile(file.path, file.content, file.executable, origin)


def _copies(files: Iterable[FunctionFile], root: str) -> list[Mapping[str, Any]]:
    """One COPY for each folder and mode, naming each file; a renamed file has its own."""
    groups: dict[tuple[str, str], list[str]] = {}
    for file in sorted(files, key=lambda each: each.path):
        origin = str(file.origin)
        target = f"{root}/{file.path}"
        if posixpath.basename(origin) == posixpath.basename(target):
            target = posixpath.dirname(target) + "/"
        mode = "0755" if file.executable else "0644"
        groups.setdefault((target, mode), []).append(origin)
    return [
        {"mode": Text(mode), "paths": [*origins[first : first + _COPIES], target]}
        for (target, mode), origins in sorted(groups.items())
        for first in range(0, len(origins), _COPIES)
    ]


def _tag(plan: Plan, image: Image, built: Mapping[str, bytes]) -> str:
    """16 hex digits of everything that goes into an image (design.md section 4)."""
    folder = f"images/{image.name}"
    copied = [
        *((f"{_RUNNER_FOLDER}/{path}", False, content) for path, content in _runner(plan)),
        *((f"{_SOURCE_FOLDER}/{each.path}", each.executable, each.content) for each in image.files),
    ]
    if image.requirements:
        copied.append((_REQUIREMENTS, False, built[f"{folder}/requirements.txt"]))
    parts = {
        "files": sorted(
            [path, executable, identity.content_digest(content)]
            for path, executable, content in copied
        ),
        "dockerfile": _wherever(plan, image, built[f"{folder}/Dockerfile"].decode()),
        "platform": PLATFORM,
    }
    return identity.content_digest(identity.canonical(parts))[:16]


def _wherever(plan: Plan, image: Image, dockerfile: str) -> str:
    """A Dockerfile without where things lie that an image holds the same from elsewhere.

    In which folder it lies depends on which version is the newest. A source file that is found
    beside its descriptor is what inline text at that path is.
    """
    for file in image.files:
        origin = file.origin and file.origin.removeprefix(plan.prefix)
        if len(image.files) == 1 and origin is not None and origin != file.path:
            inline = f"{plan.output}/images/{image.repository}/source/{file.path}"
            dockerfile = dockerfile.replace(json.dumps(origin), json.dumps(inline))
    return dockerfile.replace(f"/images/{image.name}/", f"/images/{image.repository}/")


def _reference(plan: Plan, registry: str | None, image: Image, tag: str) -> str:
    return f"{registry or 'localhost'}/{plan.project}-{image.repository}:{tag}"


def _bake(plan: Plan, tags: Mapping[str, str]) -> Mapping[str, Any]:
    """Every image as a target for `docker buildx bake`, run from the project's folder."""
    registries = sorted({each.environment.registry or "localhost" for each in plan.environments})
    targets: dict[str, dict[str, Any]] = {}
    for image in plan.images:
        targets[image.name] = {
            "context": ".",
            "dockerfile": f"{plan.output}/images/{image.name}/Dockerfile",
            "platforms": [PLATFORM],
            "tags": [
                _reference(plan, registry, image, tags[image.name]) for registry in registries
            ],
        }
        if image.fetch is not None and image.fetch.remote.scheme == "ssh":
            targets[image.name]["ssh"] = ["default"]
        if secrets := _builder_secrets(image):
            targets[image.name]["secret"] = secrets
    return {"group": {"default": {"targets": sorted(targets)}}, "target": targets}


def _builder_secrets(image: Image) -> list[str]:
    """What a builder is given, by the name that instructions or the builder itself know it by."""
    secrets = [f"id={each},env={each}" for each in image.build.secrets]
    is_cloned = image.fetch is not None and image.fetch.remote.form == "git"
    if is_cloned and _GIT_TOKEN in image.build.secrets:
        secrets.append(f"id=GIT_AUTH_TOKEN,env={_GIT_TOKEN}")
    return secrets


# Manifests


def _manifests(plan: Plan, planned: EnvironmentPlan, tags: Mapping[str, str]) -> dict[str, bytes]:
    folder = f"manifests/{planned.environment.name}"
    images = {each.name: each for each in plan.images}
    files = {}
    for workload in planned.workloads:
        if workload.image is None:
            image = str(workload.ready_image)
        else:
            registry = planned.environment.registry
            image = _reference(plan, registry, images[workload.image], tags[workload.image])
        manifest = _manifest(plan, planned, workload, image)
        files[f"{folder}/{workload.name}.yaml"] = manifest.encode()
    for claim in planned.claims:
        manifest = _claim(plan, planned, claim)
        files[f"{folder}/claim-{claim.name}.yaml"] = manifest.encode()
    listed = [f"claim-{each.name}.yaml" for each in planned.claims]
    listed += [f"{each.name}.yaml" for each in planned.workloads]
    listed += [f"{each.name}.yaml" for each in planned.builds]
    files[f"{folder}/kustomization.yaml"] = render_yaml(
        f"{_TARGET}/kustomization.yaml.j2",
        name=f"{plan.project}-{planned.environment.name}",
        resources=sorted(listed),
    ).encode()
    return files


def _manifest(plan: Plan, planned: EnvironmentPlan, workload: Workload, image: str) -> Text:
    """A run's objects. A Job and its settings are named after their content, a service's are not.

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
        image=image,
        labels=selector,
        annotations=[] if is_job else [("gitopsc/settings", settings_digest)],
        variables=[_variable(name, value) for name, value in workload.variables.items()],
        scratch=_scratch(workload),
        config_name=config_name,
    )
    spec_template = "job-spec.yaml.j2" if is_job else "deployment-spec.yaml.j2"
    spec = render_yaml(f"{_TARGET}/{spec_template}", workload=workload, pod=pod, selector=selector)
    name = workload.name
    kind = "service"
    if workload.cron is not None:
        kind = "cronjob"
    elif is_job:
        kind = "job"
        fields = {"compute": workload.compute, "settings": workload.settings, "spec": spec}
        name += f"-{identity.object_digest(fields)[:10]}"
    return render_yaml(
        f"{_TARGET}/{kind}.yaml.j2",
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


def _context(plan: Plan, image: Image, built: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Every file that building an image takes, by its path in the project."""
    folder = f"{plan.output}/images/runner"
    context = {f"{folder}/{path}": content for path, content in _runner(plan)}
    context |= {f"{plan.output}/{path}": content for path, content in built.items()}
    for file in image.files:
        if file.origin is not None:
            context[file.origin.removeprefix(plan.prefix)] = file.content
    return context


def _image_build(
    plan: Plan,
    planned: EnvironmentPlan,
    build: ImageBuild,
    image: Image,
    tag: str,
    context: Mapping[str, bytes],
) -> Text:
    """A client of BuildKit with the whole context; both are named after their content."""
    files = [
        {"key": _key_of(path), "path": path, **_configured(content)}
        for path, content in sorted(context.items())
    ]
    listed = [[each["path"], each["content"]] for each in files]
    digest = identity.content_digest(identity.canonical(listed))
    config_name = f"{build.name}-{digest[:10]}"
    selector = [("gitopsc/project", plan.project), ("gitopsc/run", build.name)]
    reference = _reference(plan, planned.environment.registry, image, tag)
    command = [
        *("buildctl", "--addr", build.address, "build", "--frontend", "dockerfile.v0"),
        *("--local", "context=/workspace"),
        *("--local", f"dockerfile=/workspace/{plan.output}/images/{build.image}"),
        *("--opt", f"platform={PLATFORM}"),
        *(part for each in _builder_secrets(image) for part in ("--secret", each)),
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
    return render_yaml(
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


# Reports


def _lineage(plan: Plan) -> Mapping[str, Any]:
    """Neither lines nor digests: an edit elsewhere in a file changes no line of the report."""
    lineage = plan.lineage
    return {
        "project": plan.project,
        "nodes": [node._asdict() for node in lineage.nodes],
        "edges": [
            {
                "source": edge.source,
                "target": edge.target,
                "relation": edge.relation,
                "evidence": edge.evidence,
                "file": edge.span.path.removeprefix(plan.prefix),
            }
            for edge in lineage.edges
        ],
        "generations": [list(generation) for generation in lineage.generations],
    }
