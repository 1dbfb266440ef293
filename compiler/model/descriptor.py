"""What validate gives: projects with their settings, and the descriptors of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gitopsc.model.controller import Controller
from gitopsc.model.document import Document, Pointer
from gitopsc.model.lock import BasePin, FunctionPin, Lock
from gitopsc.model.patch import Patch
from gitopsc.model.pod import Network, Pod
from gitopsc.model.policy import Policies
from gitopsc.model.runtime import RUNTIMES, action_of, has_runner
from gitopsc.model.scheduling import Scheduling
from gitopsc.model.source import Span
from gitopsc.model.specification import (
    DataSpec,
    FunctionSpec,
    RunSpec,
    SourceSpec,
    TriggerSpec,
)
from gitopsc.model.store import LOCAL_SCHEMES, Store, scheme_of
from gitopsc.model.volume import Volume

DATA_TYPES: Mapping[str, str] = {
    "artifact": "artifact",
    "croissant": "dataitem",
    "dataitem": "dataitem",
    "huggingface": "model",
    "mlflow": "model",
    "model": "model",
    "sklearn": "model",
    "table": "dataitem",
}
"""Kind of a data entity -> its type in `store://<project>/<type>/<kind>/<name>`."""

FUNCTION_KINDS = frozenset(RUNTIMES)
TASK_KINDS = frozenset(
    f"{name}+{action}" for name, runtime in RUNTIMES.items() for action in runtime.actions
)
RUN_KINDS = frozenset((*(f"{kind}:run" for kind in TASK_KINDS), "python+run"))
TRIGGER_KINDS = frozenset(("lifecycle", "scheduler"))

_OWN_TAG = re.compile("[0-9a-f]{16}")

FUNCTION_KEYS = (
    *("base_image", "command", "image", "image_pull_policy"),
    *("python_version", "requirements", "source"),
)
"""What the platform writes of a function into its runs (digitalhub.md section 3.1)."""

INLINE_MODULE = "main.py"
"""Where the platform puts inline source that names no path (digitalhub.md section 1.2)."""

COMPILED_KINDS = (
    frozenset(("project", "secret"))
    | FUNCTION_KINDS
    | TASK_KINDS
    | RUN_KINDS
    | TRIGGER_KINDS
    | frozenset(DATA_TYPES)
)
"""Kinds that have a schema."""

OUR_KIND_LINE = re.compile(
    rb"[\"']?\bkind[\"']?[ \t]*:[ \t]*[\"']?(?:%s)[\"']?[ \t\r]*(?:[,}#\n]|$)"
    % b"|".join(re.escape(kind.encode()) for kind in sorted(COMPILED_KINDS, reverse=True))
)
"""Where a text, in YAML or JSON, has one of them."""

OTHER_RUNTIMES = frozenset(
    (
        "dbt",
        "flower-app",
        "flower-client",
        "flower-server",
        "guardrail",
        "hera",
        "huggingfaceserve",
        "hydra",
        "kfp",
        "kubeai-speech",
        "kubeai-text",
        "mlflowserve",
        "nefertem",
        "openinference",
        "sklearnserve",
        "vllmserve-pooling",
        "vllmserve-speech",
        "vllmserve-text",
    )
)
"""Runtimes of the platform that are not ours, by the first part of their kinds."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One function, task, run, trigger, data entity or project, whose shape its schema accepts.

    `written` is its `spec` as any JSON, for what writes it again. It may lack keys only when the
    descriptor has errors; `valid` says that it has none. A key of it stands in the document below
    the first of `homes` that has it. `is_copy` says that it stands for a descriptor that is not
    here: a function as a run of it was merged.
    """

    kind: str
    name: str
    id: str | None
    document: Document
    written: Mapping[str, Any]
    valid: bool = True
    homes: tuple[Pointer, ...] = (("spec",),)
    is_copy: bool = False

    @property
    def metadata(self) -> Mapping[str, Any]:
        metadata = self.document.data.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def labels(self) -> tuple[str, ...]:
        """Free words, as the platform has them."""
        labels = self.metadata.get("labels")
        listed = labels if isinstance(labels, list) else ()
        return tuple(label for label in listed if isinstance(label, str))

    @property
    def path(self) -> str:
        return self.document.path

    def span(self, *pointer: str | int) -> Span:
        """The place of a value; `spec` stands for wherever a key of it is."""
        return self.document.span(*self._way(pointer))

    def key_span(self, *pointer: str | int) -> Span:
        """The place of a key."""
        return self.document.key_span(*self._way(pointer))

    def strings(self, key: str) -> Iterator[tuple[str, Span]]:
        """The strings anywhere in a key of `spec`, with their places."""
        way = self._way(("spec", key))
        if self.document.has(*way):
            yield from self.document.part(*way).strings()

    def _way(self, pointer: Pointer) -> Pointer:
        if pointer[:1] == ("spec",) and len(pointer) > 1:
            for home in self.homes:
                if self.document.has(*home, pointer[1]):
                    return (*home, *pointer[1:])
        return pointer

    @property
    def name_span(self) -> Span:
        """The place of its name, or of whatever stands in for one."""
        for key in ("name", "id", "kind"):
            if key in self.document.data:
                return self.document.span(key)
        return self.document.span()


DEFAULT_PYTHON_IMAGE = "python:{version}-slim"
"""What images of Python functions start from."""

SIDECAR_IMAGE, _SIDECAR_PYTHON = "container-data", "3.12"
"""The image of the runner beside a container that has data, which has a block of its own in the
lock, and its Python."""


@dataclass(frozen=True, slots=True)
class FunctionDescriptor(Descriptor):
    """`requirement_places` are those of its requirements, where a file has them; `python_image` is
    the project's."""

    spec: FunctionSpec = field(default_factory=FunctionSpec)
    requirement_places: tuple[Span, ...] = ()
    python_image: str = DEFAULT_PYTHON_IMAGE

    @property
    def python_version(self) -> str:
        """Such as `3.11`."""
        version = self.spec.python_version or ""
        return version.removeprefix("PYTHON").replace("_", ".")

    @property
    def base(self) -> str:
        """The image that its image starts from."""
        return self.spec.base_image or self.default_base

    @property
    def default_base(self) -> str:
        return _with_version(self.python_image, self.python_version)

    @property
    def source(self) -> SourceSpec:
        """That of a valid function."""
        return self.spec.source or SourceSpec("")

    @property
    def has_source(self) -> bool:
        return bool(self.source.path or self.source.inline_keys)

    @property
    def may_have_sdk(self) -> bool:
        """Whether the platform's own SDK may be in its image: then a platform may answer."""
        spec = self.spec
        own = (*(spec.requirements or ()), spec.base_image or "", spec.image or "")
        return any("digitalhub" in each for each in own)

    def has_platform_image(self, project: str) -> bool:
        """A platform writes what it has built into the function (digitalhub.md section 1.1): it
        calls images `<project>-<function>`, and has other tags than we do."""
        name, _, tag = (self.spec.image or "").rpartition("/")[2].partition(":")
        return name == f"{project}-{self.name}" and not _OWN_TAG.fullmatch(tag)

    def requirement_span(self, index: int) -> Span:
        if self.requirement_places:
            return self.requirement_places[index]
        return self.span("spec", "requirements", index)

    def line_of_text(self, line: int) -> Span:
        """A line of the source that no file of the project has: in a block of text, else the whole
        text, and where a source comes from that was fetched or unpacked."""
        if not self.source.inline_keys:
            return self.span("spec", "source", "source")
        code = self.source.code
        span = self.span("spec", "source", "code" if code is not None else "base64")
        if span.end_line - span.line < max(1, (code or "").count("\n")):
            return span  # all on one line, or with breaks that are written as `\n`
        return Span(span.path, span.line + line, 1, span.line + line, 1)


