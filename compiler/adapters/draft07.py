"""A JSON Schema of ours, which is 2020-12 -> the same in draft 07, as SchemaStore takes it.

SchemaStore asks for draft 07, because editors know no later one well, and checks with Ajv, which
refuses unknown keywords.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DRAFT = "http://json-schema.org/draft-07/schema#"
_BY_NAME = ("properties", "$defs")
"""Keywords whose values are schemas by names that people choose."""

_VALUES = ("const", "default", "enum", "examples")
"""Keywords whose values are no schemas."""


def draft_07(schema: Mapping[str, Any], address: str) -> Mapping[str, Any]:
    """`address` is the URL that the schema is published at. The document is complete in itself."""
    return {"$schema": _DRAFT, "$id": address, **_converted(schema)}


def _converted(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_converted(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key.startswith("x-") or key in ("$schema", "deprecated"):
            continue
        if key == "$ref":
            found[key] = value.replace("#/$defs/", "#/definitions/")
        elif key in _BY_NAME:
            name = "definitions" if key == "$defs" else key
            found[name] = {each: _converted(inner) for each, inner in value.items()}
        else:
            found[key] = value if key in _VALUES else _converted(value)
    if schema.get("deprecated"):
        found["description"] = f"DEPRECATED. {found.get('description', '')}".rstrip()
    if "$ref" in found and len(found) > 1:  # beside which draft 07 reads nothing
        found = {"allOf": [{"$ref": found.pop("$ref")}, *found.pop("allOf", [])], **found}
    return found
