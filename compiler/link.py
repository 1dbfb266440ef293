"""Project and its functions -> Program: who is meant by each reference, what waits for what."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import NamedTuple, cast

from gitopsc.adapters.graph import circles, generations
from gitopsc.model.descriptor import (
    DATA_TYPES,
    FUNCTION_KEYS,
    TASK_KINDS,
    TRIGGER_KINDS,
    Descriptor,
    Project,
    is_same_source,
)
from gitopsc.model.diagnostic import (
    BAD_REFERENCE,
    CYCLE,
    DEFINED_TWICE,
    HANDLER_MISFIT,
    MADE_ELSEWHERE,
    MISSING_KEY,
    NOT_BUILT,
    OTHER_PROJECT,
    OVERRULED,
    PARAMETERS_TO_INIT,
    TWO_PRODUCERS,
    UNKNOWN_DATA,
    UNKNOWN_FUNCTION,
    UNKNOWN_INPUT,
    UNKNOWN_PROFILE,
    UNKNOWN_TASK,
    UNKNOWN_VERSION,
    WRONG_VALUE,
    Code,
    Diagnostic,
    Label,
    did_you_mean,
    listed,
)
from gitopsc.model.program import (
    RELATIONS,
    Action,
    Build,
    BuildRun,
    Edge,
    Function,
    FunctionVersion,
    Lineage,
    Merged,
    Node,
    Output,
    Program,
    Reference,
    Relation,
    Run,
)
from gitopsc.model.reference import FunctionKey, StoreKey, TaskKey
from gitopsc.model.scheduling import Scheduling
from gitopsc.model.source import Span
from gitopsc.model.volume import Volume

_RESERVED_ARGUMENTS = frozenset(("project", "run", "context", "event"))
_DATA_TYPES = frozenset(DATA_TYPES.values())
_TOLD = 20
"""Arguments of one run that are told of, when a handler does not take them."""

_BARE_NAME = re.compile(r"[A-Za-z0-9._+-]+")

Problems = list[Diagnostic]


def link(
    project: Project, functions: Mapping[FunctionVersion, Function]
) -> tuple[Program, tuple[Diagnostic, ...]]:
    """Resolves a project, whose loaded functions are given, each version.

    What cannot be resolved is left out of the program, with an error.
    """
    problems: Problems = []
    symbols = _declare(project, problems)
    found = [
        draft
        for descriptor in symbols.runs.values()
        if (draft := _draft(symbols, descriptor, problems)) is not None
    ]
    drafts = [draft for draft in found if draft.action is not None]
    builds = [draft for draft in found if draft.action is None]
    functions = _used(symbols, functions, drafts, builds, problems)
    producers = _producers(project, drafts, problems)
    data = _Data(
        project.name,
        symbols.data,
        producers,
        promised=_promised(symbols, {draft.name for draft in drafts}),
        local=frozenset(each.name for each in drafts if each.is_local),
    )
    outputs: dict[str, list[Output]] = {}
    for name, output in producers.values():
        outputs.setdefault(name, []).append(output)
    runs = {
        draft.name: run
        for draft in drafts
        if (
            run := _run(
                project, draft, functions, data, tuple(outputs.get(draft.name, ())), problems
            )
        )
    }
    order = _order(runs, problems)
    lineage = _lineage(symbols, functions, runs, builds, order)
    ordered = tuple(runs[name] for generation in order for name in generation)
    built = tuple(
        BuildRun(draft.name, draft.merged, functions[draft.function])
        for draft in builds
        if draft.function in functions and not draft.is_local
    )
    program = Program(project, tuple(functions.values()), ordered, built, lineage)
    return program, tuple(problems)


# Symbols


@dataclass(slots=True)
class _Symbols:
    """What the descriptors of a project define, by name. Broken ones are in it too.

    A task is of one version of a function when it names that version, else of all.
    """

    project: str
    functions: dict[str, list[Descriptor]] = field(default_factory=dict)
    tasks: dict[tuple[str, str, FunctionVersion | None], Descriptor] = field(default_factory=dict)
    tasks_by_id: dict[tuple[str, str], Descriptor] = field(default_factory=dict)
    runs: dict[str, Descriptor] = field(default_factory=dict)
    run_names: dict[str, str] = field(default_factory=dict)
    data: dict[tuple[str, str], list[Descriptor]] = field(default_factory=dict)
    triggers: list[Descriptor] = field(default_factory=list)

    def task_of(self, kind: str, version: FunctionVersion) -> Descriptor | None:
        exact = self.tasks.get((kind, version[0], version))
        return exact or self.tasks.get((kind, version[0], None))


def _declare(project: Project, problems: Problems) -> _Symbols:
    symbols = _Symbols(project.name)
    tasks = []
    for descriptor in project.descriptors:
        kind = descriptor.kind
        if kind == "python":
            _declare_function(symbols, descriptor, problems)
        elif kind in DATA_TYPES:
            _declare_data(symbols, descriptor, problems)
        elif kind.endswith(":run"):
            first = symbols.runs.setdefault(descriptor.name, descriptor)
            symbols.run_names[descriptor.id or descriptor.name] = descriptor.name
            if first is not descriptor and descriptor.name:
                kinds = {each.document.data["kind"] for each in (first, descriptor)}
                what = "run" if "scheduler" not in kinds else "run or scheduler"
                problems.append(_twice(what, first, descriptor))
        elif kind in TASK_KINDS:
            tasks.append(descriptor)
        elif kind in TRIGGER_KINDS and descriptor.valid:
            symbols.triggers.append(descriptor)
    for task in tasks:
        _declare_task(symbols, task, problems)
    return symbols


def _declare_function(symbols: _Symbols, descriptor: Descriptor, problems: Problems) -> None:
    """Versions of a name are told apart by their ids; the newest comes last."""
    versions = symbols.functions.setdefault(descriptor.name, [])
    first = next((each for each in versions if each.id == descriptor.id), None)
    if first is None:
        versions.append(descriptor)
        versions.sort(key=_age)
    elif descriptor.name:
        problems.append(_twice("function", first, descriptor))


def _declare_data(symbols: _Symbols, descriptor: Descriptor, problems: Problems) -> None:
    versions = symbols.data.setdefault((DATA_TYPES[descriptor.kind], descriptor.name), [])
    for other in versions:
        if other.id == descriptor.id:
            problems.append(_twice(descriptor.kind, other, descriptor))
            return
    versions.append(descriptor)


def _declare_task(symbols: _Symbols, task: Descriptor, problems: Problems) -> None:
    if task.id is not None:
        namesake = symbols.tasks_by_id.setdefault((task.kind, task.id), task)
        if namesake is not task:
            problems.append(_twice(f"{task.kind} task `{task.id}`", namesake, task))
            return
    text = task.spec.get("function")
    if not task.valid or not isinstance(text, str):
        return
    function = _function(symbols, text, task.span("spec", "function"), problems)
    if function is None:
        return
    key = FunctionKey.parse(text)
    version = _version(function) if key is not None and key.id is not None else None
    first = symbols.tasks.setdefault((task.kind, function.name, version), task)
    if first is not task:
        problems.append(_twice(f"{task.kind} task of `{function.name}`", first, task))


def _twice(what: str, first: Descriptor, second: Descriptor) -> Diagnostic:
    named = f" `{second.name}`" if second.name and "`" not in what else ""
    return Diagnostic(
        DEFINED_TWICE,
        f"the {what}{named} is defined twice",
        second.name_span,
        "rename or remove one of them",
        (Label(first.name_span, "first here"),),
    )


def _version(function: Descriptor) -> FunctionVersion:
    return function.name, function.id


def _function(symbols: _Symbols, text: str, span: Span, problems: Problems) -> Descriptor | None:
    """The version of a function that is meant, if this project has it; without an id the newest."""
    key = FunctionKey.parse(text)
    if key is None:
        hint = f"write the function's name, or `python://{symbols.project}/<name>[:<id>]`"
        message = f"`{text}` is no reference to a function"
        problems.append(Diagnostic(BAD_REFERENCE, message, span, hint))
        return None
    if key.project not in (None, symbols.project):
        problems.append(_other_project(f"function `{key.name}`", str(key.project), span))
        return None
    versions = symbols.functions.get(key.name)
    if versions is None:
        hint = did_you_mean(key.name, symbols.functions) or "define a `kind: python` of that name"
        message = f"no function `{key.name}` in project `{symbols.project}`"
        problems.append(Diagnostic(UNKNOWN_FUNCTION, message, span, hint))
        return None
    newest = versions[-1]
    if key.id is None:
        return newest
    meant = next((each for each in versions if each.id == key.id), None)
    if meant is None and len(versions) > 1:
        ids = [each.id for each in versions if each.id is not None]
        hint = did_you_mean(key.id, ids) or f"write one of {listed(ids)}"
        message = f"function `{key.name}` has no version `{key.id}`"
        problems.append(Diagnostic(UNKNOWN_FUNCTION, message, span, hint))
        return None
    if meant is None and newest.id is not None:
        message = f"function `{key.name}` has no version `{key.id}` here; `{newest.id}` is used"
        related = (Label(newest.name_span, "the newest is here"),)
        problems.append(Diagnostic(UNKNOWN_VERSION, message, span, "leave the id out", related))
    return meant or newest


def _other_project(what: str, project: str, span: Span) -> Diagnostic:
    message = f"{what} is of project `{project}`, which is another one"
    return Diagnostic(OTHER_PROJECT, message, span, "name one of this project")


# Runs


class _Draft(NamedTuple):
    """A run whose task and function are found. A run without an action builds an image."""

    name: str
    action: Action | None
    function: FunctionVersion
    merged: Merged

    @property
    def is_local(self) -> bool:
        return bool(self.merged.spec.get("local_execution", False))


def _draft(symbols: _Symbols, descriptor: Descriptor, problems: Problems) -> _Draft | None:
    if not descriptor.valid:
        return None
    spec = descriptor.spec
    kind = descriptor.kind.removesuffix(":run")
    task = None
    if "task" in spec:
        key = _task_key(symbols, descriptor, kind, problems)
        if key is None:
            return None
        task = _task(symbols, key, descriptor, problems)
        if task is not None and not task.valid:
            return None
    owner = descriptor if "function" in spec else task
    if owner is None:
        span = descriptor.key_span("spec")
        hint = "write `function: <name>`"
        problems.append(Diagnostic(MISSING_KEY, "`function` is missing in `spec`", span, hint))
        return None
    # A task's own reference was resolved, with its problems, when the task was declared.
    heard = problems if owner is descriptor else []
    text = owner.spec["function"]
    function = _function(symbols, text, owner.span("spec", "function"), heard)
    if function is None:
        return None
    name = function.name
    if task is None:
        task = symbols.task_of(kind, _version(function))
    elif owner is descriptor and _function_of(symbols, task) != name:
        message = f"the task is not of function `{name}`"
        hint = "name a task of that function, or leave `task` out"
        span = descriptor.span("spec", "task")
        problems.append(Diagnostic(BAD_REFERENCE, message, span, hint))
        return None
    merged = Merged(descriptor, task, {**(task.spec if task else {}), **spec})
    if merged.spec.get("service_type") == "ExternalName":
        message = (
            "a service that runs here cannot be an ExternalName, which stands for one elsewhere"
        )
        hint = "write `ClusterIP`, `NodePort` or `LoadBalancer`"
        problems.append(Diagnostic(WRONG_VALUE, message, merged.span("service_type"), hint))
        return None
    return _Draft(descriptor.name, _ACTIONS[kind], _version(function), merged)


_ACTIONS: Mapping[str, Action | None] = {
    "python+build": None,
    "python+job": "job",
    "python+serve": "serve",
}


def _function_of(symbols: _Symbols, task: Descriptor) -> str | None:
    function = _function(symbols, task.spec["function"], task.span("spec", "function"), [])
    return function.name if function is not None else None


def _task_key(
    symbols: _Symbols, descriptor: Descriptor, kind: str, problems: Problems
) -> TaskKey | None:
    text = descriptor.spec["task"]
    span = descriptor.span("spec", "task")
    key = TaskKey.parse(text)
    if key is None or key.kind != kind:
        message = f"`{text}` is no reference to a `{kind}` task"
        hint = f"write `{kind}://{symbols.project}/<id>`, or leave `task` out"
        problems.append(Diagnostic(BAD_REFERENCE, message, span, hint))
        return None
    if key.project != symbols.project:
        problems.append(_other_project("the task", key.project, span))
        return None
    return key


def _task(
    symbols: _Symbols, key: TaskKey, descriptor: Descriptor, problems: Problems
) -> Descriptor | None:
    """Runs are exported without their tasks: then what the task said is lost, and that is told."""
    task = symbols.tasks_by_id.get((key.kind, key.id))
    if task is None and not _is_merged(descriptor):
        ids = [each for known, each in symbols.tasks_by_id if known == key.kind]
        hint = (
            did_you_mean(key.id, ids) or "export the task, too, if it says more than its function"
        )
        message = f"no `{key.kind}` task has the id `{key.id}`"
        span = descriptor.span("spec", "task")
        problems.append(Diagnostic(UNKNOWN_TASK, message, span, hint))
    return task


def _is_merged(run: Descriptor) -> bool:
    """Whether the platform has written task and function into the run (digitalhub.md 3.1)."""
    return "source" in run.spec and "python_version" in run.spec


# Functions


def _used(
    symbols: _Symbols,
    functions: Mapping[FunctionVersion, Function],
    drafts: Iterable[_Draft],
    builds: Iterable[_Draft],
    problems: Problems,
) -> Mapping[FunctionVersion, Function]:
    """The newest version of each function and those that runs name, with how they are built."""
    wanted = {draft.function for draft in (*drafts, *builds)}
    builders: dict[FunctionVersion, list[_Draft]] = {}
    for draft in builds:
        if not draft.is_local:
            builders.setdefault(draft.function, []).append(draft)
    used = {}
    for version, function in functions.items():
        is_newest = symbols.functions[function.name][-1] is function.descriptor
        if is_newest or version in wanted:
            runs = builders.get(version, ())
            for run in runs:
                _check_overruled(run, function, problems)
                _check_build(run.merged, function, problems)
            task = symbols.task_of("python+build", version)
            if task is not None and not runs:
                _check_build(Merged(task, None, task.spec), function, problems)
            build = _build(symbols, version, runs, problems)
            used[version] = replace(function, build=build, is_newest=is_newest)
    return used


_IN_CLUSTER = ("profile", "resources", "volumes")


def _check_build(draft: Merged, function: Function, problems: Problems) -> None:
    """What a build says that does not become a part of the image."""
    for key in _IN_CLUSTER:
        if key in draft.spec:
            message = f"`{key}` is of a pod that builds, and here BuildKit does that in its own"
            hint = "remove it"
            problems.append(Diagnostic(NOT_BUILT, message, draft.key_span(key), hint))
    names = [each["name"] for each in draft.spec.get("envs", ())]
    for index, name in enumerate(names):
        if name in names[:index]:
            span = draft.span("envs", index, "name")
            problems.append(Diagnostic(WRONG_VALUE, f"`{name}` is set twice", span, "keep one"))
    if function.image is not None:
        message = f"function `{function.name}` has a ready image, so none is built"
        span = draft.descriptor.span("spec", "function")
        hint = "remove `image` from the function, or this"
        problems.append(Diagnostic(NOT_BUILT, message, span, hint))


def _build(
    symbols: _Symbols,
    version: FunctionVersion,
    runs: Sequence[_Draft],
    problems: Problems,
) -> Build:
    """What the build run of a function says, else its build task."""
    task = symbols.task_of("python+build", version)
    found = [(_build_of(run.merged), run) for run in runs]
    for build, run in found[1:]:
        first, other = found[0]
        if build != first:
            message = f"`{other.name}` and `{run.name}` build `{version[0]}` in two ways"
            related = (Label(other.merged.descriptor.name_span, f"`{other.name}` is here"),)
            span = run.merged.descriptor.name_span
            hint = "remove one, or give both the same instructions"
            problems.append(Diagnostic(TWO_PRODUCERS, message, span, hint, related))
    if found:
        return found[0][0]
    return _build_of(Merged(task, None, task.spec)) if task is not None else Build()


def _build_of(merged: Merged) -> Build:
    spec = merged.spec
    return Build(
        tuple(spec.get("instructions", ())),
        tuple((each["name"], str(each["value"])) for each in spec.get("envs", ())),
        tuple(sorted(set(spec.get("secrets", ())))),
    )


# Data


_Producers = dict[tuple[str, str], tuple[str, Output]]
"""Type and name of produced data -> the run, and its output."""


def _producers(project: Project, drafts: Iterable[_Draft], problems: Problems) -> _Producers:
    producers: _Producers = {}
    for draft in drafts:
        for name, text in sorted(draft.merged.spec.get("outputs", {}).items()):
            span = draft.merged.span("outputs", name)
            key = _data_key(project.name, text, span, problems)
            if key is None:
                continue
            if key.project != project.name:
                problems.append(_other_project(f"`{key.name}`", key.project, span))
            elif key.version is not None:
                message = "an output gets its version from its run"
                hint = f"write `{key._replace(version=None)}`"
                problems.append(Diagnostic(BAD_REFERENCE, message, span, hint))
            else:
                run, first = producers.setdefault(
                    (key.type, key.name), (draft.name, Output(name, key, span))
                )
                if (run, first.name) != (draft.name, name):
                    message = (
                        f"{key.type} `{key.name}` has two producers: `{run}` and `{draft.name}`"
                    )
                    related = (Label(first.span, f"produced by `{run}` here"),)
                    hint = "give one of them another name"
                    problems.append(Diagnostic(TWO_PRODUCERS, message, span, hint, related))
    return producers


def _promised(symbols: _Symbols, sound: Container[str]) -> frozenset[tuple[str, str]]:
    """Outputs of runs that have errors: nobody need hear that their data is unknown, too."""
    promised = set()
    for name, run in symbols.runs.items():
        outputs = run.spec.get("outputs") if name not in sound else None
        for text in outputs.values() if isinstance(outputs, dict) else ():
            key = _data_key(symbols.project, str(text), run.name_span, [])
            if key is not None:
                promised.add((key.type, key.name))
    return frozenset(promised)


def _data_key(project: str, text: str, span: Span, problems: Problems) -> StoreKey | None:
    """A store key, or a bare name: a dataitem of this project."""
    if _BARE_NAME.fullmatch(text):
        return StoreKey(project, "dataitem", "dataitem", text, None)
    key = StoreKey.parse(text)
    if key is not None and key.type in _DATA_TYPES:
        return key
    message = f"`{text}` is no reference to data"
    hint = f"write `store://{project}/<artifact|dataitem|model>/<kind>/<name>`"
    problems.append(Diagnostic(BAD_REFERENCE, message, span, hint))
    return None


class _Data(NamedTuple):
    """What is known of data: who declares it, who produces it."""

    project: str
    declared: Mapping[tuple[str, str], Sequence[Descriptor]]
    producers: _Producers
    promised: frozenset[tuple[str, str]]
    local: frozenset[str]

    def resolve(self, reference: Reference, problems: Problems, unknown: Code) -> Reference | None:
        """A reference without a version means the newest: the one a run of this project makes."""
        key = reference.key
        if key.project != self.project:
            return reference
        versions = self.declared.get((key.type, key.name), ())
        producer = self.producers.get((key.type, key.name))
        if key.version is not None:
            declared = next((each for each in versions if each.id == key.version), None)
            if declared is None and not (producer and len(key.version) == 64):
                message = (
                    f"no descriptor declares version `{key.version}` of {key.type} `{key.name}`"
                )
                hint = "leave the version out to read the newest"
                problems.append(Diagnostic(UNKNOWN_VERSION, message, reference.span, hint))
            return _found(reference, declared)
        if producer is not None:
            # One entity has one key, however its kind is spelled here.
            return reference._replace(producer=producer[0], key=producer[1].key)
        if versions:
            return _found(reference, max(versions, key=_age))
        if (key.type, key.name) in self.promised:
            return None
        message = f"no run produces {key.type} `{key.name}`, and no descriptor declares it"
        hint = self._similar(key) or f"declare it: `kind: {key.kind}`, `name: {key.name}`"
        problems.append(Diagnostic(unknown, message, reference.span, hint))
        return None

    def _similar(self, key: StoreKey) -> str | None:
        known = sorted({*self.declared, *self.producers})
        for type_, name in known:
            if name == key.name:
                return f"it is of type {type_}: write `{key._replace(type=type_, kind=type_)}`"
        return did_you_mean(key.name, (name for type_, name in known if type_ == key.type))


def _found(reference: Reference, declared: Descriptor | None) -> Reference:
    if declared is None:
        return reference
    key = reference.key._replace(kind=declared.kind)
    return reference._replace(declared=declared, key=key)


def _age(descriptor: Descriptor) -> tuple[float | str, ...]:
    """Sorts versions by when they were made, else by version and id; `10` comes after `9`."""
    metadata = descriptor.metadata
    keys = (metadata.get("created", ""), metadata.get("version", ""), descriptor.id or "")
    return (
        not descriptor.is_copy,
        _moment(str(keys[0])),
        *(_NUMBER.sub(_padded, str(key)) for key in keys),
    )


_NUMBER = re.compile(r"\d+")
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)? ?(?:Z|([+-])(\d\d):?(\d\d))?"
)


def _padded(digits: re.Match[str]) -> str:
    return digits[0].zfill(20)


def _moment(text: str) -> float:
    """Seconds since 1970 of a time as platforms write it; 0 for what is none."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return 0.0
    *parts, fraction, sign, hours, minutes = match.groups()
    try:
        seconds = timegm(tuple(int(part or 0) for part in parts)) + float(fraction or 0)
    except ValueError:  # no such day
        return 0.0
    offset = int(hours or 0) * 3600 + int(minutes or 0) * 60
    return seconds + offset if sign == "-" else seconds - offset


