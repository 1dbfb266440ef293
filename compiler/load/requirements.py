"""A function's requirements -> what they were locked to, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator

from gitopsc.adapters.requirement import excluded_pin, normalised, requirement_fault
from gitopsc.load import sentences
from gitopsc.model.descriptor import FunctionDescriptor
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.lock import FunctionPin, Lock, RequirementsPin


def bad_requirements(function: FunctionDescriptor, runner: tuple[str, ...]) -> Iterator[Diagnostic]:
    """Both are installed together: what plainly excludes a pin of the `runner` is told here."""
    for index, text in enumerate(function.spec.requirements or ()):
        span = function.requirement_span(index)
        if fault := requirement_fault(text):
            yield sentences.bad_requirement(fault, span)
        elif pin := excluded_pin(text, runner):
            yield sentences.excludes_the_runner(text, pin, span)


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
