"""What loading says of each problem: where, in which words, and what to type instead."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from gitopsc.adapters.python import NotPython
from gitopsc.model.descriptor import FunctionDescriptor
from gitopsc.model.diagnostic import (
    BAD_ARCHIVE,
    BAD_INLINE_SOURCE,
    BAD_REQUIREMENT,
    BAD_SOURCE_URL,
    CREDENTIALS,
    LARGE_SOURCE,
    LEFTOVER_PIN,
    LOCK_MISMATCH,
    MISNAMED_REQUIREMENT,
    MISSING_KEY,
    NOT_COPIED,
    NOT_COVERED,
    NOT_FETCHED,
    NOT_LOCKED,
    NOT_SUPPORTED,
    PLATFORM_IMAGE,
    PLATFORM_REFUSES,
    SET_TWICE,
    SOURCE_MISSING,
    SOURCE_OUTSIDE,
    UNCALLED_INIT,
    UNFIT_VALUE,
    UNKNOWN_HANDLER,
    UNMADE_OUTPUT,
    UNREADABLE,
    WHOLE_SOURCE,
    Diagnostic,
    Label,
    did_you_mean,
    listed,
)
from gitopsc.model.lock import Lock
from gitopsc.model.remote import HoldsCredentials, NotRemote
from gitopsc.model.source import MOST_BYTES, FunctionFile, Span

_LOCK_HINT = "run `gitopsc lock`, and commit what it writes"


# Sources


def no_source(function: FunctionDescriptor) -> Diagnostic:
    message = f"function `{function.name}` has no source"
    hint = "write `source:` with a path, or `code:` with the text"
    return Diagnostic(SOURCE_MISSING, message, function.key_span("spec", "source"), hint)


def not_covered(method: str, span: Span) -> Diagnostic:
    message = f"gitopsc's runner has no `project.{method}`: the call will raise an error"
    hint = "see The SDK in docs/handlers.md; with `digitalhub` required, it needs a platform"
    return Diagnostic(NOT_COVERED, message, span, hint)


def platform_image(function: FunctionDescriptor) -> Diagnostic:
    message = f"a platform has built `{function.spec.image}`, which does not start gitopsc's runner"
    hint = "give it a source, or an image that starts the runner"
    if function.has_source:
        hint = "remove `image`: then the image is built from the source"
    return Diagnostic(PLATFORM_IMAGE, message, function.span("spec", "image"), hint)


def text_and_remote(span: Span) -> Diagnostic:
    message = "the source is both text and something to fetch"
    return Diagnostic(BAD_INLINE_SOURCE, message, span, "keep one of them")


def two_texts(span: Span) -> Diagnostic:
    message = "the source has both `code` and `base64`"
    return Diagnostic(BAD_INLINE_SOURCE, message, span, "keep one of them")


def not_base64(span: Span) -> Diagnostic:
    message = "`base64` does not decode to UTF-8 text"
    hint = "encode the text again (`base64 -w0 FILE`), or write it under `code`"
    return Diagnostic(BAD_INLINE_SOURCE, message, span, hint)


def outside(written: str, span: Span) -> Diagnostic:
    message = f"the source `{written}` leads outside the project"
    hint = "write a path that starts at the project's folder, such as `src/etl.py`"
    return Diagnostic(SOURCE_OUTSIDE, message, span, hint)


def not_copyable(path: str, span: Span) -> Diagnostic:
    message = f"the name of `{path}` holds a character that a Dockerfile cannot copy"
    hint = "rename it: letters, digits, spaces and `_ . / + = , @ -`"
    return Diagnostic(NOT_SUPPORTED, message, span, hint)


def missing(written: str, project: str, path: str, known: Iterable[str], span: Span) -> Diagnostic:
    message = f"no file or folder `{written}` that Git does not ignore in project `{project}`"
    alike = [each for each in known if not each.endswith((".yaml", ".yml", ".json"))]
    hint = did_you_mean(path, alike) or "paths start at the project's folder"
    return Diagnostic(SOURCE_MISSING, message, span, hint)


def no_image(function: FunctionDescriptor) -> Diagnostic:
    message = "`image` is missing in `spec`"
    hint = "write `image: registry.example.com/team/tool:1.0`, or `dockerfile: tool/Dockerfile`"
    return Diagnostic(MISSING_KEY, message, function.span("spec"), hint)


def image_and_dockerfile(function: FunctionDescriptor) -> Diagnostic:
    message = f"`{function.name}` has an image, and a Dockerfile to build one from"
    hint = "remove `image`: what is built is named by its content"
    return Diagnostic(SET_TWICE, message, function.key_span("spec", "image"), hint)


def project_as_context(written: str, span: Span) -> Diagnostic:
    message = f"`{written}` lies in the project's own folder, all of which would go into its image"
    return Diagnostic(UNFIT_VALUE, message, span, "put it into a folder with what it copies")


def too_large(size: int, span: Span) -> Diagnostic:
    message = f"the source has {size:,} bytes, and at most {MOST_BYTES:,} go into an image"
    hint = "keep data out of the folder, and read it as an input"
    return Diagnostic(LARGE_SOURCE, message, span, hint)


def is_link(path: str, span: Span) -> Diagnostic:
    message = f"`{path}` is a link, which an image build does not follow"
    return Diagnostic(SOURCE_OUTSIDE, message, span, "put a copy in its place")


def unreadable(path: str, error: Exception, span: Span) -> Diagnostic:
    return Diagnostic(UNREADABLE, f"`{path}` cannot be read: {error}", span)


def bad_archive(path: str, error: Exception, span: Span) -> Diagnostic:
    message = f"no source can be taken from `{path}`: {error}"
    return Diagnostic(BAD_ARCHIVE, message, span, "make it again, of plain files")


def empty_archive(path: str, span: Span) -> Diagnostic:
    return Diagnostic(BAD_ARCHIVE, f"`{path}` holds no file", span, "put the source into it")


# Remote sources and the lock


def not_remote(error: NotRemote, span: Span) -> Diagnostic:
    code = CREDENTIALS if isinstance(error, HoldsCredentials) else BAD_SOURCE_URL
    return Diagnostic(code, str(error), span, error.hint)


def refused_by_platform(refusal: str, span: Span) -> Diagnostic:
    hint = "write `git+https://` and a branch or a tag, if the platform is to run it, too"
    return Diagnostic(PLATFORM_REFUSES, refusal, span, hint)


def not_locked(function: str, span: Span) -> Diagnostic:
    message = f"nothing says which content the source of `{function}` is"
    return Diagnostic(NOT_LOCKED, message, span, _LOCK_HINT)


def source_changed(function: str, lock: Lock, key: str, span: Span) -> Diagnostic:
    message = f"the source of `{function}` was pinned for another URL"
    return _mismatch(message, lock, key, span)


def requirements_changed(function: str, lock: Lock, key: str, span: Span) -> Diagnostic:
    message = f"the requirements of `{function}` have changed since they were locked"
    return _mismatch(message, lock, key, span)


def python_changed(function: str, lock: Lock, key: str, span: Span) -> Diagnostic:
    message = f"the requirements of `{function}` were locked for another Python"
    return _mismatch(message, lock, key, span)


def runner_changed(function: str, lock: Lock, key: str, span: Span) -> Diagnostic:
    message = f"the requirements of `{function}` were locked beside others of the runner"
    return _mismatch(message, lock, key, span)


def base_changed(function: str, lock: Lock, key: str, span: Span) -> Diagnostic:
    message = f"the base image of `{function}` has changed since it was pinned"
    return _mismatch(message, lock, key, span)


def _mismatch(message: str, lock: Lock, key: str, span: Span) -> Diagnostic:
    """A lock that is not written yet has no places."""
    related = (Label(lock.spans[key], "pinned here"),) if key in lock.spans else ()
    return Diagnostic(LOCK_MISMATCH, message, span, _LOCK_HINT, related)


def not_fetched(function: str, differing: str | None, span: Span) -> Diagnostic:
    """`differing` is the folder with files that are not what is pinned."""
    message = f"the source of `{function}` is pinned, and its files are not here"
    hint = "run `gitopsc lock`, which fetches it again, and then this"
    if differing is not None:
        message = f"the files in `{differing}` are not what is pinned"
        hint += "; a file that Git ignores there is in nobody's clone"
    return Diagnostic(NOT_FETCHED, message, span, hint)


def leftover_pin(name: str, span: Span) -> Diagnostic:
    message = f"there is no function `{name}` any more"
    return Diagnostic(LEFTOVER_PIN, message, span, "run `gitopsc lock`")


def bad_requirement(fault: str, span: Span) -> Diagnostic:
    hint = "write a name and a version, such as `pandas==2.2.3`"
    return Diagnostic(BAD_REQUIREMENT, f"this is not a requirement: {fault}", span, hint)


def excludes_the_runner(requirement: str, pin: str, span: Span) -> Diagnostic:
    message = f"`{requirement}` does not allow `{pin}`, which the runner needs beside it"
    hint = f"allow it, such as by `{pin.partition('==')[0]}` without a version"
    return Diagnostic(BAD_REQUIREMENT, message, span, hint)


# Handlers


def not_a_module(module: str, span: Span) -> Diagnostic:
    message = f"the handler's module `{module}` is not a Python file"
    return Diagnostic(UNKNOWN_HANDLER, message, span, "name a `.py` file")


def no_module(written: str, module: str, files: Sequence[FunctionFile], span: Span) -> Diagnostic:
    message = f"the handler's module `{module}` is not in the source"
    return Diagnostic(UNKNOWN_HANDLER, message, span, _module_hint(written, module, files))


def _module_hint(written: str, module: str, files: Sequence[FunctionFile]) -> str:
    if ".py:" in written:
        return f"leave `.py` out: `{written.replace('.py:', ':')}`"
    modules = [file.path for file in files if file.path.endswith(".py")]
    if not modules:
        return "the source holds no Python file"
    close = get_close_matches(module, modules, n=1, cutoff=0.3) or modules[:1]
    name = close[0].removesuffix(".py").replace("/", ".")
    return f"write `{name}:{written.rpartition(':')[2]}`"


def unknown_handler(file: str, name: str, known: Iterable[str], span: Span) -> Diagnostic:
    message = f"`{file}` defines no `{name}`"
    names = sorted(known)
    hint = did_you_mean(name, names) or f"it defines {listed(names) or 'nothing'}"
    return Diagnostic(UNKNOWN_HANDLER, message, span, hint)


def uncalled_init(file: str, span: Span) -> Diagnostic:
    message = f"`{file}` defines `init`, and nothing calls it"
    hint = "add `init_function: init` to the function's `source`, or give it another name"
    return Diagnostic(UNCALLED_INIT, message, span, hint)


def file_not_copied(text: str, file: FunctionFile, span: Span) -> Diagnostic:
    message = f"`{file.path}` names the file `{text}`, and a file source copies only itself"
    hint = "make the source a folder that has it, or declare it as data and read it as an input"
    return Diagnostic(NOT_COPIED, message, span, hint)


def module_of(name: str, package: str, span: Span) -> Diagnostic:
    message = f"`{name}` is the name of a module, and the package that has it is `{package}`"
    return Diagnostic(MISNAMED_REQUIREMENT, message, span, f"write `{package}`")


def in_the_library(name: str, span: Span) -> Diagnostic:
    message = f"`{name}` is in Python's standard library, and not in a package"
    return Diagnostic(MISNAMED_REQUIREMENT, message, span, "remove it")


def nothing_returned(handler: str, outputs: Sequence[str], span: Span) -> Diagnostic:
    message = f"`{handler}` returns nothing, and its decorator names {listed(outputs)}"
    hint = "return what the decorator names, in its order"
    return Diagnostic(UNMADE_OUTPUT, message, span, hint)


def not_copied(name: str, file: FunctionFile, folder: str, handler: str, span: Span) -> Diagnostic:
    stem = posixpath.basename(file.path).removesuffix(".py")
    message = f"`{name}` lies beside `{file.path}`, and a file source copies only itself"
    hint = f"write `source: {folder}` and `handler: {stem}:{handler}` to bring the folder"
    return Diagnostic(NOT_COPIED, message, span, hint)


def all_of_it(function: FunctionDescriptor, found: tuple[str, str], span: Span) -> Diagnostic:
    module, loader = found
    message = f"`{module}` uses `{loader}`, which may load any file: all files of the source count"
    message += f" as code of `{function.name}`, and a change of any runs it again"
    hint = "name what it loads under `source: {include: [...]}` in gitopsc.yaml"
    return Diagnostic(WHOLE_SOURCE, message, span, hint)


def newer_python(function: FunctionDescriptor, what: str, version: str, span: Span) -> Diagnostic:
    own = function.python_version
    message = f"{what} needs Python {version}, and `{function.name}` has {own}"
    hint = (
        f"write it as Python {own} has it, or `python_version: PYTHON{version.replace('.', '_')}`"
    )
    return Diagnostic(UNKNOWN_HANDLER, message, span, hint)


def not_python(
    function: FunctionDescriptor, file: FunctionFile, error: NotPython, span: Span
) -> Diagnostic:
    """At the line of the file where that is in the project, the same for each of the functions that
    use it; else at `span`, the handler's name."""
    message = f"`{file.path}` is not valid Python: {error} (line {error.line})"
    if file.origin is None and not function.source.inline_keys:
        hint = "fix it where it comes from; the rest of the file is not checked"
        return Diagnostic(UNKNOWN_HANDLER, message, span, hint)
    hint = "fix it; the rest of the file is not checked"
    if file.origin is None:
        message = f"the inline source is not valid Python: {error} (line {error.line} of it)"
        return Diagnostic(UNKNOWN_HANDLER, message, function.line_of_text(error.line), hint)
    place = Span(file.origin, error.line, error.column, error.line, error.column + 1)
    return Diagnostic(UNKNOWN_HANDLER, f"not valid Python: {error}", place, hint)