def _run(
    project: Project,
    draft: _Draft,
    functions: Mapping[FunctionVersion, Function],
    data: _Data,
    outputs: tuple[Output, ...],
    problems: Problems,
) -> Run | None:
    function = functions.get(draft.function)
    if function is None or draft.action is None:
        return None
    spec = draft.merged.spec
    gitops = spec.get("gitops", {})
    parameters, init_parameters = spec.get("parameters", {}), spec.get("init_parameters", {})
    init_key = "init_parameters"
    if draft.action == "serve" and parameters:
        message = "a service's handler takes no parameters; they go to its init function"
        hint = "write `init_parameters`"
        if init_parameters:
            message = "a service has `init_parameters`, so nothing reads these parameters"
            hint = "remove them, or move them into `init_parameters`"
        else:
            init_key, init_parameters = "parameters", parameters
        span = draft.merged.span("parameters")
        problems.append(Diagnostic(PARAMETERS_TO_INIT, message, span, hint))
        parameters = {}
    _check_overruled(draft, function, problems)
    _check_profile(project, draft, problems)
    environment = _environment(draft, problems)
    requests, limits = _resources(draft, problems)
    run = Run(
        name=draft.name,
        action=draft.action,
        merged=draft.merged,
        function=function,
        local=draft.is_local,
        parameters=parameters,
        init_parameters=init_parameters,
        inputs=_inputs(draft, data, problems),
        references=_references(draft, data, problems),
        outputs=outputs,
        environment=environment,
        secrets=tuple(sorted(spec.get("secrets", ()))),
        requests=requests,
        limits=limits,
        scheduling=Scheduling.of(spec),
        volumes=tuple(map(Volume.of, spec.get("volumes", ()))),
        profile=spec.get("profile"),
        backoff_limit=spec.get("backoff_limit", 0),
        cron=spec.get("cron"),
        keeps_claims=gitops.get("on_delete", "keep") == "keep",
        replicas=spec.get("replicas", 1),
        service_type=spec.get("service_type", "ClusterIP"),
        service_name=spec.get("service_name"),
        rerun=gitops.get("rerun"),
        deadline=gitops.get("deadline"),
    )
    _check_arguments(run, init_key, problems)
    return run