def _with_version(image: str, version: str) -> str:
    return image.replace("{version}", version)


@dataclass(frozen=True, slots=True)
class RunDescriptor(Descriptor):
    """A run, what a trigger starts, or a task: what it says for its function's runs.

    Of a trigger that waits for data, `trigger` is the name, and `filling` what its template gets.
    """

    spec: RunSpec = field(default_factory=RunSpec)
    trigger: str | None = None
    filling: Mapping[str, str] = field(default_factory=dict)

    def strings(self, key: str) -> Iterator[tuple[str, Span]]:
        for text, span in super(RunDescriptor, self).strings(key):
            yield filled(text, self.filling), span

    @property
    def is_scheduler(self) -> bool:
        """Whether it is written as a trigger."""
        return bool(self.document.data["kind"] == "scheduler")

    @property
    def is_of_trigger(self) -> bool:
        """Whether it is the template of one."""
        return self.is_scheduler or self.trigger is not None


@dataclass(frozen=True, slots=True)
class TriggerDescriptor(Descriptor):
    """A trigger that waits for data. `run` is what it starts, with its template as it is."""

    spec: TriggerSpec = field(default_factory=TriggerSpec)
    run: RunDescriptor | None = None


_FIELD = re.compile(r"\{\{\{?\s*([^{}]*?)\s*\}?\}\}")


