"""A project's own file: entities in it that have files, too, and entries that lead to others."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from gitopsc.model.descriptor import COMPILED_KINDS, Descriptor, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.document import node_count
from gitopsc.model.source import Span
from gitopsc.model.specification import SourceSpec
from gitopsc.normalize import sentences

_REMOTE = re.compile(r"https?://", re.IGNORECASE)
_NOTHING: tuple[object, ...] = (None, [], {}, False)


def inline_entities(project: Project) -> frozenset[int]:
    """Entities inside a project's file, by their `id()`."""
    files = [entity.document for entity in project.descriptors if entity.kind == "project"]
    ranges = [(id(file.positions), file.node, file.node + node_count(file.data)) for file in files]
    return frozenset(
        id(descriptor)
        for descriptor in project.descriptors
        for positions, first, end in ranges
        if id(descriptor.document.positions) == positions and first < descriptor.document.node < end
    )


def copies_of_files(project: Project, inline: Container[int]) -> set[int]:
    """Inline entities that have a file of their own, by their `id()`.

    The SDK writes an embedded entity both ways; the file's source is beside it, the copy has it as
    base64 (digitalhub.md section 4.1).
    """
    own: dict[tuple[str, str, str | None], Descriptor] = {}
    for descriptor in project.descriptors:
        if id(descriptor) not in inline:
            own.setdefault((descriptor.kind, descriptor.name, descriptor.id), descriptor)
    copies = set()
    for copy in project.descriptors:
        original = own.get((copy.kind, copy.name, copy.id))
        if id(copy) in inline and copy.name and original and _is_same(original, copy):
            copies.add(id(copy))
    return copies


def ref_problems(project: Project, descriptor: Descriptor) -> Iterator[Diagnostic]:
    """Entries without a `spec` point to a file, which is read anyway, or to a platform."""
    for key, entries in descriptor.written.items():
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if not isinstance(entry, dict) or "spec" in entry:
                continue
            kind, metadata = entry.get("kind"), entry.get("metadata")
            ref = metadata.get("ref") if isinstance(metadata, dict) else None
            if not isinstance(kind, str):
                span = descriptor.span("spec", key, index)
                yield sentences.entry_without_kind(key, index, span)
            elif kind in COMPILED_KINDS and not _is_here(project, descriptor, entry, ref):
                span = descriptor.span("spec", key, index, "metadata", "ref")
                yield _ref_problem(entry, ref, span)


def _is_same(one: Descriptor, other: Descriptor) -> bool:
    """Whether both mean the same: a key with its default value equals a key that is absent."""
    said = [
        {key: value for key, value in spec.items() if key != "source" and value not in _NOTHING}
        for spec in (one.written, other.written)
    ]
    sources = [function.written.get("source", {}) for function in (one, other)]
    if not all(isinstance(source, dict) for source in sources):
        return said[0] == said[1] and sources[0] == sources[1]
    return said[0] == said[1] and SourceSpec.of(sources[0]).says_same(SourceSpec.of(sources[1]))


def _is_here(
    project: Project, descriptor: Descriptor, entry: Mapping[str, Any], ref: object
) -> bool:
    """Whether some file holds it; when one is named, that one."""
    beside = posixpath.dirname(descriptor.path)
    paths = {posixpath.normpath(f"{home}/{ref}").lstrip("/") for home in (beside, project.prefix)}
    return any(
        found.kind == entry["kind"]
        and (found.name == entry.get("name") or found.id == entry.get("id"))
        for found in project.descriptors
        if not isinstance(ref, str) or found.path in paths
    )


def _ref_problem(entry: Mapping[str, Any], ref: object, span: Span) -> Diagnostic:
    name = entry.get("name", entry.get("id", ref))
    if not isinstance(ref, str) or _REMOTE.match(ref):
        return sentences.on_a_platform(name, span)
    return sentences.missing_ref(name, ref, span)