def _check_overruled(draft: _Draft, function: Function, problems: Problems) -> None:
    """On the platform the function's keys win over the run's (digitalhub.md section 3.1)."""
    for key in FUNCTION_KEYS:
        own, its = draft.merged.descriptor.spec.get(key), function.descriptor.spec.get(key)
        is_same = is_same_source(own, its) if key == "source" and own and its else own == its
        if own is not None and not is_same:
            message = f"`{key}` of function `{function.name}` is used, not this"
            span = draft.merged.descriptor.key_span("spec", key)
            hint = "change the function, or define another one"
            problems.append(Diagnostic(OVERRULED, message, span, hint))


def _resources(draft: _Draft, problems: Problems) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Requests and limits, of either dialect. What has a limit only asks for that much."""
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for key, value in sorted(draft.merged.spec.get("resources", {}).items()):
        if not isinstance(value, dict):
            requests[key] = str(value)
            continue
        given = {each: str(amount) for each, amount in value.items()}
        requests[key] = given.get("requests", given.get("limits", ""))
        if "limits" in given:
            limits[key] = given["limits"]
        if key == "gpu" and limits.get(key, requests[key]) != requests[key]:
            message = "a pod that asks for GPUs gets just as many as it asks for"
            span = draft.merged.span("resources", "gpu", "limits")
            hint = f"write `gpu: '{limits[key]}'`"
            problems.append(Diagnostic(WRONG_VALUE, message, span, hint))
    return requests, limits


def _check_profile(project: Project, draft: _Draft, problems: Problems) -> None:
    name = draft.merged.spec.get("profile")
    if name is None or draft.is_local or not project.is_sound:
        return
    span = draft.merged.span("profile")
    for environment in project.environments:
        if name not in environment.profiles:
            message = f"environment `{environment.name}` has no profile `{name}`"
            known = environment.profiles
            hint = did_you_mean(name, known) or f"write `profiles: {{{name}: ...}}` in gitopsc.yaml"
            problems.append(Diagnostic(UNKNOWN_PROFILE, message, span, hint))


def _environment(draft: _Draft, problems: Problems) -> Mapping[str, str]:
    """Variables by name. A cluster refuses a pod that sets one twice."""
    environment: dict[str, str] = {}
    for index, variable in enumerate(draft.merged.spec.get("envs", ())):
        name = variable["name"]
        if name in environment:
            span = draft.merged.span("envs", index, "name")
            problems.append(Diagnostic(WRONG_VALUE, f"`{name}` is set twice", span, "keep one"))
        environment[name] = str(variable["value"])
    secrets = draft.merged.spec.get("secrets", ())
    for index, name in enumerate(secrets):
        if name in environment or name in secrets[:index]:
            span = draft.merged.span("secrets", index)
            problems.append(Diagnostic(WRONG_VALUE, f"`{name}` is set twice", span, "keep one"))
    return environment


def _inputs(draft: _Draft, data: _Data, problems: Problems) -> tuple[Reference, ...]:
    found = []
    for argument, text in sorted(draft.merged.spec.get("inputs", {}).items()):
        span = draft.merged.span("inputs", argument)
        key = _data_key(data.project, text, span, problems)
        if key is None:
            continue
        reference = Reference(argument, key, text, "inputs", span)
        resolved = data.resolve(reference, problems, UNKNOWN_INPUT)
        if resolved is not None:
            _check_reachable(draft, resolved, data, problems)
            found.append(resolved)
    return tuple(found)


def _check_reachable(draft: _Draft, read: Reference, data: _Data, problems: Problems) -> None:
    if read.producer in data.local and not draft.is_local:
        message = f"`{read.key.name}` is made by `{read.producer}`, which runs on a laptop only"
        hint = (
            "let that run write to a store that the cluster reads, or take `local_execution` away"
        )
        problems.append(Diagnostic(MADE_ELSEWHERE, message, read.span, hint))


def _references(draft: _Draft, data: _Data, problems: Problems) -> tuple[Reference, ...]:
    """`store://` strings in parameters and variables: lineage that the platform does not see."""
    found = []
    for key in ("parameters", "init_parameters", "envs"):
        for text, span in draft.merged.strings(key):
            if not text.startswith("store://"):
                continue
            store_key = StoreKey.parse(text)
            if store_key is None:
                message = f"`{text}` is no key of anything in a store"
                hint = f"write `store://{data.project}/<artifact|dataitem|model>/<kind>/<name>`"
                problems.append(Diagnostic(UNKNOWN_DATA, message, span, hint))
            if store_key is not None and store_key.type in _DATA_TYPES:
                reference = Reference(None, store_key, text, key, span)
                resolved = data.resolve(reference, problems, UNKNOWN_DATA)
                if resolved is not None:
                    _check_reachable(draft, resolved, data, problems)
                    found.append(resolved)
    return tuple(found)


# Arguments


def _check_arguments(run: Run, init_key: str, problems: Problems) -> None:
    """What a run gives is what its handler and its init take (digitalhub.md section 6)."""
    function = run.function
    given: dict[str, tuple[str, str]] = {}
    if run.action == "job":
        given = {name: ("parameters", name) for name in run.parameters}
        given |= {name: ("inputs", name) for name in run.merged.spec.get("inputs", {})}
    _check_call(run, function.handler, given, problems)
    _check_outputs(run, problems)
    if function.init is not None:
        given = {name: (init_key, name) for name in run.init_parameters}
        _check_call(run, function.init, given, problems)
    elif run.init_parameters:
        message = f"function `{function.name}` has no init function for these parameters"
        hint = "name one as `init_function` in the function's `source`"
        span = run.span(init_key)
        problems.append(Diagnostic(HANDLER_MISFIT, message, span, hint))


def _check_outputs(run: Run, problems: Problems) -> None:
    """A decorator that names the handler's outputs names all of them (digitalhub.md section 6)."""
    signature = run.function.signatures.get(run.function.handler)
    if signature is None or signature.outputs is None:
        return
    related = (Label(signature.span, "its decorator is here"),) if signature.span else ()
    for output in run.outputs:
        if output.name not in signature.outputs:
            message = f"`{run.function.handler}` has no output `{output.name}`"
            known = signature.outputs
            hint = did_you_mean(output.name, known) or f"its outputs are {listed(known) or 'none'}"
            span = run.merged.key_span("outputs", output.name)
            problems.append(Diagnostic(HANDLER_MISFIT, message, span, hint, related))


