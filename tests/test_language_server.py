"""`gitopsc lsp`, asked by a real client of the protocol over its standard input and output."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import lupa
import pytest
from conftest import ROOT
from gitopsc.assist import assist
from gitopsc.assist.cursor import cursor_at
from gitopsc.model.assistance import Asked
from gitopsc.model.compilation import Compilation
from lsprotocol import types
from pygls.lsp.client import LanguageClient

EDITORS = ROOT / "docs" / "editors.md"
SETTINGS = "project: demo\nregistry: registry.example.com\nstores: {default: s3://demo/data}\n"
SETTINGS += "profiles: {big: {}}\n"
FUNCTION = """\
kind: python
name: download
spec:
  python_version: PYTHON3_11
  source: {source: src/etl.py, handler: download}
"""
RUNS = """\
kind: python+job:run
name: nightly
spec:
  function: download
  parameters: {country: IT}
  outputs: {cities: cities}
---
kind: python+job:run
name: sum
spec:
  function: python://demo/count
  inputs:
    cities: store://demo/dataitem/dataitem/cities
---
kind: python
name: count
spec:
  python_version: PYTHON3_11
  source: {code: "def count(cities): ...", handler: count}
"""
REPORT = """\
kind: python
name: report
spec:
  python_version: PYTHON3_11
  source: {source: src/etl.py, handler: report}
---
kind: python+job:run
name: report
spec: {function: report}
"""
SOURCE = """\
from digitalhub_runtime_python import handler


@handler(outputs=["cities"])
def download(country, limit=3): ...


def report(project):
    project.log_artifact("summary", kind="artifact", source="summary.txt")
"""


class Client(LanguageClient):
    """pygls' client, which keeps the diagnostics that the server publishes."""

    def __init__(self) -> None:
        super().__init__("tests", "1")
        self.diagnostics: dict[str, list[types.Diagnostic]] = {}

        @self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def keep(params: types.PublishDiagnosticsParams) -> None:
            self.diagnostics[params.uri] = list(params.diagnostics)


Take = Callable[[Client, Path], Coroutine[Any, Any, None]]
SERVER = (sys.executable, "-m", "gitopsc", "lsp")


