"""Project -> Project in one dialect, the newest: what older platforms and other writers meant.

digitalhub.md sections 0 to 4. What comes after knows runs of `python+job:run` and its like only,
tasks that name their function, and each descriptor once.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from gitopsc.adapters.requirement import listed_requirements
from gitopsc.model.descriptor import (
    COMPILED_KINDS,
    DATA_TYPES,
    FUNCTION_KEYS,
    FUNCTION_KINDS,
    OTHER_RUNTIMES,
    RUN_KINDS,
    TASK_KINDS,
    TRIGGER_KINDS,
    DataDescriptor,
    Descriptor,
    Entities,
    FunctionDescriptor,
    Project,
    RunDescriptor,
    TriggerDescriptor,
    action_of,
    runtime_of,
)
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
from gitopsc.model.document import node_count
from gitopsc.model.fix import Fix
from gitopsc.model.names import RUN_NAME_LIMIT, cleaned
from gitopsc.model.reference import FunctionKey, TaskKey
from gitopsc.model.schedule import NotCron, cron_of, platforms_form
from gitopsc.model.source import Span, Tree, Unreadable
from gitopsc.model.specification import (
    ACTIONS_OF,
    KEYS_OF_CONTAINERS,
    KEYS_OF_JOBS,
    DataSpec,
    FunctionSpec,
    RunSpec,
    SourceSpec,
    TriggerSpec,
)

_OLDER_KEYS = (
    *("affinity", "backoff_limit", "node_selector", "priorityClass", "priority_class"),
    *("runtimeClass", "runtime_class", "schedule", "tolerations"),
)
_REMOTE = re.compile(r"https?://", re.IGNORECASE)
_MUSTACHE = "{{"
_MOST_RELATED = 10
_NOTHING: tuple[object, ...] = (None, [], {}, False)
Problems = list[Diagnostic]


def normalize(project: Project, tree: Tree) -> tuple[Project, tuple[Diagnostic, ...]]:
    """The same project; what cannot be understood is not valid any more, with an error."""
    problems: Problems = []
    older: _Older = {}
    inline = _inline(project)
    copies = _copies(project, inline)
    is_committed = _committed(project, tree)
    found: list[Descriptor] = []
    function: Descriptor | None = None
    for descriptor in project.descriptors:
        if descriptor.kind == "project":
            problems += _ref_problems(project, descriptor)
        if descriptor.kind in FUNCTION_KINDS:
            function = descriptor if id(descriptor) not in inline else None
        if id(descriptor) in copies:
            continue
        if descriptor.valid:
            beside = function if function and function.path == descriptor.path else None
            descriptor = _modern(project, descriptor, beside, problems, is_committed)
        if descriptor.valid and descriptor.kind in TASK_KINDS | RUN_KINDS:
            descriptor = _one_spelling(_without_strangers(descriptor, problems), older)
        found.append(descriptor)
    problems += [_older_key(key, places) for key, places in older.items()]
    problems += _completed(found)
    found += _merged_functions(found)
    typed = tuple(_with_listed(project, tree, _typed(project, each), problems) for each in found)
    return replace(project, descriptors=typed, entities=_entities(typed)), tuple(problems)


def _typed(project: Project, descriptor: Descriptor) -> Descriptor:
    """The same with its keys as values; a broken one says nothing but what it would make."""
    kind = descriptor.kind
    fields = {field.name: getattr(descriptor, field.name) for field in dataclass_fields(Descriptor)}
    written, valid = descriptor.written, descriptor.valid
    if kind in FUNCTION_KINDS:
        return FunctionDescriptor(
            **fields,
            spec=FunctionSpec.of(written) if valid else FunctionSpec(),
            python_image=project.python_image,
        )
    if kind in TASK_KINDS | RUN_KINDS:
        spec = RunSpec.of(written) if valid else RunSpec.promised(written)
        return RunDescriptor(**fields, spec=spec)
    if kind in TRIGGER_KINDS:
        if not valid:
            return TriggerDescriptor(**fields)
        return TriggerDescriptor(
            **fields, spec=TriggerSpec.of(written), run=_of_trigger(descriptor)
        )
    if kind in DATA_TYPES:
        return DataDescriptor(**fields, spec=DataSpec.of(written) if valid else DataSpec())
    return descriptor


def _with_listed(
    project: Project, tree: Tree, descriptor: Descriptor, problems: Problems
) -> Descriptor:
    """The SDK takes a file of requirements, too, and writes what is in it (digitalhub.md 1)."""
    if not isinstance(descriptor, FunctionDescriptor):
        return descriptor
    written = descriptor.spec.requirements or ()
    listed = [index for index, each in enumerate(written) if each.endswith(".txt")]
    if not listed:
        return descriptor
    if len(written) > 1:
        for index in listed:
            message = f"a file of requirements, `{written[index]}`, among other requirements"
            span = descriptor.span("spec", "requirements", index)
            hint = "write all in the file, and name that alone; or write what it holds in the list"
            problems.append(Diagnostic(BAD_REQUIREMENT, message, span, hint))
        return replace(descriptor, spec=replace(descriptor.spec, requirements=None))
    span = descriptor.key_span("spec", "requirements")
    beside = posixpath.dirname(project.relative(descriptor.path))
    paths = (written[0], posixpath.join(beside, written[0]))
    found = (tree.files.get(posixpath.normpath(f"{project.prefix}{path}")) for path in paths)
    file = next((each for each in found if each is not None), None)
    try:
        lines = listed_requirements(file.content) if file is not None else None
    except Unreadable:
        lines = None
    if file is None or lines is None:
        message = f"no text file `{written[0]}` that Git does not ignore in this project"
        hint = "paths start at the project's folder; or write the requirements as a list"
        problems.append(Diagnostic(BAD_REQUIREMENT, message, span, hint))
        return replace(descriptor, spec=replace(descriptor.spec, requirements=None))
    return replace(
        descriptor,
        spec=replace(descriptor.spec, requirements=tuple(text for _, text in lines)),
        requirement_places=tuple(
            Span(file.path, line, 1, line, 1 + len(text)) for line, text in lines
        ),
    )


_Kind = TypeVar("_Kind", bound=Descriptor)


def _of_type(kind: type[_Kind], descriptors: Sequence[Descriptor]) -> tuple[_Kind, ...]:
    return tuple(descriptor for descriptor in descriptors if isinstance(descriptor, kind))


def _entities(descriptors: Sequence[Descriptor]) -> Entities:
    runs = _of_type(RunDescriptor, descriptors)
    return Entities(
        functions=_of_type(FunctionDescriptor, descriptors),
        tasks=tuple(task for task in runs if task.kind in TASK_KINDS),
        runs=tuple(run for run in runs if run.kind in RUN_KINDS),
        triggers=_of_type(TriggerDescriptor, descriptors),
        data=_of_type(DataDescriptor, descriptors),
    )


def _modern(
    project: Project,
    descriptor: Descriptor,
    function: Descriptor | None,
    problems: Problems,
    is_committed: Callable[[str], bool],
) -> Descriptor:
    """`function` is the one before it in the same file."""
    kind = descriptor.kind
    if kind in TASK_KINDS:
        return _scheduled(_task(project, descriptor, function, problems), problems)
    if kind == "python+run":
        key = TaskKey.parse(descriptor.written["task"])
        kind = f"{key.kind}:run" if key is not None else "python+job:run"
    if kind in RUN_KINDS:
        return _scheduled(replace(descriptor, kind=kind, name=_run_name(descriptor)), problems)
    if kind in TRIGGER_KINDS and (what := _other_runtime(descriptor)) is not None:
        message = f"trigger `{descriptor.name}` starts a {what}, which belongs to another runtime"
        problems.append(Diagnostic(FOREIGN_KIND, message, descriptor.span("kind")))
        return replace(descriptor, valid=False)
    if kind == "scheduler":
        return _triggered(descriptor, problems, is_committed)
    return descriptor


def _run_name(run: Descriptor) -> str:
    """The platform calls a nameless run `<function>/<id>`, which may be more than a cluster takes.

    Then its id is the name that is left.
    """
    if run.id and run.name.endswith(f"/{run.id}") and len(cleaned(run.name)) > RUN_NAME_LIMIT:
        return run.id
    return run.name


# Keys


_WORKLOADS = {"deploy": "deployment", "serve": "service"}
"""What people call the runs of an action."""

_Older = dict[str, list[Span]]
"""Places of each key that newer platforms ignore."""


def _without_strangers(descriptor: Descriptor, problems: Problems) -> Descriptor:
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
        message = f"`{key}` is not of a {what}, and nothing reads it"
        span = descriptor.key_span("spec", key)
        problems.append(Diagnostic(STRAY_KEY, message, span, "remove it"))
    is_trigger = descriptor.document.data["kind"] in TRIGGER_KINDS  # of either runtime
    for key in KEYS_OF_JOBS:
        if action != "job" and key in (descriptor.written.get("gitops") or {}):
            span = descriptor.key_span("spec", "gitops", key)
            message = f"`{key}` is not of a {what}, and nothing reads it"
            problems.append(Diagnostic(STRAY_KEY, message, span, "remove it"))
    if runtime_of(descriptor.kind) == "python" and not is_trigger:
        strange += KEYS_OF_CONTAINERS  # which schemas have told of
    spec = {key: value for key, value in descriptor.written.items() if key not in strange}
    return replace(descriptor, written=spec)


def _one_spelling(descriptor: Descriptor, older: _Older) -> Descriptor:
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


def _older_key(key: str, places: Sequence[Span]) -> Diagnostic:
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


def _completed(descriptors: Sequence[Descriptor]) -> Problems:
    """An export is a history, too: what is in it as a run is to be run."""
    done = sorted(
        run.name_span
        for run in descriptors
        if action_of(run.kind) == "job"
        and run.kind in RUN_KINDS
        and run.valid
        and not run.written.get("local_execution")
        if run.document.has("status", "state")
        if run.document.data["status"]["state"] == "COMPLETED"
    )
    if not done:
        return []
    message = "the platform has done this job, and it runs again here"
    if done[1:]:
        message = f"the platform has done {len(done)} of these jobs, and they run again here"
    hint = "leave out what is only history: delete its file"
    related = tuple(Label(place, "and this") for place in done[1:][:_MOST_RELATED])
    return [Diagnostic(COMPLETED_RUN, message, done[0], hint, related)]


# Tasks


def _task(
    project: Project, descriptor: Descriptor, function: Descriptor | None, problems: Problems
) -> Descriptor:
    """A task of the hub has no function, which is the one before it, and a template for runs."""
    spec = dict(descriptor.written)
    template = spec.pop("template", None) or {}
    homes = (*descriptor.homes, ("spec", "template")) if template else descriptor.homes
    if "function" not in spec:
        if function is None:
            message = "`function` is missing in `spec`, and no function is before it in the file"
            hint = "add `function:`, such as `function: download-cities`"
            span = descriptor.document.key_span("spec")
            problems.append(Diagnostic(MISSING_KEY, message, span, hint))
            return replace(descriptor, valid=False)
        version = f":{function.id}" if function.id is not None else ""
        spec["function"] = f"{function.kind}://{project.name}/{function.name}{version}"
    return replace(descriptor, written={**template, **spec}, homes=homes)


# Functions


def _merged_functions(descriptors: Sequence[Descriptor]) -> Iterator[Descriptor]:
    """A run that the platform has built says all of its function, which need not be here."""
    functions = (function for function in descriptors if function.kind in FUNCTION_KINDS)
    known = {(function.name, function.id) for function in functions}
    names = {name for name, _ in known}
    unversioned = {name for name, version in known if version is None}
    runs = (run for run in descriptors if run.kind in RUN_KINDS and run.valid)
    for run in sorted(runs, key=attrgetter("name")):
        key = FunctionKey.parse(run.written.get("function", ""))
        runtime = runtime_of(run.kind)
        is_whole = _WHOLE[runtime] <= run.written.keys()
        if key is None or not is_whole or (key.name, key.id) in known:
            continue
        if key.name in (names if key.id is None else unversioned):
            continue
        known.add((key.name, key.id))
        spec = {name: run.written[name] for name in FUNCTION_KEYS if name in run.written}
        yield Descriptor(
            runtime, key.name, key.id, run.document, spec, homes=run.homes, is_copy=True
        )


_WHOLE: Mapping[str, set[str]] = {"container": {"image"}, "python": {"source", "python_version"}}
"""Keys of a function without which it is none."""


# Triggers


def _other_runtime(trigger: Descriptor) -> str | None:
    """What a trigger starts that is not ours, if it is not."""
    if "workflow" in {**trigger.written, **_template(trigger)}:
        return "workflow"
    for key in ("task", "function"):
        scheme, separator, _ = str(trigger.written.get(key, "")).partition("://")
        if separator and re.split(r"[+:]", scheme)[0] in OTHER_RUNTIMES:
            return f"`{scheme}`"
    return None


def _triggered(
    descriptor: Descriptor, problems: Problems, is_committed: Callable[[str], bool]
) -> Descriptor:
    """A scheduler is a run that the clock starts: the template, its function and its task."""
    spec = dict(descriptor.written)
    task = TaskKey.parse(spec.get("task", ""))
    if task is not None and action_of(task.kind) != "job":
        message = f"a CronJob starts jobs, and this is for `{task.kind}`"
        hint = f"name a `{runtime_of(task.kind)}+job` task"
        problems.append(Diagnostic(UNFIT_VALUE, message, descriptor.span("spec", "task"), hint))
        return replace(descriptor, valid=False)
    if _template(descriptor).get("local_execution"):
        message = "the clock of a cluster starts nothing on a laptop"
        span = descriptor.span("spec", "template", "local_execution")
        problems.append(Diagnostic(UNFIT_VALUE, message, span, "remove it"))
        return replace(descriptor, valid=False)
    run = _started(descriptor)
    for key in _template(descriptor):
        for text, span in run.strings(key):
            if _MUSTACHE in text:
                message = "no cluster fills in a template, and the handler would get it as it is"
                hint = "write the value itself"
                problems.append(Diagnostic(UNFIT_VALUE, message, span, hint))
    return _scheduled(run, problems, is_committed)


def _committed(project: Project, tree: Tree) -> Callable[[str], bool]:
    """Whether the base has the manifest of a name; outside of Git, nothing is committed."""
    output = f"{project.prefix}{project.output}/"

    @cache
    def names() -> frozenset[str]:
        return frozenset(
            path.rpartition("/")[2]
            for path, content in tree.previous.names.items()
            if content and path.startswith(output)
        )

    return lambda name: f"{cleaned(name)}.yaml" in names()


def _template(trigger: Descriptor) -> Mapping[str, Any]:
    """An empty one is none: hubs leave it so."""
    return trigger.written.get("template") or {}


def _started(trigger: Descriptor) -> Descriptor:
    """The job of a trigger: what its template says, and the function and task that it names."""
    spec = dict(trigger.written)
    template = spec.pop("template", None) or {}
    named = (str(spec.get(key, "")) for key in ("task", "function"))
    is_container = any(each.startswith(("container+", "container:")) for each in named)
    return replace(
        trigger,
        kind="container+job:run" if is_container else "python+job:run",
        written={**template, **spec},
        homes=(("spec",), ("spec", "template")),
    )


def _of_trigger(trigger: Descriptor) -> RunDescriptor | None:
    """What a trigger that waits for data starts in a cluster: a job, if anything. Its template is
    filled in once data is known."""
    task = TaskKey.parse(trigger.written.get("task", ""))
    is_local = _template(trigger).get("local_execution")
    if is_local or (task is not None and action_of(task.kind) != "job"):
        return None
    unheard: Problems = []
    run = _one_spelling(_without_strangers(_started(trigger), unheard), {})
    fields = {field.name: getattr(run, field.name) for field in dataclass_fields(Descriptor)}
    return RunDescriptor(**fields, spec=RunSpec.of(run.written), trigger=trigger.name)


def _scheduled(
    run: Descriptor, problems: Problems, is_committed: Callable[[str], bool] = lambda name: False
) -> Descriptor:
    """The `schedule` of a run, or of a task for its runs, becomes `cron`, if it is one.

    That the platform would refuse it is said where it is new: what is committed, somebody wants so.
    """
    if "schedule" not in run.written or not run.valid:
        return run
    span = run.span("spec", "schedule")
    try:
        cron = cron_of(run.written["schedule"])
    except NotCron as error:
        problems.append(Diagnostic(NO_CRON, str(error), span, error.hint))
        return replace(run, valid=False)
    for loss in cron.losses:
        hint = f"it becomes `{cron.expression}`, in UTC"
        problems.append(Diagnostic(LOSSY_CRON, loss, span, hint))
    is_trigger = run.document.data["kind"] == "scheduler"
    if is_trigger and not cron.is_platforms and not is_committed(run.name):
        message = (
            f"the platform refuses the schedule `{run.written['schedule']}`; a CronJob takes it"
        )
        form = platforms_form(cron.expression)
        hint = "write six fields, seconds first, such as `0 0 3 * * ?`"
        if form is not None:
            hint = f"write `{form}`: six fields, seconds first"
        fix = Fix("replace", span, f'"{form}"') if form is not None else None
        problems.append(Diagnostic(PLATFORM_REFUSES, message, span, hint, fix=fix))
    return replace(run, written={**run.written, "cron": cron.expression})


# Project files


def _inline(project: Project) -> frozenset[int]:
    """Entities inside a project's file, by their `id()`."""
    files = [entity.document for entity in project.descriptors if entity.kind == "project"]
    ranges = [(id(file.positions), file.node, file.node + node_count(file.data)) for file in files]
    return frozenset(
        id(descriptor)
        for descriptor in project.descriptors
        for positions, first, end in ranges
        if id(descriptor.document.positions) == positions and first < descriptor.document.node < end
    )


