"""Which nodes pods go to, and before which others; in Kubernetes' own words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_OPEN = ("matchLabels", "match_labels")
"""Mappings whose keys are labels, and no words of Kubernetes."""


class Scheduling(NamedTuple):
    node_selector: Mapping[str, str] = {}
    tolerations: Sequence[Mapping[str, Any]] = ()
    affinity: Mapping[str, Any] = {}
    runtime_class: str | None = None
    priority_class: str | None = None

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Scheduling:
        """`spec` is one of a run or a profile, in any dialect (digitalhub.md section 0)."""
        selector = spec.get("node_selector", {})
        if isinstance(selector, list):
            selector = {each["key"]: each["value"] for each in selector}
        return cls(
            node_selector=selector,
            tolerations=_kubernetes_words(spec.get("tolerations", ())),
            affinity=_kubernetes_words(spec.get("affinity", {})),
            runtime_class=spec.get("runtime_class", spec.get("runtimeClass")),
            priority_class=spec.get("priority_class", spec.get("priorityClass")),
        )

    def over(self, other: Scheduling) -> Scheduling:
        """What this one says, and of the rest what the other says."""
        return Scheduling(
            self.node_selector or other.node_selector,
            self.tolerations or other.tolerations,
            self.affinity or other.affinity,
            self.runtime_class or other.runtime_class,
            self.priority_class or other.priority_class,
        )


def _kubernetes_words(value: Any) -> Any:
    """The SDK writes `pod_anti_affinity` for `podAntiAffinity`, at every depth."""
    if isinstance(value, (list, tuple)):
        return [_kubernetes_words(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        _camel(key): each if key in _OPEN else _kubernetes_words(each)
        for key, each in value.items()
    }


def _camel(key: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), key)
