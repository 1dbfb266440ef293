"""Resolved services behind a NetworkPolicy -> who is meant to reach them, and is not let in.

The policy lets in pods of the project and those of namespaces that are allowed, and nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.pod import Network
from gitopsc.model.resolution import Resolution, ResolvedRun
from gitopsc.plan import sentences

_FROM_OUTSIDE = ("LoadBalancer", "NodePort")
"""Types of services whose clients are in no namespace."""


def network_problems(resolution: Resolution) -> Iterator[Diagnostic]:
    """Told of all runs at once: what decides it is in their faces."""
    environment = resolution.environment
    if environment.network is None or not resolution.program.project.is_whole:
        return
    place = resolution.program.project.setting_span(environment.name, "network")
    served = [each for each in resolution.cluster_runs if each.run.action == "serve"]
    for resolved in served:
        if (closed := _closed_to(resolved, environment.network)) is not None:
            yield sentences.closed_off(resolved.run, environment.name, *closed, place)
    is_watched = environment.metrics == "pod-monitor" and any(
        each.run.has_runner for each in served
    )
    if is_watched and not environment.network.allowed:
        yield sentences.closed_to_metrics(environment.name, place)


def _closed_to(resolved: ResolvedRun, network: Network) -> tuple[str, str] | None:
    """Who is not let in, and what to write."""
    gitops = resolved.spec.gitops
    expose = gitops.expose if gitops is not None else None
    allow = "write the namespace of what answers for it into `network: {allow: [...]}`"
    if resolved.spec.service_type in _FROM_OUTSIDE:
        hint = "clients outside are in no namespace: use `expose` instead, or do without `network`"
        return f"the clients of a {resolved.spec.service_type}", hint
    if expose is None or network.allowed:  # where the pods of a gateway are, nobody here knows
        return None
    what = "what answers" if expose.gateway is None else "the gateway that answers"
    return f"{what} for {expose.host}", allow
