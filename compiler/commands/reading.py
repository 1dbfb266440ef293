"""A folder named on the command line -> what compiling it gave, with places as people type them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace

from compiler.model.diagnostic import Diagnostic, Label, has_errors
from compiler.model.source import Span, Tree
from compiler.pipeline import Compilation, compile_tree
from compiler.scan import scan


@dataclass(frozen=True, slots=True)
class Reading:
    """`prefix` goes before a path of the tree to make one of the working directory."""

    root: str
    prefix: str
    tree: Tree
    compilation: Compilation
    diagnostics: tuple[Diagnostic, ...]

    def lines(self, path: str) -> list[str]:
        """The lines of a file that a diagnostic names."""
        return self.tree.lines(path.removeprefix(self.prefix))


def read(path: str) -> Reading | None:
    """None, and a sentence on stderr, when there is no such folder."""
    if not os.path.isdir(path):
        print(f"gitopsc: `{path}` is no folder", file=sys.stderr)
        return None
    normal = os.path.normpath(path)
    prefix = "" if normal == "." else normal.rstrip("/") + "/"
    tree, scanned = scan(path)
    compilation = Compilation((), (), ())
    if not has_errors(scanned):
        compilation = compile_tree(tree)
    found = tuple(_placed(each, prefix) for each in (*scanned, *compilation.diagnostics))
    return Reading(path, prefix, tree, compilation, found)


def _placed(diagnostic: Diagnostic, prefix: str) -> Diagnostic:
    related = tuple(Label(_moved(each.span, prefix), each.text) for each in diagnostic.related)
    return replace(diagnostic, span=_moved(diagnostic.span, prefix), related=related)


def _moved(span: Span, prefix: str) -> Span:
    path = os.path.normpath(prefix + span.path) if prefix else span.path
    return span._replace(path=path)
