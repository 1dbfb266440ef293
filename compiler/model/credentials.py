"""Passwords and tokens in text that was never meant to hold them: found, and masked."""

from __future__ import annotations

import re
from urllib.parse import unquote

_SECRET_NAME = re.compile(
    r"(?i)(?:^|[?&;#])[^=&;#]*(?:token|passw|secret|signature|credential|api_?key"
    r"|(?<![a-z])(?:pwd|sig|key|auth|code)(?![a-z]))[^=&;#]*="
)
_USERS = (
    re.compile(r"(?<=://)[^\n\"'`]*@"),
    re.compile(r"[\w.+-]+:(?!//)[^\s\"'`@]+@(?!sha256:)"),
)
"""User names and passwords before a host: too much is masked rather than too little."""

_TOKENS = re.compile(r"(?i)(?<=[?&;#])((?:[\w.~-]|%[0-9a-f]{2})*=)([^&;#\s\"'`]+)")


def masked(text: str) -> str:
    """The same with `*` for what may be a secret, in its own length, so that carets still fit."""
    if "@" in text:
        for pattern in _USERS:
            text = pattern.sub(_masked_user, text)
    if "=" in text:
        text = _TOKENS.sub(_masked_value, text)
    return text


def _masked_user(found: re.Match[str]) -> str:
    """`git@` is nobody in particular."""
    return found[0] if found[0] == "git@" else "*" * (len(found[0]) - 1) + "@"


def _masked_value(found: re.Match[str]) -> str:
    is_secret = names_secret(found[1])
    return found[1] + ("*" * len(found[2]) if is_secret else found[2])


def names_secret(query: str) -> bool:
    """Whether a part of a URL after `?` or `#` gives a value to a name such as `token`."""
    return bool(_SECRET_NAME.search(unquote(query)))
