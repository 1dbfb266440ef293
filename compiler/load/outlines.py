"""A Python file -> its outline, once for each content."""

from __future__ import annotations

from gitopsc.adapters.python import Definition, Import, NotPython, Outline, outline
from gitopsc.model.memo import Memo, step_key

__all__ = ("NotPython", "Outline", "outline_of")


def outline_of(content: bytes, memo: Memo) -> Outline:
    """Raises NotPython."""
    key = step_key("outline", content)
    known = memo.recall(key)
    if known is not None:
        definitions, is_open, imports, strings, loads, code = known
        named = {name: each and Definition(*each) for name, each in definitions.items()}
        return Outline(
            named, is_open, tuple(Import(*each) for each in imports), strings, loads, code
        )
    found = outline(content)
    definitions = {name: each and tuple(each) for name, each in found.definitions.items()}
    imports = [tuple(each) for each in found.imports]
    memo.keep(key, (definitions, found.open, imports, found.strings, found.loads, found.code))
    return found
