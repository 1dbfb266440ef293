"""What linking says of each problem: where, in which words, and what to type instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gitopsc.model.address import named_services
from gitopsc.model.descriptor import (
    Descriptor,
    FunctionDescriptor,
    Override,
    RunDescriptor,
    TriggerDescriptor,
)
from gitopsc.model.diagnostic import (
    BAD_REFERENCE,
    CYCLE,
    DATA_AS_TEXT,
    DEFINED_TWICE,
    GLOBAL_DATA,
    HANDLER_MISFIT,
    MADE_ELSEWHERE,
    MISSING_KEY,
    NO_WATCH,
    NOT_BUILT,
    NOT_HERE,
    ONE_NAME,
    OTHER_PROJECT,
    OUT_OF_RANGE,
    OVERRULED,
    PARAMETERS_TO_INIT,
    RESTART_GAP,
    RUNS_ONCE,
    SET_TWICE,
    STRAY_KEY,
    TWO_PRODUCERS,
    UNFIT_VALUE,
    UNKNOWN_DATA,
    UNKNOWN_ENVIRONMENT,
    UNKNOWN_FUNCTION,
    UNKNOWN_INPUT,
    UNKNOWN_PROFILE,
    UNKNOWN_RUN,
    UNKNOWN_TASK,
    UNKNOWN_VERSION,
    UNMADE_OUTPUT,
    UNMET_IMPORT,
    UNNAMED_SECRET,
    UNUSED_TASK,
    Diagnostic,
    Label,
    did_you_mean,
    listed,
)
from gitopsc.model.program import (
    DataUse,
    Function,
    Merged,
    ModuleImport,
    Output,
    Reference,
    Run,
    Signature,
)
from gitopsc.model.reference import StoreKey
from gitopsc.model.runtime import action_of
from gitopsc.model.source import Span

Place = tuple[Descriptor, str]
"""A descriptor and a key of its spec."""


def _span(place: Place) -> Span:
    descriptor, key = place
    return descriptor.span("spec", key)


# Names


def defined_twice(what: str, first: Descriptor, second: Descriptor) -> Diagnostic:
    named = f" `{second.name}`" if second.name and "`" not in what else ""
    return Diagnostic(
        DEFINED_TWICE,
        f"the {what}{named} is defined twice",
        second.name_span,
        "rename or remove one of them",
        (Label(first.name_span, "first here"),),
    )


def other_project(what: str, project: str, place: Place | Span) -> Diagnostic:
    message = f"{what} belongs to another project, `{project}`"
    span = place if isinstance(place, Span) else _span(place)
    return Diagnostic(OTHER_PROJECT, message, span, "name one of this project")


def not_a_function(text: str, project: str, place: Place) -> Diagnostic:
    hint = f"write the function's name, or `python://{project}/<name>[:<id>]`"
    message = f"`{text}` is not a reference to a function"
    return Diagnostic(BAD_REFERENCE, message, _span(place), hint)


def unknown_function(name: str, project: str, known: Iterable[str], place: Place) -> Diagnostic:
    hint = did_you_mean(name, known) or "define a `kind: python` of that name"
    message = f"no function `{name}` in project `{project}`"
    return Diagnostic(UNKNOWN_FUNCTION, message, _span(place), hint)


def unknown_function_version(
    name: str, version: str, known: Sequence[str], place: Place
) -> Diagnostic:
    hint = did_you_mean(version, known) or f"write one of {listed(known)}"
    message = f"function `{name}` has no version `{version}`"
    return Diagnostic(UNKNOWN_FUNCTION, message, _span(place), hint)


def newest_is_used(name: str, version: str, newest: FunctionDescriptor, place: Place) -> Diagnostic:
    message = f"function `{name}` has no version `{version}` here; `{newest.id}` is used"
    related = (Label(newest.name_span, "the newest is here"),)
    return Diagnostic(UNKNOWN_VERSION, message, _span(place), "leave the id out", related)


# Runs and tasks


def no_function(run: Descriptor) -> Diagnostic:
    span = run.key_span("spec")
    return Diagnostic(
        MISSING_KEY, "`function` is missing in `spec`", span, "write `function: <name>`"
    )


def not_a_task(text: str, kind: str, project: str, run: Descriptor) -> Diagnostic:
    message = f"`{text}` is not a reference to a `{kind}` task"
    hint = f"write `{kind}://{project}/<id>`, or leave `task` out"
    return Diagnostic(BAD_REFERENCE, message, run.span("spec", "task"), hint)


def unused_task(task: RunDescriptor) -> Diagnostic:
    message = f"`{task.kind}` says what runs have in common, and there is none: nothing is made"
    hint = f"write `kind: {task.kind}:run` for a run"
    return Diagnostic(UNUSED_TASK, message, task.span("kind"), hint)


def unknown_task(kind: str, identifier: str, known: Iterable[str], run: Descriptor) -> Diagnostic:
    hint = did_you_mean(identifier, known)
    hint = hint or "export the task, too, if it says more than its function"
    message = f"no `{kind}` task has the id `{identifier}`"
    return Diagnostic(UNKNOWN_TASK, message, run.span("spec", "task"), hint)


def task_of_another(function: str, run: Descriptor) -> Diagnostic:
    message = f"the task is not of function `{function}`"
    hint = "name a task of that function, or leave `task` out"
    return Diagnostic(BAD_REFERENCE, message, run.span("spec", "task"), hint)


def external_name(merged: Merged) -> Diagnostic:
    message = "a service that runs here cannot be an ExternalName, which stands for one elsewhere"
    hint = "write `ClusterIP`, `NodePort` or `LoadBalancer`"
    return Diagnostic(UNFIT_VALUE, message, merged.span("service_type"), hint)


def overruled(key: str, function: Function, run: Descriptor) -> Diagnostic:
    message = f"`{key}` of function `{function.name}` is used, not this"
    span = run.key_span("spec", key)
    return Diagnostic(OVERRULED, message, span, "change the function, or define another one")


def parameters_to_init(merged: Merged, *, is_used: bool) -> Diagnostic:
    message = "a service's handler takes no parameters; they go to its init function"
    hint = "write `init_parameters`"
    if not is_used:
        message = "a service has `init_parameters`, so nothing reads these parameters"
        hint = "remove them, or move them into `init_parameters`"
    return Diagnostic(PARAMETERS_TO_INIT, message, merged.span("parameters"), hint)


def unknown_profile(name: str, environment: str, known: Iterable[str], span: Span) -> Diagnostic:
    message = f"environment `{environment}` has no profile `{name}`"
    hint = did_you_mean(name, known) or f"write `profiles: {{{name}: ...}}` in gitopsc.yaml"
    return Diagnostic(UNKNOWN_PROFILE, message, span, hint)


def set_twice(name: str, span: Span) -> Diagnostic:
    return Diagnostic(SET_TWICE, f"`{name}` is set twice", span, "keep one")


def variable_of_the_runner(name: str, span: Span) -> Diagnostic:
    message = f"the variable `{name}` is set for the runner"
    return Diagnostic(UNFIT_VALUE, message, span, "give it another name")


def gpu_limit(limit: str, merged: Merged) -> Diagnostic:
    message = "a pod that asks for GPUs gets just as many as it asks for"
    span = merged.span("resources", "gpu", "limits")
    return Diagnostic(UNFIT_VALUE, message, span, f"write `gpu: '{limit}'`")


# Builds


def not_in_the_image(key: str, merged: Merged) -> Diagnostic:
    message = f"`{key}` is of a pod that builds, and here BuildKit does that in its own"
    return Diagnostic(NOT_BUILT, message, merged.key_span(key), "remove it")


def ready_image(function: Function, merged: Merged) -> Diagnostic:
    message = f"function `{function.name}` has a ready image, so none is built"
    span = merged.descriptor.span("spec", "function")
    return Diagnostic(NOT_BUILT, message, span, "remove `image` from the function, or this")


def built_in_two_ways(
    function: str, first: tuple[str, Merged], second: tuple[str, Merged]
) -> Diagnostic:
    message = f"`{first[0]}` and `{second[0]}` build `{function}` in two ways"
    related = (Label(first[1].descriptor.name_span, f"`{first[0]}` is here"),)
    span = second[1].descriptor.name_span
    hint = "remove one, or give both the same instructions"
    return Diagnostic(TWO_PRODUCERS, message, span, hint, related)


# Data


def not_data(text: str, project: str, span: Span) -> Diagnostic:
    message = f"`{text}` is not a reference to data"
    hint = f"write `store://{project}/<artifact|dataitem|model>/<kind>/<name>`"
    return Diagnostic(BAD_REFERENCE, message, span, hint)


def not_a_key(text: str, project: str, span: Span) -> Diagnostic:
    message = f"`{text}` is not a store key"
    hint = f"write `store://{project}/<artifact|dataitem|model>/<kind>/<name>`"
    return Diagnostic(UNKNOWN_DATA, message, span, hint)


def versioned_output(key: StoreKey, span: Span) -> Diagnostic:
    message = "an output gets its version from its run"
    hint = f"write `{key._replace(version=None)}`"
    return Diagnostic(BAD_REFERENCE, message, span, hint)


def bad_data_name(key: StoreKey, span: Span) -> Diagnostic:
    message = f"`{key.name}` cannot be a name of data"
    hint = "use letters, digits and `. _ + -` only, at most 200"
    return Diagnostic(BAD_REFERENCE, message, span, hint)


def two_producers(first: tuple[str, Output], second: tuple[str, Output]) -> Diagnostic:
    run, output = first
    key = output.key
    message = f"{key.type} `{key.name}` has two producers: `{run}` and `{second[0]}`"
    related = (Label(output.span, f"produced by `{run}` here"),)
    hint = "give one of them another name"
    return Diagnostic(TWO_PRODUCERS, message, second[1].span, hint, related)


def other_project_s(reference: Reference, own: str) -> Diagnostic:
    key = reference.key
    message = f"`{key}` is data of another project, `{key.project}`, which nothing here makes"
    hint = f"did you mean `{key._replace(project=own)}`?"
    return Diagnostic(UNKNOWN_DATA, message, reference.span, hint)


def several_makers(reference: Reference, makers: Sequence[tuple[str, DataUse]]) -> Diagnostic:
    """Somebody has to say which is meant; a text in a parameter may be no reading at all."""
    key = reference.key
    names = listed(name for name, _ in makers)
    message = f"{key.type} `{key.name}` is made by {names}"
    code = TWO_PRODUCERS if reference.argument is not None else UNKNOWN_DATA
    related = tuple(Label(use.span, f"`{name}` makes it here") for name, use in makers[:5])
    hint = f"say which is meant: write `outputs: {{{key.name}: {key}}}` on that run"
    return Diagnostic(code, message, reference.span, hint, related)


def undeclared_version(reference: Reference) -> Diagnostic:
    key = reference.key
    message = f"no descriptor declares version `{key.version}` of {key.type} `{key.name}`"
    hint = "leave the version out to read the newest"
    return Diagnostic(UNKNOWN_VERSION, message, reference.span, hint)


def nowhere(reference: Reference) -> Diagnostic:
    key, declared = reference.key, reference.declared
    message = f"{key.type} `{key.name}` is declared without a `path`, and no run makes it"
    related = (Label(declared.name_span, "it is declared here"),) if declared is not None else ()
    hint = "write where it lies, `spec: {path: ...}`, or name it in the `outputs` of a run"
    return Diagnostic(UNKNOWN_DATA, message, reference.span, hint, related)


def unknown_data(reference: Reference, known: Mapping[tuple[str, str], str | None]) -> Diagnostic:
    """`known` are types and names, each with a run that makes it. An input has to be known; what
    stands elsewhere may be text."""
    key = reference.key
    code = UNKNOWN_DATA if reference.argument is None else UNKNOWN_INPUT
    message = f"no run produces {key.type} `{key.name}`, and no descriptor declares it"
    hint = _similar(key, known) or (
        f"where a run here makes it, write `outputs: {{<output>: {key.name}}}` there; else declare"
        f" it: `kind: {key.kind}`, `name: {key.name}`"
    )
    return Diagnostic(code, message, reference.span, hint)


def unmade_in_code(
    reference: Reference, known: Mapping[tuple[str, str], str | None], *, may_be: bool
) -> Iterator[Diagnostic]:
    """`may_be` says that code may make it by a name that only running tells, or a platform have
    it."""
    key = reference.key
    similar = _similar(key, known)
    if similar or not may_be:
        message = f"the code asks for {key.type} `{key.name}`, which no run makes"
        hint = similar or (
            f"name what a run here makes, or declare it: `kind: {key.kind}`, `name: {key.name}`,"
            " with its `path`"
        )
        yield Diagnostic(UNKNOWN_DATA, message, reference.span, hint)


def _similar(key: StoreKey, known: Mapping[tuple[str, str], str | None]) -> str | None:
    for (type_, name), run in sorted(known.items()):
        if name == key.name:
            made = f"`{run}` makes it as" if run is not None else "it is of type"
            return f"{made} {type_}: write `{key._replace(type=type_, kind=type_)}`"
    alike = did_you_mean(key.name, (name for type_, name in known if type_ == key.type))
    makers = [run for (_, name), run in known.items() if run and alike and f"`{name}`" in alike]
    return f"{alike} `{makers[0]}` makes that" if alike and makers else alike


def nothing_watched(trigger: TriggerDescriptor, *, by_state: bool) -> Diagnostic:
    """`by_state` says that some run makes such data, in a state that is not waited for."""
    if by_state:
        message = f"`{trigger.name}` starts nothing: a run that makes data makes it READY"
        hint = "write `states: [READY]`, or leave `states` out"
        return Diagnostic(NO_WATCH, message, trigger.span("spec", "states"), hint)
    message = f"no run here makes data that `{trigger.name}` waits for, so it starts nothing"
    hint = "name data in the `outputs` of a run, or start the job by a `kind: scheduler`"
    return Diagnostic(NO_WATCH, message, trigger.span("spec", "key"), hint)


def many_triggered(trigger: TriggerDescriptor, most: int) -> Diagnostic:
    message = (
        f"the triggers of this project start more than {most} jobs: what one makes starts others"
    )
    hint = "name what each waits for, without `*`, or give outputs names that no trigger waits for"
    return Diagnostic(CYCLE, message, trigger.span("spec", "key"), hint)


def unknown_field(name: str, known: Iterable[str], span: Span) -> Diagnostic:
    message = f"`{{{{{name}}}}}` cannot be filled in: only what the data is called is known here"
    hint = f"write one of {listed(sorted(known))}, or the value itself"
    return Diagnostic(UNFIT_VALUE, message, span, hint)


def runs_once(run: Run, read: Reference, producer: Run) -> Diagnostic:
    message = f"`{run.name}` runs once, and `{producer.name}` makes {read.key.type}"
    message += f" `{read.key.name}` again and again"
    hint = f"to keep up, make it a `kind: lifecycle` with `key: {read.key}`, or a"
    hint += " `kind: scheduler` with a schedule of its own; or read the data in a service"
    related = (Label(producer.descriptor.name_span, f"`{producer.name}` is here"),)
    return Diagnostic(RUNS_ONCE, message, read.span, hint, related)


def nothing_to_follow(run: Run) -> Diagnostic:
    message = "`follow` is for services"
    if run.action == "serve":
        message = f"`{run.name}` reads no data that a schedule makes, so `follow` does nothing"
    return Diagnostic(STRAY_KEY, message, run.merged.key_span("gitops", "follow"), "remove it")


def restart_gap(run: Run) -> Diagnostic:
    message = f"`{run.name}` restarts for new data, and with one replica nothing answers meanwhile"
    hint = "write `replicas: 2`, or leave `follow` out"
    return Diagnostic(RESTART_GAP, message, run.span("gitops", "follow"), hint)


def global_data(run: Run) -> Diagnostic:
    function = run.function
    message = f"`{run.name}` will not switch to new data: `{function.init}` changes"
    message += f" `{run.function.init_assigns}`, which requests under way use, too"
    hint = "keep it in `context`, or write `gitops: {follow: restart}`"
    signature = function.signatures.get(function.init or "")
    span = signature.span if signature is not None and signature.span is not None else None
    place = function.descriptor.span("spec", "source", "init_function")
    return Diagnostic(GLOBAL_DATA, message, span or place, hint)


def made_on_a_laptop(read: Reference) -> Diagnostic:
    message = f"`{read.key.name}` is made by `{read.producer}`, which runs on a laptop only"
    hint = "let that run write to a store that the cluster reads, or take `local_execution` away"
    return Diagnostic(MADE_ELSEWHERE, message, read.span, hint)


def circle(names: Sequence[str], waits: Mapping[tuple[str, str], Reference]) -> Diagnostic:
    """Each run of `names` reads what the next one makes, and the last what the first one makes."""
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
    if any(waits[step].is_by_code for step in steps):
        hint += "; what is there from before is a `kind: dataitem` with a `path`"
    return Diagnostic(CYCLE, message, waits[steps[0]].span, hint, labels)


# Arguments


def no_init(function: Function, span: Span) -> Diagnostic:
    message = f"function `{function.name}` has no init function for these parameters"
    hint = "name one as `init_function` in the function's `source`"
    return Diagnostic(HANDLER_MISFIT, message, span, hint)


def no_such_output(output: Output, run: Run, signature: Signature) -> Diagnostic:
    known = signature.outputs or ()
    message = f"`{run.function.handler}` has no output `{output.name}`"
    hint = did_you_mean(output.name, known) or f"its outputs are {listed(known) or 'none'}"
    span = run.merged.key_span("outputs", output.name)
    related = _here(signature, "its decorator is here")
    return Diagnostic(HANDLER_MISFIT, message, span, hint, related)


def unmade_output(output: Output, run: Run) -> Diagnostic:
    handler = run.function.handler
    message = f"nothing in the source of `{handler}` names an output `{output.name}`"
    hint = f'write `@handler(outputs=["{output.name}"])` above `{handler}`, log it by that name,'
    hint += " or write `output_0` for the first that is returned"
    return Diagnostic(UNMADE_OUTPUT, message, run.merged.key_span("outputs", output.name), hint)


def unnamed_secret(name: str, run: Run, place: Span) -> Diagnostic:
    message = f"`{run.function.name}` asks for the secret `{name}`, and this run does not name it"
    hint = f"write `secrets: [{name}]`; its value is in the project's Secret, or in the variable"
    hint += f" `{name}` of a laptop"
    label = (Label(place, "it is asked for here"),)
    return Diagnostic(UNNAMED_SECRET, message, run.descriptor.name_span, hint, label)


def no_such_argument(
    name: str, argument: str, known: Sequence[str], signature: Signature, span: Span
) -> Diagnostic:
    message = f"`{name}` takes no argument `{argument}`"
    hint = did_you_mean(argument, known) or f"it takes {listed(known) or 'none'}"
    related = _here(signature, f"`{name}` is here")
    return Diagnostic(HANDLER_MISFIT, message, span, hint, related)


def data_as_text(argument: str, run: Run) -> Diagnostic:
    handler = run.function.handler
    message = f"`{handler}` opens `{argument}` as data, and a parameter is text"
    hint = f"write it under `inputs`: `inputs: {{{argument}: {run.parameters[argument]}}}`"
    span = run.merged.span("parameters", argument)
    signature = run.function.signatures.get(handler)
    labels = _here(signature, f"`{handler}` is here") if signature is not None else ()
    return Diagnostic(DATA_AS_TEXT, message, span, hint, labels)


def argument_missing(name: str, argument: str, run: Run, signature: Signature) -> Diagnostic:
    message = f"`{name}` needs the argument `{argument}`, and nothing gives it"
    where = "init_parameters" if name == run.function.init else "parameters` or `inputs"
    hint = f"add `{argument}:` under `{where}`"
    if run.action == "serve" and name == run.function.handler:
        hint = "a service's handler takes `context` and `event`; keep the rest in `context`"
    related = _here(signature, f"`{name}` is here")
    return Diagnostic(HANDLER_MISFIT, message, run.descriptor.name_span, hint, related)


def _here(signature: Signature, text: str) -> tuple[Label, ...]:
    return (Label(signature.span, text),) if signature.span else ()


_MOST_LABELLED = 5
"""Functions that are pointed at, of those that lack one package."""


_ALIKE = 0.75
"""How much a misspelt module of Python is like one."""


def unmet_import(
    module: ModuleImport,
    package: str,
    version: str | None,
    known: Iterable[str],
    lacking: Sequence[Function],
) -> Diagnostic:
    """`version` is the newest Python that has it, of those that lost it; `known` are what it may be
    a slip of."""
    names = listed((each.name for each in lacking), most=_MOST_LABELLED)
    message = f"`{module.name}` is imported, and nothing that is required by {names} has it"
    if module.path is not None:
        hint = _of_project(module.path, lacking[0])
    elif version is not None:
        hint = f"Python has it up to version {version} only: use what replaces it"
    else:
        hint = f"add `{package}` to `requirements`"
        if (slip := did_you_mean(module.name, known, cutoff=_ALIKE)) is not None:
            hint = f"{slip} Or {hint}"
        if not any(each.requirements for each in lacking):
            hint += ": an image has what is required, and no more"
    labels = tuple(
        Label(each.descriptor.key_span("spec", "requirements"), f"what `{each.name}` requires")
        for each in lacking[:_MOST_LABELLED]
    )
    return Diagnostic(UNMET_IMPORT, message, module.span, hint, labels)


def _of_project(path: str, function: Function) -> str:
    """What to do with a file of the project that is imported by its place in the project."""
    roots = {str(each.origin).removesuffix(each.path) for each in function.files if each.origin}
    for root in sorted(roots - {""}):
        if path.startswith(root):
            name = path.removeprefix(root).removesuffix(".py").removesuffix("/__init__")
            return f"its source is `{root}`: import `{path}` as `{name.replace('/', '.')}`"
    return f"`{path}` is not in its source: let `source` be a folder that has it"


# Environments


def unknown_run(name: str, known: Iterable[str], override: Override) -> Diagnostic:
    names = sorted(known)
    hint = did_you_mean(name, names) or f"there are {listed(names) or 'none'}"
    span = override.document.key_span(*override.way)
    return Diagnostic(UNKNOWN_RUN, f"no run is called `{name}`", span, hint)


def unknown_environment(name: str, known: Sequence[str], span: Span) -> Diagnostic:
    hint = did_you_mean(name, known) or f"there are {listed(known)}"
    return Diagnostic(UNKNOWN_ENVIRONMENT, f"no environment is called `{name}`", span, hint)


def not_here(run: Run, producer: Run, lacking: Sequence[str], read: Reference) -> Diagnostic:
    where = listed(lacking)
    message = f"`{run.name}` reads data of `{producer.name}`, which is not in {where}"
    hint = f"add {where} to `gitops: {{only: [...]}}` of `{producer.name}`, or leave it out here"
    related = (Label(producer.span("gitops", "only"), f"`{producer.name}` is here"),)
    return Diagnostic(NOT_HERE, message, read.span, hint, related)


def never_there(run: Run, environment: str, override: Override) -> Diagnostic:
    message = f"`{run.name}` is not in `{environment}`, so nothing reads this"
    span = override.document.key_span(*override.way)
    return Diagnostic(STRAY_KEY, message, span, "remove it")


def key_of_python(key: str, run: Run, override: Override) -> Diagnostic:
    message = f"only Python functions have `{key}`, and `{run.name}` is a container"
    return Diagnostic(UNFIT_VALUE, message, override.key_span(key), "write `args` or `envs`")


def key_of_another_action(key: str, run: Run, override: Override, *way: str) -> Diagnostic:
    """`way` leads to the key where it is not at the top."""
    what = "job" if run.action == "job" else "service"
    message = f"`{key}` is not of a {what}, and `{run.name}` is one"
    return Diagnostic(UNFIT_VALUE, message, override.key_span(*(way or (key,))), "remove it")


def not_scheduled(run: Run, override: Override) -> Diagnostic:
    message = f"`{run.name}` has no schedule, and is the same kind of job in all environments"
    hint = f"write a `schedule` into `{run.name}` first, or a second run for this environment"
    return Diagnostic(UNFIT_VALUE, message, override.span("schedule"), hint)


def parameters_of_a_service(run: Run, override: Override) -> Diagnostic:
    message = f"`{run.name}` is a service, whose parameters go to its init function"
    span = override.key_span("parameters")
    return Diagnostic(UNFIT_VALUE, message, span, "write `init_parameters`")


def data_of_an_environment(text: str, span: Span) -> Diagnostic:
    message = f"`{text}` is data, and what a run reads is the same in all environments"
    hint = "write it into the run; stores differ by environment, in `stores`"
    return Diagnostic(UNFIT_VALUE, message, span, hint)


# Services


def other_runtime(function: FunctionDescriptor, run: RunDescriptor) -> Diagnostic:
    """Of a run or a task."""
    message = f"`{function.name}` is a function of kind `{function.kind}`, and this a `{run.kind}`"
    ending = ":run" if run.kind.endswith(":run") else ""
    hint = f"write `kind: {function.kind}+{action_of(run.kind)}{ending}`"
    related = (Label(function.name_span, f"`{function.name}` is here"),)
    return Diagnostic(UNFIT_VALUE, message, run.span("kind"), hint, related)


def args_of_python(run: Run) -> Diagnostic:
    message = f"only runs of containers have `args`, and `{run.function.name}` is a Python function"
    hint = "write `parameters: {<argument>: <value>}`"
    return Diagnostic(UNFIT_VALUE, message, run.merged.key_span("args"), hint)


def no_ports(run: Run) -> Diagnostic:
    message = f"`{run.name}` is a service, and nothing says on which ports its container listens"
    hint = (
        "add `service_ports: [{port: 80, target_port: 8080}]`, or make it a `container+deploy:run`"
    )
    return Diagnostic(MISSING_KEY, message, run.descriptor.name_span, hint)


def one_port(port: int, index: int, run: Run) -> Diagnostic:
    message = f"port {port} is there twice"
    return Diagnostic(SET_TWICE, message, run.span("service_ports", index), "keep one")


def requests_are_not_counted(run: Run) -> Diagnostic:
    message = f"gitopsc's runner counts requests, and the container `{run.name}` has none"
    span = run.merged.key_span("gitops", "scale", "concurrency")
    return Diagnostic(UNFIT_VALUE, message, span, "write `cpu: 80` instead")


def no_command(run: Run) -> Diagnostic:
    message = f"`command` is required: a shell starts `{run.name}`, which has inputs or outputs"
    hint = f"write `command` into `{run.function.name}`; its image needs `/bin/sh`"
    return Diagnostic(MISSING_KEY, message, run.function.descriptor.span("spec"), hint)


def not_a_file_name(run: Run, key: str, name: str, *, is_reserved: bool) -> Diagnostic:
    message = f"`{name}` cannot be the name of a file in `/{key}`"
    hint = "write letters, digits, `.`, `_`, `+` and `-`"
    if is_reserved:
        hint = f"rename it: `{name}` is reserved for the runner"
    return Diagnostic(UNFIT_VALUE, message, run.merged.key_span(key, name), hint)


def key_as_text(reference: Reference, run: Run) -> Diagnostic:
    message = f"the container of `{run.name}` gets this key as it is: only Python gets the data"
    hint = "write where the data lies, such as `s3://<bucket>/<path>`"
    return Diagnostic(DATA_AS_TEXT, message, reference.span, hint)


def does_not_wait(watched: Reference, run: Run) -> Diagnostic:
    key = watched.key
    message = (
        f"`inputs` is required: without, the container of `{run.name}` waits for no {key.type}"
        f" `{key.name}`"
    )
    hint = f"write `inputs: {{{key.name}: '{{{{input.key}}}}'}}` into the `template`"
    return Diagnostic(MISSING_KEY, message, watched.span, hint)


def only_of_services(key: str, run: Run) -> Diagnostic:
    what = "a job" if run.action == "job" else "a deployment that nothing reaches"
    message = f"only services have `{key}`, and `{run.name}` is {what}"
    return Diagnostic(UNFIT_VALUE, message, run.merged.key_span("gitops", key), "remove it")


def only_of_jobs(key: str, run: Run) -> Diagnostic:
    message = f"`{key}` is of jobs, and `{run.name}` is a service"
    hint = "remove it" if key == "queue" else "remove it; a service has `replicas` or `scale`"
    return Diagnostic(UNFIT_VALUE, message, run.merged.key_span("gitops", key), hint)


def parallel_without_shards(run: Run) -> Diagnostic:
    message = f"`parallelism` says how many shards run at once, and `{run.name}` has none"
    hint = "add `completions`, the number of all shards"
    return Diagnostic(UNFIT_VALUE, message, run.merged.key_span("gitops", "parallelism"), hint)


def more_than_all(parallelism: int, completions: int, run: Run) -> Diagnostic:
    message = f"`parallelism` is {parallelism}, and there are {completions} shards"
    hint = f"write {completions} or less, or leave it out"
    return Diagnostic(OUT_OF_RANGE, message, run.span("gitops", "parallelism"), hint)


def shards_by_the_clock(run: Run, clocks: Sequence[str]) -> Diagnostic:
    why = f"reads what the schedule of {listed(clocks)} makes" if clocks else "has a schedule"
    message = f"`{run.name}` {why}, so its shards could belong to different ticks"
    hint = "remove `completions`" + (", or read data of a job without a schedule" if clocks else "")
    return Diagnostic(UNFIT_VALUE, message, run.merged.key_span("gitops", "completions"), hint)


def not_with_a_gateway(key: str, run: Run) -> Diagnostic:
    message = f"`{key}` is of an Ingress, and a route of a gateway has none"
    hint = "remove it: a gateway has its own class and certificates; or remove `gateway`"
    return Diagnostic(UNFIT_VALUE, message, run.merged.key_span("gitops", "expose", key), hint)


def replicas_and_scale(run: Run) -> Diagnostic:
    message = f"`replicas` and `scale` of `{run.name}` both say how many pods there are"
    hint = "remove `replicas`, and write the least as `scale: {min: ...}`"
    return Diagnostic(UNFIT_VALUE, message, run.merged.key_span("replicas"), hint)


def more_than_most(least: int, most: int, run: Run) -> Diagnostic:
    message = f"`min` is {least}, which is more than `max`, {most}"
    hint = f"write `min: {most}` and `max: {least}`, if that is meant"
    return Diagnostic(OUT_OF_RANGE, message, run.span("gitops", "scale"), hint)


def one_address(address: str, run: Run, first: Run, environment: str) -> Diagnostic:
    message = f"`{run.name}` and `{first.name}` are both at {address} in `{environment}`"
    related = (Label(first.span("gitops", "expose"), f"`{first.name}` is here"),)
    hint = "give one of them another host or path"
    return Diagnostic(ONE_NAME, message, run.span("gitops", "expose"), hint, related)


def not_a_service(name: str, is_there: bool, services: Sequence[str], run: Run) -> Diagnostic:
    message = f"`{name}` has no address" if is_there else f"no run is called `{name}`"
    hint = did_you_mean(name, services) or f"services here: {listed(sorted(services))}"
    if not services:
        hint = "there is no service in this project"
    code = UNFIT_VALUE if is_there else UNKNOWN_RUN
    return Diagnostic(code, message, _call_span(run, name), hint)


def service_not_here(run: Run, called: Run, lacking: Sequence[str]) -> Diagnostic:
    message = f"`{run.name}` calls `{called.name}`, which is not in {listed(lacking)}"
    hint = f"add it to `gitops: {{only: [...]}}` of `{called.name}`, or leave it out here"
    related = (Label(called.descriptor.name_span, f"`{called.name}` is here"),)
    return Diagnostic(NOT_HERE, message, _call_span(run, called.name), hint, related)


def _call_span(run: Run, name: str) -> Span:
    for key in ("envs", "parameters", "init_parameters"):
        for text, span in run.merged.strings(key):
            if name in named_services(text):
                return span
    return run.descriptor.name_span
