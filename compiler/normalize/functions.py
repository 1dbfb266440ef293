"""Functions that are said elsewhere: by a file of requirements, or by a run of an export."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter

from gitopsc.adapters.requirement import listed_requirements
from gitopsc.model.descriptor import (
    FUNCTION_KEYS,
    FUNCTION_KINDS,
    RUN_KINDS,
    Descriptor,
    FunctionDescriptor,
    Project,
)
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.reference import FunctionKey
from gitopsc.model.runtime import RUNTIMES, runtime_of
from gitopsc.model.source import Span, Tree, Unreadable
from gitopsc.normalize import sentences


def with_listed(
    project: Project, tree: Tree, descriptor: Descriptor, problems: list[Diagnostic]
) -> Descriptor:
    """The SDK takes a file of requirements, too, and writes what is in it (digitalhub.md 1)."""
    if not isinstance(descriptor, FunctionDescriptor):
        return descriptor
    written = descriptor.spec.requirements or ()
    listed = [index for index, each in enumerate(written) if each.endswith(".txt")]
    if not listed:
        return descriptor
    if len(written) > 1:
        for index in listed:
            span = descriptor.span("spec", "requirements", index)
            problems.append(sentences.file_among_requirements(written[index], span))
        return replace(descriptor, spec=replace(descriptor.spec, requirements=None))
    span = descriptor.key_span("spec", "requirements")
    beside = posixpath.dirname(project.relative(descriptor.path))
    paths = (written[0], posixpath.join(beside, written[0]))
    found = (tree.files.get(posixpath.normpath(f"{project.prefix}{path}")) for path in paths)
    file = next((each for each in found if each is not None), None)
    try:
        lines = listed_requirements(file.content) if file is not None else None
    except Unreadable:
        lines = None
    if file is None or lines is None:
        problems.append(sentences.no_requirements_file(written[0], span))
        return replace(descriptor, spec=replace(descriptor.spec, requirements=None))
    return replace(
        descriptor,
        spec=replace(descriptor.spec, requirements=tuple(text for _, text in lines)),
        requirement_places=tuple(
            Span(file.path, line, 1, line, 1 + len(text)) for line, text in lines
        ),
    )


def merged_functions(descriptors: Sequence[Descriptor]) -> Iterator[Descriptor]:
    """A run that the platform has built says all of its function, which need not be here."""
    functions = (function for function in descriptors if function.kind in FUNCTION_KINDS)
    known = {(function.name, function.id) for function in functions}
    names = {name for name, _ in known}
    unversioned = {name for name, version in known if version is None}
    runs = (run for run in descriptors if run.kind in RUN_KINDS and run.valid)
    for run in sorted(runs, key=attrgetter("name")):
        key = FunctionKey.parse(run.written.get("function", ""))
        runtime = runtime_of(run.kind)
        is_whole = RUNTIMES[runtime].whole <= run.written.keys()
        if key is None or not is_whole or (key.name, key.id) in known:
            continue
        if key.name in (names if key.id is None else unversioned):
            continue
        known.add((key.name, key.id))
        spec = {name: run.written[name] for name in FUNCTION_KEYS if name in run.written}
        yield Descriptor(
            runtime, key.name, key.id, run.document, spec, homes=run.homes, is_copy=True
        )
