"""Resolved runs -> what asks for more than it may have, or is more than fits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitopsc.adapters.time_zones import clock_changes
from gitopsc.model.descriptor import DEFAULT_TIME_ZONE, Environment, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.plan import OBJECT_LIMIT, Workload
from gitopsc.model.program import Program, Run
from gitopsc.model.quantity import amount
from gitopsc.model.resolution import ResolvedRun
from gitopsc.model.schedule import has_time_in, is_hourly
from gitopsc.plan import sentences

SETTINGS_LIMIT = 250_000
"""Bytes of a run's settings, which are an annotation of its pods: all of those have at most
262,144 (kubernetes.md section 1)."""

_APPLIED_LIMIT = 245_000
"""Bytes of an object as kubectl and Argo CD keep it, in an annotation, when they apply it; with
some left for what they and others add."""

_REST = 6_000
"""Bytes of an object that its run does not choose; all of them are fewer."""

_ESCAPES = {ord(character): 6 for character in "<>&\u2028\u2029"}
_ESCAPES |= dict.fromkeys(range(32), 6)
_ESCAPES |= {ord(character): 2 for character in '"\\\n\r\t'}
"""How many bytes of JSON Go makes of a character that it escapes."""

_LEAST_BYTES = amount("1Mi")
_MOST_CORES = 1_000
"""No machine that is for rent has as many: thousandths are meant."""

_PLATFORM_QUANTITY = re.compile(r"[0-9]+([a-zA-Z]+)?")


def quantity_problems(run: Run) -> Iterator[Diagnostic]:
    """Kubernetes decides what a quantity is; what only the platform refuses is a warning."""
    resources = run.spec.resources or {}
    for key, quantity in resources.items():
        span = run.span("resources", key)
        if key in ("disk", "mem") and amount(quantity.request) < _LEAST_BYTES:
            yield sentences.tiny_amount(key, quantity.request, span)
            continue
        if key == "cpu" and amount(quantity.request) >= _MOST_CORES:
            yield sentences.huge_cpu(quantity.request, span)
            continue
        for text in (quantity.request, quantity.limit):
            if text is not None and not _PLATFORM_QUANTITY.fullmatch(text):
                yield sentences.platform_quantity(key, text, span)


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
    """Of its settings."""
    return len(workload.settings.encode()) > SETTINGS_LIMIT


def is_too_large_for_a_cluster(workload: Workload) -> bool:
    values = (*(workload.spec.args or ()), *workload.variables.values())
    return sum(len(each.encode()) for each in values if isinstance(each, str)) > OBJECT_LIMIT


def needs_server_side(settings: str, *others: object) -> bool:
    """Whether an object does not fit into the annotation that a client keeps it in.

    `others` are what a run chooses besides its settings.
    """
    texts = (settings, *map(repr, others))
    if _REST + 6 * sum(map(len, texts)) <= _APPLIED_LIMIT:
        return False  # whatever is in them, as in nearly all
    return _REST + sum(map(_size_in_json, texts)) > _APPLIED_LIMIT


def _size_in_json(text: str) -> int:
    escaped = sum(_ESCAPES[ord(each)] - 1 for each in text if ord(each) in _ESCAPES)
    return len(text.encode()) + escaped


def schedule_problems(environment: Environment, run: Run) -> Iterator[Diagnostic]:
    """A job of the night is skipped once a year, and runs twice once (kubernetes.md section 4)."""
    cron = run.spec.cron
    is_own = run.descriptor.trigger is None
    if cron is None or environment.time_zone == DEFAULT_TIME_ZONE or not is_own or is_hourly(cron):
        return
    for change in clock_changes(environment.time_zone):
        minutes = (change.first, change.last)
        if has_time_in(cron, change.month, change.day, change.weekday, minutes):
            yield sentences.summer_time(run, environment, minutes, is_skipped=change.is_skipped)
            return


def output_problems(program: Program) -> Iterator[Diagnostic]:
    """An output folder is never read again, so nothing that is read may lie in it."""
    project = program.project
    inside = f"{project.prefix}{project.output}/"
    for path, span in program.files_read:
        if path.startswith(inside):
            yield sentences.in_output(project.relative(path), project.output, span)
