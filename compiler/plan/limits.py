"""Resolved runs -> what asks for more than it may have, or is more than fits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.plan import Workload
from gitopsc.model.program import Program, Run
from gitopsc.model.quantity import amount
from gitopsc.model.resolution import ResolvedRun
from gitopsc.plan import sentences

SETTINGS_LIMIT = 120_000
"""Bytes of a run's settings: kubectl and Argo CD keep what they applied, quoted, in an annotation
of at most 262,144."""

_LEAST_MEMORY = amount("1Mi")
_PLATFORM_QUANTITY = re.compile(r"[0-9]+([a-zA-Z]+)?")


def quantity_problems(run: Run) -> Iterator[Diagnostic]:
    """Kubernetes decides what a quantity is; what only the platform refuses is a warning."""
    resources = run.spec.resources or {}
    for key, quantity in resources.items():
        for text in (quantity.request, quantity.limit):
            if text is not None and not _PLATFORM_QUANTITY.fullmatch(text):
                yield sentences.platform_quantity(text, run.span("resources", key))
    if "mem" in resources:
        memory = amount(resources["mem"].request)
        if memory < _LEAST_MEMORY:
            text, meant = resources["mem"].request, int(memory) or 1
            yield sentences.tiny_memory(text, meant, run.span("resources", "mem"))


def limit_problems(project: Project, resolved: ResolvedRun) -> Iterator[Diagnostic]:
    """A cluster refuses a pod that asks for more than it may take."""
    run, profile = resolved.run, resolved.profile
    for key, limit in resolved.limits.items():
        request = resolved.requests[key]
        if amount(request) <= amount(limit):
            continue
        if key not in profile.limits:
            yield sentences.over_own_limit(run, key, request, limit)
        elif key in profile.requests:
            name = run.spec.profile
            yield sentences.profile_over_limit(name, key, request, limit, project)
        else:
            is_own = key in (run.spec.resources or {})
            place = run.span("resources", key) if is_own else run.span("profile")
            yield sentences.over_profile_limit(key, request, limit, place)


def is_too_large(workload: Workload) -> bool:
    return len(workload.settings.encode()) > SETTINGS_LIMIT


def output_problems(program: Program) -> Iterator[Diagnostic]:
    """An output folder is never read again, so nothing that is read may lie in it."""
    project = program.project
    inside = f"{project.prefix}{project.output}/"
    for path, span in program.files_read:
        if path.startswith(inside):
            yield sentences.in_output(project.relative(path), project.output, span)
