"""A container function -> itself: nobody here looks into its image, which is there already, or is
built from a Dockerfile of the project."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from gitopsc.load import sentences
from gitopsc.load.source import Sources, Unavailable, find_context
from gitopsc.model.descriptor import FunctionDescriptor
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import Function


def container(
    sources: Sources, descriptor: FunctionDescriptor
) -> tuple[Function | None, list[Diagnostic]]:
    spec = descriptor.spec
    if spec.dockerfile is None and spec.image is None:
        return None, [sentences.no_image(descriptor)]
    if spec.dockerfile is None:
        return _function(descriptor), []
    if spec.image is not None:
        return None, [sentences.image_and_dockerfile(descriptor)]
    found = find_context(sources, descriptor, spec.dockerfile)
    if isinstance(found, Unavailable):
        return None, [found.problem] if found.problem else []
    built = {
        "files": found.files,
        "origin": found.origin,
        "dockerfile": posixpath.basename(posixpath.normpath(spec.dockerfile)),
    }
    return _function(descriptor, built), []


def _function(descriptor: FunctionDescriptor, built: Mapping[str, Any] | None = None) -> Function:
    own = {"files": (), "origin": None, **(built or {})}
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
        signatures={},
        imports=(),
        **own,
    )