def session(folder: Path, take: Take, server: Sequence[str] = SERVER) -> None:
    """A project in a folder, a server for it, and what a client does there."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "src").mkdir()
    (folder / "src" / "etl.py").write_text(SOURCE)
    (folder / "gitopsc.yaml").write_text(SETTINGS)
    (folder / "etl.yaml").write_text(FUNCTION)
    (folder / "runs.yaml").write_text(RUNS)
    (folder / "report.yaml").write_text(REPORT)

    async def connected() -> None:
        client = Client()
        await client.start_io(*server)
        capabilities = types.ClientCapabilities()
        parameters = types.InitializeParams(capabilities=capabilities, root_uri=folder.as_uri())
        await client.initialize_async(parameters)
        client.initialized(types.InitializedParams())
        try:
            await take(client, folder)
        finally:
            await client.shutdown_async(None)
            client.exit(None)
            await client.stop()

    asyncio.run(asyncio.wait_for(connected(), 60))


class Editor:
    """One file that is open."""

    def __init__(self, client: Client, path: Path) -> None:
        self.client, self.uri = client, path.as_uri()
        self.text = path.read_text()
        self.version = 1
        item = types.TextDocumentItem(self.uri, "yaml", self.version, self.text)
        client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def type(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new)
        self.version += 1
        client = self.client
        client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version=self.version, uri=self.uri),
                [types.TextDocumentContentChangeWholeDocument(self.text)],
            )
        )

    def at(self, text: str, inside: int = 0) -> types.Position:
        before = self.text[: self.text.index(text) + inside]
        line = before.rpartition("\n")[2]
        return types.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2)

    @property
    def identifier(self) -> types.TextDocumentIdentifier:
        return types.TextDocumentIdentifier(self.uri)

    async def problems(self, expected: Callable[[list[types.Diagnostic]], bool]) -> list[str]:
        """Once they are as expected."""
        found: list[types.Diagnostic] = []
        for _ in range(200):
            found = list(self.client.diagnostics.get(self.uri, []))
            if expected(found):
                break
            await asyncio.sleep(0.05)
        return [
            f"{each.range.start.line}:{each.range.start.character} {each.code}" for each in found
        ]

    async def completed(self, text: str, inside: int) -> list[str]:
        params = types.CompletionParams(self.identifier, self.at(text, inside))
        found = await self.client.text_document_completion_async(params)
        assert isinstance(found, list)
        return [each.label for each in found]


async def _problems_come_and_go_as_one_types(client: Client, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "runs.yaml")
    editor.type("parameters:", "paramters:")
    assert await editor.problems(lambda found: len(found) == 1) == ["4:2 C302"]
    action = types.CodeActionParams(
        editor.identifier,
        types.Range(types.Position(4, 2), types.Position(4, 2)),
        types.CodeActionContext(diagnostics=[]),
    )
    (fix,) = await client.text_document_code_action_async(action) or []
    assert isinstance(fix, types.CodeAction)
    assert fix.edit is not None
    ((_, (edit,)),) = (fix.edit.changes or {}).items()
    assert (edit.new_text, edit.range.start.character) == ("parameters", 2)
    editor.type("paramters:", "parameters:")
    assert await editor.problems(lambda found: not found) == []
    # Quotes around what YAML reads as a number.
    editor.type("{country: IT}", "{country: IT}\n  envs: [{name: A, value: 3.10}]")
    (problem,) = await editor.problems(lambda found: len(found) == 1)
    (fix,) = await client.text_document_code_action_async(
        types.CodeActionParams(
            editor.identifier,
            types.Range(types.Position(5, 0), types.Position(5, 0)),
            types.CodeActionContext(diagnostics=[]),
        )
    ) or [None]
    assert isinstance(fix, types.CodeAction), problem
    assert fix.edit is not None
    ((_, (edit,)),) = (fix.edit.changes or {}).items()
    assert edit.new_text == '"3.10"'
    editor.type("{country: IT}\n  envs: [{name: A, value: 3.10}]", "{country: IT}")
    assert await editor.problems(lambda found: not found) == []
    # In columns of UTF-16, and in a file that does not parse.
    editor.type("{country: IT}", "{country: 🌍, contry: IT}")
    (problem,) = await editor.problems(lambda found: len(found) == 1)
    assert problem == f"4:{len('  parameters: {country: xx, ')} C414"
    editor.type("{country: 🌍, contry: IT}", "{country: [")
    assert "C201" in " ".join(await editor.problems(lambda found: "C201" in str(found)))


async def _what_fits_is_offered(client: Client, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "runs.yaml")
    await editor.problems(lambda found: not found)
    assert await editor.completed("function: download", 10) == ["count", "download", "report"]
    assert await editor.completed("function: download", 12) == ["download"]
    assert await editor.completed("{country", 1) == ["country", "limit"]
    known = ["store://demo/artifact/artifact/summary", "store://demo/dataitem/dataitem/cities"]
    assert await editor.completed("cities: store", 8) == known
    # A line that is half typed leaves no valid file.
    editor.type("  outputs: {cities: cities}\n", "  outputs: {cities: cities}\n  prof\n")
    await editor.problems(bool)
    assert await editor.completed("  prof\n", 6) == ["profile"]
    editor.type("  prof\n", "  profile: \n")
    assert await editor.completed("  profile: \n", 11) == ["big"]
    editor.type("  profile: \n", "  gitops:\n    \n")
    assert {"completions", "queue", "pod"} <= {*await editor.completed("gitops:\n    \n", 12)}
    editor.type("  gitops:\n    \n", "  gitops: {follow: }\n")
    assert await editor.completed("{follow: }", 9) == ["true", "false", "restart"]


async def _what_a_key_means(client: Client, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "runs.yaml")
    await editor.problems(lambda found: not found)

    async def hover(text: str, inside: int = 1) -> str:
        params = types.HoverParams(editor.identifier, editor.at(text, inside))
        found = await client.text_document_hover_async(params)
        return str(found.contents.value) if found is not None else ""  # type: ignore[union-attr]

    meaning = await hover("outputs:")
    assert meaning.startswith("What the handler's outputs are stored as")
    assert meaning.endswith('Such as `{"cities": "world-cities"}`')
    manifest = await hover("name: nightly", 7)
    assert manifest.startswith("In clusters:\n\n- Job `nightly-")
    assert "` in deploy/manifests/" in manifest
    assert "\n```yaml\n# Compiled from " in manifest
    assert "\nkind: Job\n" in manifest
    assert await hover("cities: cities", 9) == ""


async def _where_things_are_made(client: Client, tmp_path: Path) -> None:
    runs, function = (Editor(client, tmp_path / name) for name in ("runs.yaml", "etl.yaml"))
    await runs.problems(lambda found: not found)

    async def goes_to(editor: Editor, text: str, inside: int) -> list[str]:
        params = types.DefinitionParams(editor.identifier, editor.at(text, inside))
        found = await client.text_document_definition_async(params)
        assert isinstance(found, list)
        return [
            f"{each.uri.rpartition('/')[2]}:{each.range.start.line}"  # type: ignore[union-attr]
            for each in found
        ]

    assert await goes_to(runs, "function: download", 12) == ["etl.yaml:1"]
    assert await goes_to(runs, "python://demo/count", 16) == ["runs.yaml:15"]
    assert await goes_to(function, "handler: download", 11) == ["etl.py:4"]
    assert await goes_to(runs, "store://demo/dataitem", 10) == ["runs.yaml:5"]
    runs.type("store://demo/dataitem/dataitem/cities", "store://demo/artifact/artifact/summary")
    assert await goes_to(runs, "store://demo/artifact", 10) == ["etl.py:8"], "what code logs"


async def _a_function_is_renamed(client: Client, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "runs.yaml")
    await editor.problems(lambda found: not found)
    for text, inside, expected in (
        ("function: download", 11, {"etl.yaml:1 fetch", "runs.yaml:3 fetch"}),
        ("name: count", 7, {"runs.yaml:15 fetch", "runs.yaml:10 python://demo/fetch"}),
    ):
        params = types.RenameParams(editor.identifier, editor.at(text, inside), "fetch")
        found = await client.text_document_rename_async(params)
        assert found is not None
        edits = {
            f"{uri.rpartition('/')[2]}:{each.range.start.line} {each.new_text}"
            for uri, listed in (found.changes or {}).items()
            for each in listed
        }
        assert edits == expected


SESSIONS = (
    _problems_come_and_go_as_one_types,
    _what_fits_is_offered,
    _what_a_key_means,
    _where_things_are_made,
    _a_function_is_renamed,
)


@pytest.mark.slow
@pytest.mark.parametrize("take", SESSIONS, ids=lambda take: take.__name__.strip("_"))
def test_an_editor(take: Take, tmp_path: Path) -> None:
    session(tmp_path, take)


def settings_of_editors(language: str) -> str:
    (text,) = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", EDITORS.read_text())
    return str(text)


def neovims_server() -> Sequence[str]:
    """What `init.lua` configures and enables, run by Lua beside a stand-in of Neovim's `vim`."""
    lua = lupa.LuaRuntime(unpack_returned_tuples=True)
    lua.execute("vim = {lsp = {configs = {}, enabled = {}}}")
    lua.execute("function vim.lsp.config(name, it) vim.lsp.configs[name] = it end")
    lua.execute("function vim.lsp.enable(name) table.insert(vim.lsp.enabled, name) end")
    lua.execute(settings_of_editors("lua"))
    (name,) = lua.eval("vim.lsp.enabled").values()
    configured = lua.eval("vim.lsp.configs")[name]
    assert "yaml" in configured.filetypes.values()
    return tuple(configured.cmd.values())


