"""YAML or JSON text -> documents: plain values of the YAML 1.2 core schema, each with its place.

Values are built straight from events, which is what makes positions affordable: neither nodes nor
round-trip objects are made on the way. libyaml (in PyYAML) gives the events; it knows YAML 1.1 and
refuses a little that 1.2 allows, so ruamel.yaml, some thirty times slower, has the last word on a
file that libyaml cannot read.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, Final, NamedTuple

import yaml
import yaml.error
import yaml.events
from gitopsc.model.diagnostic import (
    BAD_ALIAS,
    DUPLICATE_KEY,
    NOT_JSON_VALUE,
    NOT_YAML,
    REPEATED_KEY,
    TOO_DEEP,
    Code,
    Diagnostic,
    Label,
)
from gitopsc.model.document import POSITION_WIDTH, Document
from gitopsc.model.source import Span

DEPTH_LIMIT: Final = 64
ALIAS_NODE_LIMIT: Final = 100_000
DIGIT_LIMIT: Final = 1_000
FAULT_LIMIT: Final = 100
"""Faults of one document that are told; nobody fixes more at once."""

SECOND_READING_LIMIT: Final = 200_000
"""Characters of the largest file that is read a second time; that takes about a second."""

_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB]\w\w)\\u([dD][c-fC-F]\w\w)")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAYBE_NUMBER = frozenset("+-.0123456789")
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_BEFORE_ANOTHER = "write `---` on a line before it, if it begins another descriptor"
_HALF = re.compile("[\ud800-\udfff]")
_CORE_TAG = "tag:yaml.org,2002:"
_TAG_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "float": (int, float),
    "int": (int,),
    "null": (type(None),),
}
_UNSET: Final = object()
_REPEATED: Final = object()


def read_documents(path: str, text: str) -> tuple[tuple[Document, ...], Diagnostic | None]:
    """The documents of one file, and the problem that ended the reading, if any.

    What is wrong inside a document (a repeated key, a value that JSON lacks) is in its `faults`:
    only its reader knows whether the document is meant for us.
    """
    if unprintable := _NOT_PRINTABLE.search(text):
        return (), _not_printable(path, text, unprintable.start())
    if path.endswith(".json"):
        text = _SURROGATES.sub(_joined_surrogates, text)
    if not yaml.__with_libyaml__:
        return read_again(path, text)
    return _read(path, text, _libyaml_events(text), yaml.events, yaml.error.YAMLError)


def read_again(path: str, text: str) -> tuple[tuple[Document, ...], Diagnostic | None]:
    """The same for a file that `read_documents` could not read, by a reader of YAML 1.2."""
    if yaml.__with_libyaml__ and (len(text) > SECOND_READING_LIMIT or _NOT_PRINTABLE.search(text)):
        return read_documents(path, text)
    import ruamel.yaml
    import ruamel.yaml.error
    import ruamel.yaml.events

    events = ruamel.yaml.YAML(typ="safe", pure=True).parse(text)
    return _read(path, text, events, ruamel.yaml.events, ruamel.yaml.error.YAMLError)


def _libyaml_events(text: str) -> Iterable[Any]:
    from yaml._yaml import CParser

    parser = CParser(text)
    return iter(parser.get_event, None)


def _read(
    path: str, text: str, events: Iterable[Any], names: ModuleType, error_type: type[Exception]
) -> tuple[tuple[Document, ...], Diagnostic | None]:
    builder = _Builder(path, names)
    problem = None
    try:
        builder.take(events)
    except error_type as error:
        from gitopsc.adapters.yaml_syntax import syntax_problem  # nearly all files parse

        problem = syntax_problem(path, text, error)
    except _TooDeep as error:
        message = f"values are nested deeper than {DEPTH_LIMIT} levels"
        hint = "flatten it; what is that deep is data, and belongs into a data entity"
        problem = Diagnostic(TOO_DEEP, message, error.span, hint)
    return tuple(builder.documents), problem


class _TooDeep(Exception):
    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span


class _Frame:
    """A mapping or list under construction."""

    __slots__ = ("anchor", "container", "height", "is_key", "key", "node", "repeated", "rewind")

    def __init__(self, container: Any, anchor: str | None, node: int) -> None:
        self.container = container
        self.anchor = anchor
        self.node = node
        self.key: Any = _UNSET
        self.is_key = False
        self.repeated: tuple[str, int] | None = None
        """A key that is here for a second time, and which of the faults says so."""
        self.rewind = 0
        self.height = 1


class _Anchored(NamedTuple):
    """A value with an anchor: its first node, how many it has, and how deep it is nested."""

    value: Any
    node: int
    size: int
    height: int


class _Builder:
    """Events of one file -> `documents`: all that ended before an error stopped it."""

    def __init__(self, path: str, names: ModuleType) -> None:
        """`names` is the module of the event classes; PyYAML and ruamel.yaml have their own."""
        self.path = path
        self.documents: list[Document] = []
        self.scalar_event = names.ScalarEvent
        self.take_event: dict[type, Callable[[Any], None]] = {
            names.StreamStartEvent: self._ignore,
            names.StreamEndEvent: self._ignore,
            names.DocumentStartEvent: self._start,
            names.DocumentEndEvent: self._end,
            names.ScalarEvent: self._scalar,
            names.AliasEvent: self._alias,
            names.MappingStartEvent: self._open_mapping,
            names.SequenceStartEvent: self._open_list,
            names.MappingEndEvent: self._close,
            names.SequenceEndEvent: self._close,
        }

    def take(self, events: Iterable[Any]) -> None:
        take_event, scalar_event = self.take_event, self.scalar_event
        for event in events:
            if type(event) is not scalar_event or not self._usual_scalar(event):
                take_event[type(event)](event)

    def _usual_scalar(self, event: Any) -> bool:
        """Nearly every scalar is a new key or a value, of ASCII, without anchor and tag.

        What `_scalar` would do for one of those, in one step; False for all others.
        """
        text: str = event.value
        if event.tag is not None or event.anchor is not None or not text.isascii():
            return False
        if not self.stack:
            return False
        frame = self.stack[-1]
        container, key = frame.container, frame.key
        is_word = not event.implicit[0] or (text not in _WORDS and text[0] not in _MAYBE_NUMBER)
        if key is _UNSET and type(container) is dict:
            if not is_word or text in container:
                return False
            frame.rewind = len(self.positions)
            frame.key = text
        elif key is _REPEATED or not is_word:
            return False
        elif type(container) is dict:
            container[key] = text
            frame.key = _UNSET
        else:
            container.append(text)
        start, end = event.start_mark, event.end_mark
        self.positions.extend((start.line + 1, start.column + 1, end.line + 1, end.column + 1))
        return True

    def _ignore(self, event: Any) -> None:
        """A stream has no value."""

    def _start(self, event: Any) -> None:
        self.root: Any = None
        self.stack: list[_Frame] = []
        self.positions: array[int] = array("I")
        self.faults: list[Diagnostic] = []
        self.again: dict[int, str] = {}
        """The faults that tell of a second key at the top, and which key it is."""

        self.anchors: dict[str, _Anchored] = {}
        self.alias_faults: set[str] = set()
        self.odd: set[int] = set()

    def _end(self, event: Any) -> None:
        faults = tuple(_folded(self.faults, self.again))
        odd = frozenset(self.odd)
        self.documents.append(Document(self.path, self.root, self.positions, 0, faults, odd))

    def _open_mapping(self, event: Any) -> None:
        self._open(event, {})

    def _open_list(self, event: Any) -> None:
        self._open(event, [])

    def _place(self, event: Any) -> None:
        start, end = event.start_mark, event.end_mark
        self.positions.extend((start.line + 1, start.column + 1, end.line + 1, end.column + 1))

    def _next_node(self) -> int:
        return len(self.positions) // POSITION_WIDTH

    def _scalar(self, event: Any) -> None:
        frame = self.stack[-1] if self.stack else None
        node = self._next_node()
        if frame is not None and frame.key is _UNSET and type(frame.container) is dict:
            self._key(frame, event, event.value)
            if event.anchor:
                self.anchors[event.anchor] = _Anchored(event.value, node, 1, 0)
            return
        self._place(event)
        value = self._resolve(event)
        if type(value) is int and str(value) != event.value:
            self.odd.add(node)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(value, node, 1, 0)
        self._add(value, 0)

    def _key(self, frame: _Frame, event: Any, key: str) -> None:
        frame.rewind = len(self.positions)
        if key in frame.container and len(self.faults) < FAULT_LIMIT:
            first = Document(self.path, frame.container, self.positions, frame.node).key_span(key)
            frame.repeated = (key, len(self.faults))
            begins = key == "kind" and len(self.stack) == 1
            if len(self.stack) == 1:
                self.again[len(self.faults)] = key
            self._fault(
                DUPLICATE_KEY,
                f"`{key}` is here twice",
                event,
                hint=_BEFORE_ANOTHER if begins else "keep one of the two",
                related=(Label(first, "first here"),),
            )
        frame.key = _REPEATED if key in frame.container else key
        self._place(event)
        if type(event) is self.scalar_event and type(self._resolve(event)) is not str:
            hint = f'quote it: "{key}"' if key else "write the key before the colon"
            self._fault(NOT_JSON_VALUE, f"the key `{key}` is not a string", event, hint)

    def _open(self, event: Any, container: Any) -> None:
        if len(self.stack) >= DEPTH_LIMIT:
            raise _TooDeep(self._span(event))
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.key is _UNSET and type(frame.container) is dict:
            frame.rewind = len(self.positions)
            frame.key = _REPEATED
            hint = "write a word before the colon; a list or a mapping can only be a value"
            self._fault(NOT_JSON_VALUE, "a key must be a string", event, hint)
            self.stack.append(_Frame([], None, self._next_node()))
            self.stack[-1].is_key = True
            self._place(event)
            return
        node = self._next_node()
        self._place(event)
        self._check_tag(event)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(_UNSET, node, 0, 0)
        self.stack.append(_Frame(container, event.anchor, node))

    def _close(self, event: Any) -> None:
        frame = self.stack.pop()
        at = frame.node * POSITION_WIDTH
        mark = event.end_mark
        self.positions[at + 2] = mark.line + 1
        self.positions[at + 3] = mark.column + 1
        if frame.is_key:
            return  # it stood where a key belongs; its value is dropped with it
        if frame.anchor:
            size = self._next_node() - frame.node
            self.anchors[frame.anchor] = _Anchored(frame.container, frame.node, size, frame.height)
        self._add(frame.container, frame.height)

    def _alias(self, event: Any) -> None:
        anchored = self.anchors.get(event.anchor)
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.key is _UNSET and type(frame.container) is dict:
            text = anchored.value if anchored else None
            self._key(frame, event, text if isinstance(text, str) else f"*{event.anchor}")
            return
        self._place(event)
        if anchored is None:
            message = f"no anchor `&{event.anchor}` stands before this alias"
        elif anchored.value is _UNSET:
            message = f"`*{event.anchor}` lies inside the value it repeats"
        elif len(self.stack) + anchored.height > DEPTH_LIMIT:
            message = f"aliases nest values deeper than {DEPTH_LIMIT} levels"
        elif anchored.size > 1 and self._next_node() + anchored.size > ALIAS_NODE_LIMIT:
            message = f"aliases expand to more than {ALIAS_NODE_LIMIT:,} values"
        else:
            start = (anchored.node + 1) * POSITION_WIDTH
            end = (anchored.node + anchored.size) * POSITION_WIDTH
            if anchored.node in self.odd:
                self.odd.add(self._next_node() - 1)
            self.positions.extend(self.positions[start:end])
            self._add(anchored.value, anchored.height)
            return
        if message not in self.alias_faults:
            self._fault(BAD_ALIAS, message, event, "write the value itself here")
            self.alias_faults.add(message)
        self._add(None, 0)

    def _add(self, value: Any, height: int) -> None:
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        frame.height = max(frame.height, height + 1)
        if type(frame.container) is list:
            frame.container.append(value)
        elif frame.key is _REPEATED:
            self._excuse(frame, value)
            del self.positions[frame.rewind :]
            kept = self._next_node()
            self.anchors = {name: each for name, each in self.anchors.items() if each.node < kept}
            frame.key = _UNSET
        else:
            frame.container[frame.key] = value
            frame.key = _UNSET

    def _excuse(self, frame: _Frame, value: Any) -> None:
        """A key that has one value both times does no harm: some platforms write it so."""
        if frame.repeated is None:
            return
        (key, number), frame.repeated = frame.repeated, None
        if repr(frame.container[key]) == repr(value):
            fault = self.faults[number]
            self.faults[number] = replace(
                fault,
                code=REPEATED_KEY,
                message=f"`{key}` is here twice, with one value",
                hint="remove one of the two",
            )

    def _resolve(self, event: Any) -> Any:
        """A scalar's value by the YAML 1.2 core schema; what JSON lacks becomes a fault."""
        text: str = event.value
        if not text.isascii() and _HALF.search(text):
            self._fault(NOT_JSON_VALUE, "half of a surrogate pair is not a character", event)
            return ""
        tag = event.tag
        if tag is None or tag == "!":
            return text if not event.implicit[0] or tag == "!" else self._plain(event, text)
        if tag == _CORE_TAG + "str":
            return text
        name = tag.removeprefix(_CORE_TAG)
        value = self._plain(event, text)
        if name not in _TAG_TYPES:
            self._unknown_tag(event)
        elif type(value) not in _TAG_TYPES[name]:
            self._fault(NOT_JSON_VALUE, f"`{text[:40]}` is not of the type {name}", event)
        return value

    def _plain(self, event: Any, text: str) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in _MAYBE_NUMBER:
            return text
        if _INT.fullmatch(text):
            if len(text) > DIGIT_LIMIT:
                self._fault(NOT_JSON_VALUE, "the number is too long", event, "quote it")
                return text
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if _FLOAT.fullmatch(text):
            return self._finite(event, text)
        if _NOT_FINITE.fullmatch(text):
            self._fault(NOT_JSON_VALUE, f"`{text}` is not a number JSON has", event, "quote it")
        return text

    def _finite(self, event: Any, text: str) -> float | str:
        value = float(text)
        if value - value == 0:
            return value
        self._fault(NOT_JSON_VALUE, "the number is too large", event, "quote it")
        return text

    def _check_tag(self, event: Any) -> None:
        if event.tag not in (None, "!", _CORE_TAG + "map", _CORE_TAG + "seq"):
            self._unknown_tag(event)

    def _unknown_tag(self, event: Any) -> None:
        message = f"the tag `{_short(event.tag)}` has no meaning here"
        self._fault(NOT_JSON_VALUE, message, event, "remove it; quote the value if it is text")

    def _span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(self.path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _fault(
        self,
        code: Code,
        message: str,
        event: Any,
        hint: str | None = None,
        related: tuple[Label, ...] = (),
    ) -> None:
        if len(self.faults) < FAULT_LIMIT:
            self.faults.append(Diagnostic(code, message, self._span(event), hint, related))


def _folded(faults: Sequence[Diagnostic], again: Mapping[int, str]) -> list[Diagnostic]:
    """With a second `kind` and more, another descriptor has begun, and `---` is missing before it:
    what is there twice, with another value or the same, is all of one mistake."""
    is_other = any(faults[index].code is DUPLICATE_KEY for index in again)
    if "kind" not in again.values() or len(again) < 2 or not is_other:
        return [*faults]
    first = min(again)
    message = f"`{again[first]}` is here twice"
    told = replace(faults[first], code=DUPLICATE_KEY, message=message, hint=_BEFORE_ANOTHER)
    rest = [each for index, each in enumerate(faults) if index not in again]
    return [told, *rest]


def _short(tag: str) -> str:
    name = tag.removeprefix(_CORE_TAG)
    return (f"!!{name}" if name != tag else tag)[:40]


def _joined_surrogates(match: re.Match[str]) -> str:
    """JSON writes a character beyond U+FFFF as two escapes; YAML wants one."""
    high, low = int(match[2], 16), int(match[3], 16)
    return f"{match[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def _not_printable(path: str, text: str, offset: int) -> Diagnostic:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return Diagnostic(
        NOT_YAML,
        f"the character U+{ord(text[offset]):04X} is not allowed in YAML",
        Span(path, line, column, line, column + 1),
        "remove it, or write it as an escape inside double quotes",
    )
