"""What a descriptor's `spec` says, as values of known types; a key that it does not have is None.

Places are asked of the descriptor, by the way to them: `descriptor.span("spec", "envs", 2)`.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypeVar

from gitopsc.model.pod import Expose, Pod, Scale
from gitopsc.model.scheduling import Scheduling, affinity_of, node_selector_of, tolerations_of
from gitopsc.model.volume import Volume


class SourceSpec(NamedTuple):
    """Where a function's code is: `path` is a path or a URL, `code` and `base64` are text."""

    handler: str
    path: str | None = None
    code: str | None = None
    base64: str | None = None
    init_function: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> SourceSpec:
        return cls(
            handler=data.get("handler", ""),
            path=data.get("source"),
            code=data.get("code"),
            base64=data.get("base64"),
            init_function=data.get("init_function"),
        )

    @property
    def inline_keys(self) -> list[str]:
        """Under which keys the text itself stands."""
        texts = (("code", self.code), ("base64", self.base64))
        return [key for key, text in texts if text is not None]

    def says_same(self, other: SourceSpec) -> bool:
        """Whether both are the same source; `code` and `base64` of one text are.

        An export adds the text to a source that has a path. So a text on one side only is ignored.
        """
        texts = [self._text(), other._text()]
        is_added = self.path is not None and None in texts
        rests = [(each.handler, each.path, each.init_function) for each in (self, other)]
        return rests[0] == rests[1] and (texts[0] == texts[1] or is_added)

    def _text(self) -> object:
        if self.code is not None:
            return str(self.code).encode()
        if self.base64 is None:
            return None
        try:
            return b64decode("".join(self.base64.split()), validate=True)
        except (ValueError, AttributeError):
            return self.base64  # whose error `load` reports

    @property
    def module_name(self) -> str:
        """`pkg.mod` of `pkg.mod:function`; nothing of a bare function."""
        return self.handler.rpartition(":")[0]

    @property
    def function_name(self) -> str:
        return self.handler.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function's keys; in a run that the platform has merged, those of its function."""

    source: SourceSpec | None = None
    python_version: str | None = None
    requirements: tuple[str, ...] | None = None
    base_image: str | None = None
    image: str | None = None
    command: str | None = None
    image_pull_policy: str | None = None
    dockerfile: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> FunctionSpec:
        """`data` is what the schema of a function accepts; that of a container ignores `source`."""
        requirements, source = data.get("requirements"), data.get("source")
        return cls(
            source=SourceSpec.of(source) if isinstance(source, dict) else None,
            python_version=data.get("python_version"),
            requirements=None if requirements is None else tuple(requirements),
            base_image=data.get("base_image"),
            image=data.get("image"),
            command=data.get("command"),
            image_pull_policy=data.get("image_pull_policy"),
            dockerfile=data.get("dockerfile"),
        )


class Variable(NamedTuple):
    name: str
    value: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Variable:
        return cls(data["name"], str(data["value"]))


class ServicePort(NamedTuple):
    """A port of a Service, and that of the container behind it."""

    port: int
    target: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> ServicePort:
        return cls(data["port"], data.get("target_port", data["port"]))


class Quantity(NamedTuple):
    """How much of a resource a run asks for, and how much it may take."""

    request: str
    limit: str | None = None

    @classmethod
    def of(cls, data: Any) -> Quantity:
        """Of either dialect. What has a limit only asks for that much."""
        if not isinstance(data, dict):
            return cls(str(data))
        limit = data.get("limits")
        request = data.get("requests", data.get("limits", ""))
        return cls(str(request), None if limit is None else str(limit))


