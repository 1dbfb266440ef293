"""`gitopsc lsp`: a language server over standard input and output, for editors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gitopsc import __version__
from gitopsc.adapters.language_server import NoServer, serve
from gitopsc.assist import assist
from gitopsc.commands.reading import read
from gitopsc.model.assistance import Asked, Assistance
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import Diagnostic, has_errors, in_order
from gitopsc.model.fix import Fix
from gitopsc.model.memo import Memo
from gitopsc.model.source import SourceFile, Tree
from gitopsc.pipeline import compile_tree
from gitopsc.rewrite import replacement

DESCRIPTION = (
    "Serve editors over standard input and output (Language Server Protocol): problems as one"
    " types, completion, what a key means, where a function, a handler or data is made, renaming."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Editors start it in any folder, and tell it which one is meant."""


def run(arguments: argparse.Namespace) -> int:
    try:
        serve(__version__, _Folder)
    except NoServer:
        hint = "install `gitopsc[lsp]`"
        print(f"gitopsc lsp: pygls is not on this machine; {hint}", file=sys.stderr)
        return 2
    return 0


class _Folder:
    """A folder as an editor has it: files on disk, and over them what is being typed."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._memo = Memo()
        self._tree = Tree(os.path.basename(root), {})
        self._sound = Compilation()
        self._latest = Compilation()

    def changed(self, texts: Mapping[str, str]) -> Mapping[str, Sequence[Diagnostic]]:
        reading = read(self.root)
        files = dict(reading.tree.files)
        for path, text in texts.items():
            if path in files:  # output and what Git ignores are not
                content = text.encode("utf-8", "surrogatepass")
                files[path] = SourceFile(path, lambda content=content: content)
        self._tree = replace(reading.tree, files=dict(sorted(files.items())))
        found = [_in_tree(each, reading.prefix) for each in reading.scanned]
        if not has_errors(reading.scanned):
            self._memo = Memo(self._memo.used)
            self._latest = compile_tree(self._tree, self._memo)
            found += self._latest.diagnostics
            if not has_errors(self._latest.diagnostics):
                self._sound = self._latest
        problems: dict[str, list[Diagnostic]] = {}
        for each in in_order(found):
            if each.span.path in files:
                problems.setdefault(each.span.path, []).append(each)
        return problems

    def asked(self, asked: Asked) -> Assistance:
        """By what there is now, or by what there was before the last mistake."""
        found = assist(asked, self._latest)
        return found if found != Assistance() else assist(asked, self._sound)

    def replacement(self, fix: Fix) -> Fix | None:
        path = fix.span.path
        return replacement(path, "\n".join(self.lines(path)), fix)

    def lines(self, path: str) -> Sequence[str]:
        return self._tree.lines(path)


def _in_tree(diagnostic: Diagnostic, prefix: str) -> Diagnostic:
    """With its place as the tree has it, and not as somebody types it in a terminal."""
    path = diagnostic.span.path.removeprefix(prefix)
    return replace(diagnostic, span=diagnostic.span._replace(path=path))
