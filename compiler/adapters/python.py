"""Python text -> what a module defines, imports and names, and its code apart from comments.

Nothing is imported or run. The parser is tree-sitter's, which reads the syntax of every Python from
3.8 on, whichever Python runs this: what one machine says of a source, all say.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Query

_TRANSPARENT_DECORATORS = frozenset((b"handler",))
"""Decorators that leave the arguments as they are: the platform's own."""

_LONGEST_NAME = 300
"""Characters of a string that may be the name of a module or of a file."""

_LOADERS = {
    *("cloudpickle", "dill", "imp", "importlib", "joblib", "multiprocessing", "pickle", "pkgutil"),
    *("runpy", "shelve", "site", "torch.load", "concurrent.futures.ProcessPoolExecutor"),
    *("sys.executable", "sys.path"),
}
"""Modules and functions that import others by names which no import tells."""

_VARIABLES = ("assignment", "augmented_assignment", "class_definition", "expression_statement")
"""Statements of a module whose names are its own, and no other module's."""

_CHANGING = frozenset(
    ("add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove")
) | {"setdefault", "update"}
"""Methods that change what they are called on."""

_HARMLESS = ("importlib.metadata", "importlib.resources")
_CALLED = frozenset((b"__import__", b"eval", b"exec"))
_NAMED = frozenset((b"importlib.import_module", b"sys.executable", b"sys.path", b"torch.load"))


class Definition(NamedTuple):
    """A function: the arguments that can be given by name; `open` when it takes any name.

    `outputs` are the names in `@handler(outputs=[...])`, None where there are none to read; one
    without, and every other function, `returns` as far as anybody asks.
    """

    line: int
    column: int
    required: tuple[str, ...]
    optional: tuple[str, ...]
    open: bool
    outputs: tuple[str, ...] | None
    returns: bool = True


class Import(NamedTuple):
    """`import <module>`, or `from <module> import <names>` with as many dots before as `level`.

    It is `certain` where nothing decides whether it is done: in the module itself, or in its
    `function`, when that is called.
    """

    module: str
    level: int = 0
    names: tuple[str, ...] = ()
    line: int = 0
    column: int = 0
    certain: bool = False
    function: str | None = None


class DataCall(NamedTuple):
    """A call of the platform's project by its name: `project.log_artifact("x", kind="artifact")`.

    `name` is what is written, or `symbol` the variable that has it; neither where only running the
    code tells. `kind` is what is written.
    """

    method: str
    name: str | None
    symbol: str | None
    kind: str | None
    line: int
    column: int


class Body(NamedTuple):
    """What a function of a module calls, by names as they are written, and its data. `assigns` is a
    variable of the module that it gives another value, or changes. `asked` are the other methods of
    the platform's project that it calls, with what they name, and `opened` the arguments that have
    to be data."""

    calls: tuple[str, ...]
    data: tuple[DataCall, ...]
    assigns: str | None = None
    asked: tuple[DataCall, ...] = ()
    opened: tuple[str, ...] = ()


class Binding(NamedTuple):
    """What an imported name stands for: a module, or `name` in it; with `level` dots before."""

    module: str
    level: int
    name: str | None


class Newer(NamedTuple):
    """Syntax that a module has since some `version` of Python, such as `3.12`."""

    version: str
    what: str
    line: int
    column: int


_NEWER = {"3.11": "`except*`", "3.12": "a type alias or a type parameter"}


@dataclass(frozen=True, slots=True)
class Outline:
    """Names at the top of a module. A definition is None where reading alone cannot tell it.

    `open` when names may come from elsewhere too: a star import, a `__getattr__`. `imports` are all
    of its import statements, and `strings` what may name a module or a file. `loads` is the first
    thing in it that imports by a name which is not written. `code` is the digest of its text
    without comments and blank lines. `bodies` are those of its functions, `bindings` the names that
    it imports, `constants` its variables that are one text. `newer` are the first of what not every
    Python has, from the newest on.
    """

    definitions: Mapping[str, Definition | None]
    open: bool
    imports: tuple[Import, ...]
    strings: tuple[str, ...]
    loads: str | None
    code: str
    bodies: Mapping[str, Body]
    bindings: Mapping[str, Binding]
    constants: Mapping[str, str]
    newer: tuple[Newer, ...] = ()

    @property
    def packages(self) -> frozenset[str]:
        """The first parts of the modules that it imports, but for its own package's."""
        return frozenset(each.module.split(".")[0] for each in self.imports if not each.level)


