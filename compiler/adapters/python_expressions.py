"""The syntax of a Python expression -> plain values, for whoever follows what a script says without
running it."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from tree_sitter import Node

_DEEPEST = 50
"""Of expressions in each other; what lies below is too `deep` to be read."""

_LARGEST_INTEGER = 1 << 63

Kind = Literal[
    "literal",
    "name",
    "attribute",
    "subscript",
    "call",
    "list",
    "mapping",
    "joined",
    "sum",
    "splat",
    "walrus",
    "conditional",
    "comprehension",
    "lambda",
    "other",
    "deep",
]


class Expression(NamedTuple):
    """`text` is as it is written, `line` counts from 1.

    A literal has its `value`; a name, an attribute and what `:=` binds are called by it; of a
    comprehension it is the names that it binds. `inner` are: of an attribute, what it is of; of a
    subscript, what it is of, and the key; of a call, what is called, and the arguments by place,
    those by name in `named` (`**` for `**more`); of a list, the items; of a mapping, keys and
    values in turn, a splat (`**more`) twice; of joined text and of a sum, the parts; of a
    conditional, first what is always evaluated; of anything else, what stands in it.
    """

    kind: Kind
    text: str
    line: int
    value: Any = None
    inner: tuple[Expression, ...] = ()
    named: tuple[tuple[str, Expression], ...] = ()


_KINDS: dict[str, Kind] = {
    "boolean_operator": "conditional",
    "concatenated_string": "joined",
    "dictionary_splat": "splat",
    "expression_list": "list",
    "lambda": "lambda",
    "list": "list",
    "list_splat": "splat",
    "subscript": "subscript",
    "tuple": "list",
}
_LITERALS = ("true", "false", "none", "integer", "float", "unary_operator")
_COMPREHENSIONS = (
    *("list_comprehension", "dictionary_comprehension", "set_comprehension"),
    "generator_expression",
)


def parts_of(expression: Expression) -> Iterator[Expression]:
    """It and all that stands in it."""
    yield expression
    for each in (*expression.inner, *(value for _, value in expression.named)):
        yield from parts_of(each)


def expression(node: Node, depth: int = 0) -> Expression:
    """Each node is looked at once."""
    if depth > _DEEPEST:
        return _made("deep", node)
    children = [each for each in node.named_children if each.type != "comment"]
    type_ = node.type
    if type_ in ("parenthesized_expression", "await") and len(children) == 1:
        return expression(children[0], depth + 1)
    if type_ in _LITERALS and (known := _literal(text_of(node))) is not None:
        return _made("literal", node, known[0])
    if type_ == "identifier":
        return _made("name", node, text_of(node))
    if type_ == "string":
        return _string(node, children, depth)
    if type_ == "call":
        return _call(node, depth)
    if type_ == "attribute":
        inner = (expression(children[0], depth + 1),)
        return _made("attribute", node, text_of(children[-1]), inner)
    if type_ == "dictionary":
        return _made("mapping", node, None, tuple(_pairs(children, depth)))
    if type_ == "named_expression":
        inner = (expression(children[-1], depth + 1),)
        return _made("walrus", node, text_of(children[0]), inner)
    if type_ == "conditional_expression" and len(children) == 3:
        chosen, condition, other = children
        children = [condition, chosen, other]
        return _made("conditional", node, None, _all(children, depth))
    if type_ in _COMPREHENSIONS:
        bound = tuple(
            name
            for each in children
            if each.type == "for_in_clause" and (left := each.child_by_field_name("left"))
            for name in names_in(left)
        )
        return _made("comprehension", node, bound, _all(children, depth))
    if type_ == "binary_operator" and _operator(node) == "+":
        return _made("sum", node, None, _all(children, depth))
    return _made(_KINDS.get(type_, "other"), node, None, _all(children, depth))


def names_in(node: Node) -> Iterator[str]:
    """The names that a target binds; what an attribute or a subscript is of binds none."""
    if node.type == "identifier":
        yield text_of(node)
    elif node.type not in ("attribute", "subscript"):
        for each in node.named_children:
            yield from names_in(each)


def text_of(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""


def _made(
    kind: Kind,
    node: Node,
    value: Any = None,
    inner: tuple[Expression, ...] = (),
    named: tuple[tuple[str, Expression], ...] = (),
) -> Expression:
    return Expression(kind, text_of(node), node.start_point.row + 1, value, inner, named)


def _all(nodes: list[Node], depth: int) -> tuple[Expression, ...]:
    return tuple(expression(each, depth + 1) for each in nodes)


def _literal(text: str) -> tuple[str | int | float | None] | None:
    """The value of a literal, as every Python has it, if it is one that is written."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return (value,) if _is_plain(value) else None


def _is_plain(value: object) -> bool:
    """Whether YAML can hold it: text without lone surrogates, finite numbers, 64-bit integers."""
    if isinstance(value, str):
        return not any("\ud800" <= each <= "\udfff" for each in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < _LARGEST_INTEGER
    return value is None


def _operator(node: Node) -> str:
    return text_of(node.child_by_field_name("operator"))


def _string(node: Node, children: list[Node], depth: int) -> Expression:
    """An f-string is the text in it, and what is put in; of a format nobody knows what comes."""
    begin, end = text_of(children[0]), text_of(children[-1])
    if "f" not in begin.lower():
        known = _literal(text_of(node))
        return _made("literal", node, known[0]) if known is not None else _made("other", node)
    plain = begin.lower().replace("f", "")
    parts = []
    for each in children[1:-1]:
        if each.type == "string_content":
            written = text_of(each).replace("{{", "{").replace("}}", "}")
            known = _literal(f"{plain}{written}{end}")
            parts.append(_made("literal", each, *known) if known else _made("other", each))
        elif len(each.children) == 3:  # the braces, and what is between
            parts.append(expression(each.children[1], depth + 1))
        else:
            parts.append(_made("other", each, None, _all(each.named_children, depth)))
    return _made("joined", node, None, tuple(parts))


def _call(node: Node, depth: int) -> Expression:
    function = node.child_by_field_name("function")
    arguments = node.child_by_field_name("arguments")
    inner = [expression(function, depth + 1)] if function is not None else []
    named = []
    given = arguments.named_children if arguments is not None else []
    if arguments is not None and arguments.type == "generator_expression":
        given = [arguments]
    for each in given:
        if each.type == "keyword_argument":
            name, value = each.child_by_field_name("name"), each.child_by_field_name("value")
            if value is not None:
                named.append((text_of(name), expression(value, depth + 1)))
        elif each.type == "dictionary_splat":
            named.append(("**", expression(each.named_children[0], depth + 1)))
        elif each.type != "comment":
            inner.append(expression(each, depth + 1))
    return _made("call", node, None, tuple(inner), tuple(named))


def _pairs(children: list[Node], depth: int) -> Iterator[Expression]:
    for each in children:
        if each.type == "pair":
            for side in ("key", "value"):
                part = each.child_by_field_name(side)
                yield expression(part, depth + 1) if part is not None else _made("other", each)
        else:
            splat = expression(each, depth + 1)
            yield from (splat, splat)