def _check_call(
    run: Run, name: str, given: Mapping[str, tuple[str, str]], problems: Problems
) -> None:
    signature = run.function.signatures.get(name)
    if signature is None:
        return
    related = (Label(signature.span, f"`{name}` is here"),) if signature.span else ()
    own = [each for each in signature.arguments if each not in _RESERVED_ARGUMENTS]
    strange = sorted(given.keys() - set(signature.arguments)) if not signature.open else []
    for argument in strange[:_TOLD]:
        message = f"`{name}` takes no argument `{argument}`"
        hint = did_you_mean(argument, own) or f"it takes {listed(own) or 'none'}"
        span = run.merged.key_span(*given[argument])
        problems.append(Diagnostic(HANDLER_MISFIT, message, span, hint, related))
    for argument in signature.required:
        if argument not in given and argument not in _RESERVED_ARGUMENTS:
            message = f"`{name}` needs the argument `{argument}`, and nothing gives it"
            where = "init_parameters" if name == run.function.init else "parameters` or `inputs"
            hint = f"add `{argument}:` under `{where}`"
            if run.action == "serve" and name == run.function.handler:
                hint = "a service's handler takes `context` and `event`; keep the rest in `context`"
            span = run.descriptor.name_span
            problems.append(Diagnostic(HANDLER_MISFIT, message, span, hint, related))


