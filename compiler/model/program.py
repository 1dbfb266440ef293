"""What link gives: functions with their source, runs with everything merged, and the lineage."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, get_args

from gitopsc.model.address import may_name_services, named_services
from gitopsc.model.descriptor import (
    DataDescriptor,
    Environment,
    FunctionDescriptor,
    Override,
    Project,
    RunDescriptor,
)
from gitopsc.model.files import LOCK_FILE, SETTINGS_FILE
from gitopsc.model.lock import RequirementsPin, SourcePin
from gitopsc.model.names import cleaned
from gitopsc.model.reference import StoreKey
from gitopsc.model.remote import Remote
from gitopsc.model.runtime import action_of, has_runner
from gitopsc.model.source import FunctionFile, Span
from gitopsc.model.specification import RunSpec

Action = Literal["job", "serve"]
Relation = Literal["consumes", "produced_by", "run_of", "step_of"]
RELATIONS: frozenset[str] = frozenset(get_args(Relation))


INJECTED_ARGUMENTS = frozenset(("project", "run", "context", "event"))
"""What the runner gives to whoever asks for it."""


RUNNER_VARIABLES = ("GITOPSC_JOB", "GITOPSC_JOB_ID")
"""Variables with which a pod tells the runner what Job it is of."""

SHARD_VARIABLE = "JOB_COMPLETION_INDEX"
"""The one of indexed Jobs, which Kubernetes leaves as it is where a pod has it already."""

RESERVED_VARIABLES = (*RUNNER_VARIABLES, SHARD_VARIABLE, "GITOPSC_END", "GITOPSC_NOTHING")
"""No author's to set."""


class Signature(NamedTuple):
    """What can be given to a function by name; `open` when it takes any name.

    `outputs` are named by its decorator, None where that is not told by reading alone.
    `span` is its definition, None in inline text.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    open: bool
    outputs: tuple[str, ...] | None
    span: Span | None

    @property
    def arguments(self) -> tuple[str, ...]:
        return (*self.required, *self.optional)


SIDECAR_MODULE, SIDECAR_HANDLER, SIDECAR_ARGUMENT = "container.py", "bring_and_keep", "gitopsc_made"
"""The handler of the runner beside a container that has data, and the parameter of it which names
what is made."""

SIDECAR_REQUESTS: Mapping[str, str] = {"cpu": "100m", "mem": "256Mi"}

CODE = "code"
"""The evidence of what stands in a handler's code."""


class DataUse(NamedTuple):
    """Data that a handler names in its code. What it `makes` may have no name that reading tells,
    and no type where only its decorator names it."""

    verb: Literal["makes", "reads"]
    type: str | None
    kind: str | None
    name: str | None
    span: Span
    project: str | None = None


class ModuleImport(NamedTuple):
    """A module of others that a function's code imports; `path` is the file of the project that
    it would be, if that belonged to the function."""

    name: str
    span: Span
    path: str | None = None


FunctionVersion = tuple[str, str | None]
"""The name of a function and the id of one of its versions."""


class Fetch(NamedTuple):
    """A source that the builder of the image fetches, as it was pinned."""

    remote: Remote
    pin: SourcePin


class Build(NamedTuple):
    """How an image is built besides its source and requirements; secrets are names only."""

    instructions: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """`module` is the file of the handler, relative to the source's folder in the image.

    `origin` is the file or folder of the project that the source is; None for inline text.
    `archive` is the zip archive that `files` were in; `fetch` says what the builder brings besides
    them, and `content` is the digest of a source that was pinned. `packages` are what the
    requirements were locked to, and `base_digest` the digest that its base image was.
    `signatures` are those of the handler and the init function, where reading can tell them;
    `imports` the modules of others that it needs. `is_newest` says that no other version is the one
    that a bare name means. `data` is what its code names, `init_assigns` a variable of a module
    that its init function changes, and `opened` are arguments of the handler that have to be data;
    `secrets` are names that it asks for, with their places.
    `dockerfile` is the name of a container's own in its folder, the `origin`. What `is_unread` has
    a handler in a file that is not valid Python, which may make anything.
    """

    name: str
    descriptor: FunctionDescriptor
    python_version: str
    requirements: tuple[str, ...]
    base_image: str | None
    image: str | None
    handler: str
    module: str
    init: str | None
    files: tuple[FunctionFile, ...]
    origin: str | None
    signatures: Mapping[str, Signature]
    imports: tuple[ModuleImport, ...]
    archive: str | None = None
    fetch: Fetch | None = None
    content: str | None = None
    packages: RequirementsPin | None = None
    base_digest: str | None = None
    build: Build = field(default_factory=Build)
    is_newest: bool = True
    data: tuple[DataUse, ...] = ()
    init_assigns: str | None = None
    opened: tuple[str, ...] = ()
    secrets: tuple[tuple[str, Span], ...] = ()
    dockerfile: str | None = None
    is_unread: bool = False

    @property
    def version(self) -> FunctionVersion:
        return self.name, self.descriptor.id

    @property
    def is_container(self) -> bool:
        """Whether an image is all that is known of it."""
        return not has_runner(self.descriptor.kind)

    @property
    def base(self) -> str:
        """The image that its image starts from."""
        return self.descriptor.base

    @property
    def pinned_base(self) -> str:
        """With the digest, where the lock has one."""
        return self.base if self.base_digest is None else f"{self.base}@{self.base_digest}"

    @property
    def made(self) -> tuple[DataUse, ...]:
        """What its handler makes, as its code says: what it logs, and what its decorator names."""
        signature = self.signatures.get(self.handler)
        logged = [use for use in self.data if use.verb == "makes"]
        known = {use.name for use in logged}
        span = signature.span if signature is not None else None
        place = span or self.descriptor.span("spec", "source", "handler")
        names = signature.outputs if signature is not None else None
        named = [
            DataUse("makes", None, None, name, place) for name in names or () if name not in known
        ]
        return (*logged, *named)

    @property
    def unique_name(self) -> str:
        """The name; of a version that a bare name does not mean, with its id."""
        return self.name if self.is_newest else f"{self.name}:{self.descriptor.id}"


