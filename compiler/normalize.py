"""Project -> Project in one dialect, the newest: what older platforms and other writers meant.

digitalhub.md sections 0 to 4. What comes after knows runs of `python+job:run` and its like only,
tasks that name their function, and each descriptor once.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from compiler.model.descriptor import (
    COMPILED_KINDS,
    RUN_KINDS,
    TASK_KINDS,
    TRIGGER_KINDS,
    Descriptor,
    Project,
    without_text,
)
from compiler.model.diagnostic import (
    FOREIGN_KIND,
    LOSSY_CRON,
    MISSING_KEY,
    MISSING_REF,
    NO_CRON,
    NO_WATCH,
    PLATFORM_REFUSES,
    REMOTE_REF,
    RETIRED_KEY,
    WRONG_VALUE,
    Diagnostic,
)
from compiler.model.document import node_count
from compiler.model.reference import FunctionKey, TaskKey
from compiler.model.schedule import NotCron, cron_of

_OLDER_KEYS = (
    *("affinity", "backoff_limit", "node_selector", "priorityClass", "priority_class"),
    *("runtimeClass", "runtime_class", "schedule", "tolerations"),
)
_FUNCTION_KEYS = ("base_image", "image", "python_version", "requirements", "source")
_REMOTE = re.compile(r"https?://", re.IGNORECASE)
_MUSTACHE = "{{"

Problems = list[Diagnostic]


def normalize(project: Project) -> tuple[Project, tuple[Diagnostic, ...]]:
    """The same project; what cannot be understood is not valid any more, with an error."""
    problems: Problems = []
    copies = _copies(project)
    found: list[Descriptor] = []
    function: Descriptor | None = None
    for descriptor in project.descriptors:
        if descriptor.kind == "project":
            _check_refs(project, descriptor, problems)
        if descriptor.kind == "python":
            function = descriptor
        if id(descriptor) in copies:
            continue
        if descriptor.valid:
            beside = function if function and function.path == descriptor.path else None
            descriptor = _modern(descriptor, beside, problems)
        found.append(descriptor)
    found += _merged_functions(found)
    return replace(project, descriptors=tuple(found)), tuple(problems)


def _modern(descriptor: Descriptor, function: Descriptor | None, problems: Problems) -> Descriptor:
    """`function` is the one before it in the same file."""
    kind = descriptor.kind
    if kind in TASK_KINDS | RUN_KINDS:
        _tell_of_older_keys(descriptor, problems)
    if kind in TASK_KINDS:
        return _task(descriptor, function, problems)
    if kind == "python+run":
        key = TaskKey.parse(descriptor.spec["task"])
        kind = f"{key.kind}:run" if key is not None else "python+job:run"
        descriptor = replace(descriptor, kind=kind)
    if kind in RUN_KINDS:
        return _scheduled(descriptor, problems)
    if kind in TRIGGER_KINDS and "workflow" in descriptor.spec:
        message = f"trigger `{descriptor.name}` starts a workflow, which is of another runtime"
        problems.append(Diagnostic(FOREIGN_KIND, message, descriptor.span("spec", "workflow")))
        return replace(descriptor, valid=False)
    if kind == "lifecycle":
        message = f"nothing in a cluster waits for data, so `{descriptor.name}` starts no run"
        hint = "it stays in the lineage; a `scheduler` looks by the clock"
        problems.append(Diagnostic(NO_WATCH, message, descriptor.span("kind"), hint))
    return _triggered(descriptor, problems) if kind == "scheduler" else descriptor


def _tell_of_older_keys(descriptor: Descriptor, problems: Problems) -> None:
    for key in _OLDER_KEYS:
        if key in descriptor.spec:
            message = f"`{key}` left the platform's Python tasks in 0.15; it still counts here"
            hint = "newer platforms ignore it: write it into a profile in gitopsc.yaml"
            if key == "schedule":
                hint = "write a `kind: scheduler`"
            elif key == "backoff_limit":
                hint = "newer platforms ignore it, and try a job once"
            span = descriptor.key_span("spec", key)
            problems.append(Diagnostic(RETIRED_KEY, message, span, hint))
    for index, volume in enumerate(descriptor.spec.get("volumes", ())):
        if "claim_name" in volume.get("spec", {}):
            message = "newer platforms make a new claim here; this one is taken to be there already"
            hint = "write `volume_type: shared_volume` and `claimName`"
            span = descriptor.key_span("spec", "volumes", index, "spec", "claim_name")
            problems.append(Diagnostic(RETIRED_KEY, message, span, hint))


# Tasks


def _task(descriptor: Descriptor, function: Descriptor | None, problems: Problems) -> Descriptor:
    """A task of the hub has no function, which is the one before it, and a template for runs."""
    spec = dict(descriptor.spec)
    template = spec.pop("template", {})
    homes = (*descriptor.homes, ("spec", "template")) if template else descriptor.homes
    if "function" not in spec:
        if function is None:
            message = (
                "`function` is missing in `spec`, and no function stands before it in the file"
            )
            hint = "add `function:`, such as `function: download-cities`"
            span = descriptor.document.key_span("spec")
            problems.append(Diagnostic(MISSING_KEY, message, span, hint))
            return replace(descriptor, valid=False)
        spec["function"] = function.name
    return replace(descriptor, spec={**template, **spec}, homes=homes)


# Functions


def _merged_functions(descriptors: Sequence[Descriptor]) -> Iterator[Descriptor]:
    """A run that the platform has built says all of its function, which need not be here."""
    known = {(each.name, each.id) for each in descriptors if each.kind == "python"}
    names = {name for name, version in known if version is None}
    runs = (each for each in descriptors if each.kind in RUN_KINDS and each.valid)
    for run in sorted(runs, key=lambda each: each.name):
        key = FunctionKey.parse(run.spec.get("function", ""))
        is_whole = {"source", "python_version"} <= run.spec.keys()
        if key is None or not is_whole or key.name in names or (key.name, key.id) in known:
            continue
        known.add((key.name, key.id))
        spec = {each: run.spec[each] for each in _FUNCTION_KEYS if each in run.spec}
        yield Descriptor(
            "python", key.name, key.id, run.document, spec, homes=run.homes, is_copy=True
        )


# Triggers


def _triggered(descriptor: Descriptor, problems: Problems) -> Descriptor:
    """A scheduler is a run that the clock starts: the template, its function and its task."""
    spec = dict(descriptor.spec)
    task = TaskKey.parse(spec.get("task", ""))
    if task is not None and task.kind != "python+job":
        message = f"a CronJob starts jobs, and this is for `{task.kind}`"
        hint = "name a `python+job` task"
        problems.append(Diagnostic(WRONG_VALUE, message, descriptor.span("spec", "task"), hint))
        return replace(descriptor, valid=False)
    template = spec.pop("template", {})
    run = replace(
        descriptor,
        kind="python+job:run",
        spec={**template, **spec},
        homes=(("spec",), ("spec", "template")),
    )
    for key in template:
        for text, span in run.strings(key):
            if _MUSTACHE in text:
                message = "no cluster fills in a template, and the handler would get it as it is"
                hint = "write the value itself"
                problems.append(Diagnostic(WRONG_VALUE, message, span, hint))
    return _scheduled(run, problems)


def _scheduled(run: Descriptor, problems: Problems) -> Descriptor:
    """A run's `schedule` becomes `cron`, if it is one."""
    if "schedule" not in run.spec:
        return run
    span = run.span("spec", "schedule")
    try:
        cron = cron_of(run.spec["schedule"])
    except NotCron as error:
        problems.append(Diagnostic(NO_CRON, str(error), span, error.hint))
        return replace(run, valid=False)
    for loss in cron.losses:
        hint = f"it becomes `{cron.expression}`, in UTC"
        problems.append(Diagnostic(LOSSY_CRON, loss, span, hint))
    if not cron.is_platforms:
        message = f"the platform refuses the schedule `{run.spec['schedule']}`; a CronJob takes it"
        hint = "write six fields, seconds first, such as `0 0 3 * * ?`"
        problems.append(Diagnostic(PLATFORM_REFUSES, message, span, hint))
    return replace(run, spec={**run.spec, "cron": cron.expression})


