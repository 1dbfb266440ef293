"""Resolved runs -> what each mounts, the claims that are made, and what is in whose way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gitopsc.model.descriptor import Environment
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.names import cleaned
from gitopsc.model.plan import EXCHANGED, Claim, Mount
from gitopsc.model.program import Run
from gitopsc.model.quantity import canonical
from gitopsc.model.resolution import Resolution, ResolvedRun
from gitopsc.model.source import Span
from gitopsc.model.store import MOUNTED
from gitopsc.model.volume import Volume
from gitopsc.plan import sentences

_TAKEN = (
    *("/opt/function", "/opt/gitopsc", "/etc/gitopsc", MOUNTED),
    *("/dev", "/proc", "/sys"),
)
"""Where no volume may be mounted: the source, the runner, its settings, and what no disk holds."""

_IMAGE_VOLUMES = (1, 35)
"""The first Kubernetes that has image volumes switched on; the restricted standard allows them."""


def mounts(resolved: ResolvedRun) -> tuple[Mount, ...]:
    name = cleaned(resolved.name)
    return tuple(
        Mount(f"v-{cleaned(volume.name)}", _sized(volume), volume.claim_of(name))
        for volume in resolved.volumes
    )


def _sized(volume: Volume) -> Volume:
    return volume if volume.size is None else volume._replace(size=canonical(volume.size))


def is_for_one_node(volume: Volume) -> bool:
    """Whether its claim is ours to make, and only pods of one node can mount it."""
    is_made = (
        volume.type in ("persistent_volume_claim", "shared_volume") and volume.size is not None
    )
    return is_made and volume.access_mode != "ReadWriteMany"


class _Wanted(NamedTuple):
    """A claim as one run wants it."""

    claim: Claim
    run: Run
    volume: Volume

    @property
    def terms(self) -> tuple[object, ...]:
        """What two runs have to agree on."""
        claim = self.claim
        return claim.size, claim.access_mode, claim.storage_class, claim.is_kept


def claims(
    resolution: Resolution, waves: Mapping[str, int]
) -> tuple[tuple[Claim, ...], list[Diagnostic]]:
    """Claims to make, each once, in the wave of the first run that mounts it.

    Not before it: many claims are bound only when a pod asks for them, and a wave waits for that.
    """
    found: dict[str, _Wanted] = {}
    problems: list[Diagnostic] = []
    files = {cleaned(each.name): each.run.descriptor for each in resolution.cluster_runs}
    for build in resolution.program.builds if resolution.environment.builder is not None else ():
        files.setdefault(cleaned(build.name), build.merged.descriptor)
    for wanted in _wanted(resolution, waves):
        claim = wanted.claim
        first = found.setdefault(claim.name, wanted)
        place = _place(wanted.run, wanted.volume)
        is_shared = wanted.volume.type == first.volume.type == "shared_volume"
        is_other = (first.run, first.volume) != (wanted.run, wanted.volume)
        if not is_shared and is_other:
            problems.append(sentences.one_claim_name(wanted.run, first.run, claim.name, place))
        elif first.terms != wanted.terms:
            problems.append(sentences.claim_conflict(wanted.run, first.run, claim.name, place))
        elif claim.wave < first.claim.wave:
            found[claim.name] = first._replace(claim=first.claim._replace(wave=claim.wave))
        if namesake := files.get(f"claim-{claim.name}"):
            problems.append(sentences.name_of_a_claim(claim.name, namesake))
    return tuple(found[name].claim for name in sorted(found)), problems


def _wanted(resolution: Resolution, waves: Mapping[str, int]) -> Iterator[_Wanted]:
    for resolved in sorted(resolution.cluster_runs, key=lambda each: cleaned(each.name)):
        run = resolved.run
        for volume in resolved.volumes:
            name = volume.claim_of(cleaned(run.name))
            if name is not None and volume.size is not None:
                claim = Claim(
                    name=name,
                    size=canonical(volume.size),
                    access_mode=volume.access_mode,
                    storage_class=volume.storage_class,
                    is_kept=resolved.keeps_claims or volume in resolved.store_volumes,
                    wave=waves.get(run.name, 0),
                    source=resolution.program.project.relative(run.descriptor.path),
                    place=_place_of_claim(resolution, resolved, volume),
                    group=_group(resolved) if volume.type == "persistent_volume_claim" else None,
                )
                yield _Wanted(claim, run, volume)


def _group(resolved: ResolvedRun) -> str | None:
    """A claim that runs share is of none: whichever of them mounts it, it is there."""
    return resolved.spec.gitops.group if resolved.spec.gitops is not None else None


def _place_of_claim(resolution: Resolution, resolved: ResolvedRun, volume: Volume) -> Span:
    if volume in resolved.store_volumes:
        return resolution.program.project.setting_span(resolution.environment.name, "stores")
    return _place(resolved.run, volume)


def _place(run: Run, volume: Volume) -> Span:
    """In the run or its task, or else the profile that brings it."""
    for index, own in enumerate(run.spec.volumes or ()):
        if own is volume:
            return run.span("volumes", index)
    return run.span("profile")


def mount_problems(environment: Environment, resolved: ResolvedRun) -> Iterator[Diagnostic]:
    run = resolved.run
    for volumes in (run.spec.volumes or (), resolved.profile.volumes):
        names: dict[str, Volume] = {}
        for volume in volumes:
            if names.setdefault(cleaned(volume.name), volume) is not volume:
                yield sentences.two_volumes(cleaned(volume.name), _place(run, volume))
    first: dict[str, Volume] = {}
    for volume in resolved.volumes:
        if volume not in resolved.store_volumes:
            place = _place(run, volume)
            other = first.setdefault(volume.mount_path, volume)
            if other is not volume:
                yield sentences.one_mount(volume, other, place)
            yield from _volume_problems(environment, resolved, volume, place)


def _volume_problems(
    environment: Environment, resolved: ResolvedRun, volume: Volume, place: Span
) -> Iterator[Diagnostic]:
    """What is wrong with a volume whatever others there are."""
    path = volume.mount_path
    kept = (*_TAKEN, *(path for _, path in EXCHANGED if resolved.run.has_sidecar))
    hidden = next((taken for taken in kept if _meet(path, taken)), None)
    if hidden is not None:
        yield sentences.hides(path, hidden, place)
    scale = resolved.spec.gitops.scale if resolved.spec.gitops is not None else None
    replicas = scale.most if scale is not None else resolved.spec.replicas or 0
    if replicas > 1 and is_for_one_node(volume):
        yield sentences.one_node(replicas, place)
    if volume.type == "image" and _number(environment.kubernetes) < _IMAGE_VOLUMES:
        yield sentences.no_image_volumes(environment, place)


def _meet(path: str, taken: str) -> bool:
    """Whether one folder is the other or lies in it."""
    return f"{taken}/".startswith(f"{path.rstrip('/')}/") or path.startswith(f"{taken}/")


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
