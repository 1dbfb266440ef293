"""Environments of a project -> what their controllers could not apply, or would apply over each
other."""

from __future__ import annotations

from collections.abc import Iterator

from gitopsc.model.controller import ArgoCD, Flux
from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.plan import sentences


def controller_problems(project: Project) -> Iterator[Diagnostic]:
    destinations: dict[tuple[str, str], str] = {}
    sources: dict[tuple[str, str], tuple[str, str]] = {}
    for environment in project.environments:
        controller, name = environment.controller, environment.name
        if controller is None:
            continue
        place = project.setting_span(name, "controller")
        if environment.namespace is None:
            yield sentences.no_namespace(name, controller, place)
        elif isinstance(controller, ArgoCD):
            destination = controller.cluster, environment.namespace
            first = destinations.setdefault(destination, name)
            if first != name:
                yield sentences.one_destination(first, name, destination, place)
        if isinstance(controller, Flux) and controller.repo is not None:
            source = controller.source, controller.namespace
            first, followed = sources.setdefault(source, (name, controller.followed))
            if followed != controller.followed:
                yield sentences.one_source(first, name, controller.source, place)
