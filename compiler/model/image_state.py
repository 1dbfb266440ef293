"""What a registry has of an image."""

from __future__ import annotations

from typing import Literal, NamedTuple


class ImageState(NamedTuple):
    """`unknown` is what a registry would not say, and `reason` why. Of what is there it says the
    `digest`."""

    reference: str
    state: Literal["there", "missing", "unknown"]
    reason: str = ""
    digest: str | None = None