def helixs_server() -> Sequence[str]:
    tomllib = pytest.importorskip("tomllib")
    settings = tomllib.loads(settings_of_editors("toml"))
    (language,) = settings["language"]
    server = settings["language-server"][language["language-servers"][0]]
    assert language["name"] == "yaml"
    return server["command"], *server["args"]


@pytest.mark.slow
@pytest.mark.parametrize("server", [neovims_server, helixs_server])
def test_the_settings_of_an_editor_start_it(
    server: Callable[[], Sequence[str]], tmp_path: Path
) -> None:
    program, *arguments = server()
    found = shutil.which(program, path=f"{Path(sys.executable).parent}")
    assert found is not None
    session(tmp_path, _problems_come_and_go_as_one_types, (found, *arguments))


EMACS = shutil.which("emacs")
IN_EMACS = """\
(package-initialize)
(load "{folder}/init.el")
(require 'eglot)
(require 'flymake)
(require 'yaml-mode)
(find-file "{folder}/runs.yaml")
(yaml-mode)
(setq eglot-sync-connect 30)
(apply #'eglot (eglot--guess-contact))
(let ((tries 0))
  (while (and (< tries 300) (null (flymake-diagnostics)))
    (accept-process-output nil 0.1)
    (setq tries (1+ tries))))
(dolist (each (flymake-diagnostics)) (princ (flymake-diagnostic-text each)))
(eglot-shutdown-all)
"""