def filled(text: str, values: Mapping[str, str]) -> str:
    """With the values in the place of `{{<name>}}`; a name that has none stays."""
    if not values:
        return text
    return _FIELD.sub(lambda found: values.get(found[1], found[0]), text)


def filled_fields(text: str) -> list[str]:
    """The names that stand in braces."""
    return [match[1] for match in _FIELD.finditer(text)]


@dataclass(frozen=True, slots=True)
class DataDescriptor(Descriptor):
    spec: DataSpec = field(default_factory=DataSpec)


class Entities(NamedTuple):
    """The descriptors of a project by what they are, in one dialect; broken ones are in it, too."""

    functions: tuple[FunctionDescriptor, ...] = ()
    tasks: tuple[RunDescriptor, ...] = ()
    runs: tuple[RunDescriptor, ...] = ()
    triggers: tuple[TriggerDescriptor, ...] = ()
    data: tuple[DataDescriptor, ...] = ()


class ExternalKey(NamedTuple):
    """Where the External Secrets Operator has a value: a `property` of what is at `path` in a
    store, of the namespace or of the cluster."""

    store: str
    is_of_cluster: bool
    path: str
    property: str | None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> ExternalKey:
        """`data` is what the schema accepts, with one store."""
        store = data.get("store", data.get("cluster_store", ""))
        return cls(store, "store" not in data, data["path"], data.get("property"))


@dataclass(frozen=True, slots=True)
class SecretKey:
    """Where a cluster keeps the value of a platform secret: a key of a Secret. It may be fetched
    from an `external` store."""

    name: str
    key: str
    external: ExternalKey | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> SecretKey:
        external = data.get("external")
        return cls(data["name"], data["key"], external and ExternalKey.of(external))


@dataclass(frozen=True, slots=True)
class Profile:
    """What runs get that name it; it wins over what they say (digitalhub.md section 5.4)."""

    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[Volume, ...] = ()
    scheduling: Scheduling = field(default_factory=Scheduling)
    pod: Pod = field(default_factory=Pod)
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class Builder:
    """BuildKit in the cluster: where it listens, what its client is, with what it may push, and by
    which certificates both know each other."""

    address: str | None
    client_image: str
    registry_secret: str | None
    tls_secret: str | None = None


DEFAULT_TARGET = "kubernetes"
DEFAULT_EXECUTOR = "workflow-executor"
DEFAULT_KUBERNETES = "1.34"
DEFAULT_TIME_ZONE = "Etc/UTC"


@dataclass(frozen=True, slots=True)
class Override:
    """What a run has otherwise in an environment; it stands at `way` in the settings."""

    document: Document
    way: Pointer
    spec: RunSpec

    def has(self, *pointer: str | int) -> bool:
        return self.document.has(*self.way, *pointer)

    def span(self, *pointer: str | int) -> Span:
        return self.document.span(*self.way, *pointer)

    def key_span(self, *pointer: str | int) -> Span:
        return self.document.key_span(*self.way, *pointer)

    def strings(self, key: str) -> Iterator[tuple[str, Span]]:
        if self.has(key):
            yield from self.document.part(*self.way, key).strings()


@dataclass(frozen=True, slots=True)
class Environment:
    """The settings for one folder of manifests, its own over the project's.

    `defaults` are for runs that do not say. With a `builder`, images that a run builds are built in
    the cluster. Schedules are in its time zone. With `sync_waves`, Argo CD applies runs in the
    order of their data. `budget` is for jobs that start together, in quantities. `overrides` are
    what runs have otherwise here, by their names. `metrics` says how Prometheus finds services;
    `patches` are applied in their order. Jobs wait in a `queue`, if there is one. The `executor` is
    the service account of Argo Workflows' own containers.
    """

    name: str
    registry: str | None = None
    namespace: str | None = None
    target: str = DEFAULT_TARGET
    kubernetes: str = DEFAULT_KUBERNETES
    secrets: Mapping[str, SecretKey] = field(default_factory=dict)
    defaults: RunSpec = field(default_factory=RunSpec)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    builder: Builder | None = None
    stores: Mapping[str, Store] = field(default_factory=dict)
    time_zone: str = DEFAULT_TIME_ZONE
    sync_waves: bool = False
    budget: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Override] = field(default_factory=dict)
    pod: Pod = field(default_factory=Pod)
    network: Network | None = None
    metrics: str | None = None
    controller: Controller | None = None
    patches: tuple[Patch, ...] = ()
    queue: str | None = None
    policies: Policies = field(default_factory=Policies)
    executor: str = DEFAULT_EXECUTOR

    def profile(self, name: str | None) -> Profile:
        """The one that a run names; linking has seen that every environment has it."""
        return self.profiles.get(name, Profile()) if name else Profile()

    @property
    def store_secrets(self) -> tuple[str, ...]:
        """Variables with which drivers are let into the stores."""
        return tuple(sorted({each for store in self.stores.values() for each in store.secrets}))

    @property
    def store_volumes(self) -> tuple[Volume, ...]:
        return tuple(each.volume for _, each in sorted(self.stores.items()) if each.volume)


