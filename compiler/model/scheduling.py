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
    def of(cls, profile: Mapping[str, Any]) -> Scheduling:
        """`profile` is one of the settings, in any dialect (digitalhub.md section 0)."""
        spec = profile
        return cls(
            node_selector=node_selector_of(spec.get("node_selector", {})),
            tolerations=tolerations_of(spec.get("tolerations", ())),
            affinity=affinity_of(spec.get("affinity", {})),
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


def node_selector_of(value: Any) -> Mapping[str, str]:
    """Labels, which the platform writes as a list of keys and values."""
    if isinstance(value, list):
        return {label["key"]: label["value"] for label in value}
    labels: Mapping[str, str] = value
    return labels


def tolerations_of(value: Any) -> Sequence[Mapping[str, Any]]:
    tolerations: Sequence[Mapping[str, Any]] = _kubernetes_words(value)
    return tolerations


def affinity_of(value: Any) -> Mapping[str, Any]:
    affinity: Mapping[str, Any] = _kubernetes_words(value)
    return affinity


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
