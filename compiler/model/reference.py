"""The keys by which descriptors name each other (digitalhub.md section 3.3)."""

from __future__ import annotations

import re
from typing import NamedTuple

from gitopsc.model.runtime import RUNTIMES

_RUNTIME = "|".join(sorted(RUNTIMES))
_STORE_KEY = re.compile(r"store://([^/\s]+)/([^/\s]+)/([^/\s]+)/([^:/\s]+)(?::([^/\s]+))?")
_FUNCTION_KEY = re.compile(rf"(?:{_RUNTIME})://([^/\s]+)/([^:/\s]+)(?::([^/\s]+))?")
_TASK_KEY = re.compile(rf"((?:{_RUNTIME})\+[a-z]+)://([^/\s]+)/([^:/\s]+)")


class StoreKey(NamedTuple):
    """`store://<project>/<type>/<kind>/<name>[:<version>]`."""

    project: str
    type: str
    kind: str
    name: str
    version: str | None

    @classmethod
    def parse(cls, text: str) -> StoreKey | None:
        match = _STORE_KEY.fullmatch(text)
        return cls(*match.groups()) if match else None

    def __str__(self) -> str:
        version = f":{self.version}" if self.version else ""
        return f"store://{self.project}/{self.type}/{self.kind}/{self.name}{version}"


class FunctionKey(NamedTuple):
    """`<runtime>://<project>/<name>[:<id>]`, or a bare name: a function of this project."""

    project: str | None
    name: str
    id: str | None

    @classmethod
    def parse(cls, text: str) -> FunctionKey | None:
        if match := _FUNCTION_KEY.fullmatch(text):
            return cls(*match.groups())
        return None if re.search(r"[:/\s]", text) else cls(None, text, None)


class TaskKey(NamedTuple):
    """`<task kind>://<project>/<id>`."""

    kind: str
    project: str
    id: str

    @classmethod
    def parse(cls, text: str) -> TaskKey | None:
        match = _TASK_KEY.fullmatch(text)
        return cls(*match.groups()) if match else None