class Allowance(NamedTuple):
    """A finding that the settings let pass: its code, files by a pattern, and why."""

    code: str
    pattern: str
    reason: str
    span: Span


class SourceChoice(NamedTuple):
    """Which files of source folders are used and which not, whatever imports tell: patterns of
    paths in the project."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with its settings and descriptors; `folder` is relative to the tree.

    `place` is where to point for what is wrong with the project as a whole. `described` are the
    files of the whole tree that hold descriptors or settings, of this project or another.
    `local` is the environment of a laptop: the settings without any environment's own.
    `settings` are those as they are written, and `allowed` what they let pass. `entities` are the
    descriptors once they are in one dialect.
    Images start from `python_image`, where functions do not say from what.
    `is_sound` says that its settings have no errors, so that what they lack is really not there;
    `is_whole` that all its descriptors are here; `fetches` that builders fetch sources, where they
    can.
    """

    name: str
    folder: str
    output: str
    environments: tuple[Environment, ...]
    descriptors: tuple[Descriptor, ...]
    place: Span
    described: frozenset[str]
    is_sound: bool = True
    is_whole: bool = True
    fetches: bool = False
    choice: SourceChoice = field(default_factory=SourceChoice)
    lock: Lock = field(default_factory=Lock)
    local: Environment = field(default_factory=lambda: Environment("local"))
    settings: Document | None = None
    allowed: tuple[Allowance, ...] = ()
    entities: Entities = field(default_factory=Entities)
    python_image: str = DEFAULT_PYTHON_IMAGE

    def setting_span(self, environment: str, key: str) -> Span:
        """Where an environment has a setting from: its own, or that of all."""
        for home in (("environments", environment), ()):
            if self.settings is not None and self.settings.has(*home, key):
                return self.settings.span(*home, key)
        return self.place

    @property
    def prefix(self) -> str:
        """What every path of the project starts with in the tree."""
        return self.folder + "/" if self.folder else ""

    def relative(self, path: str) -> str:
        return path.removeprefix(self.prefix)

    @property
    def schemes(self) -> tuple[str, ...]:
        """Of the URLs that its runs may open: what drivers its images need."""
        stores = (store for each in self.environments for store in each.stores.values())
        urls = {store.url for store in stores}
        urls |= {data.spec.path for data in self.entities.data if data.spec.path is not None}
        return tuple(sorted({scheme_of(url) for url in urls} - {*LOCAL_SCHEMES}))

    @property
    def container_data(self) -> Span | None:
        """The place of the first data of a container, which has the runner beside it; None where no
        container has any."""
        entities = self.entities
        containers = {each.name for each in entities.functions if not has_runner(each.kind)}
        for run in (*entities.runs, *(each.run for each in entities.triggers if each.run)):
            # A trigger does not say of which runtime its function is.
            function = (run.spec.function or "").rpartition("/")[2].partition(":")[0]
            is_container = not has_runner(run.kind) or function in containers
            has_data = run.spec.inputs or run.spec.outputs
            if run.valid and is_container and has_data and action_of(run.kind) == "job":
                return run.key_span("spec", "inputs" if run.spec.inputs else "outputs")
        return None

    @property
    def sidecar_base(self) -> str:
        """What the image of the runner beside containers starts from, without its pin."""
        return _with_version(self.python_image, _SIDECAR_PYTHON)

    @property
    def sidecar_pin(self) -> BasePin | None:
        """What the lock has of it, which may be of another `sidecar_base`."""
        return self.lock.pins.get(SIDECAR_IMAGE, FunctionPin()).base

    @property
    def pinned_sidecar_base(self) -> str:
        pin = self.sidecar_pin
        if pin is None or pin.written != self.sidecar_base:
            return self.sidecar_base
        return f"{self.sidecar_base}@{pin.digest}"

    def lock_keys(self) -> Mapping[tuple[str, str | None], str]:
        """What the block of each function is called in the lock: with its id, if it has several."""
        functions = self.entities.functions
        versions = Counter(function.name for function in functions)
        return {
            (function.name, function.id): f"{function.name}:{function.id}"
            if versions[function.name] > 1 and function.id is not None
            else function.name
            for function in functions
        }
