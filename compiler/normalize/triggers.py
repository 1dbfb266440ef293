"""A trigger -> the job that it starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gitopsc.model.descriptor import OTHER_RUNTIMES, Descriptor
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.reference import TaskKey
from gitopsc.model.runtime import RUNTIMES, action_of
from gitopsc.normalize import sentences

_MUSTACHE = "{{"
_SCHEME = re.compile(r"(\w+)[+:]")
"""The runtime that the key of a function or a task begins with."""


def other_runtime(trigger: Descriptor) -> str | None:
    """What a trigger starts that is not ours, if it is not."""
    if "workflow" in {**trigger.written, **_template(trigger)}:
        return "workflow"
    for key in ("task", "function"):
        scheme, separator, _ = str(trigger.written.get(key, "")).partition("://")
        if separator and re.split(r"[+:]", scheme)[0] in OTHER_RUNTIMES:
            return f"`{scheme}`"
    return None


def triggered(descriptor: Descriptor, problems: list[Diagnostic]) -> Descriptor:
    """A scheduler is a run that the clock starts: the template, its function and its task."""
    spec = dict(descriptor.written)
    task = TaskKey.parse(spec.get("task", ""))
    if task is not None and action_of(task.kind) != "job":
        problems.append(sentences.clock_starts_jobs(descriptor, task.kind))
        return replace(descriptor, valid=False)
    if _template(descriptor).get("local_execution"):
        problems.append(sentences.clock_on_a_laptop(descriptor))
        return replace(descriptor, valid=False)
    run = _started(descriptor)
    for key in _template(descriptor):
        for text, span in run.strings(key):
            if _MUSTACHE in text:
                problems.append(sentences.filled_by_nobody(span))
    return run


def started_by_data(trigger: Descriptor) -> Descriptor | None:
    """What a trigger that waits for data starts in a cluster: a job, if anything. Its template is
    filled in once data is known."""
    task = TaskKey.parse(trigger.written.get("task", ""))
    is_local = _template(trigger).get("local_execution")
    if is_local or (task is not None and action_of(task.kind) != "job"):
        return None
    return _started(trigger)


def _template(trigger: Descriptor) -> Mapping[str, Any]:
    """An empty one is none: hubs leave it so."""
    return trigger.written.get("template") or {}


def _started(trigger: Descriptor) -> Descriptor:
    """The job of a trigger: what its template says, and the function and task that it names."""
    spec = dict(trigger.written)
    template = spec.pop("template", None) or {}
    keys = (str(spec.get(key, "")) for key in ("task", "function"))
    named = (each[1] for each in map(_SCHEME.match, keys) if each is not None)
    runtime = next((each for each in named if each in RUNTIMES), "python")
    return replace(
        trigger,
        kind=f"{runtime}+job:run",
        written={**template, **spec},
        homes=(("spec",), ("spec", "template")),
    )
