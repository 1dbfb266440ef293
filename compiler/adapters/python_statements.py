"""Python text -> its statements and expressions as plain values, for whoever follows what a script
says without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from gitopsc.adapters.python import NotPython, checked_tree

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ("Expression", "NotPython", "Statement", "statements")

_DEEPEST = 50
"""Of expressions in each other; what lies below is not looked at."""


class Expression(NamedTuple):
    """`text` is as it is written, `line` counts from 1.

    A literal has its `value`; a name and an attribute are called by it. `inner` are: of an
    attribute, what it is of; of a subscript, what it is of, and the key; of a call, what is called,
    and the arguments by place, those by name in `named`; of a list, the items; of a mapping, keys
    and values in turn; of joined text, its parts; of anything else, what stands in it.
    """

    kind: Literal[
        "literal", "name", "attribute", "subscript", "call", "list", "mapping", "joined", "other"
    ]
    text: str
    line: int
    value: Any = None
    inner: tuple[Expression, ...] = ()
    named: tuple[tuple[str, Expression], ...] = ()


class Statement(NamedTuple):
    """`word` begins a compound statement: `if`, `for`, `while`, `try`, `with`; its statements are
    its `body`, of all branches. An assignment has `targets`; what is assigned to anything but a
    name has none. A function (`def`) has its name there, and its body. Classes are left out."""

    line: int
    value: Expression | None
    targets: tuple[str, ...] = ()
    word: str = ""
    body: tuple[Statement, ...] = ()


def statements(text: str) -> tuple[Statement, ...]:
    """Raises NotPython."""
    root = checked_tree(text.encode("utf-8", "replace"))
    return tuple(_statements(root, 0))


_COMPOUND = {
    "for_statement": "for",
    "if_statement": "if",
    "match_statement": "if",
    "try_statement": "try",
    "while_statement": "while",
    "with_statement": "with",
}


def _statements(block: Node, depth: int) -> Iterator[Statement]:
    for node in block.named_children:
        line = node.start_point.row + 1
        if node.type in _COMPOUND and depth < _DEEPEST:
            body = tuple(each for inner in _blocks(node) for each in _statements(inner, depth + 1))
            yield Statement(line, None, (), _COMPOUND[node.type], body)
        elif (function := _function(node)) is not None and depth < _DEEPEST:
            name, block_of = (function.child_by_field_name(field) for field in ("name", "body"))
            inside = tuple(_statements(block_of, depth + 1)) if block_of is not None else ()
            yield Statement(line, None, (_text(name),), "def", inside)
        elif node.type == "expression_statement":
            inner = node.named_children[0]
            if inner.type in ("assignment", "augmented_assignment"):
                yield from _assignment(inner)
            else:
                yield Statement(line, _expression(inner, 0))


def _function(node: Node) -> Node | None:
    found: Node | None = node
    if node.type == "decorated_definition":
        found = node.child_by_field_name("definition")
    return found if found is not None and found.type == "function_definition" else None


def _blocks(node: Node) -> Iterator[Node]:
    """Those of all branches, in their order."""
    for child in node.named_children:
        if child.type == "block":
            yield child
        elif child.type.endswith("_clause") or child.type == "case_block":
            yield from _blocks(child)


def _assignment(node: Node) -> Iterator[Statement]:
    """`a = b = x`, `a: int = x`, `a, b = x`; an augmented one makes a value that nobody knows."""
    targets: list[str] = []
    part: Node | None = node
    while part is not None and part.type == "assignment":
        left = part.child_by_field_name("left")
        targets += _names(left) if left is not None else []
        part = part.child_by_field_name("right")
    is_split = node.child_by_field_name("left") is not None and len(targets) > 1
    value = _expression(part, 0) if part is not None else None
    if node.type == "augmented_assignment":
        left = node.child_by_field_name("left")
        targets = _names(left) if left is not None else []
        value = Expression("other", _text(node), node.start_point.row + 1)
    elif value is not None and is_split and _is_pattern(node):
        value = value._replace(kind="other")
    yield Statement(node.start_point.row + 1, value, tuple(targets))


def _is_pattern(node: Node) -> bool:
    left = node.child_by_field_name("left")
    return left is not None and left.type != "identifier"


def _names(node: Node) -> list[str]:
    if node.type == "identifier":
        return [_text(node)]
    if node.type in ("pattern_list", "tuple_pattern", "list_pattern"):
        return [name for each in node.named_children for name in _names(each)]
    return []


def _expression(node: Node, depth: int) -> Expression:
    kind, value = _OTHER, None
    line, text = node.start_point.row + 1, _text(node)
    if depth > _DEEPEST:
        return Expression("other", text, line)
    children = [each for each in node.named_children if each.type != "comment"]
    if node.type in ("parenthesized_expression", "await") and len(children) == 1:
        return _expression(children[0], depth + 1)
    if node.type in _LITERALS or (node.type == "string" and not _has_parts(node)):
        known = _literal(text)
        return Expression("literal", text, line, *known) if known else _other(node, depth)
    if node.type == "unary_operator" and (known := _literal(text)):
        return Expression("literal", text, line, *known)
    if node.type == "identifier":
        return Expression("name", text, line, text)
    inner = tuple(_expression(each, depth + 1) for each in children)
    if node.type == "attribute":
        return Expression("attribute", text, line, _text(children[-1]), inner[:1])
    if node.type == "call":
        return _call(node, depth)
    if node.type in _KINDS:
        return Expression(_KINDS[node.type], text, line, value, inner)
    if node.type == "dictionary":
        return _mapping(node, depth)
    if node.type == "string":
        return Expression("joined", text, line, None, tuple(_parts(node, depth)))
    if node.type == "concatenated_string" or _is_sum(node):
        return Expression("joined", text, line, None, inner)
    return Expression(kind, text, line, None, inner)


_OTHER: Literal["other"] = "other"
_LITERALS = ("true", "false", "none", "integer", "float")
_KINDS: dict[str, Literal["list", "subscript"]] = {
    "list": "list",
    "tuple": "list",
    "subscript": "subscript",
}


def _other(node: Node, depth: int) -> Expression:
    inner = tuple(_expression(each, depth + 1) for each in node.named_children)
    return Expression("other", _text(node), node.start_point.row + 1, None, inner)


def _literal(text: str) -> tuple[Any] | None:
    """The value of a literal, as every Python has it."""
    try:
        return (ast.literal_eval(text),)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _has_parts(node: Node) -> bool:
    return any(each.type == "interpolation" for each in node.named_children)


def _is_sum(node: Node) -> bool:
    operator = node.child_by_field_name("operator")
    return node.type == "binary_operator" and operator is not None and operator.type == "+"


def _parts(node: Node, depth: int) -> Iterator[Expression]:
    """Of an f-string: its text, and what is put in it; with a format, nobody knows what comes."""
    for each in node.named_children:
        line = each.start_point.row + 1
        if each.type == "string_content":
            text = _text(each)
            known = _literal('"""' + text.replace('"', '\\"') + '"""')
            shown = known[0] if known else text
            yield Expression("literal", text, line, shown.replace("{{", "{").replace("}}", "}"))
        elif each.type == "interpolation":
            children = each.named_children
            if len(children) == 1:
                yield _expression(children[0], depth + 1)
            else:
                yield Expression("other", _text(each), line)


def _call(node: Node, depth: int) -> Expression:
    function = node.child_by_field_name("function")
    arguments = node.child_by_field_name("arguments")
    inner, named = [], []
    if function is not None:
        inner.append(_expression(function, depth + 1))
    for each in arguments.named_children if arguments is not None else ():
        if each.type == "keyword_argument":
            name, value = each.child_by_field_name("name"), each.child_by_field_name("value")
            if value is not None:
                named.append((_text(name), _expression(value, depth + 1)))
        elif each.type != "comment":
            inner.append(_expression(each, depth + 1))
    line = node.start_point.row + 1
    return Expression("call", _text(node), line, None, tuple(inner), tuple(named))


def _mapping(node: Node, depth: int) -> Expression:
    inner = []
    for each in node.named_children:
        if each.type == "pair":
            for side in ("key", "value"):
                part = each.child_by_field_name(side)
                if part is not None:
                    inner.append(_expression(part, depth + 1))
        elif each.type != "comment":  # `**more`
            return _other(node, depth)
    return Expression("mapping", _text(node), node.start_point.row + 1, None, tuple(inner))


def _text(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""
