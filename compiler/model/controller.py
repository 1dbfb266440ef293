"""What applies the output of an environment, as the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class ArgoCD(NamedTuple):
    """An Application of a project in Argo CD; `cluster` is its destination's name there."""

    repo: str
    revision: str = "main"
    path: str = ""
    project: str = "default"
    cluster: str = "in-cluster"
    namespace: str = "argocd"

    @property
    def applies_as(self) -> str:
        """The kind of its object."""
        return "Application"

    @property
    def followed(self) -> str:
        return self.revision


class Flux(NamedTuple):
    """A Kustomization of the GitRepository `source`, which is written with a `repo`; it follows a
    `tag`, or else a branch."""

    source: str
    repo: str | None = None
    revision: str = "main"
    path: str = ""
    interval: str = "10m"
    namespace: str = "flux-system"
    tag: str | None = None

    @property
    def applies_as(self) -> str:
        """The kind of its object."""
        return "Kustomization"

    @property
    def followed(self) -> str:
        return self.tag or self.revision


Controller = ArgoCD | Flux


def controller_of(data: Mapping[str, Any]) -> Controller | None:
    """`data` is what the schema accepts; None where nothing is said."""
    if "argocd" in data:
        return ArgoCD(**data["argocd"])
    return Flux(**data["flux"]) if "flux" in data else None
