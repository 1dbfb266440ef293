"""A line of requirements -> what is wrong with it, by the packaging standard's own grammar."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urlsplit

from gitopsc.model.credentials import names_secret

_LONGEST = 4_000
_PLAIN = re.compile(
    r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\[[a-z0-9]+(?:-[a-z0-9]+)*\])?"
    r"(?:(?:[=!<>]=|[<>])[0-9]+(?:\.[0-9]+)*)?"
)
"""Most requirements: there is nothing to find wrong, nor another way to write them, and the library
takes its time to import."""


@cache
def requirement_fault(text: str) -> str | None:
    """None when pip takes the line as one requirement, and nothing else (PEP 508).

    An option, a second line or a comment cannot hide in a line that this accepts.
    """
    if len(text) > _LONGEST:
        return f"it has more than {_LONGEST:,} characters"
    if _PLAIN.fullmatch(text):
        return None
    from packaging.requirements import InvalidRequirement, Requirement

    if not text.isprintable() or text != text.strip() or " #" in text:
        return "it holds blanks, a comment or characters that no requirement has"
    try:
        parsed = Requirement(text)
        url = urlsplit(parsed.url or "")
    except InvalidRequirement as error:
        return str(error).split("\n")[0].lower()
    except ValueError:
        return "its URL is not valid"
    except RecursionError:
        return "it is nested too deeply"
    is_ssh = url.scheme.split("+")[-1] == "ssh"
    if url.password or (url.username and not is_ssh):
        return "its URL holds a user name or a password, which belong in a secret of the build"
    if names_secret(url.query):
        return "its URL holds a token, which belongs in a secret of the build"
    return None


def listed_requirements(content: bytes) -> list[tuple[int, str]] | None:
    """The requirements of a file as pip reads it, each with its line, from 1; an option is one that
    has a fault. None of what is not text in UTF-8."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return None
    found: list[tuple[int, str]] = []
    start, joined = 0, ""
    for number, line in enumerate(lines, 1):
        start = start if joined else number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            joined += line[:-1]
            continue
        text = re.sub(r"(^|\s)#.*", "", joined + line).strip()
        joined = ""
        if text:
            found.append((start, text))
    return found if not joined.strip() else [*found, (start, joined.strip())]


@cache
def normalised(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Requirements that mean the same are the same: PEP 508's own spelling, sorted, each once.

    What has a fault stays as it is written.
    """
    return tuple(sorted({_normalised(text) for text in texts}))


def _normalised(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        parsed = Requirement(text)
    except (InvalidRequirement, RecursionError):
        return text
    parsed.name = canonicalize_name(parsed.name)
    parsed.extras = {canonicalize_name(extra) for extra in parsed.extras}
    return str(parsed)


@cache
def excluded_pin(text: str, pins: tuple[str, ...]) -> str | None:
    """The one of some pins (`name==version`) that a requirement of the same name does not allow."""
    known = dict(pin.split("==") for pin in pins)
    name = _NAME.match(text)
    if name is None or name[0].lower().replace("_", "-").replace(".", "-") not in known:
        return None
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    parsed = Requirement(text)
    version = known.get(canonicalize_name(parsed.name))
    if version is None or parsed.url or parsed.specifier.contains(version, prereleases=True):
        return None
    return f"{canonicalize_name(parsed.name)}=={version}"


_NAME = re.compile(r"[A-Za-z0-9._-]+")


def requirement_name(text: str) -> str:
    """The package's name in its normal form; the requirement has no fault."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return canonicalize_name(Requirement(text).name)


_PLAIN_NAME = re.compile(r"([A-Za-z0-9._-]+)\s*(?:$|[<>=!~;(\\])")


def plain_name(text: str) -> str | None:
    """The package's name in its normal form, of a line without extras and without a URL: both may
    bring anything."""
    match = _PLAIN_NAME.match(text.strip())
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match is not None else None


def is_hashable(text: str) -> bool:
    """Whether pip can compare what it downloads with a hash, which no repository has."""
    from packaging.requirements import Requirement

    return Requirement(text).url is None
