"""A text that may be half typed, and a place in it -> where in a descriptor that is.

YAML that is being typed rarely parses; its lines and their indentation tell enough.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_KEY = re.compile(r"""^(\s*)((?:-\s+)*)(["']?[^\s"'{}\[\],#:]+["']?)\s*:(?:\s|$)""")
_KIND = re.compile(r"""^\s*(?:-\s+)*["']?kind["']?\s*:\s*["']?([\w+:-]+)""")
_WORD = re.compile(r"[^\s\"'{}\[\],#]*$")
_REST = re.compile(r"^[^\s\"'{}\[\],#]*")
_ITEM = "[]"


class Cursor(NamedTuple):
    """`way` are the keys down to the mapping that the place is in, with `[]` for an item of a list;
    `key` is that whose value it is in, None where a key is being typed. `word` is what stands
    there, and `typed` the part of it before the place. `kind` is the descriptor's, None where it
    says none; `above` are the keys and values of its own lines, as they are written."""

    kind: str | None
    way: tuple[str, ...]
    key: str | None
    word: str
    typed: str
    values: tuple[tuple[str, str], ...]


def cursor_at(text: str, line: int, column: int) -> Cursor:
    lines = text.split("\n")
    index = min(line, len(lines)) - 1
    first = max((at for at in range(index + 1) if lines[at].startswith("---")), default=-1) + 1
    after = (at for at in range(index + 1, len(lines)) if lines[at].startswith("---"))
    last = next(after, len(lines))
    here = lines[index]
    before = here[: column - 1]
    typed = (_WORD.search(before) or [""])[0]
    rest = _REST.match(here[column - 1 :])
    word = typed + (rest[0] if rest else "")
    indent = len(here) - len(here.lstrip()) if here.strip() else column - 1
    way = _way(lines[first:index], indent, here.lstrip().startswith("- "))
    inner, key = _on_line(before, here[column - 1 :])
    found = [_KIND.match(each) for each in lines[first:last]]
    kind = next((match[1] for match in found if match is not None), None)
    values = tuple(
        (match[3], each[match.end() :].strip())
        for each in lines[first:last]
        if (match := _KEY.match(each)) is not None
    )
    return Cursor(kind, (*way, *inner), key, word, typed, values)


def _way(lines: list[str], indent: int, is_item: bool) -> tuple[str, ...]:
    """The keys above, each less indented than what is in it; an item of a list may stand right
    below its key. `is_item` says that the place is in an item which begins at the indent."""
    found = [_ITEM] if is_item else []
    for line in reversed(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _KEY.match(line)
        own = len(line) - len(line.lstrip())
        has_dash = line.lstrip().startswith("- ")
        if is_item and (own > indent or (own == indent and has_dash)):
            continue  # an item before this one
        inner = own + len(match[2]) if match is not None else own
        is_beside = not is_item and has_dash and own < indent == inner
        if is_beside:  # the first line of the item that the place is in
            found.append(_ITEM)
        elif match is not None and (inner < indent or is_item):
            found.append(match[3].strip("\"'"))
            if has_dash:
                found.append(_ITEM)
        else:
            continue
        is_item, indent = has_dash, own
        if not indent and not is_item:
            break
    return tuple(reversed(found))


def _on_line(before: str, after: str) -> tuple[tuple[str, ...], str | None]:
    """What the line itself says before the place: keys of braces that are open, and the key. The
    colon of a key has a blank or nothing behind it, that of `python://` has not."""
    match = _KEY.match(before + " ") if before.rstrip().endswith(":") else _KEY.match(before)
    key = match[3].strip("\"'") if match is not None else None
    rest = before[match.end() - 1 :] if match is not None else before
    ends_key = [each in " \t,}" for each in f"{rest}{after[:1] or ' '}"[1:]]
    inner: list[str] = []
    token = ""
    for at, character in enumerate(rest):
        if character == "{":
            inner.append(key or "")
            key, token = None, ""
        elif character == "[":
            inner += [key or "", _ITEM]
            key, token = None, ""
        elif character in "}]":
            while inner and inner[-1] == _ITEM:
                inner.pop()
            key = inner.pop() if inner else None
            token = ""
        elif character == ",":
            key, token = None, ""
        elif character == ":" and token.strip() and ends_key[at]:
            key, token = token.strip().strip("\"'"), ""
        else:
            token += character
    return tuple(each for each in inner if each), key
