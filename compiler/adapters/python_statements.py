"""Python text -> its statements as plain values, for whoever follows what a script says without
running it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitopsc.adapters.python import NotPython, checked_tree
from gitopsc.adapters.python_expressions import Expression, expression, names_in, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ("Expression", "NotPython", "Parameter", "Statement", "statements")

_DEEPEST = 50
"""Of statements in each other; what lies below is not looked at."""

Word = Literal[
    "",
    "if",
    "loop",
    "try",
    "finally",
    "def",
    "class",
    "return",
    "raise",
    "import",
    "global",
    "deep",
]


class Parameter(NamedTuple):
    """`*` and `**` before a name that takes any number; a bare `*` begins those by name."""

    name: str
    default: Expression | None = None


class Statement(NamedTuple):
    """`values` are the expressions that are evaluated in it, in their order.

    `targets` get the last of them, names and attributes; `bound` are other names that get a value,
    which nobody knows here; `changed` are attributes and items that get one: `x[0]` of `x[0] = 1`.

    A compound statement has `branches`. Of `if`, each belongs to one of the values, and what is
    over is done else. Of `try`, the first is what is tried, and the others come after exceptions;
    the second of `finally` is done after all. A function (`def`) has its name among the targets,
    and its parameters; its `values` are its decorators, it `is_lazy` when a call does not run it,
    and of one that `is_async` a call gives no value by itself. A class has its name, and as
    `values` its bases and decorators. An import has what its names are called where they come
    from. What is too `deep` to be read has nothing.
    """

    line: int
    word: Word = ""
    values: tuple[Expression, ...] = ()
    targets: tuple[Expression, ...] = ()
    bound: tuple[str, ...] = ()
    changed: tuple[Expression, ...] = ()
    branches: tuple[tuple[Statement, ...], ...] = ()
    parameters: tuple[Parameter, ...] = ()
    imported: tuple[tuple[str, str], ...] = ()
    is_lazy: bool = False
    is_async: bool = False


def statements(text: str) -> tuple[Statement, ...]:
    """Raises NotPython."""
    root = checked_tree(text.encode("utf-8", "replace"))
    return _block(root, 0)


def _block(block: Node | None, depth: int) -> tuple[Statement, ...]:
    if block is None:
        return ()
    if depth > _DEEPEST:
        return (Statement(block.start_point.row + 1, "deep"),)
    return tuple(each for node in block.named_children for each in _statements(node, depth))


def _statements(node: Node, depth: int) -> Iterator[Statement]:
    line = node.start_point.row + 1
    match node.type:
        case "if_statement":
            yield _if(node, depth)
        case "match_statement":
            yield from _match(node, depth)
        case "for_statement" | "while_statement":
            yield _loop(node, depth)
        case "try_statement":
            yield from _try(node, depth)
        case "with_statement":
            yield from _with(node, depth)
        case "decorated_definition":
            definition = node.child_by_field_name("definition")
            decorators = _clauses(node, "decorator")
            values = tuple(expression(each.named_children[0]) for each in decorators)
            for made in _statements(definition, depth) if definition is not None else ():
                yield made._replace(values=(*made.values, *values))
        case "function_definition":
            yield _function(node, depth)
        case "class_definition":
            name, body = (node.child_by_field_name(field) for field in ("name", "body"))
            bases = node.child_by_field_name("superclasses")
            values = tuple(map(expression, bases.named_children)) if bases is not None else ()
            inside = (_block(body, depth + 1),)
            yield Statement(line, "class", values, targets=_name(name), branches=inside)
        case "return_statement":
            yield Statement(line, "return", tuple(map(expression, node.named_children)))
        case "import_statement" | "import_from_statement":
            yield Statement(line, "import", imported=tuple(_imported(node)))
        case "global_statement" | "nonlocal_statement":
            yield Statement(line, "global", bound=tuple(names_in(node)))
        case "delete_statement":
            changed = tuple(_changed(node))
            yield Statement(line, bound=tuple(names_in(node)), changed=changed)
        case "expression_statement":
            for each in node.named_children:
                if each.type in ("assignment", "augmented_assignment"):
                    yield _assignment(each)
                elif each.type != "comment":
                    yield Statement(line, values=(expression(each),))
        case "assert_statement" | "print_statement" | "exec_statement":
            yield Statement(line, values=tuple(map(expression, node.named_children)))
        case "raise_statement":
            yield Statement(line, "raise", tuple(map(expression, node.named_children)))


def _if(node: Node, depth: int) -> Statement:
    """`elif` is one more condition with its branch; `else` is the branch that is over."""
    clauses = [each for each in node.named_children if each.type.endswith("_clause")]
    values, branches = [], []
    for each in (node, *clauses):
        condition = each.child_by_field_name("condition")
        if condition is not None:
            values.append(expression(condition))
        body = each.child_by_field_name("consequence") or each.child_by_field_name("body")
        branches.append(_block(body, depth + 1))
    return Statement(node.start_point.row + 1, "if", tuple(values), branches=tuple(branches))


def _match(node: Node, depth: int) -> Iterator[Statement]:
    """As an `if` for each case, whose condition is unknown."""
    line = node.start_point.row + 1
    subject = node.child_by_field_name("subject")
    value = expression(subject) if subject is not None else Expression("other", "match", line)
    body = node.child_by_field_name("body")
    cases = _clauses(body, "case_clause") if body is not None else []
    patterns = [_clauses(case, "case_pattern") for case in cases]
    bound = tuple(name for each in chain(*patterns) for name in names_in(each))
    yield Statement(line, values=(value,), bound=bound)
    for case, written in zip(cases, patterns, strict=True):
        shown = f"{value.text} is {', '.join(map(text_of, written))}"
        inside = _block(case.child_by_field_name("consequence"), depth + 1)
        guard = case.child_by_field_name("guard")
        line = case.start_point.row + 1
        asked = (expression(guard),) if guard is not None else ()
        condition = Expression("other", shown, line, inner=asked)
        yield Statement(condition.line, "if", (condition,), branches=(inside,))


def _loop(node: Node, depth: int) -> Statement:
    """What comes after it (`else`) is a part of what is done in it."""
    left, right, condition = (
        node.child_by_field_name(field) for field in ("left", "right", "condition")
    )
    head = right or condition
    blocks = [node.child_by_field_name("body")]
    blocks += [each.child_by_field_name("body") for each in _clauses(node, "else_clause")]
    inside = tuple(each for block in blocks for each in _block(block, depth + 1))
    return Statement(
        node.start_point.row + 1,
        "loop",
        (expression(head),) if head is not None else (),
        bound=tuple(names_in(left)) if left is not None else (),
        changed=tuple(_changed(left)) if left is not None else (),
        branches=(inside,),
    )


def _try(node: Node, depth: int) -> Iterator[Statement]:
    tried = [node.child_by_field_name("body")]
    tried += [each.child_by_field_name("body") for each in _clauses(node, "else_clause")]
    branches = [tuple(each for block in tried for each in _block(block, depth + 1))]
    for clause in (*_clauses(node, "except_clause"), *_clauses(node, "except_group_clause")):
        body = next((each for each in clause.named_children if each.type == "block"), None)
        bound = tuple(chain.from_iterable(map(names_in, _as_targets(clause))))
        heads = [each for each in clause.named_children if each.type not in ("block", "comment")]
        caught = tuple(expression(each) for each in heads if each.type != "as_pattern")
        head = Statement(node.start_point.row + 1, values=caught, bound=bound)
        branches.append((head, *_block(body, depth)))
    line = node.start_point.row + 1
    whole = Statement(line, "try", branches=tuple(branches))
    blocks = [each for clause in _clauses(node, "finally_clause") for each in clause.named_children]
    last = tuple(
        each for block in blocks if block.type == "block" for each in _block(block, depth + 1)
    )
    yield Statement(line, "finally", branches=((whole,), last)) if last else whole


def _with(node: Node, depth: int) -> Iterator[Statement]:
    heads = [each for each in node.named_children if each.type == "with_clause"]
    items = [item for head in heads for item in head.named_children if item.type == "with_item"]
    values = tuple(expression(item.named_children[0]) for item in items if item.named_children)
    targets = list(chain.from_iterable(map(_as_targets, items)))
    bound = tuple(chain.from_iterable(map(names_in, targets)))
    changed = tuple(chain.from_iterable(map(_changed, targets)))
    yield Statement(node.start_point.row + 1, values=values, bound=bound, changed=changed)
    yield from _block(node.child_by_field_name("body"), depth + 1)


def _clauses(node: Node, type_: str) -> list[Node]:
    return [each for each in node.named_children if each.type == type_]


def _as_targets(node: Node) -> Iterator[Node]:
    """Of all `as` in it but those of its blocks."""
    for each in node.named_children:
        if each.type == "as_pattern_target":
            yield from each.named_children
        elif each.type != "block":
            yield from _as_targets(each)


def _function(node: Node, depth: int) -> Statement:
    name, parameters, body = (
        node.child_by_field_name(field) for field in ("name", "parameters", "body")
    )
    taken = parameters.named_children if parameters is not None else ()
    return Statement(
        node.start_point.row + 1,
        "def",
        targets=_name(name),
        parameters=tuple(each for node in taken for each in _parameter(node)),
        branches=(_block(body, depth + 1),),
        is_lazy=body is not None and _yields(body),
        is_async=any(each.type == "async" for each in node.children),
    )


def _yields(node: Node) -> bool:
    """Whether a function is a generator."""
    left = [node]
    while left:
        each = left.pop()
        if each.type == "yield":
            return True
        if each.type not in ("function_definition", "lambda", "class_definition"):
            left += each.named_children
    return False


def _name(node: Node | None) -> tuple[Expression, ...]:
    return (expression(node),) if node is not None else ()


def _parameter(node: Node) -> Iterator[Parameter]:
    if node.type == "keyword_separator":
        yield Parameter("*")
    elif node.type in ("identifier", "list_splat_pattern", "dictionary_splat_pattern"):
        yield Parameter(text_of(node))
    elif node.type in ("default_parameter", "typed_default_parameter"):
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        yield Parameter(text_of(name), expression(value) if value is not None else None)
    elif node.type == "typed_parameter":
        yield from _parameter(node.named_children[0])


def _imported(node: Node) -> Iterator[tuple[str, str]]:
    """A name that is bound, and what it is: `("np", "numpy")`; `*` is any other."""
    module = text_of(node.child_by_field_name("module_name"))
    for each in node.children_by_field_name("name"):
        alias = each.child_by_field_name("alias")
        name = text_of(each.child_by_field_name("name") if alias is not None else each)
        bound = text_of(alias) if alias is not None else name
        if node.type == "import_from_statement":
            yield bound, f"{module}.{name}"
        else:
            # `import a.b` binds `a`, and `import a.b as c` binds all of it.
            yield (bound, name) if alias is not None else (name.split(".")[0], name.split(".")[0])
    if any(each.type == "wildcard_import" for each in node.named_children):
        yield "*", f"{module}.*"


def _assignment(node: Node) -> Statement:
    """`a = b = x`, `a: int = x`, `a, b = x`, `a.b = x`; an augmented one makes a value that nobody
    knows, and may change the one that was."""
    line = node.start_point.row + 1
    targets: list[Expression] = []
    bound: list[str] = []
    changed: list[Expression] = []
    annotation = node.child_by_field_name("type")
    noted = tuple(map(expression, annotation.named_children)) if annotation is not None else ()
    part: Node | None = node
    while part is not None and part.type in ("assignment", "augmented_assignment"):
        left, right = part.child_by_field_name("left"), part.child_by_field_name("right")
        if left is not None and right is not None:
            if part.type == "assignment" and left.type in ("identifier", "attribute"):
                targets.append(expression(left))
            else:
                bound += names_in(left)
                changed += [expression(left)] if left.type == "identifier" else _changed(left)
        part = right
    values = (*noted, expression(part)) if part is not None else noted
    return Statement(line, "", values, tuple(targets), tuple(bound), tuple(changed))


def _changed(node: Node) -> Iterator[Expression]:
    """The attributes and items that a target is or has."""
    if node.type in ("attribute", "subscript"):
        yield expression(node)
    elif node.type != "identifier":
        for each in node.named_children:
            yield from _changed(each)