# Lineage


def _order(runs: Mapping[str, Run], problems: Problems) -> tuple[tuple[str, ...], ...]:
    """Generations of runs; each waits for the runs before it whose outputs it reads."""
    waits: dict[tuple[str, str], Reference] = {}
    for run in runs.values():
        for reference in (*run.inputs, *run.references):
            if reference.producer is not None and reference.producer in runs:
                waits.setdefault((run.name, reference.producer), reference)
    order = generations(runs, waits)
    if order is None:
        problems += [_circle(circle, waits) for circle in circles(waits)]
    return order or ()


def _circle(names: list[str], waits: Mapping[tuple[str, str], Reference]) -> Diagnostic:
    steps = list(zip(names, [*names[1:], names[0]], strict=True))
    way = " -> ".join(f"`{name}`" for name in (*names, names[0]))
    labels = tuple(
        Label(
            waits[step].span,
            f"`{step[0]}` reads {waits[step].key.type} `{waits[step].key.name}` of `{step[1]}`",
        )
        for step in steps
    )
    message = f"runs wait for each other in a circle: {way}"
    if len(names) == 1:
        message = f"run `{names[0]}` reads what it produces itself"
    hint = "pin one of the inputs to a version, or take it away"
    return Diagnostic(CYCLE, message, waits[steps[0]].span, hint, labels)


