"""What a version of Kubernetes has in an object, and what of a value it has not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitopsc.adapters.packaged import Field, kubernetes_fields
from gitopsc.model.document import Pointer
from gitopsc.model.patch import Misfit

REPLACED = "replace"
_DIRECTIVE = "$patch"

_SCALARS: Mapping[str, tuple[type, ...]] = {
    "any": (object,),
    "boolean": (bool,),
    "integer": (int,),
    "integer or string": (int, str),
    "number": (int, float),
    "quantity": (int, float, str),
    "string": (str,),
}


_BELOW_ZERO = ("priority", "terminationGracePeriodSeconds", "tolerationSeconds")
"""Numbers for which less than 0 means something; no other of a pod or what is around it may be
(kubernetes.io/docs/reference/kubernetes-api)."""


def type_of(kind: str) -> str | None:
    """The type of a kind's objects; None of a custom resource, whose fields only its owner has."""
    return kind if kind in kubernetes_fields() else None


def field_of(type_name: str, key: str) -> Field | None:
    return kubernetes_fields().get(type_name, {}).get(key)


def misfits(type_name: str, value: Any, version: str, *, is_patch: bool) -> Iterator[Misfit]:
    """All parts of an object that Kubernetes does not have, or of a patch of it: that may lack what
    is required, set to null what is to go, and say with `$patch` what becomes of a whole."""
    yield from _of_one(type_name, value, version, (), is_patch=is_patch)


def _of_one(
    type_name: str, value: Any, version: str, way: Pointer, *, is_patch: bool
) -> Iterator[Misfit]:
    if type_name in _SCALARS:
        if not _is_scalar(value, _SCALARS[type_name]):
            yield Misfit(way, "type", type_name)
        elif type_name == "integer" and value < 0 and way[-1] not in _BELOW_ZERO:
            yield Misfit(way, "negative", type_name)
        return
    if not isinstance(value, dict):
        yield Misfit(way, "type", "mapping")
        return
    fields = kubernetes_fields()[type_name]
    here = {key: each for key, each in fields.items() if is_in(each, version)}
    for key, each in value.items():
        if is_patch and key == _DIRECTIVE:
            continue
        if key not in here:
            other = fields.get(key, Field(""))
            known = tuple(sorted(here))
            yield Misfit((*way, key), "unknown", type_name, known, other.since, other.until)
        elif not (is_patch and each is None):
            yield from _of_field(here[key], each, version, (*way, key), is_patch=is_patch)
    if not is_patch:
        for key, field in here.items():
            if field.required and value.get(key) is None:
                yield Misfit((*way, key), "missing", type_name)


def _of_field(
    field: Field, value: Any, version: str, way: Pointer, *, is_patch: bool
) -> Iterator[Misfit]:
    if field.home is None:
        yield from _of_one(field.type, value, version, way, is_patch=is_patch)
        return
    if not isinstance(value, dict if field.home == "mapping" else list):
        yield Misfit(way, "type", field.home)
        return
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if is_patch and each is None and field.home == "mapping":
            continue
        is_item = (
            is_patch and bool(field.by) and isinstance(each, dict) and each != {"$patch": REPLACED}
        )
        if is_item and field.by not in each:
            yield Misfit((*way, key), "unnamed", field.by or "")
        yield from _of_one(field.type, each, version, (*way, key), is_patch=is_patch)


def _is_scalar(value: Any, allowed: tuple[type, ...]) -> bool:
    """In Python a boolean is an integer; in Kubernetes it is not."""
    return isinstance(value, allowed) and (not isinstance(value, bool) or allowed[0] is not int)


def is_in(field: Field, version: str) -> bool:
    """Whether a version of Kubernetes has it."""
    number = _number(version)
    return (field.since is None or number >= _number(field.since)) and (
        field.until is None or number <= _number(field.until)
    )


def _number(version: str) -> int:
    return int(version.partition(".")[2])
