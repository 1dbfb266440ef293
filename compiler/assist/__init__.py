"""A compilation and an editor's request about a place in a text -> suggestions, a description,
places or edits."""

from __future__ import annotations

from gitopsc.assist.cursor import Cursor, cursor_at
from gitopsc.assist.places import found_at, objects_of, renamed
from gitopsc.assist.vocabulary import described, suggestions
from gitopsc.model.assistance import Asked, Assistance
from gitopsc.model.compilation import Compilation

__all__ = ("assist",)


def assist(asked: Asked, compilation: Compilation) -> Assistance:
    """The compilation may be of a moment before: of the last text that had no errors."""
    cursor = cursor_at(asked.text, asked.line, asked.column)
    if asked.what == "complete":
        fitting = dict.fromkeys(suggestions(cursor, asked.path, compilation))
        typed = cursor.typed.strip("\"'")
        return Assistance(tuple(each for each in fitting if each.text.startswith(typed)))
    if asked.what == "describe":
        return Assistance(description=_description(asked, cursor, compilation))
    if asked.what == "find":
        return Assistance(places=tuple(dict.fromkeys(found_at(asked, cursor, compilation))))
    return Assistance(edits=tuple(dict.fromkeys(renamed(asked, cursor, compilation))))


_LONGEST = 200
"""Lines of a manifest that an editor shows."""


def _manifest(path: str, compilation: Compilation) -> str:
    """The text of a file of the output, as far as it is of use beside a cursor."""
    texts = (
        file.content.decode()
        for project, files in compilation.outputs
        for file in files
        if f"{project.prefix}{project.output}/{file.path}" == path
    )
    lines = next(texts, "").splitlines()
    return "\n".join(lines[:_LONGEST] + (["# ..."] if len(lines) > _LONGEST else []))


def _description(asked: Asked, cursor: Cursor, compilation: Compilation) -> str | None:
    """What a run comes to, or what a key means."""
    objects = tuple(objects_of(asked.path, cursor, compilation))
    if objects:
        lines = (f"- {each.kind} `{each.name}` in {each.path}" for each in objects)
        found = _manifest(objects[0].path, compilation)
        return "\n".join(("In clusters:", "", *lines, "", "```yaml", found, "```"))
    return described(cursor, asked.path)