def _copies(project: Project, inline: Container[int]) -> set[int]:
    """Inline entities that have a file of their own, by their `id()`.

    The SDK writes an embedded entity both ways; the file's source is beside it, the copy has it as
    base64 (digitalhub.md section 4.1).
    """
    own: dict[tuple[str, str, str | None], Descriptor] = {}
    for descriptor in project.descriptors:
        if id(descriptor) not in inline:
            own.setdefault((descriptor.kind, descriptor.name, descriptor.id), descriptor)
    copies = set()
    for copy in project.descriptors:
        original = own.get((copy.kind, copy.name, copy.id))
        if id(copy) in inline and copy.name and original and _is_same(original, copy):
            copies.add(id(copy))
    return copies


def _is_same(one: Descriptor, other: Descriptor) -> bool:
    """Whether both say the same; a default that only one spells out is no difference."""
    said = [
        {key: value for key, value in spec.items() if key != "source" and value not in _NOTHING}
        for spec in (one.written, other.written)
    ]
    sources = [function.written.get("source", {}) for function in (one, other)]
    if not all(isinstance(source, dict) for source in sources):
        return said[0] == said[1] and sources[0] == sources[1]
    return said[0] == said[1] and SourceSpec.of(sources[0]).says_same(SourceSpec.of(sources[1]))


