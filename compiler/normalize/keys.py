"""A descriptor -> the same in the keys of the newest platform, without those of other actions."""

from __future__ import annotations

from dataclasses import replace

from gitopsc.model.descriptor import TRIGGER_KINDS, Descriptor
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.runtime import action_of, has_runner
from gitopsc.model.source import Span
from gitopsc.model.specification import ACTIONS_OF, KEYS_OF_CONTAINERS, KEYS_OF_JOBS
from gitopsc.normalize import sentences

_OLDER_KEYS = (
    *("affinity", "backoff_limit", "node_selector", "priorityClass", "priority_class"),
    *("runtimeClass", "runtime_class", "schedule", "tolerations"),
)
_WORKLOADS = {"deploy": "deployment", "serve": "service"}
"""What people call the runs of an action."""

Older = dict[str, list[Span]]
"""Places of each key that newer platforms ignore."""


def without_strangers(descriptor: Descriptor, problems: list[Diagnostic]) -> Descriptor:
    """Without keys of another action: a `python+run` and a template may have them all."""
    action = action_of(descriptor.kind)
    what = _WORKLOADS.get(action, action)
    strange = [
        key
        for key, actions in ACTIONS_OF.items()
        if key in descriptor.written
        if action not in actions
    ]
    for key in strange:
        problems.append(sentences.unread_key(key, what, descriptor.key_span("spec", key)))
    is_trigger = descriptor.document.data["kind"] in TRIGGER_KINDS  # of either runtime
    for key in KEYS_OF_JOBS:
        if action != "job" and key in (descriptor.written.get("gitops") or {}):
            span = descriptor.key_span("spec", "gitops", key)
            problems.append(sentences.unread_key(key, what, span))
    if has_runner(descriptor.kind) and not is_trigger:
        strange += KEYS_OF_CONTAINERS  # which schemas have told of
    spec = {key: value for key, value in descriptor.written.items() if key not in strange}
    return replace(descriptor, written=spec)


def one_spelling(descriptor: Descriptor, older: Older) -> Descriptor:
    """Newer spellings, so that a run's key goes over its task's; what is older is noted."""
    spec = dict(descriptor.written)
    is_trigger = descriptor.document.data["kind"] == "scheduler"
    for key in _OLDER_KEYS:
        if spec.get(key) and not (is_trigger and key == "schedule"):
            older.setdefault(key, []).append(descriptor.key_span("spec", key))
    for index, volume in enumerate(spec.get("volumes", ())):
        if "claim_name" in volume.get("spec", {}):
            span = descriptor.key_span("spec", "volumes", index, "spec", "claim_name")
            older.setdefault("claim_name", []).append(span)
    for old, new in (("runtimeClass", "runtime_class"), ("priorityClass", "priority_class")):
        if old in spec:
            spec.setdefault(new, spec.pop(old))
    return replace(descriptor, written=spec)
