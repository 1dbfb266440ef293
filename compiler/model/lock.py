"""What `gitopsc.lock` says: which content each remote source is, which packages are installed, and
which base image is meant.

The file has one block for each function. A block ends in a digest of itself: one that was edited,
or merged from two, is told from one that `gitopsc lock` wrote.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gitopsc.model import identity
from gitopsc.model.source import FunctionFile, Span

_CHECK_DIGITS = 16


class SourcePin(NamedTuple):
    """A source as its descriptor writes it, and what it was when it was pinned.

    `commit` is Git's, `sha256` of an archive or a file as it is downloaded. `content` is the digest
    of all its files, of which those `executable` are so.
    """

    written: str
    content: str
    commit: str | None = None
    sha256: str | None = None
    executable: tuple[str, ...] = ()


class RequirementsPin(NamedTuple):
    """Requirements as a descriptor writes them, those of the runner, for a Python, and the packages
    of both, with hashes.

    `names` are `name==version` of the packages that the descriptor's bring, sorted.
    """

    written: tuple[str, ...]
    runner: tuple[str, ...]
    python_version: str
    names: tuple[str, ...]
    packages: str


class BasePin(NamedTuple):
    """The image that a function's image starts from, as it is named, and its digest (`sha256:` and
    64 hex digits)."""

    written: str
    digest: str


class FunctionPin(NamedTuple):
    source: SourcePin | None = None
    requirements: RequirementsPin | None = None
    base: BasePin | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """Pins by the key of their function, with the places of their blocks.

    Blocks that are not as they were written are `edited`, and have no pins; a file that is not
    `is_whole` has none at all.
    """

    pins: Mapping[str, FunctionPin] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()
    is_whole: bool = True


def files_digest(files: Iterable[FunctionFile]) -> str:
    """64 hex digits over path, executable bit and bytes of all files; text counts with LF."""
    found = {each.path: [identity.content_digest(each.content), each.executable] for each in files}
    return hashlib.sha256(identity.canonical(found)).hexdigest()


def block_of(pin: FunctionPin) -> dict[str, Any]:
    """The block as it stands in the file, in its order, with its digest last."""
    block: dict[str, Any] = {}
    if (source := pin.source) is not None:
        block["source"] = {"from": source.written}
        if source.commit is not None:
            block["source"]["commit"] = source.commit
        if source.sha256 is not None:
            block["source"]["sha256"] = source.sha256
        if source.executable:
            block["source"]["executable"] = list(source.executable)
        block["source"]["content"] = source.content
    if (requirements := pin.requirements) is not None:
        block["requirements"] = {
            "from": list(requirements.written),
            "runner": list(requirements.runner),
            "python": requirements.python_version,
            "decides": list(requirements.names),
            "packages": requirements.packages,
        }
    if (base := pin.base) is not None:
        block["base"] = {"from": base.written, "digest": base.digest}
    return {**block, "check": _check(block)}


def pin_of(block: Mapping[str, Any]) -> FunctionPin | None:
    """The pin that a block holds; None when somebody else than `gitopsc lock` wrote it."""
    rest = {key: each for key, each in block.items() if key != "check"}
    if block["check"] != _check(rest):
        return None
    source, requirements, base = (block.get(key) for key in ("source", "requirements", "base"))
    return FunctionPin(
        source
        and SourcePin(
            source["from"],
            source["content"],
            source.get("commit"),
            source.get("sha256"),
            tuple(source.get("executable", ())),
        ),
        requirements
        and RequirementsPin(
            tuple(requirements["from"]),
            tuple(requirements["runner"]),
            requirements["python"],
            tuple(requirements["decides"]),
            requirements["packages"],
        ),
        base and BasePin(base["from"], base["digest"]),
    )


def _check(block: Mapping[str, Any]) -> str:
    text = json.dumps(block, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_CHECK_DIGITS]


_SIDES = {"<<<<<<<": (True, False), "|||||||": (False, False), "=======": (False, True)}
_BLOCK = re.compile(r"(?m)^  (?=\S)(.+):\n(?: {3,}.*\n|\n)*")


def both_sides(text: str) -> str | None:
    """A lock with a merge's conflicts in it -> the blocks of both sides, one of each function; None
    without conflicts. Blocks that the merge has broken tell so by their digests."""
    ours: list[str] = []
    theirs: list[str] = []
    is_of = (True, True)
    for line in text.replace("\r\n", "\n").splitlines(keepends=True):
        mark = line[:7]
        if mark in _SIDES:
            is_of = _SIDES[mark]
        elif mark == ">>>>>>>":
            is_of = (True, True)
        else:
            ours += [line] if is_of[0] else []
            theirs += [line] if is_of[1] else []
    if len(ours) == len(theirs) == text.count("\n"):
        return None
    own, other = "".join(ours), "".join(theirs)
    if "\nfunctions:\n" not in f"\n{own}":
        own, other = other, own
    known = {found[1] for found in _BLOCK.finditer(own)}
    more = [found[0] for found in _BLOCK.finditer(other) if found[1] not in known]
    return own + "".join(more)