class Reference(NamedTuple):
    """Data that a run reads. `argument` is None for a key found inside a parameter or variable.

    `producer` is the run of this project whose output it is, declared, or `is_by_code`; `declared`
    the descriptor of the data. Both are None for data of another project, and for a version that
    only a store knows.
    """

    argument: str | None
    key: StoreKey
    written: str
    evidence: str
    span: Span
    producer: str | None = None
    declared: DataDescriptor | None = None
    is_by_code: bool = False

    @property
    def without_code(self) -> Reference:
        """As if nobody had looked into the code of its producer."""
        return self._replace(producer=None, is_by_code=False) if self.is_by_code else self


class Output(NamedTuple):
    """Data that a run declares to produce, under the name that its handler gives it."""

    name: str
    key: StoreKey
    span: Span


def output_names(outputs: Iterable[Output]) -> frozenset[str]:
    """What declared outputs are called: in the handler, and as data."""
    return frozenset(name for each in outputs for name in (each.name, each.key.name))


@dataclass(frozen=True, slots=True)
class Merged:
    """A run's keys and those of its task that it lacks (digitalhub.md section 3.1)."""

    descriptor: RunDescriptor
    task: RunDescriptor | None
    spec: RunSpec
    override: Override | None = None

    @classmethod
    def of(cls, descriptor: RunDescriptor, task: RunDescriptor | None) -> Merged:
        spec = descriptor.spec if task is None else descriptor.spec.over(task.spec)
        return cls(descriptor, task, spec)

    def overridden(self, override: Override) -> Merged:
        """As an environment has it."""
        return replace(self, spec=self.spec.overridden(override.spec), override=override)

    def span(self, key: str, *more: str | int) -> Span:
        """The place of a value, in the environment, the run or its task."""
        if self.override is not None and self.override.has(key, *more):
            return self.override.span(key, *more)
        return self._owner(key).span("spec", key, *more)

    def key_span(self, key: str, *more: str | int) -> Span:
        """The place of a key."""
        if self.override is not None and self.override.has(key, *more):
            return self.override.key_span(key, *more)
        return self._owner(key).key_span("spec", key, *more)

    def variable_span(self, name: str) -> Span | None:
        """The place of a variable, where one of them has it: a list has it by a number."""
        if self.override is not None:
            for index, variable in enumerate(self.override.spec.envs or ()):
                if variable.name == name:
                    return self.override.span("envs", index, "value")
        owner = self._owner("envs")
        for index, variable in enumerate(owner.spec.envs or ()):
            if variable.name == name:
                return owner.span("spec", "envs", index, "value")
        return None

    def strings(self, key: str) -> Iterator[tuple[str, Span]]:
        """The strings anywhere in a value, with their places."""
        return self._owner(key).strings(key)

    def _owner(self, key: str) -> RunDescriptor:
        if self.task is not None and key not in self.descriptor.written:
            return self.task
        return self.descriptor


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the platform would merge it: what it says itself, its task, and its function.

    Its parameters and init parameters are those that its functions are called with. A `local` one
    is never in a cluster. `outputs` are declared; `code_inputs` are what only its code asks for, as
    far as somebody here has it.
    """

    name: str
    action: Action
    merged: Merged
    function: Function
    local: bool
    parameters: Mapping[str, Any]
    init_parameters: Mapping[str, Any]
    inputs: tuple[Reference, ...]
    references: tuple[Reference, ...]
    outputs: tuple[Output, ...]
    code_inputs: tuple[Reference, ...] = ()

    def within(self, environment: Environment) -> Run:
        """As an environment has it."""
        override = environment.overrides.get(self.name)
        return self if override is None else self.overridden(override)

    def overridden(self, override: Override) -> Run:
        """What its function is called with is other, too."""
        more, init = override.spec.parameters or {}, override.spec.init_parameters or {}
        return replace(
            self,
            merged=self.merged.overridden(override),
            parameters={**self.parameters, **more},
            init_parameters={**self.init_parameters, **init},
        )

    def made(self, project: str) -> Iterator[tuple[StoreKey, Span]]:
        """What it is known to make, declared or named by its code, without versions."""
        for output in self.outputs:
            yield output.key._replace(version=None), output.span
        declared = output_names(self.outputs)
        for use in self.function.made:
            if use.name is not None and use.name not in declared:
                type_ = use.type or "dataitem"
                yield StoreKey(project, type_, use.kind or type_, use.name, None), use.span

    @property
    def descriptor(self) -> RunDescriptor:
        return self.merged.descriptor

    @property
    def spec(self) -> RunSpec:
        return self.merged.spec

    @property
    def reads(self) -> tuple[Reference, ...]:
        return (*self.inputs, *self.references, *self.code_inputs)

    def is_in(self, environment: str) -> bool:
        """Whether a cluster has it there."""
        only = self.spec.gitops.only if self.spec.gitops is not None else None
        return not self.local and (only is None or environment in only)

    @property
    def service_name(self) -> str:
        """A run's name may start with a digit, as an id does; a Service's may not."""
        if self.spec.service_name is not None:
            return cleaned(self.spec.service_name)
        name = cleaned(self.name)
        return f"s-{name}" if name[:1].isdigit() else name

    @property
    def calls(self) -> frozenset[str]:
        """Runs whose addresses its values name."""
        variables = [variable.value for variable in self.spec.envs or ()]
        values = [variables, self.spec.args or (), self.parameters, self.init_parameters]
        return frozenset(named_services(values) if may_name_services(values) else ())

    @property
    def has_sidecar(self) -> bool:
        """Whether a container has the runner beside it, which brings and keeps its data."""
        is_job = self.function.is_container and self.action == "job"
        return is_job and bool(self.inputs or self.outputs)

    @property
    def has_runner(self) -> bool:
        """Whether gitopsc's runner is in its pods: beside a container, only where that has data."""
        return not self.function.is_container or self.has_sidecar

    @property
    def has_address(self) -> bool:
        """Whether a Service leads to its pods."""
        return self.action == "serve" and action_of(self.descriptor.kind) != "deploy"

    @property
    def is_scheduled(self) -> bool:
        """Whether the clock starts it, again and again."""
        return self.spec.cron is not None

    def span(self, key: str, *more: str | int) -> Span:
        return self.merged.span(key, *more)