class GitopsSpec(NamedTuple):
    """What gitopsc adds to the platform's keys; `deadline` is in seconds. A service that does not
    say otherwise follows what a schedule makes. `only` are environments; without, it is in all.
    `expose` and `scale` are of services; `completions`, of which `parallelism` at once, and `queue`
    of jobs. Runs of a `group` are applied by themselves."""

    rerun: str | None = None
    on_delete: str = "keep"
    deadline: int | None = None
    follow: bool | Literal["restart"] | None = None
    only: tuple[str, ...] | None = None
    pod: Pod = Pod()
    expose: Expose | None = None
    scale: Scale | None = None
    completions: int | None = None
    parallelism: int | None = None
    queue: str | None = None
    group: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> GitopsSpec:
        return cls(
            data.get("rerun"),
            data.get("on_delete", "keep"),
            data.get("deadline"),
            data.get("follow"),
            tuple(data["only"]) if "only" in data else None,
            Pod.of(data.get("pod", {})),
            Expose.of(data["expose"]) if "expose" in data else None,
            Scale.of(data["scale"]) if "scale" in data else None,
            data.get("completions"),
            data.get("parallelism"),
            data.get("queue"),
            data.get("group"),
        )

    def overridden(self, by: GitopsSpec) -> GitopsSpec:
        """With the keys that an environment may have otherwise."""
        return self._replace(
            rerun=self.rerun if by.rerun is None else by.rerun,
            deadline=self.deadline if by.deadline is None else by.deadline,
            pod=by.pod.over(self.pod),
            expose=by.expose or self.expose,
            scale=by.scale or self.scale,
            completions=by.completions or self.completions,
            parallelism=by.parallelism or self.parallelism,
            queue=by.queue or self.queue,
            group=by.group or self.group,
        )


@dataclass(frozen=True, slots=True)
class RunSpec:
    """A run's keys, or what a task says for its function's runs.

    `function_copy` are keys of its function that a platform has merged into a run. `cron` is what
    its schedule comes to.
    """

    function: str | None = None
    task: str | None = None
    local_execution: bool | None = None
    parameters: Mapping[str, Any] | None = None
    init_parameters: Mapping[str, Any] | None = None
    inputs: Mapping[str, str] | None = None
    outputs: Mapping[str, str] | None = None
    envs: tuple[Variable, ...] | None = None
    secrets: tuple[str, ...] | None = None
    resources: Mapping[str, Quantity] | None = None
    volumes: tuple[Volume, ...] | None = None
    profile: str | None = None
    node_selector: Mapping[str, str] | None = None
    tolerations: Sequence[Mapping[str, Any]] | None = None
    affinity: Mapping[str, Any] | None = None
    runtime_class: str | None = None
    priority_class: str | None = None
    backoff_limit: int | None = None
    cron: str | None = None
    replicas: int | None = None
    service_type: str | None = None
    service_name: str | None = None
    service_ports: tuple[ServicePort, ...] | None = None
    args: tuple[str, ...] | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    fs_group: int | None = None
    instructions: tuple[str, ...] | None = None
    gitops: GitopsSpec | None = None
    function_copy: FunctionSpec = FunctionSpec()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> RunSpec:
        """`data` is what the schemas of runs and tasks accept, in the newest spelling. The number
        of tries is a key of gitopsc since the platform's tasks have lost it."""

        def made(key: str, make: Any) -> Any:
            return None if (value := data.get(key)) is None else make(value)

        return cls(
            function=data.get("function"),
            task=data.get("task"),
            local_execution=data.get("local_execution"),
            parameters=data.get("parameters"),
            init_parameters=data.get("init_parameters"),
            inputs=data.get("inputs"),
            outputs=data.get("outputs"),
            envs=made("envs", lambda values: tuple(map(Variable.of, values))),
            secrets=made("secrets", tuple),
            resources=made("resources", _quantities),
            volumes=made("volumes", lambda values: tuple(map(Volume.of, values))),
            profile=data.get("profile"),
            node_selector=made("node_selector", node_selector_of),
            tolerations=made("tolerations", tolerations_of),
            affinity=made("affinity", affinity_of),
            runtime_class=data.get("runtime_class"),
            priority_class=data.get("priority_class"),
            backoff_limit=(data.get("gitops") or {}).get(
                "backoff_limit", data.get("backoff_limit")
            ),
            cron=data.get("cron"),
            replicas=data.get("replicas"),
            service_type=data.get("service_type"),
            service_name=data.get("service_name"),
            service_ports=made("service_ports", lambda ports: tuple(map(ServicePort.of, ports))),
            args=made("args", tuple),
            run_as_user=data.get("run_as_user"),
            run_as_group=data.get("run_as_group"),
            fs_group=data.get("fs_group"),
            instructions=made("instructions", tuple),
            gitops=made("gitops", GitopsSpec.of),
            function_copy=FunctionSpec.of(data),
        )

    @classmethod
    def promised(cls, data: Mapping[str, Any]) -> RunSpec:
        """Of a run with errors: its outputs, so that whoever reads them has no error of its own.

        `data` may be anything.
        """
        outputs = data.get("outputs")
        if not isinstance(outputs, dict):
            return cls()
        return cls(outputs={str(name): str(text) for name, text in outputs.items()})

    def over(self, task: RunSpec) -> RunSpec:
        """This run's keys, and those of its task that it lacks (digitalhub.md section 3.1). The
        copy of its function's keys is never lacking."""
        pairs = zip(_values(self), _values(task), strict=True)
        return RunSpec(*(other if own is None else own for own, other in pairs))

    def overridden(self, by: RunSpec) -> RunSpec:
        """As an environment has it: of parameters, variables and resources, those that it names are
        others, and of the rest all that it says."""
        envs = {each.name: each for each in (*(self.envs or ()), *(by.envs or ()))}
        gitops = self.gitops
        if by.gitops is not None:
            gitops = (gitops or GitopsSpec()).overridden(by.gitops)
        return replace(
            by.over(self),
            parameters=_joined(self.parameters, by.parameters),
            init_parameters=_joined(self.init_parameters, by.init_parameters),
            resources=_joined(self.resources, by.resources),
            envs=None if self.envs is by.envs is None else tuple(envs.values()),
            gitops=gitops,
            function_copy=self.function_copy,
        )

    @property
    def is_merged(self) -> bool:
        """Whether the platform has written task and function into it (digitalhub.md 3.1)."""
        copy = self.function_copy
        return copy.source is not None and copy.python_version is not None

    @property
    def scheduling(self) -> Scheduling:
        return Scheduling(
            self.node_selector or {},
            self.tolerations or (),
            self.affinity or {},
            self.runtime_class,
            self.priority_class,
        )


