"""A notebook or a script that uses the platform's SDK -> the files of a tidy repository.

Nothing is executed: its statements are followed by reading. What is known only at run time is a
comment in what is written, and a diagnostic at its place.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitopsc.model.compilation import Transcript
from gitopsc.model.source import SourceFile
from gitopsc.transcribe.cells import read_cells
from gitopsc.transcribe.follow import follow
from gitopsc.transcribe.repository import repository_of

__all__ = ("transcribe",)


def transcribe(
    path: str, content: bytes, beside: Mapping[str, SourceFile], project: str
) -> Transcript:
    """`beside` are the files in its folder, by their paths from there; `project` is what the
    project is called where nothing says its name."""
    notebook, problems = read_cells(path, content)
    if notebook is None:
        return Transcript(project, (), tuple(problems), {})
    script, found = follow(notebook)
    files, missing = repository_of(notebook, script, beside, project)
    return Transcript(
        script.project or project, files, (*problems, *found, *missing), notebook.texts
    )