def _lineage(
    symbols: _Symbols,
    functions: Mapping[FunctionVersion, Function],
    runs: Mapping[str, Run],
    builds: Iterable[_Draft],
    order: tuple[tuple[str, ...], ...],
) -> Lineage:
    nodes: set[Node] = set()
    edges: set[Edge] = set()
    for function in functions.values():
        _function_lineage(function, nodes, edges)
    for run in runs.values():
        _run_lineage(run, symbols.project, nodes, edges)
    for draft in builds:
        if draft.function in functions:
            _build_lineage(draft, functions[draft.function], nodes, edges)
    for trigger in symbols.triggers:
        _trigger_lineage(symbols, trigger, nodes, edges)
    for versions in symbols.data.values():
        nodes.update(_data_node(symbols.project, _own_key(symbols, each)) for each in versions)
    for descriptor in (*symbols.runs.values(), *_flat(symbols.data.values())):
        _recorded_lineage(symbols, descriptor, nodes, edges)
    return Lineage(tuple(sorted(nodes)), tuple(sorted(edges)), order)


def _flat(groups: Iterable[Sequence[Descriptor]]) -> Iterator[Descriptor]:
    return (each for group in groups for each in group)


def _build_lineage(draft: _Draft, function: Function, nodes: set[Node], edges: set[Edge]) -> None:
    node = Node(f"run/{draft.name}", "run", draft.name)
    nodes.add(node)
    span = draft.merged.span("function")
    edges.add(Edge(node.id, f"function/{function.unique_name}", "run_of", "function", span))
    edges.add(Edge(_image_node(function).id, node.id, "produced_by", "build", span))