class NotPython(Exception):
    """The text does not parse; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@lru_cache(maxsize=256)
def outline(content: bytes) -> Outline:
    """Raises NotPython."""
    text = _utf8(content)
    tree = _parser().parse(text)
    _refuse_errors(text, tree.root_node)
    found = _captures(tree.root_node)
    _check(text, tree.root_node, found)
    imports = tuple(each for node in found.get("import", ()) for each in _imports(text, node))
    names: dict[str, Definition | None] = {}
    functions: dict[str, Node] = {}
    variables: set[str] = set()
    for node, decorators in _statements(tree.root_node):
        if node.type == "function_definition":
            # Of two definitions, only running the module tells which one stays.
            name = _text(node.child_by_field_name("name"))
            names[name] = None if name in names else _signature(text, node, decorators)
            functions[name] = node
        else:
            bound = [*_bound_names(node)]
            names.update(dict.fromkeys(bound))
            variables.update(bound if node.type in _VARIABLES else ())
    changed = _changed(found)
    return Outline(
        definitions=names,
        open="*" in names or "__getattr__" in names,
        imports=imports,
        strings=tuple(sorted({_text(each) for each in found.get("content", ()) if _is_name(each)})),
        loads=_loader(imports, found),
        code=_code_digest(text, found),
        bodies={
            name: _body(text, node, found, _assigned(node, variables, found, changed))
            for name, node in functions.items()
        },
        bindings={
            name: binding for node in found.get("import", ()) for name, binding in _bindings(node)
        },
        constants=_constants(tree.root_node, found),
        newer=tuple(_newer(text, found)),
    )


def _newer(text: bytes, found: Mapping[str, Sequence[Node]]) -> Iterator[Newer]:
    for version, what in sorted(_NEWER.items(), reverse=True):
        for node in found.get(f"of_{version.replace('.', '_')}", ())[:1]:
            yield Newer(version, what, *_place(text, node))
    for node in _reused_quotes(found):
        yield Newer("3.12", "the quote of an f-string inside of it", *_place(text, node))
        break


def _reused_quotes(found: Mapping[str, Sequence[Node]]) -> Iterator[Node]:
    """Texts in an f-string that begin as it does (PEP 701)."""
    last = -1
    for node in found.get("formatted", ()):
        if node.start_byte == last:
            continue  # once for each of its parts
        last, outer = node.start_byte, _quote(node)
        for each in _within(node, found.get("string", ())):
            if each.start_byte != last and _quote(each).startswith(outer):
                yield each


def _quote(node: Node) -> str:
    return _text(node.child(0)).lstrip("fFrRbBuU")


def checked_tree(content: bytes) -> Node:
    """The syntax of a text as tree-sitter has it. Raises NotPython."""
    text = _utf8(content)
    root = _parser().parse(text).root_node
    _refuse_errors(text, root)
    return root


@cache
def _parser() -> Parser:
    from tree_sitter import Language, Parser
    from tree_sitter_python import language

    return Parser(Language(language()))


@cache
def _query() -> Query:
    """What is wanted from anywhere in a module, found without a walk through it in Python."""
    from tree_sitter import Language, Query
    from tree_sitter_python import language

    query: Query = Query(
        Language(language()),
        """
        [(import_statement) (import_from_statement) (future_import_statement)] @import
        (comment) @comment
        (string) @string
        (string (interpolation)) @formatted
        (string_content) @content
        (call function: (identifier) @called)
        (attribute object: (identifier)) @attribute
        [(print_statement) (exec_statement)] @old
        (except_clause value: (_) . "," @comma)
        (except_clause "*" @of_3_11)
        (type_alias_statement) @of_3_12
        (function_definition type_parameters: (_) @of_3_12)
        (class_definition type_parameters: (_) @of_3_12)
        (block) @block
        (global_statement (identifier) @global)
        (assignment left: [(subscript) (attribute)] @changed)
        (augmented_assignment left: [(subscript) (attribute)] @changed)
        (pattern_list [(subscript) (attribute)] @changed)
        (delete_statement [(subscript) (attribute)] @changed)
        (for_statement left: [(subscript) (attribute)] @changed)
        (call function: (attribute attribute: (identifier)) @changing)
        """,
    )
    return query


def _captures(root: Node) -> Mapping[str, list[Node]]:
    from tree_sitter import QueryCursor

    found = QueryCursor(_query()).captures(root)
    return {name: sorted(nodes, key=lambda node: node.start_byte) for name, nodes in found.items()}


_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


def _utf8(content: bytes) -> bytes:
    """The text in UTF-8 with LF, however it is encoded and ends its lines (PEP 263)."""
    if b"\0" in content:
        raise NotPython("it holds a NUL byte", 1 + content[: content.index(b"\0")].count(b"\n"), 1)
    text = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for line in text.split(b"\n", 2)[:2]:
        if match := _CODING.match(line):
            try:
                return text.decode(_codec(match[1].decode("ascii"))).encode()
            except (LookupError, ValueError) as error:
                raise NotPython(str(error), 1, 1) from None
        if line.strip() and not line.lstrip().startswith(b"#"):
            break  # a second line counts after a comment or nothing
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        row = 1 + text.count(b"\n", 0, error.start)
        raise NotPython(f"the byte 0x{text[error.start]:02X} is not UTF-8", row, 1) from None
    return text


def _codec(name: str) -> str:
    """Editors add the end of lines to a name: `utf-8-unix`."""
    plain = name.lower().replace("_", "-")
    for known in ("utf-8", "latin-1", "iso-8859-1", "iso-latin-1"):
        if plain == known or plain.startswith(f"{known}-"):
            return known.replace("iso-latin-1", "latin-1")
    return name


def _refuse_errors(text: bytes, root: Node) -> None:
    """Raises NotPython for the first thing that the grammar does not have."""
    if root.has_error:
        if conflict := _CONFLICT.search(text):
            line = 1 + text[: conflict.start()].count(b"\n")
            raise NotPython("conflict markers are left in it", line, 1)
        node = root
        # An error may hold all of a file; the one that is in it says where.
        while inner := next((each for each in node.children if _is_broken(each)), None):
            node = inner
        said = _said_by_python(text, node.start_point.row + 1)
        word = _without_colon(node) if node.is_error else None
        if said is not None and said[0] != _INVALID:
            raise NotPython(*said)
        if word is not None:
            words = f"a `:` is missing after this `{word.type}`"
            raise NotPython(words, *_place(text, word))
        if node.is_missing:
            raise NotPython(f"`{node.type}` is missing", *_place(text, node))
        raise NotPython(*(said or (_INVALID, *_place(text, node))))


_INVALID = "invalid syntax"
_CONFLICT = re.compile(rb"(?m)^(?:<{7}|>{7}) ")
_LARGEST = 50_000
"""Bytes of a text that Python itself is asked about."""

_NEAR = 2
"""Lines: what Python calls invalid syntax elsewhere may only be new to it."""

_OPEN = ("never closed", "unterminated")
"""Words of Python's about what begins far above of where it shows."""