@pytest.mark.skipif(EMACS is None, reason="there is no Emacs")
def test_emacs_shows_problems(tmp_path: Path) -> None:
    """Emacs itself, with eglot and yaml-mode: `make editors`."""
    assert EMACS is not None
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "gitopsc.yaml").write_text(SETTINGS)
    (tmp_path / "runs.yaml").write_text(RUNS.replace("function: download", "function: downlaod"))
    (tmp_path / "init.el").write_text(settings_of_editors("lisp"))
    (tmp_path / "test.el").write_text(IN_EMACS.format(folder=tmp_path))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shown = subprocess.run(
        [EMACS, "--batch", "-l", tmp_path / "test.el"],
        env={**os.environ, "PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "no function `downlaod`" in shown


SPEC = "kind: x\nspec:\n"
PLACES: Sequence[tuple[str, tuple[str, ...], str | None, str]] = (
    (f"{SPEC}  sour|", ("spec",), None, "sour"),
    (f"{SPEC}  source: {{handl|", ("spec", "source"), None, "handl"),
    (f"{SPEC}  source: {{source: a.py, handler: f|", ("spec", "source"), "handler", "f"),
    (f"{SPEC}  source:\n    source: |", ("spec", "source"), "source", ""),
    (f"a: 1\n---\n{SPEC}  envs:\n    - na|", ("spec", "envs", "[]"), None, "na"),
    (f"{SPEC}  envs:\n    - name: A\n      val|", ("spec", "envs", "[]"), None, "val"),
    (f"{SPEC}  envs: [{{name: A, va|", ("spec", "envs", "[]"), None, "va"),
    (f"{SPEC}  # a: b\n\n  gitops:\n    pod:\n      la|", ("spec", "gitops", "pod"), None, "la"),
    ("a:\n  prod:\n    runs:\n      api:\n        re|", ("a", "prod", "runs", "api"), None, "re"),
    (f"{SPEC}  envs:\n  - name: A\n    value: b\n  - na|", ("spec", "envs", "[]"), None, "na"),
    ("- kind: x\n  spec:\n    gitops:\n      qu|", ("[]", "spec", "gitops"), None, "qu"),
    ("ki|", (), None, "ki"),
)


@pytest.mark.parametrize(("text", "way", "key", "word"), PLACES)
def test_a_place_in_text_that_is_half_typed(
    text: str, way: tuple[str, ...], key: str | None, word: str
) -> None:
    before, _, after = text.partition("|")
    line = before.count("\n") + 1
    cursor = cursor_at(before + after, line, len(before.rpartition("\n")[2]) + 1)
    assert (cursor.way, cursor.key, cursor.word) == (way, key, word)


def test_no_text_and_no_place_raises(tmp_path: Path) -> None:
    text = RUNS + SETTINGS + "\t- [{\n'\"\n: :\n- - a:\n{}}]\n"
    for line in range(1, text.count("\n") + 3):
        for column in (1, 2, 5, 9, 40):
            for what in ("complete", "describe", "find", "rename"):
                asked = Asked(what, "runs.yaml", text, line, column, "x")  # type: ignore[arg-type]
                assist(asked, Compilation())