def _trigger_lineage(
    symbols: _Symbols, trigger: Descriptor, nodes: set[Node], edges: set[Edge]
) -> None:
    """A lifecycle trigger reads all data that its pattern matches, and starts a function."""
    node = Node(f"trigger/{trigger.name}", "trigger", trigger.name)
    nodes.add(node)
    span = trigger.span("spec", "key")
    pattern = str(trigger.spec["key"]).partition("://")[2]
    for versions in symbols.data.values():
        for key in (_own_key(symbols, each) for each in versions):
            unversioned = str(key._replace(version=None)).partition("://")[2]
            if fnmatchcase(unversioned, pattern) or fnmatchcase(str(key)[8:], pattern):
                target = _data_node(symbols.project, key)
                edges.add(Edge(node.id, target.id, "consumes", "key", span))
    text = trigger.spec.get("function")
    function = _function(symbols, text, trigger.span("spec", "function"), []) if text else None
    if function is not None:
        place = trigger.span("spec", "function")
        edges.add(Edge(node.id, f"function/{function.name}", "run_of", "function", place))


def _image_node(function: Function) -> Node:
    name = function.image or function.unique_name
    return Node(f"image/{name}", "image", name)


def _function_lineage(function: Function, nodes: set[Node], edges: set[Edge]) -> None:
    node = Node(f"function/{function.unique_name}", "function", function.name)
    image = _image_node(function)
    nodes |= {node, image}
    spec = function.descriptor
    if function.image is None:
        span = spec.key_span("spec", "source")
        edges.add(Edge(image.id, node.id, "produced_by", "source", span))
    if function.origin is not None:
        source = Node(f"source/{function.origin}", "source", function.origin)
        nodes.add(source)
        span = spec.span("spec", "source", "source")
        edges.add(Edge(node.id, source.id, "consumes", "source", span))


