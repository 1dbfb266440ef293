"""Resolved runs and the settings' policies -> what does not keep to them, at its line.

What is the same in several environments is told for each; only the first is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.fix import Fix
from gitopsc.model.program import Function
from gitopsc.model.resolution import Resolution, ResolvedRun
from gitopsc.model.source import Span
from gitopsc.plan import sentences

_WRITE_DIGEST = "write `<image>@sha256:<digest>`"
_FROM = re.compile(r"(?i)\s*FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?")


def policy_problems(resolution: Resolution) -> Iterator[Diagnostic]:
    environment = resolution.environment
    runs = resolution.cluster_runs
    functions = {each.run.function.version: each.run.function for each in runs}
    for _, function in sorted(functions.items(), key=lambda each: str(each[0])):
        yield from _image_problems(resolution, function)
    beside = next((each.run for each in runs if each.run.has_sidecar), None)
    if beside is not None:
        place = beside.merged.key_span("inputs" if beside.inputs else "outputs")
        yield from _base_problems(resolution, resolution.program.project.pinned_sidecar_base, place)
    builder = environment.builder
    if builder is not None and any(each.image is None for each in functions.values()):
        place = _place(resolution, "build")
        yield from _named_problems(resolution, builder.client_image, "the builder's image", place)
    for resolved in runs:
        places = {
            volume.name: resolved.run.span("volumes", index)
            for index, volume in enumerate(resolved.run.spec.volumes or ())
        }
        for volume in resolved.volumes:
            if volume.image is not None:
                place = places.get(volume.name) or resolved.run.span("profile")
                what = f"volume `{volume.name}`"
                yield from _named_problems(resolution, volume.image, what, place)
        yield from _resource_problems(resolution, resolved)
        yield from _pod_problems(resolution, resolved)


def _image_problems(resolution: Resolution, function: Function) -> Iterator[Diagnostic]:
    environment, policies = resolution.environment, resolution.environment.policies
    descriptor = function.descriptor
    if function.image is not None:
        place = descriptor.span("spec", "image")
        yield from _named_problems(resolution, function.image, f"`{function.name}`", place)
        return
    own = environment.registry
    if own is not None and not policies.allows_registry(own):
        registry = _place(resolution, "registry")
        yield sentences.foreign_image(own, "what is built here", policies.registries, registry)
    if function.is_container:
        for base, place in _bases_of_dockerfile(function):
            yield from _base_problems(resolution, base, place, of_dockerfile=True)
        return
    key = "base_image" if function.base_image is not None else "python_version"
    yield from _base_problems(resolution, function.pinned_base, descriptor.span("spec", key))


def _bases_of_dockerfile(function: Function) -> Iterator[tuple[str, Span]]:
    """What it names after FROM, but for its own stages. A variable is what no policy allows, for
    whoever builds gives its value."""
    file = next((each for each in function.files if each.path == function.dockerfile), None)
    text = file.content.decode("utf-8", "replace") if file is not None else ""
    stages = {"scratch"}
    for number, line in enumerate(text.splitlines(), start=1):
        found = _FROM.match(line)
        if found is not None:
            if found["image"].lower() not in stages:
                path = (file and file.origin) or function.descriptor.path
                yield (
                    found["image"],
                    Span(path, number, found.start("image") + 1, number, found.end("image") + 1),
                )
            stages.add((found["stage"] or "").lower())


def _base_problems(
    resolution: Resolution, base: str, place: Span, *, of_dockerfile: bool = False
) -> Iterator[Diagnostic]:
    policies = resolution.environment.policies
    if not policies.allows_base(base):
        allowed = policies.base_images
        yield sentences.foreign_base(base, allowed, place, of_dockerfile=of_dockerfile)
    elif not policies.base_images and not policies.allows_registry(base):
        yield sentences.foreign_image(base, "the base image", policies.registries, place)
    if policies.misses_digest(base):
        pinned_by = _WRITE_DIGEST if of_dockerfile else "run `gitopsc lock --images`"
        yield sentences.no_digest(base, place, pinned_by)


def _named_problems(
    resolution: Resolution, image: str, what: str, place: Span
) -> Iterator[Diagnostic]:
    policies = resolution.environment.policies
    if not policies.allows_registry(image):
        yield sentences.foreign_image(image, what, policies.registries, place)
    if policies.misses_digest(image):
        yield sentences.no_digest(image, place, _WRITE_DIGEST)


def _resource_problems(resolution: Resolution, resolved: ResolvedRun) -> Iterator[Diagnostic]:
    """What nobody has said is a default of ours."""
    policies, run = resolution.environment.policies, resolved.run
    written = {*(run.spec.resources or {}), *resolved.profile.requests}
    written |= {*(resolution.environment.defaults.resources or {})}
    for name in policies.requests:
        if name not in written:
            amount = resolved.requests[name]
            yield sentences.no_request(run, name, amount, _fix(resolved, name, amount))
    for name in policies.limits:
        if name not in resolved.limits:
            yield sentences.no_limit(run, name)


def _fix(resolved: ResolvedRun, name: str, amount: str) -> Fix | None:
    """Written into the run itself, before what stands there second; of a trigger, into its
    template."""
    document = resolved.run.descriptor.document
    is_of_trigger = resolved.run.descriptor.is_of_trigger
    home = ("spec", "template") if is_of_trigger else ("spec",)
    there = document.part(*home).data if document.has(*home) else None
    if not isinstance(there, dict) or not there:
        return None
    if "resources" in there:
        known = there["resources"]
        if isinstance(known, dict) and known and name not in known:
            span = document.key_span(*home, "resources", next(iter(known)))
            return Fix("insert", span, f"{name}: {amount}")
        return None
    keys = [*there]
    span = document.key_span(*home, keys[0 if is_of_trigger else min(1, len(keys) - 1)])
    return Fix("insert", span, f"resources: {{{name}: {amount}}}")


def _pod_problems(resolution: Resolution, resolved: ResolvedRun) -> Iterator[Diagnostic]:
    policies, run, pod = resolution.environment.policies, resolved.run, resolved.pod
    for label in policies.labels:
        if label not in pod.labels:
            yield sentences.missing_label(run, label)
    if policies.pull_policy not in (None, pod.pull_policy):
        wanted = str(policies.pull_policy)
        is_own = run.spec.gitops is not None and run.spec.gitops.pod.pull_policy is not None
        place = run.span("gitops", "pod", "pull_policy") if is_own else run.descriptor.name_span
        fix = None if pod.pull_policy is not None else _pull_policy_fix(resolution, wanted)
        yield sentences.other_pull_policy(run, pod.pull_policy, wanted, place, fix)


def _pull_policy_fix(resolution: Resolution, wanted: str) -> Fix | None:
    """Into the settings, for all runs of whom the policy is for."""
    settings = resolution.program.project.settings
    home: tuple[str, ...] = ("environments", resolution.environment.name)
    if settings is None:
        return None
    if not settings.has(*home, "policies", "pull_policy"):
        home = ()
    if settings.has(*home, "pod"):
        there = settings.part(*home, "pod").data
        if not isinstance(there, dict) or not there or "pull_policy" in there:
            return None
        span = settings.key_span(*home, "pod", next(iter(there)))
        return Fix("insert", span, f"pull_policy: {wanted}")
    span = settings.key_span(*home, "policies")
    return Fix("insert", span, f"pod: {{pull_policy: {wanted}}}")


def _place(resolution: Resolution, key: str) -> Span:
    return resolution.program.project.setting_span(resolution.environment.name, key)
