"""A descriptor and the name of its schema -> what is wrong with its shape.

Nearly every descriptor is right, and jsonschema-rs says so fifty times faster than jsonschema,
which is imported for one that is not: it tells what is wrong, and where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema_rs
from gitopsc.adapters.packaged import data_folder
from gitopsc.model.document import Pointer

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_SUFFIX = ".schema.json"


class Violation(NamedTuple):
    """One broken rule: where, which keyword, what it asks for, and the schema it stands in."""

    pointer: Pointer
    keyword: str
    expected: Any
    found: Any
    schema: Mapping[str, Any]


MOST = 100
"""Violations of one descriptor that are told, and unknown keys of one mapping; nobody fixes more
at once."""


def violations(schema: str, data: Any) -> list[Violation]:
    """What the schema (`python`, `gitopsc`, ...) has against `data`."""
    if _is_valid(schema, data):
        return []
    return [_violation(error) for error in islice(_validator(schema).iter_errors(data), MOST)]


def _violation(error: ValidationError) -> Violation:
    pointer, keyword = tuple(error.absolute_path), str(error.validator)
    if "propertyNames" in error.absolute_schema_path:
        # jsonschema points at the mapping; the instance is the name.
        pointer, keyword = (*pointer, str(error.instance)), "propertyNames"
    broken = error.schema if isinstance(error.schema, dict) else {}
    return Violation(pointer, keyword, error.validator_value, error.instance, broken)


def property_names(schema: str, *path: str) -> tuple[str, ...]:
    """The keys that a schema has, below `path` of property names."""
    node = _schemas()[schema + _SUFFIX]
    for step in path:
        node = node["properties"][step]
    return tuple(node["properties"])


def schema_at(schema: str, way: Sequence[str]) -> Mapping[str, Any]:
    """What a schema says of the value at a way of keys, with `[]` for an item of a list; nothing
    where there is no such key."""
    node, root = _followed(_schemas()[schema + _SUFFIX], _schemas()[schema + _SUFFIX])
    for step in way:
        if step == "[]":
            found = node.get("items", {})
        else:
            more = node.get("additionalProperties")
            rest = more if isinstance(more, dict) else {}
            found = node.get("properties", {}).get(step, rest)
        node, root = _followed(found, root)
    return node


def _followed(
    node: Mapping[str, Any], root: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """With all that it refers to, and the file that this is in; what it says itself wins."""
    while "$ref" in node:
        file, _, name = node["$ref"].partition("#/$defs/")
        root = _schemas()[file] if file else root
        own = {key: value for key, value in node.items() if key != "$ref"}
        node = {**root["$defs"].get(name, {}), **own}
    return node, root


def example(schema: Mapping[str, Any], key: str) -> Any:
    """The first example that a schema gives for one of its keys, or None."""
    property_ = schema.get("properties", {}).get(key, {})
    return _resolved(property_, "examples").get("examples", (None,))[0]


def nested_home(schema: str, *path: str) -> str | None:
    """Below a key of a schema, the key that has an entry called as the last of `path`."""
    *way, wanted = path
    node = _schemas()[schema + _SUFFIX]
    for step in way:
        node = node["properties"][step]
    for name, property_ in node["properties"].items():
        if wanted in _resolved(property_, "properties").get("properties", {}):
            return str(name)
    return None


def _resolved(schema: Mapping[str, Any], wanted: str) -> Mapping[str, Any]:
    """What a reference into the shared definitions leads to, unless `wanted` is there already."""
    while wanted not in schema and "$ref" in schema:
        definitions = _schemas()["definitions" + _SUFFIX]["$defs"]
        schema = definitions.get(schema["$ref"].rpartition("/")[2], {})
    return schema


def schema_titles() -> Mapping[str, str]:
    """What `schema_document` can give: names and titles, sorted."""
    titles = {name.removesuffix(_SUFFIX): each["title"] for name, each in _schemas().items()}
    del titles[_SHARED]
    return dict(sorted({**titles, _ANY: "Any descriptor, told apart by `kind`"}.items()))


def schema_document(name: str) -> Mapping[str, Any]:
    """A schema with all that it refers to inside, for editors; `descriptor` is all kinds in one."""
    shared = {
        f"{_SHARED}.{key}": _rebased(each, f"{_SHARED}.")
        for key, each in _schemas()[_SHARED + _SUFFIX]["$defs"].items()
    }
    if name != _ANY:
        own = _rebased(_schemas()[name + _SUFFIX], "")
        return {**own, "$defs": {**own.get("$defs", {}), **shared}}
    kinds = {
        file.removesuffix(_SUFFIX): _rebased(each, "")
        for file, each in _schemas().items()
        if "kind" in each.get("properties", {})
    }
    choices = [
        {
            "if": {"required": ["kind"], "properties": {"kind": each["properties"]["kind"]}},
            "then": {"$ref": f"#/$defs/{kind}"},
        }
        for kind, each in kinds.items()
    ]
    known = [each["properties"]["kind"]["const"] for each in kinds.values()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Descriptor",
        "description": "A function, a task, a run, data or a project.",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"description": "What it is.", "examples": known}},
        "allOf": choices,
        "$defs": {**kinds, **shared},
    }


_SHARED = "definitions"
_ANY = "descriptor"


def _rebased(schema: Any, prefix: str) -> Any:
    """References into this file and into the shared one, as references into one document."""
    if isinstance(schema, list):
        return [_rebased(each, prefix) for each in schema]
    if not isinstance(schema, dict):
        return schema
    rebased = {key: _rebased(each, prefix) for key, each in schema.items() if key != "$schema"}
    if isinstance(reference := schema.get("$ref"), str):
        file, _, name = reference.partition("#/$defs/")
        rebased["$ref"] = f"#/$defs/{f'{_SHARED}.' if file else prefix}{name}"
    return rebased


@cache
def _schemas() -> dict[str, Any]:
    files = sorted(data_folder("schemas").rglob("*" + _SUFFIX))
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files}


# The fast answer


def _is_valid(schema: str, data: Any) -> bool:
    """True only when jsonschema would say so, too; what it cannot hold, it does not know."""
    try:
        return _gate(schema).is_valid(data)
    except (ValueError, OverflowError):  # half a surrogate pair, a number beyond 64 bits
        return False


@cache
def _gate(schema: str) -> jsonschema_rs.Draft202012Validator:
    document = _with_integers(schema_document(schema))
    return jsonschema_rs.Draft202012Validator(document, keywords={"x-integer": _Integer})


def _with_integers(schema: Any) -> Any:
    """JSON Schema takes 2.0 for an integer; Kubernetes does not."""
    if isinstance(schema, list):
        return [_with_integers(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    marked = {key: _with_integers(each) for key, each in schema.items()}
    types = schema.get("type", ())
    if "integer" in ([types] if isinstance(types, str) else types):
        marked["x-integer"] = True
    return marked


class _Integer:
    """The keyword `x-integer`."""

    def __init__(self, parent: Any, value: Any, path: Any) -> None: ...

    def validate(self, instance: Any) -> None:
        if isinstance(instance, float):
            raise ValueError("a float")


# The long answer


@cache
def _validator(schema: str) -> Validator:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    resources = (
        (name, Resource.from_contents(each, default_specification=DRAFT202012))
        for name, each in _schemas().items()
    )
    integer = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    extended: type[Validator] = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": _pattern}, type_checker=integer
    )
    registry: Registry[Any] = Registry().with_resources(resources)
    return extended(_schemas()[schema + _SUFFIX], registry=registry)


def _pattern(
    _: Validator, pattern: str, instance: object, __: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """ECMA 262's `$` is the end; Python's also matches before a final newline."""
    from jsonschema import ValidationError

    if not isinstance(instance, str):
        return
    if pattern.endswith("$"):
        pattern = pattern[:-1] + r"\Z"
    if not re.search(pattern, instance):
        yield ValidationError("does not match")


def _is_integer(_: object, instance: object) -> bool:
    return isinstance(instance, int) and not isinstance(instance, bool)
