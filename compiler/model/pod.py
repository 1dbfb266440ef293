"""What pods have besides, and how services are reached, counted and watched (settings and runs)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

DEFAULT_USER = 65532
"""Of the images that are built."""


class Pod(NamedTuple):
    """`user` is a number, or `assigned` where the cluster chooses; `shm` the size of `/dev/shm`."""

    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    service_account: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    user: int | Literal["assigned"] | None = None
    shm: str | None = None
    pull_policy: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Pod:
        """`data` is what the schema accepts."""
        return cls(
            data.get("labels", {}),
            data.get("annotations", {}),
            data.get("service_account"),
            tuple(data.get("image_pull_secrets", ())),
            data.get("user"),
            None if data.get("shm") is None else str(data["shm"]),
            data.get("pull_policy"),
        )

    def over(self, other: Pod) -> Pod:
        """What this one says, and what the other says besides."""
        secrets = dict.fromkeys((*other.image_pull_secrets, *self.image_pull_secrets))
        return Pod(
            {**other.labels, **self.labels},
            {**other.annotations, **self.annotations},
            self.service_account or other.service_account,
            tuple(secrets),
            self.user or other.user,
            self.shm or other.shm,
            self.pull_policy or other.pull_policy,
        )


class Gateway(NamedTuple):
    name: str
    namespace: str | None = None
    listener: str | None = None


class Expose(NamedTuple):
    """An address outside of the cluster: an Ingress, or a route of a `gateway`. `tls` is the Secret
    of its certificate, `class_name` the IngressClass."""

    host: str
    path: str = "/"
    tls: str | None = None
    class_name: str | None = None
    gateway: Gateway | None = None
    annotations: Mapping[str, str] = {}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Expose:
        gateway = data.get("gateway")
        return cls(
            data["host"],
            data.get("path", "/"),
            data.get("tls"),
            data.get("class"),
            None if gateway is None else Gateway(**gateway),
            data.get("annotations", {}),
        )


class Scale(NamedTuple):
    """Pods between `least` and `most`, by the percent of CPU or the requests at a time."""

    least: int
    most: int
    cpu: int | None
    concurrency: int | None

    @property
    def is_to_zero(self) -> bool:
        """No pod while there are no requests, which takes Knative."""
        return self.least == 0

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Scale:
        concurrency = data.get("concurrency")
        cpu = data.get("cpu", None if concurrency is not None else 80)
        return cls(data.get("min", 1), data["max"], cpu, concurrency)


class Network(NamedTuple):
    """Services let in pods of their project, and those of namespaces that are `allowed`."""

    allowed: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Network | None:
        return cls(tuple(sorted(data.get("allow", ())))) if data.get("restrict") else None


def plain(value: Any) -> Any:
    """One of these, at any depth, as a mapping of what it says, as it is written."""
    if not hasattr(value, "_asdict"):
        return value
    found = {_WRITTEN.get(key, key): plain(each) for key, each in value._asdict().items()}
    return {key: each for key, each in found.items() if each not in (None, {}, ())}


_WRITTEN = {"class_name": "class", "least": "min", "most": "max"}
