"""Volumes as descriptors and profiles declare them (digitalhub.md section 2)."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from gitopsc.model.names import cleaned

VolumeType = Literal["persistent_volume_claim", "shared_volume", "ephemeral", "empty_dir", "image"]

_DEFAULT_SIZES: Mapping[str, str] = {
    "persistent_volume_claim": "2Gi",
    "ephemeral": "2Gi",
    "empty_dir": "128Mi",
}
"""design.md section 4; a shared volume has no default: without a size, its claim is there."""


class Volume(NamedTuple):
    """One volume. `size` is None where none is made; `claim` names the claim that runs share."""

    type: VolumeType
    name: str
    mount_path: str
    size: str | None
    storage_class: str | None
    access_mode: str
    claim: str | None
    image: str | None
    sub_path: str | None

    def claim_of(self, run: str) -> str | None:
        """The claim of a run's volume (design.md section 4); `run` is its name, cleaned.

        A run's own is named after both, a shared one by its own name.
        """
        if self.type == "persistent_volume_claim":
            return f"{run}-{cleaned(self.name)}"
        if self.type == "shared_volume":
            return self.claim or cleaned(self.name)
        return None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Volume:
        """`data` is an item of `volumes` that its schema accepts."""
        spec = data.get("spec", {})
        type_ = data["volume_type"]
        if "claim_name" in spec:  # platforms before 0.14 mounted a claim that was there
            type_ = "shared_volume"
        size = spec.get("size", spec.get("sizeLimit", _DEFAULT_SIZES.get(type_)))
        return cls(
            type=type_,
            name=data["name"],
            mount_path=posixpath.normpath("/" + data["mount_path"].lstrip("/")),
            size=None if size is None or "claim_name" in spec else str(size),
            storage_class=spec.get("storage_class", spec.get("storageClass")),
            access_mode=spec.get("access_mode", "ReadWriteOnce"),
            claim=spec.get("claimName", spec.get("claim_name")),
            image=spec.get("image"),
            sub_path=spec.get("subPath"),
        )