# Project files


def _copies(project: Project) -> set[int]:
    """Entities inside a project's file that have a file of their own, by their `id()`.

    The SDK writes an embedded entity both ways; the file's source is beside it, the copy has it as
    base64 (digitalhub.md section 4.1).
    """
    own: dict[tuple[str, str, str | None], Descriptor] = {}
    inline: list[Descriptor] = []
    files = [each for each in project.descriptors if each.kind == "project"]
    for descriptor in project.descriptors:
        if any(_is_inside(descriptor, file) for file in files):
            inline.append(descriptor)
        else:
            own.setdefault((descriptor.kind, descriptor.name, descriptor.id), descriptor)
    copies = set()
    for copy in inline:
        original = own.get((copy.kind, copy.name, copy.id))
        if original is not None and _meant(original) == _meant(copy):
            copies.add(id(copy))
    return copies


def _is_inside(descriptor: Descriptor, file: Descriptor) -> bool:
    outer, inner = file.document, descriptor.document
    is_same = outer.positions is inner.positions
    return is_same and outer.node < inner.node < outer.node + node_count(outer.data)


def _meant(descriptor: Descriptor) -> Mapping[str, Any]:
    """What a descriptor says, but for the text of a source that also has a path."""
    spec = dict(descriptor.spec)
    if isinstance(spec.get("source"), dict):
        spec["source"] = without_text(spec["source"])
    return spec


def _check_refs(project: Project, descriptor: Descriptor, problems: Problems) -> None:
    """Entries without a `spec` point to a file, which is read anyway, or to a platform."""
    for key, entries in descriptor.spec.items():
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if not isinstance(entry, dict) or "spec" in entry:
                continue
            metadata = entry.get("metadata")
            ref = metadata.get("ref") if isinstance(metadata, dict) else None
            if isinstance(ref, str) and entry.get("kind") in COMPILED_KINDS:
                problems += _ref_problems(project, descriptor, (key, index), ref)


def _ref_problems(
    project: Project, descriptor: Descriptor, place: tuple[str, int], ref: str
) -> Iterable[Diagnostic]:
    span = descriptor.span("spec", *place, "metadata", "ref")
    entry = descriptor.spec[place[0]][place[1]]
    name = entry.get("name", entry.get("id", ref))
    if _REMOTE.match(ref):
        message = f"`{name}` is on a platform, and is skipped"
        hint = "export it into a file beside this one, and write that file's name here"
        yield Diagnostic(REMOTE_REF, message, span, hint)
        return
    beside = posixpath.dirname(descriptor.path)
    candidates = [
        posixpath.normpath(posixpath.join(beside, ref)),
        posixpath.normpath(project.prefix + ref),
    ]
    if not any(each in project.described for each in candidates):
        message = f"there is no descriptor of `{name}` in `{ref}`"
        hint = "export it again, correct the path, or remove this entry"
        yield Diagnostic(MISSING_REF, message, span, hint)
