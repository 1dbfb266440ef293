"""A diagnostic -> why it matters, an example of it, and the same as it is right: a document that is
compiled here, or, where it takes more than a document, commands that the tests run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

from gitopsc.adapters.packaged import data_folder, files_below
from gitopsc.adapters.yaml import read_documents
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import Code
from gitopsc.model.source import SourceFile, Tree
from gitopsc.pipeline import compile_tree
from gitopsc.report.text import render_text

_SHORT = 45
_MARK = re.compile(r" *# ?!C\d{3}.*")
"""What the tests expect where; readers of an example do not need it."""


class Explained(NamedTuple):
    """Why a diagnostic matters; a document or commands that lead to it, and what is said of them;
    and either the document as it is right, or the commands that resolve it. The `file` of the
    document, where its name matters, and files `beside` it that are quoted: path and text."""

    why: str
    wrong: str
    report: str
    right: str = ""
    resolve: str = ""
    file: str = ""
    beside: tuple[tuple[str, str], ...] = ()


def explanation_of(code: Code) -> Explained:
    """A pair of documents has what is wrong in it compiled here, so that the places fit."""
    found = explanations()[code.id]
    why = found["why"].strip()
    if "wrong" not in found:
        return Explained(why, *_example_of_the_tests(code), resolve=found["resolve"])
    files = _files(found, "wrong")
    report = render_text(explained_project(found, "wrong").diagnostics, partial(_lines, files))
    report = _part(report, code) or ""
    quoted = {*re.findall(r"(?m)^ *(\S+):\d+:\d+: ", report)}
    beside = tuple(each for each in sorted(found.get("with", {}).items()) if each[0] in quoted)
    file = found.get("file", "example.yaml" if beside else "")
    return Explained(why, found["wrong"], report, found["right"], file=file, beside=beside)


def explained_project(found: Mapping[str, Any], which: Literal["right", "wrong"]) -> Compilation:
    """The project that examples are in, with one: the document as it is wrong, or right."""
    files = _files(found, which)
    sources = {path: SourceFile(path, lambda path=path: files[path]) for path in sorted(files)}
    return compile_tree(Tree("demo", sources))


def _files(found: Mapping[str, Any], which: Literal["right", "wrong"]) -> dict[str, bytes]:
    folder = data_folder("diagnostics") / "project"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files_below(folder)}
    files |= {path: text.encode() for path, text in found.get("with", {}).items()}
    file = found.get("file", "example.yaml")
    if which == "right":
        files[found.get("moved", file)] = found["right"].encode()
    else:
        files[file] = found["wrong"].encode(found.get("encoding", "utf-8"))
    return files


def _lines(files: Mapping[str, bytes], path: str) -> list[str]:
    return files.get(path, b"").decode("utf-8", "replace").split("\n")


def explanations() -> Mapping[str, Mapping[str, Any]]:
    """By code: `why`, and a document that is `wrong` and the same as it is `right`. They are in a
    `file` of a project (`moved` to another, if that is what is right; in another `encoding` where
    it is wrong), `with` others by their paths. Or `why`, and the commands that `resolve` what the
    script of the tests leads to."""
    file = data_folder("diagnostics") / "explanations.yaml"
    documents, _ = read_documents(file.name, file.read_text(encoding="utf-8"))
    found: Mapping[str, Mapping[str, Any]] = documents[0].data
    return found


def _example_of_the_tests(code: Code) -> tuple[str, str]:
    folder = data_folder("errors")
    reports = sorted(folder.glob("*.txt"), key=lambda path: (path.stem != code.slug, path.name))
    for path in reports:
        report = _part(path.read_text(encoding="utf-8"), code)
        if report is not None:
            script = path.with_suffix(".sh")
            source = path.with_suffix(".yaml")
            shown = ""
            if script.is_file():
                shown = script.read_text(encoding="utf-8")
            elif source.is_file():
                shown = _document(source.read_text(encoding="utf-8", errors="replace"), code)
            return shown, report
    raise LookupError(code.id)


def _part(report: str, code: Code) -> str | None:
    """Of a report, the diagnostics of a code."""
    found = ""
    lines = report.splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if re.match(r"\S", line)]
    for start, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        if re.search(rf"\[{code.id}\]|title={code.id} ", lines[start]):
            found += _MARK.sub("", "".join(lines[start:end]))
    return found or None


def _document(text: str, code: Code) -> str:
    """All of a short file; of a longer one, the documents where the diagnostic is."""
    documents = [text] if text.count("\n") <= _SHORT else re.split(r"(?m)^---\n", text)
    shown = [each for each in documents if f"!{code.id}" in each] or documents
    return _MARK.sub("", "---\n".join(shown))
