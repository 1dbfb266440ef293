"""Project and Functions -> credentials that are written out in descriptors, settings and sources.

What is in Git is read by everybody who reads Git, and what is in an image by everybody who pulls it
(design.md section 2). What has the format of a credential is an error; a name that tells of one is
a warning; in a source, only what proves itself is an error. No message has a value in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from gitopsc.adapters.credential_formats import (
    PRIVATE_KEY,
    Credential,
    credentials_in,
    may_hold_credentials,
)
from gitopsc.model.credentials import is_placeholder, may_name_secrets, names_literal_secret
from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import (
    CREDENTIAL_IN_SOURCE,
    LITERAL_CREDENTIAL,
    TELLING_NAME,
    Diagnostic,
    Severity,
)
from gitopsc.model.document import Document
from gitopsc.model.program import Function
from gitopsc.model.source import FunctionFile, Span, Tree, Unreadable

_ASSIGNED = re.compile(
    r"(?<![\w.-])([A-Za-z_][\w.-]*)[\"']?\]?[ \t]*[:=][ \t]*[\"']([^\"'\n]{4,})[\"']"
)
_NAMES_OF_SECRETS = ("registry_secret", "tls_secret")
"""Keys of the settings that name a Secret."""

_AFTER = 80
_HINT = "revoke it, take it out, and name it under `secrets`"
_IN_SOURCE = (
    "revoke it, take it out, and read it from the environment: name it under `secrets` of the run"
)

Problems = list[Diagnostic]


def screen(
    project: Project, functions: Iterable[Function], tree: Tree, told: Iterable[Diagnostic] = ()
) -> tuple[Diagnostic, ...]:
    """A place where an error was `told` has no second one."""
    known = {each.span for each in told if each.severity is Severity.ERROR}
    found: Problems = []
    documents = list(_documents(project))
    texts = _texts(documents, tree)
    # Nearly no project holds anything: one look at all its text says so.
    if any(_may_hold("\n".join(texts.values()))):
        held = {path: _may_hold(text) for path, text in texts.items()}
        for document in documents:
            found += _in_document(document, *held[document.path])
    sources = list(_sources(functions))
    if any(_may_hold("\n".join(text for _, _, text in sources))):
        for function, file, text in sources:
            found += _in_source(function, file, text)
    return tuple(each for each in found if each.span not in known)


def _documents(project: Project) -> Iterator[Document]:
    """Those that are compiled."""
    yield from (descriptor.document for descriptor in project.descriptors)
    if project.settings is not None and isinstance(project.settings.data, dict):
        yield project.settings


def _texts(documents: Iterable[Document], tree: Tree) -> Mapping[str, str]:
    """The text of each of their files."""
    texts = {}
    for path in dict.fromkeys(document.path for document in documents):
        try:
            content = tree.files[path].content
        except (KeyError, Unreadable):
            content = b""
        texts[path] = content.decode("utf-8", "replace")
    return texts


def _sources(functions: Iterable[Function]) -> Iterator[tuple[Function, FunctionFile, str]]:
    """The text of each file that goes into an image, once."""
    seen: set[tuple[str, bytes]] = set()
    for function in functions:
        for file in function.files:
            key = (file.origin or function.name, file.content)
            if key in seen:
                continue
            seen.add(key)
            if b"\0" not in file.content:
                yield function, file, file.content.decode("utf-8", "replace")


def _may_hold(text: str) -> tuple[bool, bool]:
    """Whether a format of a credential may begin in it, and whether a name may tell of one."""
    # What is escaped in YAML shows only once it is read.
    is_escaped = "\\u" in text or "\\x" in text or "\\U" in text
    return is_escaped or may_hold_credentials(text), may_name_secrets(text)


_LEAST = 100_000
"""A number that may be a password; what is less counts something."""


def _in_document(document: Document, has_format: bool, has_name: bool) -> Problems:
    if not has_format and not has_name:
        return []
    problems: Problems = []
    for key in ("spec", "metadata") if "kind" in document.data else document.data:
        if key in ("status", "allow") or not document.has(key):
            continue
        for name, value, span in document.part(key).named_values():
            if name in ("base64", "code"):
                continue  # which are sources
            if isinstance(value, str) or value >= _LEAST:
                problems += _in_value(name, str(value), span, has_format=has_format)
    return problems


def _in_value(name: str, value: str, span: Span, *, has_format: bool) -> Problems:
    for credential in credentials_in(value) if has_format else ():
        if not is_placeholder(_word(value, credential)):
            message = f"this is {credential.what}, and everybody who reads Git has it"
            return [Diagnostic(LITERAL_CREDENTIAL, message, span, _HINT, private=True)]
    if name not in _NAMES_OF_SECRETS and names_literal_secret(name, value):
        message = (
            f"the name `{name}` says that this is a secret, and everybody who reads Git has it"
        )
        hint = "name it under `secrets`, or rename it if it is not a secret"
        return [Diagnostic(TELLING_NAME, message, span, hint, private=True)]
    return []


def _word(text: str, credential: Credential) -> str:
    """The credential with what follows it in one word, up to a path: a host may tell that it is for
    tests."""
    after = text[credential.end : credential.end + _AFTER].partition("/")[0]
    return f"{text[credential.start : credential.end]}{after}".split(maxsplit=1)[0]


def _in_source(function: Function, file: FunctionFile, text: str) -> Problems:
    problems: Problems = []
    for credential in credentials_in(text):
        if not is_placeholder(_word(text, credential)):
            code = LITERAL_CREDENTIAL if credential.is_proven else CREDENTIAL_IN_SOURCE
            message = f"this is {credential.what}, and it goes into the image of `{function.name}`"
            end = credential.end
            if credential.what == PRIVATE_KEY:  # whose text begins here
                end += len(text[end:].partition("\n")[0])
            span = _place(function, file, text, credential.start, end)
            problems.append(Diagnostic(code, message, span, _IN_SOURCE, private=True))
    if file.path.endswith(".py") and may_name_secrets(text):
        known = {each.span.line for each in problems}
        for match in _ASSIGNED.finditer(text):
            span = _place(function, file, text, *match.span(2))
            if (
                names_literal_secret(match[1].rpartition(".")[2], match[2])
                and span.line not in known
            ):
                message = (
                    f"the name `{match[1]}` says that this is a secret, and it goes into an image"
                )
                problems.append(
                    Diagnostic(CREDENTIAL_IN_SOURCE, message, span, _IN_SOURCE, private=True)
                )
    return problems


def _place(function: Function, file: FunctionFile, text: str, start: int, end: int) -> Span:
    """In the file; in the descriptor where the text stands there, or is not in the project."""
    if file.origin is None:
        source = function.descriptor.document
        for key in ("code", "base64", "source"):
            if source.has("spec", "source", key):
                return function.descriptor.span("spec", "source", key)
        return function.descriptor.name_span
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    length = len(text[start:end].partition("\n")[0])
    return Span(file.origin, line, column, line, column + length)