ACTIONS_OF: Mapping[str, tuple[str, ...]] = {
    "backoff_limit": ("job",),
    "instructions": ("build",),
    "replicas": ("deploy", "serve"),
    "schedule": ("job",),
    "service_name": ("serve",),
    "service_type": ("serve",),
}
"""Keys of one action, which other actions' runs cannot have."""

KEYS_OF_JOBS = ("backoff_limit", "deadline")
"""The same of keys under `gitops`."""

KEYS_OF_CONTAINERS = ("args", "fs_group", "run_as_group", "run_as_user", "service_ports")
"""Keys of runs and tasks that only containers have; in those of Python, nothing reads them."""

_Value = TypeVar("_Value")


def _joined(
    own: Mapping[str, _Value] | None, more: Mapping[str, _Value] | None
) -> Mapping[str, _Value] | None:
    return own if more is None else {**(own or {}), **more}


_values = attrgetter(*(each.name for each in fields(RunSpec)))
"""In the order of the fields."""


def _quantities(data: Mapping[str, Any]) -> Mapping[str, Quantity]:
    return {name: Quantity.of(data[name]) for name in sorted(data)}


class TriggerSpec(NamedTuple):
    """A trigger that waits for data: `key` is a pattern of keys, and `states` those that count."""

    key: str = ""
    function: str | None = None
    states: tuple[str, ...] | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> TriggerSpec:
        states = data.get("states")
        states = None if states is None else tuple(map(str, states))
        return cls(str(data["key"]), data.get("function"), states)


class DataSpec(NamedTuple):
    """Declared data; `path` is where it lies, if that is known."""

    path: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> DataSpec:
        path = data.get("path")
        return cls(None if path is None else str(path))
