"""The JSON file that the compiler wrote for a run -> its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from gitopsc_runner.outcome import Unusable

DEADLINE_SECONDS = 259_200
"""Three days, as on the platform (digitalhub.md section 5.3)."""


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
    outputs go. A `scheduled` run runs whatever records there are. `secrets` names variables whose
    values are never logged. `deadline` is in seconds.
    """

    action: str
    compute: str
    environment: str
    function: str
    handler: str
    module: str
    project: str
    run: str
    deadline: int = DEADLINE_SECONDS
    init: str | None = None
    init_parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    scheduled: bool = False
    secrets: Sequence[str] = ()
    stores: Mapping[str, Any] = field(default_factory=dict)

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
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unusable(f"the settings {path} cannot be read: {error}") from None
    known = {each.name for each in fields(Settings)}
    if not isinstance(data, dict) or not data.keys() <= known:
        raise Unusable(f"the settings {path} are of another version of the compiler")
    try:
        return Settings(**data)
    except TypeError as error:
        raise Unusable(f"the settings {path} are incomplete: {error}") from None
