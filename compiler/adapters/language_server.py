"""The Language Server Protocol, by pygls: an editor's requests -> questions that a workspace
answers, and its answers as the protocol has them. Columns of the protocol are UTF-16.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from gitopsc.model.assistance import Asked, Assistance
from gitopsc.model.diagnostic import Diagnostic, Severity
from gitopsc.model.fix import Fix
from gitopsc.model.source import Span

_PAUSE = 0.2
"""Seconds without a key before what is typed is looked at."""

_SOURCE = "gitopsc"


class NoServer(Exception):
    """pygls is not installed."""


class Workspace(Protocol):
    """What answers. Paths are relative to its `root`."""

    root: str

    def changed(self, texts: Mapping[str, str]) -> Mapping[str, Sequence[Diagnostic]]:
        """`texts` are files as they are typed; gives the problems of each file that has some."""

    def asked(self, asked: Asked) -> Assistance:
        """An answer about a place."""

    def replacement(self, fix: Fix) -> Fix | None:
        """A fix as the one replacement of a text that it comes to."""

    def lines(self, path: str) -> Sequence[str]:
        """The lines of a file as it was last looked at."""


def serve(version: str, make: Any) -> None:
    """Over standard input and output, until the client ends it. `make` gives the workspace of a
    folder. Raises NoServer."""
    try:
        from lsprotocol import types
        from pygls.lsp.server import LanguageServer
    except ImportError:
        raise NoServer from None
    server = LanguageServer(_SOURCE, version)
    session = _Session(server, types, make)
    for name, feature, options in (
        (types.INITIALIZED, session.initialized, None),
        (types.TEXT_DOCUMENT_DID_OPEN, session.changed, None),
        (types.TEXT_DOCUMENT_DID_CHANGE, session.changed, None),
        (types.TEXT_DOCUMENT_DID_SAVE, session.changed, None),
        (types.TEXT_DOCUMENT_DID_CLOSE, session.changed, None),
        (
            types.TEXT_DOCUMENT_COMPLETION,
            session.completion,
            types.CompletionOptions(trigger_characters=[":", " ", "/"]),
        ),
        (types.TEXT_DOCUMENT_HOVER, session.hover, None),
        (types.TEXT_DOCUMENT_DEFINITION, session.definition, None),
        (types.TEXT_DOCUMENT_RENAME, session.rename, None),
        (types.TEXT_DOCUMENT_CODE_ACTION, session.fixes, None),
    ):
        server.feature(name, options)(_plain(feature))
    server.start_io()


def _plain(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """pygls notes things in functions, which methods do not take."""

    def feature(params: Any) -> Any:
        return method(params)

    return feature


class _Session:
    """One client, and its first folder."""

    def __init__(self, server: Any, types: Any, make: Any) -> None:
        self._server, self._types, self._make = server, types, make
        self._workspace: Workspace | None = None
        self._told: set[str] = set()
        self._known: Mapping[str, Sequence[Diagnostic]] = {}
        self._waiting: asyncio.TimerHandle | None = None

    def initialized(self, _: Any) -> None:
        root = self._server.workspace.root_path
        if root is not None:
            self._workspace = self._make(os.path.realpath(root))
            self._look()

    def changed(self, _: Any) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = asyncio.get_running_loop().call_later(_PAUSE, self._look)

    def _look(self) -> None:
        """Tells the problems of all files, and of those that had some that they have none."""
        if self._workspace is None:
            return
        self._waiting = None
        self._known = self._workspace.changed(self._texts())
        for path in sorted({*self._known, *self._told}):
            found = [self._diagnostic(each) for each in self._known.get(path, ())]
            uri = self._uri(path)
            parameters = self._types.PublishDiagnosticsParams(uri=uri, diagnostics=found)
            self._server.text_document_publish_diagnostics(parameters)
        self._told = set(self._known)

    def completion(self, params: Any) -> Any:
        kinds = {
            "data": self._types.CompletionItemKind.Reference,
            "function": self._types.CompletionItemKind.Function,
            "key": self._types.CompletionItemKind.Property,
            "value": self._types.CompletionItemKind.Value,
        }
        return [
            self._types.CompletionItem(
                label=each.text,
                kind=kinds[each.kind],
                documentation=self._markdown(each.documentation) if each.documentation else None,
            )
            for each in self._ask("complete", params).suggestions
        ]

    def hover(self, params: Any) -> Any:
        text = self._ask("describe", params).description
        return None if text is None else self._types.Hover(contents=self._markdown(text))

    def definition(self, params: Any) -> Any:
        return [
            self._types.Location(uri=self._uri(each.path), range=self._range(each))
            for each in self._ask("find", params).places
        ]

    def rename(self, params: Any) -> Any:
        return self._edits(self._ask("rename", params, params.new_name).edits)

    def fixes(self, params: Any) -> Any:
        """Of what the cursor is at, that needs no thought."""
        path = self._path(params.text_document.uri)
        first, last = params.range.start.line + 1, params.range.end.line + 1
        found = []
        for each in self._known.get(path, ()):
            if each.fix is None or self._workspace is None or not first <= each.span.line <= last:
                continue
            if (fix := self._workspace.replacement(each.fix)) is not None:
                action = self._types.CodeAction(
                    title=each.hint or each.message,
                    kind=self._types.CodeActionKind.QuickFix,
                    diagnostics=[self._diagnostic(each)],
                    edit=self._edits((fix,)),
                )
                found.append(action)
        return found

    def _ask(self, what: Any, params: Any, name: str = "") -> Assistance:
        if self._workspace is None:
            return Assistance()
        document = self._server.workspace.get_text_document(params.text_document.uri)
        path = self._path(params.text_document.uri)
        line = params.position.line
        lines = document.source.split("\n")
        shown = lines[line] if line < len(lines) else ""
        column = _from_utf16(shown, params.position.character)
        asked = Asked(what, path, document.source, line + 1, column + 1, name)
        return self._workspace.asked(asked)

    def _texts(self) -> dict[str, str]:
        documents = self._server.workspace.text_documents
        return {self._path(uri): document.source for uri, document in documents.items()}

    def _path(self, uri: str) -> str:
        place = os.path.realpath(unquote(urlsplit(uri).path))
        root = self._workspace.root if self._workspace is not None else ""
        return os.path.relpath(place, root).replace(os.sep, "/")

    def _uri(self, path: str) -> str:
        from pygls.uris import from_fs_path

        root = self._workspace.root if self._workspace is not None else ""
        return str(from_fs_path(os.path.join(root, path)))

    def _diagnostic(self, found: Diagnostic) -> Any:
        severities = {
            Severity.ERROR: self._types.DiagnosticSeverity.Error,
            Severity.WARNING: self._types.DiagnosticSeverity.Warning,
            Severity.NOTE: self._types.DiagnosticSeverity.Information,
        }
        hint = f"\n{found.hint}" if found.hint else ""
        return self._types.Diagnostic(
            range=self._range(found.span),
            message=f"{found.message}{hint}",
            severity=severities[found.severity],
            code=found.code.id,
            source=_SOURCE,
        )

    def _range(self, span: Span) -> Any:
        lines = self._workspace.lines(span.path) if self._workspace is not None else ()
        start = _position(lines, span.line, span.column)
        end = _position(lines, span.end_line, span.end_column)
        position = self._types.Position
        return self._types.Range(start=position(*start), end=position(*max(start, end)))

    def _edits(self, fixes: Sequence[Fix]) -> Any:
        edits: dict[str, list[Any]] = {}
        for each in fixes:
            edit = self._types.TextEdit(range=self._range(each.span), new_text=each.text)
            edits.setdefault(self._uri(each.span.path), []).append(edit)
        return self._types.WorkspaceEdit(changes=edits)

    def _markdown(self, text: str) -> Any:
        kind = self._types.MarkupKind.Markdown
        return self._types.MarkupContent(kind=kind, value=text)


def _position(lines: Sequence[str], line: int, column: int) -> tuple[int, int]:
    """Line and character, from 0."""
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    return max(line - 1, 0), len(shown[: max(column - 1, 0)].encode("utf-16-le")) // 2


def _from_utf16(line: str, character: int) -> int:
    """How many characters of a line those units are."""
    units = line.encode("utf-16-le")[: character * 2]
    return len(units.decode("utf-16-le", "ignore"))
