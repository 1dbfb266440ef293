"""The JSON file that the compiler wrote for a run -> its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gitopsc_runner.outcome import Unusable


@dataclass(frozen=True)
class Settings:
    """One run. `module` is the handler's file below the source folder."""

    action: str
    compute: str
    environment: str
    function: str
    handler: str
    module: str
    project: str
    run: str
    init: str | None = None
    init_parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, Any] = field(default_factory=dict)


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