_SAID = ("does not match", "expected", "indent", "Missing parentheses", "unmatched")
"""Words of Python's that tell more than that something is invalid."""


def _said_by_python(text: bytes, line: int) -> tuple[str, int, int] | None:
    """The words and the place of the Python that runs this, for a text that the grammar refuses at
    a line: it knows better what is missing, but not what is newer than itself."""
    import ast
    import warnings

    if len(text) > _LARGEST:
        return None
    code = text.decode("utf-8", "replace")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        words, there = error.msg, error.lineno or 1
        is_open = any(each in words for each in _OPEN) and not words.startswith("f-string")
        if not is_open and abs(there - line) > _NEAR:
            return None
        if not is_open and not any(each in words for each in _SAID):
            words = _INVALID
        lines = code.split("\n")
        missing = re.match(r"\s*(?:async\s+)?(\w+)", lines[min(there, len(lines)) - 1])
        if words == "expected ':'" and missing:
            words = f"a `:` is missing after this `{missing[1]}`"
        return words[:1].lower() + words[1:], max(there, 1), max(error.offset or 1, 1)
    except (MemoryError, RecursionError, ValueError):
        return None
    return None


def _is_broken(node: Node) -> bool:
    return bool(node.has_error or node.is_error or node.is_missing)


def _without_colon(node: Node) -> Node | None:
    """The first word of a statement that has a block, which decorators may be before."""
    parts = [each for each in node.children if each.type not in ("async", "decorator")]
    is_open = bool(parts) and parts[0].type in _WITH_BLOCKS
    return parts[0] if is_open and all(each.type != ":" for each in parts) else None


