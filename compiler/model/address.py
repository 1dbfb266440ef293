"""`${service:<run>}` in a value of a run: the address of a service in its cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAMED = re.compile(r"\$\{service:([^{}]*)\}")
_BEGINNING = "${service:"
PORT = 8080
"""Where a service listens."""


def may_name_services(value: Any) -> bool:
    """Nearly no value does, and this is quick to say."""
    return _BEGINNING in repr(value)


def named_services(value: Any) -> Iterator[str]:
    """The runs that are named anywhere in a value, in mappings and lists, too."""
    if isinstance(value, str):
        if _BEGINNING in value:
            yield from (name.strip() for name in _NAMED.findall(value))
    elif isinstance(value, (dict, Mapping, list, tuple)):
        for each in value if isinstance(value, (list, tuple)) else value.values():
            if not isinstance(each, str) or _BEGINNING in each:  # nearly no string has one
                yield from named_services(each)


def with_addresses(value: Any, addresses: Mapping[str, str]) -> Any:
    """With the address of each service in its place; a name that has none stays."""
    if isinstance(value, str):
        return _NAMED.sub(lambda found: addresses.get(found[1].strip(), found[0]), value)
    if isinstance(value, Mapping):
        return {key: with_addresses(each, addresses) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_addresses(each, addresses) for each in value]
    return value


def address_of(service: str, namespace: str | None, port: int) -> str:
    """In its cluster: from any namespace, where that is known, else from its own."""
    host = f"{service}.{namespace}.svc" if namespace else service
    return f"http://{host}:{port}"
