"""What decides that something runs: two digests over named fields (design.md section 4a).

The fields, their defaults and the canonical form below are `identity: 2`; 1 was never released. A
change to any of them moves digests in every project that upgrades, so it is a new version of the
identity.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

VERSION: Final = 2

COMPUTE_FIELDS: Final[Mapping[str, Any]] = {
    "action": "job",
    "args": [],
    "base_image": None,
    "build": None,
    "claims": {},
    "code_inputs": {},
    "code_outputs": {},
    "command": None,
    "completions": None,
    "envs": {},
    "handler": None,
    "image": None,
    "init": None,
    "init_parameters": {},
    "inputs": {},
    "module": None,
    "outputs": {},
    "parameters": {},
    "python_version": None,
    "references": {},
    "requirements": [],
    "rerun": None,
    "secrets": [],
    "source": None,
}
"""What decides a run's result, each with the value that an absent field has.

`code_inputs` is the data that only the handler's code asks for. What it makes is in its source:
`code_outputs` stays empty.
"""

OBJECT_FIELDS: Final[Mapping[str, Any]] = {
    "compute": None,
    "patched": {},
    "pod": None,
    "queue": None,
    "retries": False,
}
"""The compute digest, the text of the pod template, whether a failure is tried again, what else
patches have changed, and Kueue's queue: what nobody may change on a live Job. Not its deadline, nor
how often it is tried."""


def compute_digest(fields: Mapping[str, Any]) -> str:
    """64 hex digits. Everything downstream takes these, and nothing else, from a run."""
    return _digest(COMPUTE_FIELDS, fields)


def object_digest(fields: Mapping[str, Any]) -> str:
    """64 hex digits, of which a Job's name ends in the first ten."""
    return _digest(OBJECT_FIELDS, fields)


def content_digest(content: bytes) -> str:
    """64 hex digits of a file; text counts with LF, however it was checked out."""
    if b"\r\n" in content and b"\0" not in content:
        content = content.replace(b"\r\n", b"\n")
    return hashlib.sha256(content).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, no blanks, ASCII only: one text per value."""
    text = _CANONICAL.encode(value)
    return text.encode("ascii")


def _digest(known: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    if unknown := fields.keys() - known.keys():
        raise KeyError(f"not fields of identity {VERSION}: {sorted(unknown)}")
    stated = {key: value for key, value in fields.items() if value != known[key]}
    return hashlib.sha256(canonical({"identity": VERSION, **stated})).hexdigest()
