"""Resolutions -> names of the settings' `secrets` that nothing asks for, and that are nearly one
that something does: what asks for it gets the Secret of the project instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitopsc.model.diagnostic import Diagnostic, did_you_mean
from gitopsc.model.program import Program
from gitopsc.model.resolution import Resolution
from gitopsc.plan import sentences

_ALIKE = 0.7


def secret_problems(program: Program, resolutions: Sequence[Resolution]) -> Iterator[Diagnostic]:
    settings = program.project.settings
    if settings is None or not program.project.is_whole:
        return
    asked = {name for each in resolutions for name in _asked(each)}
    told: set[str] = set()
    for resolution in resolutions:
        written = resolution.environment.secrets.keys()
        for name in sorted(written - asked - told):
            hint = did_you_mean(name, asked - written, _ALIKE)
            homes = (
                ("environments", resolution.environment.name, "secrets", name),
                ("secrets", name),
            )
            place = next((settings.key_span(*way) for way in homes if settings.has(*way)), None)
            if hint is not None and place is not None:
                told.add(name)
                yield sentences.unasked_secret(name, hint, place)


def _asked(resolution: Resolution) -> Iterator[str]:
    yield from resolution.environment.store_secrets
    yield from resolution.build_secrets
    for resolved in resolution.runs:
        yield from resolved.secrets
