"""What emit gives: files, and what stands in them as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.files import BAKE_FILE
from gitopsc.model.output import OutputFile
from gitopsc.model.store import RecordKey


class ImageReference(NamedTuple):
    """The image of a function; `tag` is a digest of all that goes into it."""

    registry: str
    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}:{self.tag}"


class ClusterObject(NamedTuple):
    """One object of a cluster, and the file of the output that holds it.

    `run` is the run that it belongs to; a claim may be of many. `image` is what its pods start, a
    built one with its parts, and `sidecar` what they start beside it. `pod_template` is the digest
    of its pods' text: when it changes, a service rolls.
    """

    kind: str
    name: str
    environment: str
    path: str = ""
    run: str | None = None
    image: ImageReference | str | None = None
    pod_template: str | None = None
    compute: str | None = None
    record: RecordKey | None = None
    sidecar: ImageReference | None = None

    @property
    def images(self) -> tuple[ImageReference | str, ...]:
        """What its pods start: its image, and that of a container beside it."""
        return tuple(each for each in (self.image, self.sidecar) if each)


MUTABLE_OF_JOBS = (
    *("activeDeadlineSeconds", "backoffLimit", "maxFailedIndexes", "parallelism"),
    *("podReplacementPolicy", "suspend", "ttlSecondsAfterFinished"),
)
"""What of a Job's spec Kubernetes lets anybody change on one that is there."""

KNATIVE_SERVICE = "KnativeService"
"""How a `Service` of Knative is told from Kubernetes' own."""


class Manifest(NamedTuple):
    """A file of an environment, with the objects in it; `name` is below the folder of its `group`.
    `problems` are those of patches."""

    name: str
    text: str
    objects: tuple[ClusterObject, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    group: str | None = None


class Emission(NamedTuple):
    """The files of a project's output, sorted by path, the objects in its manifests, and its images
    by their names, as the bake file has them. With `problems` among them that are errors, they are
    not to be used."""

    files: tuple[OutputFile, ...]
    objects: tuple[ClusterObject, ...]
    images: Mapping[str, Mapping[str, Any]]
    problems: tuple[Diagnostic, ...] = ()


def bake_file(targets: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """All images of a project, as JSON for `docker buildx bake`."""
    return {"group": {"default": {"targets": sorted(targets)}}, "target": targets}


def bake_command(folder: str, output: str) -> str:
    """What builds and pushes the images of a project, from where its command was started. The bake
    file is used from the project's folder."""
    bake = f"docker buildx bake -f {output}/{BAKE_FILE} --push"
    return f"(cd {folder} && {bake})" if folder else bake