def _ref_problems(project: Project, descriptor: Descriptor) -> Iterator[Diagnostic]:
    """Entries without a `spec` point to a file, which is read anyway, or to a platform."""
    for key, entries in descriptor.written.items():
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if not isinstance(entry, dict) or "spec" in entry:
                continue
            kind, metadata = entry.get("kind"), entry.get("metadata")
            ref = metadata.get("ref") if isinstance(metadata, dict) else None
            if not isinstance(kind, str):
                message = f"item {index + 1} of `{key}` has no kind"
                span = descriptor.span("spec", key, index)
                yield Diagnostic(MISSING_KEY, message, span, "write `kind: python`, for example")
            elif kind in COMPILED_KINDS and not _is_here(project, descriptor, entry, ref):
                span = descriptor.span("spec", key, index, "metadata", "ref")
                yield _ref_problem(entry, ref, span)


def _is_here(
    project: Project, descriptor: Descriptor, entry: Mapping[str, Any], ref: object
) -> bool:
    """Whether some file holds it; when one is named, that one."""
    beside = posixpath.dirname(descriptor.path)
    paths = {posixpath.normpath(f"{home}/{ref}").lstrip("/") for home in (beside, project.prefix)}
    return any(
        found.kind == entry["kind"]
        and (found.name == entry.get("name") or found.id == entry.get("id"))
        for found in project.descriptors
        if not isinstance(ref, str) or found.path in paths
    )


def _ref_problem(entry: Mapping[str, Any], ref: object, span: Span) -> Diagnostic:
    name = entry.get("name", entry.get("id", ref))
    if not isinstance(ref, str) or _REMOTE.match(ref):
        message = f"`{name}` is on a platform, and is skipped"
        hint = "export it into a file beside this one, and write that file's name here"
        return Diagnostic(REMOTE_REF, message, span, hint)
    message = f"there is no descriptor of `{name}` in `{ref}`"
    hint = "export it again, correct the path, or remove this entry"
    return Diagnostic(MISSING_REF, message, span, hint)
