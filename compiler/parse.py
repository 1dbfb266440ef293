"""Tree -> Documents: every YAML and JSON file that may hold descriptors, settings and locks.

design.md section 1: a file that does not parse is a problem only when a line of it holds one of
our kinds; a Helm template or a CI file is nobody's error here.
"""

from __future__ import annotations

import codecs
import re
from array import array
from collections.abc import Callable, Container, Iterable
from typing import Any

from gitopsc.adapters.processes import steps
from gitopsc.adapters.yaml import read_again, read_documents
from gitopsc.model.descriptor import OUR_KIND_LINE
from gitopsc.model.diagnostic import (
    BROKEN_LINK,
    LINK_OUTSIDE,
    NOT_UTF8,
    TOO_LARGE_FILE,
    UNKNOWN_KEY,
    UNREADABLE,
    Diagnostic,
)
from gitopsc.model.document import Document
from gitopsc.model.files import LOCK_FILE, MOST_OF_DESCRIPTORS, SETTINGS_FILE
from gitopsc.model.lock import both_sides
from gitopsc.model.memo import Memo, step_key
from gitopsc.model.source import SourceFile, Span, Tree, Unreadable

Keep = Callable[[str], bool]

_SUFFIXES = (".yaml", ".yml", ".json")
_LOCK_SIZE_LIMIT = 16 * 1024 * 1024
_OTHER_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, the longer ones first: one starts like another."""

_WITHOUT_MARK = {name: "kind".encode(name) for name in ("utf-16-le", "utf-16-be")}

_KIND_WITHOUT_COLON = re.compile(rb"(?m)^kind[ \t]+python(?:\+\w+(?::run)?)?[ \t\r]*(?:#|$)")
_KIND_MISSPELT = re.compile(
    rb"(?m)^(?!kind\b)(?=\w{3,6}[ \t]*:)([kK]?[iI]?[nN]?[dD]?[iI]?[kK]?[nN]?[dD]?s?)[ \t]*:[ \t]*"
    rb"python(?:\+\w+(?::run)?)?[ \t\r]*(?:#|$)"
)
"""`kind` with letters left out, doubled or swapped, before one of our kinds."""


def parse(
    tree: Tree, memo: Memo | None = None, among: Container[str] | None = None
) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """Documents of settings, of locks and of descriptors, each in the order of their files. Lists
    are documents of their own, one per item.

    Settings and locks are always read; descriptors `among` those files alone, where some are given.
    """
    memo = memo or Memo()
    documents: list[Document] = []
    problems: list[Diagnostic] = []
    filters: dict[str, Keep] = {}
    for path, file in tree.files.items():
        if _is_settings(path):
            found, trouble = _read(file, memo, wanted=True)
            if all(each.data is None for each in found):
                # Empty, for every setting is optional; or broken, and a project all the same.
                data: Any = None if trouble else {}
                found = [Document(path, data, array("I", (1, 1, 1, 1)))]
            documents += found
            problems += trouble
            filters[path.removesuffix(SETTINGS_FILE)] = _filter(found)
    folders = sorted(filters, key=len, reverse=True)

    def is_described(path: str) -> bool:
        """Whether it may hold descriptors: no settings, and chosen by the settings around it."""
        if not path.endswith(_SUFFIXES) or _is_settings(path):
            return False
        owner = next((folder for folder in folders if path.startswith(folder)), None)
        return owner is None or filters[owner](path[len(owner) :])

    described = [
        file
        for path, file in tree.files.items()
        if is_described(path) and (among is None or path in among)
    ]
    for path, file in tree.files.items():
        if path.endswith(LOCK_FILE) and path.rpartition("/")[2] == LOCK_FILE:
            found, trouble = _read(file, memo, wanted=True, limit=_LOCK_SIZE_LIMIT)
            documents += found
            problems += trouble
    for file, (found, trouble, content) in zip(
        described, steps(memo, described, _read_described), strict=True
    ):
        file.hold(content)
        documents += found
        problems += trouble
    return tuple(documents), tuple(problems)


def _read_described(
    file: SourceFile, memo: Memo
) -> tuple[list[Document], list[Diagnostic], bytes | None]:
    """With the content, when it was read: another process may have."""
    return *_read(file, memo, wanted=False), file.content_read


def _is_settings(path: str) -> bool:
    return path == SETTINGS_FILE or path.endswith("/" + SETTINGS_FILE)


def _read(
    file: SourceFile, memo: Memo, *, wanted: bool, limit: int = MOST_OF_DESCRIPTORS
) -> tuple[list[Document], list[Diagnostic]]:
    try:
        if file.size > limit:
            head = file.head(limit)
            is_ours = wanted or (b"kind" in head and OUR_KIND_LINE.search(head))
            return [], [_unusual(file.path, None, file.size, limit)] if is_ours else []
        content = file.content
    except Unreadable as error:
        code = BROKEN_LINK if file.is_link and not wanted else UNREADABLE
        hint = "make it readable"
        if not wanted:
            hint += ", or list it under `exclude` in gitopsc.yaml"
        if file.leads_outside:
            code, hint = LINK_OUTSIDE, "put a copy in its place, or list the link under `exclude`"
        message = f"`{file.path}` cannot be read: {error}"
        return [], [Diagnostic(code, message, Span(file.path), hint)]
    encoding = next((name for mark, name in _OTHER_ENCODINGS if content.startswith(mark)), None)
    if encoding is None and b"\0" in content:
        pairs = _WITHOUT_MARK.items()
        encoding = next((name for name, kind in pairs if content.find(kind) % 2 == 0), None)
    if encoding is not None:
        content = content.decode(encoding, "replace").encode()
    if not wanted and b"python" in content and (slip := _KIND_MISSPELT.search(content)):
        return [], [_misspelt(file.path, content, slip)]
    if not wanted and b"kind" not in content:
        return [], []
    if encoding is not None:
        if not wanted and not OUR_KIND_LINE.search(content):
            return [], []
        return [], [_unusual(file.path, encoding, len(content), limit)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not wanted and not OUR_KIND_LINE.search(content):
            return [], []
        return [], [_not_utf8(file.path, content, error.start)]
    documents, problem = _documents(file.path, text, content, memo)
    if problem is not None and file.path.rpartition("/")[2] == LOCK_FILE:
        kept = both_sides(text)  # for `gitopsc lock`, which makes it whole
        return list(read_documents(file.path, kept)[0]) if kept else [], [problem]
    is_ours = wanted or OUR_KIND_LINE.search(content) or _KIND_WITHOUT_COLON.search(content)
    if problem is not None and is_ours:
        documents, problem = read_again(file.path, text)
        return list(_items(documents)), [problem] if problem else []
    return list(_items(documents)), []


def _documents(
    path: str, text: str, content: bytes, memo: Memo
) -> tuple[tuple[Document, ...], Diagnostic | None]:
    """What nothing is wrong with is read once."""
    key = step_key("parse", path.endswith(".json"), content)
    known = memo.recall(key)
    if known is not None:
        return tuple(
            Document(path, data, array("I", positions), node, odd=frozenset(odd))
            for data, positions, node, odd in known
        ), None
    documents, problem = read_documents(path, text)
    if problem is None and not any(document.faults for document in documents):
        plain = [
            (document.data, document.positions.tobytes(), document.node, tuple(document.odd))
            for document in documents
        ]
        memo.keep(key, plain)
    return documents, problem


def _misspelt(path: str, content: bytes, slip: re.Match[bytes]) -> Diagnostic:
    key = slip[1].decode()
    line = content.count(b"\n", 0, slip.start()) + 1
    span = Span(path, line, 1, line, 1 + len(key))
    return Diagnostic(UNKNOWN_KEY, f"unknown key `{key}`", span, "did you mean `kind`?")


def _unusual(path: str, encoding: str | None, size: int, limit: int) -> Diagnostic:
    span = Span(path)
    if encoding is not None:
        message = f"the file is {encoding.upper()}, and descriptors are UTF-8"
        return Diagnostic(NOT_UTF8, message, span, "save the file as UTF-8")
    message = f"the file has {size:,} bytes, and at most {limit:,} are read"
    hint = "split it, and keep data out of descriptors"
    return Diagnostic(TOO_LARGE_FILE, message, span, hint)


def _items(documents: Iterable[Document]) -> Iterable[Document]:
    for document in documents:
        if isinstance(document.data, list):
            yield from document.items()
        else:
            yield document


def _not_utf8(path: str, content: bytes, offset: int) -> Diagnostic:
    line = content.count(b"\n", 0, offset) + 1
    before = content[content.rfind(b"\n", 0, offset) + 1 : offset]
    column = len(before.decode("utf-8", errors="replace")) + 1
    message = f"the byte 0x{content[offset]:02X} is not UTF-8"
    return Diagnostic(
        NOT_UTF8, message, Span(path, line, column, line, column + 1), "save the file as UTF-8"
    )


def _filter(settings: list[Document]) -> Keep:
    """`include` and `exclude` of a settings file; what is wrong with them, validate says."""
    data = settings[0].data if settings else None
    include, exclude = (_patterns(data, key) for key in ("include", "exclude"))
    if not include and not exclude:
        return lambda path: True
    from gitopsc.adapters.glob import matcher

    included, excluded = matcher(include or ["*"]), matcher(exclude)
    return lambda path: included(path) and not excluded(path)


def _patterns(data: Any, key: str) -> list[str]:
    patterns = data.get(key) if isinstance(data, dict) else None
    return (
        [each for each in patterns if isinstance(each, str)] if isinstance(patterns, list) else []
    )
