"""A Python file -> its outline, once for each content."""

from __future__ import annotations

from gitopsc.adapters.python import (
    Binding,
    Body,
    DataCall,
    Definition,
    Import,
    Newer,
    NotPython,
    Outline,
    outline,
)
from gitopsc.model.memo import Memo, step_key

__all__ = ("NotPython", "Outline", "outline_of")


def outline_of(content: bytes, memo: Memo) -> Outline:
    """Raises NotPython."""
    made: Outline | None = memo.made.get(content)
    if made is None:
        made = memo.made[content] = _outline(content, memo)
    return made


def _outline(content: bytes, memo: Memo) -> Outline:
    key = step_key("outline", content)
    known = memo.recall(key)
    if known is not None:
        definitions, is_open, imports, strings, loads, code, *rest = known
        bodies, bindings, constants, newer = rest
        return Outline(
            {name: each and Definition(*each) for name, each in definitions.items()},
            is_open,
            tuple(Import(*each) for each in imports),
            strings,
            loads,
            code,
            {
                name: Body(
                    calls,
                    tuple(DataCall(*call) for call in data),
                    assigns,
                    tuple(DataCall(*call) for call in asked),
                    opened,
                )
                for name, (calls, data, assigns, asked, opened) in bodies.items()
            },
            {name: Binding(*each) for name, each in bindings.items()},
            constants,
            tuple(Newer(*each) for each in newer),
        )
    found = outline(content)
    definitions = {name: each and tuple(each) for name, each in found.definitions.items()}
    imports = [tuple(each) for each in found.imports]
    bodies = {
        name: (
            each.calls,
            tuple(map(tuple, each.data)),
            each.assigns,
            tuple(map(tuple, each.asked)),
            each.opened,
        )
        for name, each in found.bodies.items()
    }
    bindings = {name: tuple(each) for name, each in found.bindings.items()}
    told = (definitions, found.open, imports, found.strings, found.loads, found.code)
    newer = [tuple(each) for each in found.newer]
    memo.keep(key, (*told, bodies, bindings, found.constants, newer))
    return found
