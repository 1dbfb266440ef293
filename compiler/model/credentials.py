"""Passwords and tokens in text that was never meant to hold them: by their names, and masked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

_SECRET_WORD = re.compile(
    r"(?i)token|passw|secret|signature|credential|api_?key"
    r"|(?<![a-z])(?:pwd|sig|key|auth|code)(?![a-z])"
)
_USERS = (
    re.compile(r"(?<=://)[^\n\"'`]*@"),
    re.compile(r"(?<![\w.+-])[\w.+-]+:(?!//)[^\s\"'`@]+@(?!sha256:)"),
)
"""User names and passwords before a host: too much is masked rather than too little."""

_TOKENS = re.compile(r"(?i)(?<=[?&;#])((?:[\w.~-]|%[0-9a-f]{2})*=)([^&;#\s\"'`]+)")
_TELLING = (
    r"(?:password|passwd|passphrase|(?:db|user|admin|root|smtp|mail|ftp|ssh|pg|mysql|redis|mongo|proxy|login)[_.-]?pass(?![a-z])|pwd|secret|token|api_?key|access_?key|secret_?key|private_?key"
    r"|account_?key|auth_?key|encryption_?key|credentials?|connection_?string)"
)
_TELLING_NAME = re.compile(rf"(?:.*[_.-])?{_TELLING}", re.IGNORECASE)
_WORDS = ("pass", "pwd", "secret", "token", "key", "credential", "connection")
_NAMED = re.compile(
    rf"{_TELLING}[\"']?\]?[ \t]*[:=]"
    rf"|name[\"']?[ \t]*:[ \t]*[\"']?[\w.-]*{_TELLING}[\"']?[ \t]*[,}}\r\n]"
)
"""A key or a variable, or what is called so by a `name` beside its `value`."""
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ASSIGNED = re.compile(
    rf"(?i)((?<![\w.-])[\w.-]*?{_TELLING}(?:_?value)?[\"']?[ \t]*(?::|=)[ \t]*[\"']?)"
    r"(?!(?:\w+\.)*get_secret\([\"'][\w.-]+[\"']\)|os\.getenv\([\"']\w+[\"']\)"
    r"|os\.environ\[[\"']\w+[\"']\])"
    r"([^\s\"',}\]#`][^\s\"',}\]`]*)"
)
_CALLED = re.compile(
    rf"(?im)\bname[\"']?[ \t]*:[ \t]*[\"']?[\w.-]{{0,100}}?{_TELLING}[\"']?[ \t]*(?:[,}}]|$)"
)
_VALUE = re.compile(
    r"(?i)(\bvalue[\"']?[ \t]*:[ \t]*)(\"[^\"\n]*\"?|'[^'\n]*'?|\{[^}\n]*\}?|[^,}\n]+)"
)
_BARE = re.compile(
    r"\b(?:gh[opsur]_|github_pat_|gl[a-z]{2,6}-|A[KS]IA|xox[a-z]-|sk-|[rs]k_live_|hf_|npm_|pypi-"
    r"|AIza|SG\.|eyJ|dckr_|dapi|do[oprt]_v1_|whsec_)[\w.~+/=-]{8,}"
    r"|(?<=PRIVATE KEY-----)[^-\n]+"
)
_IN_SECRETS = re.compile(r"(secrets[\"']?[ \t]*:[ \t]*\{)([^}\n]*)")
_VALUES = re.compile(r"(:[ \t]*)([^,{}\s][^,{}]*)")

_PLACEHOLDER = re.compile(
    r"(?i)example|placeholder|change[_-]?me|your[_-]|dummy|redacted|localhost|127\.0\.0\.1|\[::1\]"
    r"|\$\{.*\}|\$\(.*\)|\{\{.*\}\}|<[^>]*>|^\{[^{}]*\}$|^[x*.]+$"
    r"|:(?:\{[^{}@\n]*\}|%s|%\(\w+\)s)@"
    r"|^(?:none|null|true|false|todo|test|ignored?|unused|empty|fake)$"
)
_NO_LITERAL = re.compile(
    r"[A-Z]+(?:_[A-Z0-9_]+)?|store://.*|/.*/.*|\$.*|\S+(?:\s+\S+){2,}\s*", re.DOTALL
)
"""The name of a variable or a secret, a key of data, a path, a sentence."""


def is_placeholder(text: str) -> bool:
    """Whether people write it where a credential would be, in documents and on laptops."""
    return bool(_PLACEHOLDER.search(text))


def may_name_secrets(text: str) -> bool:
    """Whether a name that tells of a secret may be given a value somewhere in a file."""
    lower = text.lower() + "\n"
    return any(_NAMED.search(line) for word in _WORDS for line in _lines_with(word, lower))


def _lines_with(word: str, text: str) -> Iterator[str]:
    """Finding a word is a hundred times as fast as trying a pattern everywhere."""
    place = text.find(word)
    while place >= 0:
        end = text.index("\n", place) + 1
        yield text[text.rfind("\n", 0, place) + 1 : end]
        place = text.find(word, end)


def names_literal_secret(name: str, value: str) -> bool:
    """Whether a name such as `DB_PASSWORD` is given a value that may be one."""
    words = _HUMPS.sub("_", name)
    return (
        len(value) >= 4
        and bool(_TELLING_NAME.fullmatch(words))
        and not _NO_LITERAL.fullmatch(value)
        and not is_placeholder(value)
        and value.lower() != name.lower()
    )


def masked(text: str, around: str = "") -> str:
    """The same with `*` for what may be a secret, in its own length, so that carets still fit.

    `around` is what it is a part of: a name there may tell of a value in it.
    """
    if "@" in text:
        for pattern in _USERS:
            text = pattern.sub(_masked_user, text)
    if "=" in text:
        text = _TOKENS.sub(_masked_value, text)
    if ":" in text or "=" in text:
        if _CALLED.search(around or text):
            text = _VALUE.sub(lambda found: found[1] + "*" * len(found[2]), text)
        text = _ASSIGNED.sub(lambda found: found[1] + "*" * len(found[2]), text)
        if "secrets" in text:
            text = _IN_SECRETS.sub(_masked_mapping, text)
    return _BARE.sub(lambda found: "*" * len(found[0]), text)


def _masked_user(found: re.Match[str]) -> str:
    """`git@` is nobody in particular."""
    return found[0] if found[0] == "git@" else "*" * (len(found[0]) - 1) + "@"


def _masked_value(found: re.Match[str]) -> str:
    is_secret = names_secret(found[1])
    return found[1] + ("*" * len(found[2]) if is_secret else found[2])


def _masked_mapping(found: re.Match[str]) -> str:
    return found[1] + _VALUES.sub(lambda each: each[1] + "*" * len(each[2]), found[2])


def names_secret(query: str) -> bool:
    """Whether a part of a URL after `?` or `#` gives a value to a name such as `token`."""
    parts = (part.partition("=") for part in re.split("[?&;#]", unquote(query)))
    return any(is_given and _SECRET_WORD.search(name) for name, is_given, _ in parts)
