"""What is said of older dialects, of triggers, and of entries of project files."""

from __future__ import annotations

from collections.abc import Sequence

from gitopsc.model.descriptor import Descriptor
from gitopsc.model.diagnostic import (
    BAD_REQUIREMENT,
    COMPLETED_RUN,
    FOREIGN_KIND,
    LOSSY_CRON,
    MISSING_KEY,
    MISSING_REF,
    NO_CRON,
    PLATFORM_REFUSES,
    REMOTE_REF,
    RETIRED_KEY,
    STRAY_KEY,
    UNFIT_VALUE,
    Diagnostic,
    Label,
)
from gitopsc.model.fix import Fix
from gitopsc.model.runtime import runtime_of
from gitopsc.model.schedule import Cron, NotCron, platforms_form
from gitopsc.model.source import Span

_MOST_RELATED = 10


# Functions


def file_among_requirements(name: str, span: Span) -> Diagnostic:
    message = f"a file of requirements, `{name}`, among other requirements"
    hint = "write all in the file, and name that alone; or write what it holds in the list"
    return Diagnostic(BAD_REQUIREMENT, message, span, hint)


def no_requirements_file(name: str, span: Span) -> Diagnostic:
    message = f"no text file `{name}` that Git does not ignore in this project"
    hint = "paths start at the project's folder; or write the requirements as a list"
    return Diagnostic(BAD_REQUIREMENT, message, span, hint)


# Keys


def unread_key(key: str, what: str, span: Span) -> Diagnostic:
    message = f"`{key}` is not of a {what}, and nothing reads it"
    return Diagnostic(STRAY_KEY, message, span, "remove it")


def older_key(key: str, places: Sequence[Span]) -> Diagnostic:
    """One for a key, wherever it stands: they have one cause."""
    first, *others = sorted(places)
    message = f"`{key}` left the platform's Python tasks in 0.15; it still counts here"
    hint = "newer platforms ignore it: write it into a profile in gitopsc.yaml"
    if key == "schedule":
        hint = "write a `kind: scheduler`"
    elif key == "backoff_limit":
        hint = "write `gitops: {backoff_limit: 3}`: newer platforms ignore it outside of that"
    elif key == "claim_name":
        message = "newer platforms make a new claim here; this one is taken to be there already"
        hint = "write `volume_type: shared_volume` and `claimName`"
    if others:
        message += f" (in {len(places)} places)"
    related = tuple(Label(place, "and here") for place in others[:_MOST_RELATED])
    return Diagnostic(RETIRED_KEY, message, first, hint, related)


# Runs and tasks


def completed(places: Sequence[Span]) -> Diagnostic:
    """`places` are of the runs that an export calls done, sorted."""
    message = "the platform has done this job, and it runs again here"
    if places[1:]:
        message = f"the platform has done {len(places)} of these jobs, and they run again here"
    hint = "leave out what is only history: delete its file"
    related = tuple(Label(place, "and this") for place in places[1:][:_MOST_RELATED])
    return Diagnostic(COMPLETED_RUN, message, places[0], hint, related)


def task_without_function(task: Descriptor) -> Diagnostic:
    message = "`function` is missing in `spec`, and no function is before it in the file"
    hint = "add `function:`, such as `function: download-cities`"
    return Diagnostic(MISSING_KEY, message, task.document.key_span("spec"), hint)


# Triggers and schedules


def trigger_of_another_runtime(trigger: Descriptor, what: str) -> Diagnostic:
    message = f"trigger `{trigger.name}` starts a {what}, which belongs to another runtime"
    return Diagnostic(FOREIGN_KIND, message, trigger.span("kind"))


def clock_starts_jobs(trigger: Descriptor, kind: str) -> Diagnostic:
    message = f"a CronJob starts jobs, and this is for `{kind}`"
    hint = f"name a `{runtime_of(kind)}+job` task"
    return Diagnostic(UNFIT_VALUE, message, trigger.span("spec", "task"), hint)


def clock_on_a_laptop(trigger: Descriptor) -> Diagnostic:
    message = "the clock of a cluster starts nothing on a laptop"
    span = trigger.span("spec", "template", "local_execution")
    return Diagnostic(UNFIT_VALUE, message, span, "remove it")


def filled_by_nobody(span: Span) -> Diagnostic:
    message = "no cluster fills in a template, and the handler would get it as it is"
    return Diagnostic(UNFIT_VALUE, message, span, "write the value itself")


def not_cron(error: NotCron, span: Span) -> Diagnostic:
    return Diagnostic(NO_CRON, str(error), span, error.hint)


def lossy_cron(loss: str, cron: Cron, span: Span) -> Diagnostic:
    return Diagnostic(LOSSY_CRON, loss, span, f"it becomes `{cron.expression}`, in UTC")


def platform_refuses(schedule: str, cron: Cron, span: Span) -> Diagnostic:
    """With the six fields that the platform takes, where there are such."""
    message = f"the platform refuses the schedule `{schedule}`; a CronJob takes it"
    form = platforms_form(cron.expression)
    if form is None:
        hint = "write six fields, seconds first, such as `0 0 3 * * ?`"
        return Diagnostic(PLATFORM_REFUSES, message, span, hint)
    hint = f"write `{form}`: six fields, seconds first"
    fix = Fix("replace", span, f'"{form}"')
    return Diagnostic(PLATFORM_REFUSES, message, span, hint, fix=fix)


# Project files


def entry_without_kind(key: str, index: int, span: Span) -> Diagnostic:
    message = f"item {index + 1} of `{key}` has no kind"
    return Diagnostic(MISSING_KEY, message, span, "write `kind: python`, for example")


def on_a_platform(name: object, span: Span) -> Diagnostic:
    message = f"`{name}` is on a platform, and is skipped"
    hint = "export it into a file beside this one, and write that file's name here"
    return Diagnostic(REMOTE_REF, message, span, hint)


def missing_ref(name: object, ref: str, span: Span) -> Diagnostic:
    message = f"there is no descriptor of `{name}` in `{ref}`"
    hint = "export it again, correct the path, or remove this entry"
    return Diagnostic(MISSING_REF, message, span, hint)
