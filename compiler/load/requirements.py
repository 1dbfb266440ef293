"""A function's requirements and base image -> what they were locked to, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from gitopsc.adapters.packaged import RUNTIME, known_packages
from gitopsc.adapters.requirement import (
    excluded_pin,
    normalised,
    plain_name,
    requirement_fault,
)
from gitopsc.adapters.standard_library import standard_library
from gitopsc.load import sentences
from gitopsc.model.descriptor import SIDECAR_IMAGE, FunctionDescriptor, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.lock import BasePin, FunctionPin, Lock, RequirementsPin
from gitopsc.model.source import Span

_INSTALLERS = frozenset(("pip", "setuptools", "wheel"))


def bad_requirements(function: FunctionDescriptor, runner: tuple[str, ...]) -> Iterator[Diagnostic]:
    """Both are installed together: what plainly excludes a pin of the `runner` is told here."""
    for index, text in enumerate(function.spec.requirements or ()):
        if fault := requirement_fault(text):
            yield sentences.bad_requirement(fault, function.requirement_span(index))
        elif pin := excluded_pin(text, runner):
            yield sentences.excludes_the_runner(text, pin, function.requirement_span(index))
        else:
            yield from _misnamed(text, index, function)


def _misnamed(text: str, index: int, function: FunctionDescriptor) -> Iterator[Diagnostic]:
    """What an import is called, and the package is not. One with a marker is of some Pythons."""
    name, known = plain_name(text), known_packages(RUNTIME)
    if name is None or name in known.requires or ";" in text:
        return
    module, packages = next(
        ((each, found) for each, found in known.modules.items() if each.lower() == name), (name, ())
    )
    if packages and name not in packages:
        yield sentences.module_of(module, packages[0], function.requirement_span(index))
    elif not packages and name in standard_library(function.python_version) - _INSTALLERS:
        yield sentences.in_the_library(name, function.requirement_span(index))


def locked_packages(
    function: FunctionDescriptor, lock: Lock, key: str, runner: tuple[str, ...]
) -> RequirementsPin | Diagnostic | None:
    """Nothing says that requirements have to be locked; but a lock is of what is written, and of
    what the `runner` requires."""
    pin = lock.pins.get(key, FunctionPin()).requirements
    written = normalised(function.spec.requirements or ())
    is_same = pin is not None and normalised(pin.written) == written
    is_of_runner = pin is not None and pin.runner == runner
    if pin is None or (is_same and is_of_runner and pin.python_version == function.python_version):
        return pin
    span = function.key_span("spec", "requirements")
    if is_same and pin.python_version == function.python_version:
        return sentences.runner_changed(function.name, lock, key, span)
    if is_same:
        return sentences.python_changed(function.name, lock, key, span)
    return sentences.requirements_changed(function.name, lock, key, span)


def sidecar_problems(project: Project, place: Span) -> Iterator[Diagnostic]:
    """Of the image beside containers; `place` is where it is needed."""
    pin = project.sidecar_pin
    if pin is not None and pin.written != project.sidecar_base:
        yield sentences.base_changed(SIDECAR_IMAGE, project.lock, SIDECAR_IMAGE, place)


def pinned_base(function: FunctionDescriptor, lock: Lock, key: str) -> BasePin | Diagnostic | None:
    """Nothing says that a base image has to be pinned; but a pin is of the one that is meant."""
    pin = lock.pins.get(key, FunctionPin()).base
    if pin is None or function.spec.image is not None or pin.written == function.base:
        return pin if function.spec.image is None else None
    span = function.span("spec", "base_image" if function.spec.base_image else "python_version")
    return sentences.base_changed(function.name, lock, key, span)
