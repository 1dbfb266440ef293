"""What runs of an environment must keep to, as the settings say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$|@sha512:[0-9a-f]{128}$")


class Policies(NamedTuple):
    """Nothing of it is asked for where nothing is said. `registries` and `base_images` are what
    images may come from and start from; `requests` and `limits` are of `cpu` and `mem`; `labels`
    are keys of pods' labels."""

    registries: tuple[str, ...] = ()
    base_images: tuple[str, ...] = ()
    digests: bool = False
    requests: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    pull_policy: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Policies:
        """`data` is what the schema accepts."""
        return cls(
            registries=tuple(data.get("registries", ())),
            base_images=tuple(data.get("base_images", ())),
            digests=data.get("digests", False),
            requests=tuple(data.get("requests", ())),
            limits=tuple(data.get("limits", ())),
            labels=tuple(data.get("labels", ())),
            pull_policy=data.get("pull_policy"),
        )

    def allows_registry(self, image: str) -> bool:
        """A part of an image's name is a whole part: `registry.example.com` is not that with a
        port."""
        name = _whole(image.partition("@")[0])
        return not self.registries or any(
            name == each or name.startswith((f"{each}/", f"{each}:") if "/" in each else f"{each}/")
            for each in map(_whole_part, self.registries)
        )

    def misses_digest(self, image: str) -> bool:
        return self.digests and _DIGEST.search(image) is None

    def allows_base(self, image: str) -> bool:
        name = image.partition("@")[0]
        return not self.base_images or any(
            re.fullmatch(".*".join(map(re.escape, each.split("*"))), name)
            for each in self.base_images
        )


def has_registry(image: str) -> bool:
    """Or Docker means its own."""
    first, _, rest = image.partition("/")
    return bool(rest) and _is_host(first)


def _is_host(part: str) -> bool:
    return bool(set(".:") & set(part)) or part == "localhost"


def _whole(image: str) -> str:
    """Of an image without a registry and an owner, with the owner that Docker means."""
    return image if "/" in image else f"library/{image}"


def _whole_part(name: str) -> str:
    """A name that settings allow, which may be that of a registry alone."""
    return name if _is_host(name) else _whole(name)
