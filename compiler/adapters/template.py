"""A template and its values -> text that no value can change the shape of.

Every `{{ }}` passes one quoting function by itself (Jinja's `finalize`): a template cannot forget
it. What is text already (a rendered part, an indented block) says so with `Text`.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from gitopsc.adapters.cache import cache_folder, keep_plain, recall_plain
from gitopsc.adapters.packaged import data_folder
from gitopsc.model.output import escape_unprintable

if TYPE_CHECKING:
    from jinja2 import Environment, Template


class Text(str):
    """Text in the language of the template, printed as it is."""

    __slots__ = ()


def render_yaml(template: str, **values: Any) -> Text:
    """A template below `templates/` whose values become YAML scalars."""
    return Text(_template(yaml_scalar, template).render(values))


def render_dockerfile(template: str, **values: Any) -> Text:
    """A template below `templates/` whose values become words or JSON lists of a Dockerfile."""
    return Text(_template(_dockerfile_word, template).render(values))


def render_html(template: str, **values: Any) -> Text:
    """A template below `templates/` whose values become text of HTML."""
    return Text(_template(_html_text, template).render(values))


def yaml_document(value: Mapping[str, Any]) -> Text:
    """A mapping of any shape as a document of its own, with its keys in their order."""
    return Text("".join(f"{line}\n" for line in _lines(value, is_sorted=False)))


def _html_text(value: Any) -> str:
    return value if isinstance(value, Text) else html.escape(str(value))


def template_text(path: str) -> Text:
    """A file below `templates/` that is taken as it is."""
    return Text((data_folder("templates") / path).read_text("utf-8"))


_own = b""
"""What tells this gitopsc from others, where somebody has asked to keep what is compiled."""

_KEPT = 200
"""Compiled templates in the cache; the oldest go."""


def keep_compiled(own: bytes) -> None:
    """From now on, what Jinja compiles a template to is kept in the user's cache: that takes longer
    than to fill it in. `own` tells this gitopsc from others, whose quoting is in there, too."""
    global _own
    _own = own


@cache
def _template(quote: Callable[[Any], str], name: str) -> Template:
    return _environment(quote).get_template(name)


@cache
def _environment(quote: Callable[[Any], str]) -> Environment:
    from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
    from jinja2.bccache import Bucket  # not for errors alone

    class Kept(BytecodeCache):
        def load_bytecode(self, bucket: Bucket) -> None:
            content = recall_plain(self._place(bucket)) if _own else None
            if isinstance(content, bytes):
                bucket.bytecode_from_string(content)

        def dump_bytecode(self, bucket: Bucket) -> None:
            if _own:
                keep_plain(self._place(bucket), bucket.bytecode_to_string(), _KEPT)

        def _place(self, bucket: Bucket) -> str:
            name = f"{_own.hex()[:16]}-{quote.__name__.strip('_')}-{bucket.key}"
            return cache_folder("templates", name)

    environment = Environment(
        bytecode_cache=Kept(),
        loader=FileSystemLoader(data_folder("templates"), encoding="utf-8"),
        undefined=StrictUndefined,
        finalize=quote,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        auto_reload=False,
    )
    environment.filters["block"] = _block
    environment.filters["yaml"] = _yaml_block
    environment.filters["literal"] = _literal
    return environment


def _block(text: Text, width: int) -> Text:
    """Text with each line after the first indented, without its final newline."""
    return Text(text.removesuffix("\n").replace("\n", "\n" + " " * width))


def _literal(text: str, width: int) -> Text:
    """Lines as they are, indented, for people to read; quoted when a reader could see others."""
    lines = text.split("\n")
    if lines.pop() or not lines or not lines[-1] or lines[0][:1] in ("", " ", "\t"):
        return Text(yaml_scalar(text))
    if not all(_READABLE.fullmatch(line) for line in lines):
        return Text(yaml_scalar(text))
    return Text("|\n" + "\n".join(f"{' ' * width}{line}" if line else "" for line in lines))


_READABLE = re.compile("[ -~\t\xa0-\u2027\u202a-\ud7ff]*")
"""Without line breaks, control characters, and what YAML's readers see as either."""


def _yaml_block(value: Any, width: int) -> Text:
    """A mapping or list of any shape as a block of YAML, indented like `block` does."""
    return _block(Text("".join(f"{line}\n" for line in _lines(value))), width)


def _lines(value: Any, *, is_sorted: bool = True) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key in sorted(value) if is_sorted else value:
            yield from _entry(f"{yaml_scalar(key)}:", value[key], is_sorted=is_sorted)
    elif isinstance(value, (list, tuple)) and value:
        for item in value:
            if isinstance(item, str) and "\n" in item and not is_sorted:
                yield from f"- {_literal(item, 2)}".split("\n")
                continue
            first, *rest = _lines(item, is_sorted=is_sorted)
            yield f"- {first}"
            yield from (_indented(line) for line in rest)
    else:
        yield _leaf(value)


def _entry(key: str, value: Any, *, is_sorted: bool) -> Iterator[str]:
    if isinstance(value, (Mapping, list, tuple)) and value:
        yield key
        yield from (_indented(line) for line in _lines(value, is_sorted=is_sorted))
    elif isinstance(value, str) and "\n" in value and not is_sorted:
        yield from f"{key} {_literal(value, 2)}".split("\n")
    else:
        yield f"{key} {_leaf(value)}"


def _indented(line: str) -> str:
    return f"  {line}" if line else ""


def _leaf(value: Any) -> str:
    if value is None or isinstance(value, float):
        return json.dumps(value, allow_nan=False)
    if isinstance(value, (Mapping, list, tuple)):
        return "{}" if isinstance(value, Mapping) else "[]"
    return yaml_scalar(value)


# What a YAML 1.1 reader takes for a boolean, null or number and a 1.2 reader for a string, or the
# other way round, is quoted; so is all that is not plainly a word.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_DIGEST = re.compile(r"[0-9a-f]{10,}")
"""Quoted whatever it starts with, so that a new digest changes a digest and no quotes."""

_WORDS = frozenset(("false", "n", "no", "null", "off", "on", "true", "y", "yes"))


def yaml_scalar(value: Any) -> str:
    """One scalar on one line, the same for readers of YAML 1.1 and 1.2."""
    if type(value) is str:
        return _yaml_string(value)
    if isinstance(value, Text):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"a template prints a {type(value).__name__}")


@lru_cache(maxsize=10_000)
def _yaml_string(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS and not _DIGEST.fullmatch(value):
        return value
    return escape_unprintable(encode_basestring(value))


_CONTROL = re.compile("[\x00-\x1f\x7f]")
_DOCKERFILE_WORD = re.compile(r"[A-Za-z0-9_./:@=+-]+")


def _dockerfile_word(value: Any) -> str:
    """A word as it is when it is plainly one; else quoted. A list becomes the JSON form."""
    if isinstance(value, Text):
        return value
    if isinstance(value, (list, tuple)):
        return json.dumps(list(value))
    if not isinstance(value, str):
        raise TypeError(f"a template prints a {type(value).__name__}")
    if _DOCKERFILE_WORD.fullmatch(value):
        return value
    if _CONTROL.search(value):
        raise ValueError("a Dockerfile holds no such character")
    return '"' + re.sub(r'(["\\$])', r"\\\1", value) + '"'