class BuildRun(NamedTuple):
    """A run that builds the image of a function."""

    name: str
    merged: Merged
    function: Function


class Node(NamedTuple):
    """Something in the lineage: `id` is `<type>/<name>[:<version>]`, or the key of a stranger."""

    id: str
    type: str
    name: str


class Edge(NamedTuple):
    """`source` relates to `target` in the platform's own words (digitalhub.md section 7)."""

    source: str
    target: str
    relation: Relation
    evidence: str
    span: Span


@dataclass(frozen=True, slots=True)
class Lineage:
    """A directed multigraph, sorted. Each of the `generations` of runs waits for those before."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    generations: tuple[tuple[str, ...], ...] = ()

    def only(self, kept: Container[str]) -> Lineage:
        """The part between some nodes, by their ids."""
        generations = (
            tuple(name for name in generation if f"run/{name}" in kept)
            for generation in self.generations
        )
        return Lineage(
            tuple(node for node in self.nodes if node.id in kept),
            tuple(edge for edge in self.edges if edge.source in kept and edge.target in kept),
            tuple(filter(None, generations)),
        )


@dataclass(frozen=True, slots=True)
class Program:
    """A linked project. `runs` come after the runs whose outputs they read."""

    project: Project
    functions: tuple[Function, ...]
    runs: tuple[Run, ...]
    builds: tuple[BuildRun, ...]
    lineage: Lineage

    @property
    def files_read(self) -> tuple[tuple[str, Span], ...]:
        """Every file that is read for the project, and the place that makes it so."""
        descriptors = [(each.path, each.name_span) for each in self.project.descriptors]
        sources = [
            (file.origin, function.descriptor.span("spec", "source", "source"))
            for function in self.functions
            for file in function.files
            if file.origin is not None
        ]
        requirements = [
            (place.path, function.descriptor.key_span("spec", "requirements"))
            for function in self.functions
            for place in function.descriptor.requirement_places[:1]
        ]
        archives = [
            (each.archive, each.descriptor.span("spec", "source", "source"))
            for each in self.functions
            if each.archive is not None
        ]
        names = (f"{self.project.prefix}{name}" for name in (SETTINGS_FILE, LOCK_FILE))
        settings = [(path, Span(path)) for path in names if path in self.project.described]
        return (*settings, *descriptors, *sources, *requirements, *archives)