_WITH_BLOCKS = (
    *("class", "def", "elif", "else", "except", "finally", "for", "if", "try", "while", "with"),
)


def _check(text: bytes, root: Node, found: Mapping[str, list[Node]]) -> None:
    """Raises NotPython for what the grammar is too kind to."""
    for node in root.children:
        start = node.start_point
        line = text[node.start_byte - start.column : node.start_byte]
        is_continued = text[: node.start_byte - start.column].endswith(b"\\\n")
        is_indented = start.column > 0 and not line.strip(b" \t") and not is_continued
        if is_indented and node.type != "comment":
            raise NotPython("unexpected indent", *_place(text, node))
    for node in found.get("old", ()):
        word = node.type.partition("_")[0]
        raise NotPython(f"`{word}` is a function since Python 3", *_place(text, node))
    for node in found.get("comma", ()):
        words = "`except A, b` is Python 2: write `except A as b`, or `except (A, b)`"
        raise NotPython(words, *_place(text, node))
    for node in found.get("block", ()):
        if node.named_child_count == 0:
            raise NotPython("an indented block is missing", *_place(text, node))
        _check_indents(text, node)


def _check_indents(text: bytes, block: Node) -> None:
    """The statements of a block begin below each other, but for those that share a line."""
    statements = [each for each in block.named_children if each.type != "comment"]
    column = statements[0].start_point.column if statements else 0
    for last, node in pairwise(statements):
        start = node.start_point
        if start.row > last.end_point.row and start.column != column:
            line = text[node.start_byte - start.column : node.start_byte]
            if not line.strip(b" \t"):
                raise NotPython("unexpected indent", *_place(text, node))


def _place(text: bytes, node: Node) -> tuple[int, int]:
    start = node.start_point
    before = text[node.start_byte - start.column : node.start_byte]
    return start.row + 1, len(before.decode("utf-8", "replace")) + 1


