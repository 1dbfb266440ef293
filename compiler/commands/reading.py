"""A folder named on the command line -> its tree, with places as people type them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gitopsc.adapters.folder import Listing
from gitopsc.model.diagnostic import Diagnostic, Label
from gitopsc.model.source import Span, Tree
from gitopsc.scan import scan


@dataclass(frozen=True, slots=True)
class Reading:
    """`prefix` goes before a path of the tree to make one of the working directory.

    `scanned` is what was wrong with the folder itself; with an error, the tree is no use.
    """

    root: str
    prefix: str
    tree: Tree
    scanned: tuple[Diagnostic, ...]

    def lines(self, path: str) -> list[str]:
        """The lines of a file that a diagnostic names."""
        return self.tree.lines(path.removeprefix(self.prefix))

    def placed(self, diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
        return placed(diagnostics, self.prefix)


def read(path: str, listing: Listing | None = None) -> Reading:
    """`path` is a folder; `listing`, when it was listed already, spares doing it again."""
    normal = os.path.normpath(path)
    prefix = "" if normal == "." else normal.rstrip("/") + "/"
    tree, scanned = scan(path, listing)
    return Reading(path, prefix, tree, tuple(_placed(each, prefix) for each in scanned))


def placed(diagnostics: Iterable[Diagnostic], prefix: str) -> tuple[Diagnostic, ...]:
    return tuple(_placed(each, prefix) for each in diagnostics)


def _placed(diagnostic: Diagnostic, prefix: str) -> Diagnostic:
    related = tuple(Label(_moved(each.span, prefix), each.text) for each in diagnostic.related)
    return replace(diagnostic, span=_moved(diagnostic.span, prefix), related=related)


def _moved(span: Span, prefix: str) -> Span:
    path = os.path.normpath(prefix + span.path) if prefix else span.path
    return span._replace(path=path)
