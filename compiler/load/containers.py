"""A container function -> itself: all of it is in its image, which nobody here looks into."""

from __future__ import annotations

from gitopsc.model.descriptor import FunctionDescriptor
from gitopsc.model.program import Function


def container(descriptor: FunctionDescriptor) -> Function:
    return Function(
        name=descriptor.name,
        descriptor=descriptor,
        python_version="",
        requirements=(),
        base_image=None,
        image=descriptor.spec.image,
        handler="",
        module="",
        init=None,
        files=(),
        origin=None,
        signatures={},
        imports=(),
    )
