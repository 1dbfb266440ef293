"""The JSON file that the compiler wrote for a run -> its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from gitopsc_runner.outcome import Unusable


class StoreAddress(NamedTuple):
    """A URL that fsspec opens, and what it takes besides."""

    url: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """One run. `module` is the handler's file below the source folder.

    `inputs` (by argument) and `references` (by the key as it is written in a parameter) say what is
    read: `key`, and of `version`, `path` and `producer` what is known. `outputs` are the keys of
    what the handler returns by name. `stores` are the places that data is in, `default` where
    outputs go. `secrets` are variables whose values are never logged, each with the Secret and the
    key (`<name>/<key>`) that a cluster has it in. A job waits for data upstream for `wait` seconds
    before it ends, to be tried again later. `deadline` is in seconds; a cluster has its own. A job
    with a `count` is done in so many shards.

    The clock starts a run with a `schedule`, and the producers among `clocks`: each has the
    `schedule`, and `retries` if it is tried again after a failure. All are in `time_zone`. What a
    service does when they have made new data is `follow`: `switch` to it, `restart`, or `keep` what
    it has; without it, it does not look.
    """

    action: str
    compute: str
    environment: str
    function: str
    handler: str
    module: str
    project: str
    run: str
    clocks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    count: int | None = None
    deadline: int | None = None
    follow: str | None = None
    init: str | None = None
    init_parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    schedule: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    stores: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str = "Etc/UTC"
    wait: int = 0

    @property
    def reads(self) -> tuple[Mapping[str, str], ...]:
        """All that is read, whatever names it."""
        return (*self.inputs.values(), *self.references.values())

    @property
    def addresses(self) -> Mapping[str, StoreAddress]:
        """The stores by name."""
        return {
            name: StoreAddress(store["url"], store.get("options", {}))
            for name, store in self.stores.items()
        }


def read_settings(path: Path) -> Settings:
    """Raises Unusable when the file is not what the compiler writes."""
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            raise Unusable(f"the settings {path} are empty: the pod lacks their annotation")
        data = json.loads(text)
    except (OSError, ValueError) as error:
        raise Unusable(f"the settings {path} cannot be read: {error}") from None
    known = {each.name for each in fields(Settings)}
    if not isinstance(data, dict) or not data.keys() <= known:
        raise Unusable(f"the settings {path} are of another version of the compiler")
    try:
        return Settings(**data)
    except TypeError as error:
        raise Unusable(f"the settings {path} are incomplete: {error}") from None