def _text(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""


def _is_name(node: Node) -> bool:
    text = node.text or b""
    return 0 < len(text) <= _LONGEST_NAME and b"\n" not in text


# Imports


def _imports(text: bytes, node: Node) -> Iterator[Import]:
    named = node.children_by_field_name("name")
    certainty = _certainty(node)
    if node.type == "import_statement":
        for each in named:
            yield Import(_imported(each), 0, (), *_place(text, each), *certainty)
    elif node.type == "import_from_statement":
        names = tuple(_imported(each) for each in named)
        if any(each.type == "wildcard_import" for each in node.children):
            names = ("*",)
        written = node.child_by_field_name("module_name")
        module = _compact(written)
        name = module.lstrip(".")
        place = _place(text, written or node)
        yield Import(name, len(module) - len(name), names, *place, *certainty)


def _certainty(node: Node) -> tuple[bool, str | None]:
    """Whether nothing around a statement decides if it is done, and the function around it."""
    function = None
    parent = node.parent
    while parent is not None and parent.type != "module":
        if parent.type == "function_definition" and function is None:
            function = _text(parent.child_by_field_name("name"))
        elif parent.type not in ("block", "decorated_definition"):
            return False, None
        parent = parent.parent
    return True, function


def _imported(node: Node) -> str:
    """`a.b` of `a.b as c`."""
    named = node.child_by_field_name("name") if node.type == "aliased_import" else node
    return _compact(named)


def _compact(node: Node | None) -> str:
    """A name without blanks and continued lines between its parts."""
    return re.sub(r"[\s\\]+", "", _text(node))


def _loader(imports: tuple[Import, ...], found: Mapping[str, list[Node]]) -> str | None:
    for each in imports:
        names = [f"{each.module}.{name}" for name in each.names] or [each.module]
        for name in () if each.level else names:
            parts = name.split(".")
            is_one = any(".".join(parts[:end]) in _LOADERS for end in range(1, len(parts) + 1))
            if is_one and not name.startswith(_HARMLESS):
                return each.module if each.module in _LOADERS else name
    for kind, known in (("called", _CALLED), ("attribute", _NAMED)):
        for node in found.get(kind, ()):
            if node.text in known:
                return _text(node)
    return None


def _bindings(node: Node) -> Iterator[tuple[str, Binding]]:
    module = _compact(node.child_by_field_name("module_name"))
    level = len(module) - len(module.lstrip("."))
    for each in node.children_by_field_name("name"):
        alias = each.child_by_field_name("alias")
        name = _imported(each)
        if node.type == "import_statement":
            # `import a.b` binds `a`, and `import a.b as c` binds all of it.
            bound = _text(alias) if alias is not None else name.split(".")[0]
            yield bound, Binding(name if alias is not None else bound, 0, None)
        elif node.type == "import_from_statement":
            bound = _text(alias) if alias is not None else name
            yield bound, Binding(module.lstrip("."), level, name)


# Data that code names


_DATA_METHOD = re.compile(
    r"(?:get|new|log|log_generic)_(?:artifact|dataitem|model)"
    r"|log_(?:croissant|huggingface|mlflow|sklearn|table)"
)
_NAME_ARGUMENTS = ("name", "identifier")
_METHODS_OF_DATA = ("as_df", "as_file", "download")
"""What no text has."""

_PROJECTS = ("project", "context.project", "self.project", "self.context.project")
"""What handlers call the platform's project."""


def _body(text: bytes, node: Node, found: Mapping[str, list[Node]], assigns: str | None) -> Body:
    arguments = {_text(each) for each in _arguments(node)}
    called = {_text(each) for each in _within(node, found.get("called", ()))} - arguments
    data, asked = [], []
    opened: set[str] = set()
    bound: frozenset[str] | None = None
    for each in _within(node, found.get("changing", ())):
        method = _text(each.child_by_field_name("attribute"))
        receiver = _receiver(each)
        if receiver in _PROJECTS and _DATA_METHOD.fullmatch(method):
            call = _data_call(text, method, each)
            if call.symbol is not None:
                bound = _bound_in(node) if bound is None else bound
                if call.symbol.split(".")[0] in bound:
                    call = call._replace(symbol=None)  # no variable of the module
            data.append(call)
        elif receiver in _PROJECTS:
            asked.append(_data_call(text, method, each))
        elif receiver in arguments and method in _METHODS_OF_DATA:
            opened.add(receiver)
        elif receiver.replace(".", "").isidentifier() and receiver.split(".")[0] not in arguments:
            called.add(f"{receiver}.{method}")
    if opened:
        opened = set() if "isinstance" in called else opened - _assigned_in(node)
    return Body(tuple(sorted(called)), tuple(data), assigns, tuple(asked), tuple(sorted(opened)))


def _receiver(attribute: Node) -> str:
    """`a.b` of `a.b.method`; nothing of what is not a name."""
    node = attribute.child_by_field_name("object")
    if node is None or node.type not in ("identifier", "attribute"):
        return ""
    return _compact(node) if node.end_byte - node.start_byte <= _LONGEST_NAME else ""


def _data_call(text: bytes, method: str, function: Node) -> DataCall:
    call = function.parent
    arguments = call.child_by_field_name("arguments") if call is not None else None
    positional, named = [], {}
    for each in arguments.named_children if arguments is not None else ():
        if each.type == "keyword_argument":
            named[_text(each.child_by_field_name("name"))] = each.child_by_field_name("value")
        elif each.type != "comment":
            positional.append(each)
    written = next((named[key] for key in _NAME_ARGUMENTS if key in named), None)
    if written is None and positional and positional[0].type != "list_splat":
        written = positional[0]
    kind = named.get("kind") or (positional[1] if len(positional) > 1 else None)
    is_symbol = written is not None and written.type in ("identifier", "attribute")
    name = _literal(written)
    if "entity_id" in named:  # one version, which code alone knows
        name, is_symbol = None, False
    symbol = _compact(written) if is_symbol else None
    return DataCall(method, name, symbol, _literal(kind), *_place(text, function))


def _constants(root: Node, found: Mapping[str, list[Node]]) -> Mapping[str, str]:
    """Variables of the module that are one text, and nothing else."""
    texts: dict[str, str] = {}
    spoiled = {_text(each) for each in found.get("global", ())}
    for node, _ in _statements(root):
        assigned = node.named_children[0] if node.named_child_count == 1 else node
        left, right = (assigned.child_by_field_name(side) for side in ("left", "right"))
        value = _literal(right)
        is_plain = assigned.type == "assignment" and left is not None and value is not None
        if is_plain and left is not None and left.type == "identifier" and value is not None:
            name = _text(left)
            spoiled |= {name} if name in texts else set()
            texts[name] = value
        else:
            spoiled.update(_bound_names(node))
    return {name: value for name, value in texts.items() if name not in spoiled}


# Code apart from comments


def _code_digest(text: bytes, found: Mapping[str, list[Node]]) -> str:
    """64 hex digits: of each line without its comment and blanks at its end, but for empty ones.

    Lines that a string crosses, or that follow a backslash, are as they are; a line that names the
    encoding counts.
    """
    comments = {}
    for node in found.get("comment", ()):
        start = node.start_point
        if start.row > 1 or not _CODING.match(node.text or b""):
            comments[start.row] = start.column
    crossed = {
        row
        for node in found.get("string", ())
        if node.start_point.row < node.end_point.row
        for row in range(node.start_point.row, node.end_point.row + 1)
    }
    digest = hashlib.sha256()
    is_continued = False
    for row, line in enumerate(text.split(b"\n")):
        kept = line[: comments.get(row, len(line))]
        if row not in crossed and not is_continued:
            kept = kept.rstrip()
            if not kept:
                continue
        digest.update(kept + b"\n")
        is_continued = kept.endswith(b"\\")
    return digest.hexdigest()


# Names and signatures


_SCOPES = ("function_definition", "class_definition", "lambda")


def _statements(root: Node) -> Iterator[tuple[Node, list[Node]]]:
    """Those of the module itself, also under `if`, `try` and `with`, each with its decorators."""
    waiting = root.named_children[::-1]
    while waiting:
        node = waiting.pop()
        if node.type == "decorated_definition":
            definition = node.child_by_field_name("definition")
            decorators = [each for each in node.named_children if each.type == "decorator"]
            if definition is not None:
                yield definition, decorators
            continue
        yield node, []
        if node.type not in _SCOPES:
            waiting += [each for each in _inner(node) if each.type != "comment"][::-1]


def _inner(node: Node) -> Iterator[Node]:
    """The statements in a compound one."""
    for child in node.named_children:
        if child.type == "block":
            yield from child.named_children
        elif child.type.endswith("_clause"):
            yield from _inner(child)


def _bound_names(node: Node) -> Iterator[str]:
    """Names that a statement of the module binds, without the statements in it."""
    if node.type == "class_definition":
        yield _text(node.child_by_field_name("name"))
    elif node.type == "import_from_statement" or node.type == "import_statement":
        if any(each.type == "wildcard_import" for each in node.children):
            yield "*"
        for each in node.children_by_field_name("name"):
            alias = each.child_by_field_name("alias")
            yield _text(alias) if alias is not None else _text(each).split(".")[0]
    else:
        waiting = [node]
        while waiting:
            part = waiting.pop()
            yield from _targets(part)
            parts = (each for each in part.named_children if each.type not in ("block", *_SCOPES))
            waiting += [each for each in parts if not each.type.endswith("_definition")]


_TARGETS = {
    "assignment": "left",
    "augmented_assignment": "left",
    "for_statement": "left",
    "for_in_clause": "left",
    "named_expression": "name",
    "as_pattern": "alias",
    "type_alias_statement": "left",
}


def _targets(node: Node) -> Iterator[str]:
    target = None
    if node.type in _TARGETS:
        target = node.child_by_field_name(_TARGETS[node.type])
    elif node.type in ("case_pattern", "splat_pattern"):
        target = node
    waiting = [target] if target is not None else []
    while waiting:
        part = waiting.pop()
        if part.type == "identifier":
            yield _text(part)
        elif part.type not in ("attribute", "subscript", "call"):
            waiting += part.named_children


def _changed(found: Mapping[str, list[Node]]) -> Sequence[Node]:
    """What is assigned to a part of a variable, or changed by a method of it; sorted."""
    changing = (each for each in found.get("changing", ()) if _is_changing(each))
    return sorted([*found.get("changed", ()), *changing], key=lambda each: each.start_byte)


def _assigned(
    function: Node,
    variables: Container[str],
    found: Mapping[str, list[Node]],
    changed: Sequence[Node],
) -> str | None:
    """A variable of the module that a function assigns or changes, as far as reading tells.

    `global x` says it, where `x` is assigned then, and `globals()`; so do `x[...] = ...`,
    `x.y = ...` and `x.append(...)`, where `x` is not a name of its own.
    """
    own: frozenset[str] | None = None
    for each in _within(function, found.get("global", ())):
        own = _bound_in(function) if own is None else own
        if _text(each) in own:
            return _text(each)
    for each in _within(function, changed):
        root = each
        while root.type in ("subscript", "attribute") and root.named_children:
            root = root.named_children[0]
        variable = _text(root)
        if root.type != "identifier" or variable not in variables:
            continue
        own = _bound_in(function) if own is None else own
        if variable not in own:
            return variable
    called = {_text(each) for each in _within(function, found.get("called", ()))}
    return "globals()" if "globals" in called else None


def _is_changing(called: Node) -> bool:
    return _text(called.child_by_field_name("attribute")) in _CHANGING


def _within(node: Node, others: Sequence[Node]) -> Sequence[Node]:
    """Those of `others`, which are sorted, that stand in a node."""
    first = bisect_left(others, node.start_byte, key=lambda each: each.start_byte)
    last = bisect_left(others, node.end_byte, key=lambda each: each.start_byte)
    return others[first:last]


def _bound_in(function: Node) -> frozenset[str]:
    """The names that a function binds: its arguments, and what it and functions in it assign."""
    return _assigned_in(function) | {_text(each) for each in _arguments(function)}


def _assigned_in(function: Node) -> frozenset[str]:
    """What it and functions in it assign, with the arguments of those."""
    names: set[str] = set()
    waiting = list(function.named_children)
    while waiting:
        part = waiting.pop()
        names.update(_targets(part))
        if part.type in ("function_definition", "lambda"):
            names |= {_text(each) for each in _arguments(part)}
        if part.type == "function_definition":
            names.add(_text(part.child_by_field_name("name")))
        waiting += part.named_children
    return frozenset(names)


def _arguments(node: Node) -> Iterator[Node]:
    """Those of a function; its locals have to be found in its body."""
    parameters = node.child_by_field_name("parameters")
    waiting = list(parameters.named_children) if parameters is not None else []
    while waiting:
        part = waiting.pop()
        if part.type == "identifier":
            yield part
        elif part.type in ("typed_parameter", "list_splat_pattern", "dictionary_splat_pattern"):
            waiting += part.named_children[:1]
        elif part.type in ("default_parameter", "typed_default_parameter"):
            name = part.child_by_field_name("name")
            waiting += [name] if name is not None else []


def _signature(text: bytes, node: Node, decorators: list[Node]) -> Definition | None:
    parameters = node.child_by_field_name("parameters")
    children = parameters.named_children if parameters is not None else []
    kinds = {each.type for each in children}
    is_transparent = all(_decorator(each) in _TRANSPARENT_DECORATORS for each in decorators)
    if not is_transparent or "positional_separator" in kinds:
        return None
    required, optional = [], []
    takes_any = False
    for each in children:
        named = each.named_children[0] if each.type == "typed_parameter" else each
        if named.type == "dictionary_splat_pattern":
            takes_any = True
        elif named.type == "identifier":
            required.append(_text(named))
        elif each.type in ("default_parameter", "typed_default_parameter"):
            optional.append(_text(each.child_by_field_name("name")))
    line, column = _place(text, node)
    outputs = next(
        (found for each in decorators if (found := _keyword(each, b"outputs")) is not None), None
    )
    names = _literal_names(outputs) if outputs is not None else None
    return Definition(
        line,
        column,
        tuple(required),
        tuple(optional),
        takes_any,
        names,
        not names or _returns(node),
    )


_OF_ITS_OWN = ("class_definition", "function_definition", "lambda")


def _returns(function: Node) -> bool:
    """Whether it may give something back: it has a `return` with a value, a `yield` or a `raise`,
    or `...` in the place of what is not written yet."""
    waiting = list(function.named_children)
    while waiting:
        part = waiting.pop()
        if part.type in ("ellipsis", "raise_statement", "yield"):
            return True
        if part.type == "return_statement" and part.named_child_count:
            return True
        waiting += [each for each in part.named_children if each.type not in _OF_ITS_OWN]
    return False


def _decorator(node: Node) -> bytes:
    """The last part of its name; nothing of what is not called by one."""
    called: Node | None = node.named_children[0]
    if called is not None and called.type == "call":
        called = called.child_by_field_name("function")
    if called is not None and called.type == "attribute":
        called = called.child_by_field_name("attribute")
    return called.text or b"" if called is not None and called.type == "identifier" else b""


def _keyword(decorator: Node, name: bytes) -> Node | None:
    """The value of a keyword argument of a decorator that is called."""
    arguments = decorator.named_children[0].child_by_field_name("arguments")
    for each in arguments.named_children if arguments is not None else ():
        key = each.child_by_field_name("name")
        if each.type == "keyword_argument" and key is not None and key.text == name:
            return each.child_by_field_name("value")
    return None


def _literal_names(value: Node) -> tuple[str, ...] | None:
    """Names of a literal list: strings, or mappings with a `name` (digitalhub.md section 6)."""
    if value.type not in ("list", "tuple"):
        return None
    items = [each for each in value.named_children if each.type != "comment"]
    names = [_literal(_named(each) if each.type == "dictionary" else each) for each in items]
    literal = tuple(name for name in names if name is not None)
    return literal if len(literal) == len(names) else None


def _named(mapping: Node) -> Node | None:
    for pair in mapping.named_children:
        if pair.type == "pair" and _literal(pair.child_by_field_name("key")) == "name":
            return pair.child_by_field_name("value")
    return None


def _literal(node: Node | None) -> str | None:
    """The text of a string that has nothing to work out in it."""
    if node is None or node.type != "string":
        return None
    parts = node.named_children
    if any(each.type == "interpolation" or each.named_children for each in parts):
        return None
    return "".join(_text(each) for each in parts if each.type == "string_content")
