"""A line of requirements -> what is wrong with it, by the packaging standard's own grammar."""

from __future__ import annotations

from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement


def requirement_fault(text: str) -> str | None:
    """None when pip takes the line as one requirement, and nothing else (PEP 508).

    An option, a second line or a comment cannot hide in a line that this accepts.
    """
    if not text.isprintable() or text != text.strip() or "#" in text.split("@")[0]:
        return "it holds blanks or characters that no requirement has"
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        return str(error).split("\n")[0]
    if parsed.url and "@" in urlsplit(parsed.url).netloc:
        return "its URL holds a user name or a password"
    return None