def _run_lineage(run: Run, project: str, nodes: set[Node], edges: set[Edge]) -> None:
    node = Node(f"run/{run.name}", "run", run.name)
    nodes.add(node)
    span = run.span("function")
    function = run.function
    edges.add(Edge(node.id, f"function/{function.unique_name}", "run_of", "function", span))
    edges.add(Edge(node.id, _image_node(function).id, "consumes", "function", span))
    if run.descriptor.document.data["kind"] == "scheduler":
        trigger = Node(f"trigger/{run.name}", "trigger", run.name)
        nodes.add(trigger)
        place = run.span("schedule")
        edges.add(Edge(node.id, trigger.id, "produced_by", "schedule", place))
    for reference in (*run.inputs, *run.references):
        data = _data_node(project, _meant(reference))
        nodes.add(data)
        edges.add(Edge(node.id, data.id, "consumes", reference.evidence, reference.span))
    for output in run.outputs:
        data = _data_node(project, output.key)
        nodes.add(data)
        edges.add(Edge(data.id, node.id, "produced_by", "outputs", output.span))


def _meant(reference: Reference) -> StoreKey:
    """The key of the version that is read: a declared one has an id, a produced one none yet."""
    if reference.declared is not None:
        return reference.key._replace(version=reference.declared.id)
    return reference.key


def _own_key(symbols: _Symbols, data: Descriptor) -> StoreKey:
    return StoreKey(symbols.project, DATA_TYPES[data.kind], data.kind, data.name, data.id)


def _data_node(project: str, key: StoreKey) -> Node:
    if key.project != project:
        return Node(str(key), key.type, key.name)
    version = f":{key.version}" if key.version else ""
    return Node(f"{key.type}/{key.name}{version}", key.type, key.name)


def _recorded_lineage(
    symbols: _Symbols, descriptor: Descriptor, nodes: set[Node], edges: set[Edge]
) -> None:
    """What the platform wrote down: `metadata.relationships`, and `status.outputs` of runs."""
    is_run = descriptor.kind.endswith(":run")
    if is_run:
        owner = Node(f"run/{descriptor.name}", "run", descriptor.name)
    else:
        owner = _data_node(symbols.project, _own_key(symbols, descriptor))
    nodes.add(owner)
    relationships = descriptor.metadata.get("relationships")
    for index, entry in enumerate(relationships if isinstance(relationships, list) else ()):
        relation = entry.get("type") if isinstance(entry, dict) else None
        if not isinstance(relation, str) or relation not in RELATIONS:
            continue
        target = _recorded_node(symbols, entry.get("dest"))
        if target is not None:
            nodes.add(target)
            span = descriptor.span("metadata", "relationships", index)
            edge = (owner.id, target.id, cast(Relation, relation), "metadata.relationships", span)
            edges.add(Edge(*edge))
    status = descriptor.document.data.get("status")
    outputs = status.get("outputs") if is_run and isinstance(status, dict) else None
    for name, key in (outputs if isinstance(outputs, dict) else {}).items():
        made = _recorded_node(symbols, key)
        if made is not None:
            nodes.add(made)
            span = descriptor.span("status", "outputs", name)
            edges.add(Edge(made.id, owner.id, "produced_by", "status.outputs", span))


def _recorded_node(symbols: _Symbols, text: object) -> Node | None:
    key = StoreKey.parse(text) if isinstance(text, str) else None
    if key is None:
        return None
    if key.project != symbols.project:
        return Node(str(key), key.type, key.name)
    if key.type in _DATA_TYPES:
        return _data_node(symbols.project, key)
    # A run's key has two spellings, `<id>` and `<id>:<id>` (digitalhub.md section 3.3).
    name = symbols.run_names.get(key.name, key.name) if key.type == "run" else key.name
    return Node(f"{key.type}/{name}", key.type, name)
