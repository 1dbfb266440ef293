"""What compiling gives: of one part of a repository, or of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gitopsc.model.artifact import ClusterObject
from gitopsc.model.diagnostic import CODES, Diagnostic, Label
from gitopsc.model.fix import Fix
from gitopsc.model.footprint import Trace
from gitopsc.model.output import OutputFile
from gitopsc.model.plan import Plan
from gitopsc.model.program import Program
from gitopsc.model.resolution import Resolution
from gitopsc.model.source import FunctionFile, Span


class Compiled(NamedTuple):
    """A project in short: where it is, where it writes, and which files it is made of.

    `place` is where to point for what is wrong with it as a whole.
    """

    name: str
    folder: str
    output: str
    place: Span
    read: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """What every path of the project starts with in the tree."""
        return self.folder + "/" if self.folder else ""


class Tidied(NamedTuple):
    """The files of a tidy repository; and `literal` ones, which mean what was read to the letter,
    with images that a platform has built."""

    files: tuple[FunctionFile, ...]
    literal: tuple[FunctionFile, ...]
    diagnostics: tuple[Diagnostic, ...]


class Transcript(NamedTuple):
    """Of a notebook: the project's name, and its files, sorted by path; none after an error.
    `texts` are those that diagnostics have places in."""

    project: str
    files: tuple[FunctionFile, ...]
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]


class Taken(NamedTuple):
    """A name that a project has in a namespace: no other project may have it there. An object of a
    controller is of no `environment`."""

    environment: str
    namespace: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Compilation:
    """`outputs` are the files of each project, and `objects` what is in its manifests, in the order
    of `projects`; none after an error.

    `programs`, their `resolutions`, `plans` and `objects` are left out when nobody asks for them:
    they hold everything that was read. `contents` are digests of the files that were. `taken` are
    the names that each project has in namespaces; `trace` is that of a single project.
    """

    projects: tuple[Compiled, ...] = ()
    programs: tuple[Program, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    plans: tuple[Plan, ...] = ()
    outputs: tuple[tuple[Compiled, tuple[OutputFile, ...]], ...] = ()
    objects: tuple[tuple[Compiled, tuple[ClusterObject, ...]], ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    is_empty: bool = True
    contents: Mapping[str, bytes] = field(default_factory=dict)
    taken: tuple[tuple[Compiled, tuple[Taken, ...]], ...] = ()
    trace: Trace | None = None

    def plain(self) -> Any:
        """Without programs and outputs, and out of plain values that can be stored."""
        projects = [(*each[:3], tuple(each.place), each.read) for each in self.projects]
        taken = [(project.folder, list(map(tuple, names))) for project, names in self.taken]
        return projects, [_plain(each) for each in self.diagnostics], self.is_empty, taken

    @classmethod
    def from_plain(cls, plain: Any) -> Compilation:
        projects, diagnostics, is_empty, taken = plain
        found = {
            folder: Compiled(name, folder, output, Span(*place), read)
            for name, folder, output, place, read in projects
        }
        return cls(
            projects=tuple(found.values()),
            diagnostics=tuple(map(_diagnostic, diagnostics)),
            is_empty=is_empty,
            taken=tuple(
                (found[folder], tuple(Taken(*each) for each in names)) for folder, names in taken
            ),
        )


def _plain(diagnostic: Diagnostic) -> Any:
    related = [(tuple(label.span), label.text) for label in diagnostic.related]
    place = tuple(diagnostic.span)
    fix = diagnostic.fix and (diagnostic.fix.way, tuple(diagnostic.fix.span), diagnostic.fix.text)
    how = diagnostic.private, diagnostic.allowed, fix
    return diagnostic.code.id, diagnostic.message, place, diagnostic.hint, related, *how


def _diagnostic(plain: Any) -> Diagnostic:
    code, message, place, hint, related, private, allowed, fix = plain
    labels = tuple(Label(Span(*span), text) for span, text in related)
    if fix is not None:
        way, span, text = fix
        fix = Fix(way, Span(*span), text)
    return Diagnostic(_CODES[code], message, Span(*place), hint, labels, private, allowed, fix)


_CODES = {code.id: code for code in CODES}
