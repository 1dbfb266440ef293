"""JSON data and the operations of RFC 6902 -> other data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonpatch import JsonPatch, JsonPatchException, JsonPatchTestFailed
from jsonpointer import JsonPointerException


class NotApplicable(Exception):
    """Says why, in a sentence."""


def applied(operation: Mapping[str, Any], data: Any) -> Any:
    """`add`, `remove`, `replace` or `test`, to a copy."""
    try:
        return JsonPatch([dict(operation)]).apply(data)
    except JsonPatchTestFailed:
        raise NotApplicable("`test` finds another value") from None
    except (JsonPatchException, JsonPointerException, KeyError, TypeError, ValueError):
        raise NotApplicable(f"`{operation['op']}` finds no place for it") from None
