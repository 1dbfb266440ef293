"""Project and Tree -> Functions: the files of each function's source, and its handler in them."""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from gitopsc.adapters.archive import BadArchive, unpack
from gitopsc.adapters.python import Definition, NotPython, outline
from gitopsc.adapters.requirement import requirement_fault
from gitopsc.model.descriptor import INLINE_MODULE, Descriptor, Project
from gitopsc.model.diagnostic import (
    BAD_ARCHIVE,
    BAD_INLINE_SOURCE,
    BAD_REQUIREMENT,
    BAD_SOURCE_URL,
    CREDENTIALS,
    LARGE_SOURCE,
    LEFTOVER_PIN,
    LOCK_MISMATCH,
    NOT_COPIED,
    NOT_FETCHED,
    NOT_LOCKED,
    NOT_SUPPORTED,
    PLATFORM_REFUSES,
    SOURCE_MISSING,
    SOURCE_OUTSIDE,
    UNKNOWN_HANDLER,
    UNREADABLE,
    Diagnostic,
    Label,
    did_you_mean,
    listed,
)
from gitopsc.model.lock import FunctionPin, Lock, RequirementsPin, SourcePin, files_digest
from gitopsc.model.names import cleaned
from gitopsc.model.program import Fetch, Function, FunctionVersion, Signature
from gitopsc.model.remote import HoldsCredentials, NotRemote, is_remote, remote_of
from gitopsc.model.source import (
    MOST_BYTES,
    FunctionFile,
    SourceFile,
    Span,
    Tree,
    Unreadable,
    is_source,
)

_CACHED = re.compile(r"(^|/)__pycache__/|\.pyc$|(^|/)\.DS_Store$")
"""What machines leave in folders; no function is made of it, ignored by Git or not."""

_LOCK_HINT = "run `gitopsc lock`, and commit what it writes"
_COPYABLE = re.compile(r"(?! )[A-Za-z0-9_./+=,@ -]+(?<! )")

Problems = list[Diagnostic]


def load(
    project: Project, tree: Tree
) -> tuple[Mapping[FunctionVersion, Function], tuple[Diagnostic, ...]]:
    """All versions of a project's functions, sorted; what has no source is left out."""
    problems: Problems = []
    functions: dict[FunctionVersion, Function] = {}
    sources = _Sources(
        project,
        tree,
        project.lock_keys(),
        # Descriptors say what is run and are not run: a label in one must not change an image.
        unread=project.described,
    )
    for descriptor in sorted(project.descriptors, key=lambda each: (each.name, each.id or "")):
        version = descriptor.name, descriptor.id
        if descriptor.kind == "python" and descriptor.valid and version not in functions:
            function = _function(sources, descriptor, problems)
            if function is not None:
                functions[version] = function
    for name in sorted(project.lock.spans.keys() - sources.keys.values()):
        message = f"there is no function `{name}` any more"
        problems.append(
            Diagnostic(LEFTOVER_PIN, message, project.lock.spans[name], "run `gitopsc lock`")
        )
    return functions, tuple(problems)


class _Sources(NamedTuple):
    """Where sources are looked up, and how the lock calls them; `unread` files are none."""

    project: Project
    tree: Tree
    keys: Mapping[FunctionVersion, str]
    unread: Container[str]


def _function(sources: _Sources, descriptor: Descriptor, problems: Problems) -> Function | None:
    spec = descriptor.spec
    image = spec.get("image")
    problems += _requirement_problems(descriptor)
    packages = _packages(sources, descriptor, problems)
    source = _source(sources, descriptor, problems)
    if source is None:
        return None
    if not source.files and source.fetch is None and image is None:
        message = f"function `{descriptor.name}` has no source"
        hint = "write `source:` with a path, or `code:` with the text"
        span = descriptor.key_span("spec", "source")
        problems.append(Diagnostic(SOURCE_MISSING, message, span, hint))
        return None
    module, _, handler = spec["source"]["handler"].rpartition(":")
    module = module.replace(".", "/") + ".py" if module else source.module
    signatures, imports = _signatures(descriptor, source, module, sources.tree, problems)
    return Function(
        name=descriptor.name,
        descriptor=descriptor,
        python_version=descriptor.python_version,
        requirements=tuple(spec.get("requirements", ())),
        base_image=spec.get("base_image"),
        image=image,
        handler=handler,
        module=module,
        init=spec["source"].get("init_function"),
        files=source.files,
        origin=source.origin,
        archive=source.archive,
        fetch=source.fetch,
        content=source.content,
        packages=packages,
        signatures=signatures,
        imports=imports,
    )


def _requirement_problems(descriptor: Descriptor) -> Problems:
    problems = []
    for index, text in enumerate(descriptor.spec.get("requirements", ())):
        if fault := requirement_fault(text):
            message = f"this is no requirement: {fault}"
            hint = "write a name and a version, such as `pandas==2.2.3`"
            span = descriptor.span("spec", "requirements", index)
            problems.append(Diagnostic(BAD_REQUIREMENT, message, span, hint))
    return problems


class _Source(NamedTuple):
    """A function's files, the file or folder they are, and the module of a bare handler.

    The platform's column of digitalhub.md section 1.2 says which module that is.
    """

    files: tuple[FunctionFile, ...]
    origin: str | None = None
    module: str = INLINE_MODULE
    is_file: bool = False
    archive: str | None = None
    fetch: Fetch | None = None
    content: str | None = None


def _source(sources: _Sources, descriptor: Descriptor, problems: Problems) -> _Source | None:
    """None, with an error, when the source cannot be had."""
    source = descriptor.spec["source"]
    written = source.get("source")
    inline = [key for key in ("code", "base64") if key in source]
    if written is not None and is_remote(written):
        if inline:
            message = "the source is both text and something to fetch"
            span = descriptor.span("spec", "source", inline[-1])
            problems.append(Diagnostic(BAD_INLINE_SOURCE, message, span, "keep one of them"))
            return None
        return _remote_source(sources, descriptor, written, problems)
    if inline:
        file = _inline_file(descriptor, inline, written, problems)
        return _Source((file,), None, file.path) if file else None
    if written is None:
        return _Source(())
    return _local_source(sources, descriptor, written, problems)


def _inline_file(
    descriptor: Descriptor, keys: list[str], written: str | None, problems: Problems
) -> FunctionFile | None:
    source = descriptor.spec["source"]
    span = descriptor.span("spec", "source", keys[-1])
    if len(keys) > 1:
        message = "the source has both `code` and `base64`"
        problems.append(Diagnostic(BAD_INLINE_SOURCE, message, span, "keep one of them"))
        return None
    path = posixpath.normpath(written) if written else INLINE_MODULE
    if path == "." or not _is_relative(path) or not _COPYABLE.fullmatch(path):
        span = descriptor.span("spec", "source", "source")
        problem = _not_copyable if _is_relative(path) and path != "." else _outside
        problems.append(problem(written or "", span))
        return None
    try:
        text = source.get("code")
        content = (
            text.encode()
            if text is not None
            else base64.b64decode("".join(source["base64"].split()), validate=True)
        )
        content.decode("utf-8")
    except (binascii.Error, ValueError):
        message = "`base64` does not decode to UTF-8 text"
        hint = "encode the text again (`base64 -w0 FILE`), or write it under `code`"
        problems.append(Diagnostic(BAD_INLINE_SOURCE, message, span, hint))
        return None
    return FunctionFile(path, content)


def _remote_source(
    sources: _Sources, descriptor: Descriptor, written: str, problems: Problems
) -> _Source | None:
    """What the lock says that a URL is: files that were vendored, or what a builder fetches."""
    span = descriptor.span("spec", "source", "source")
    try:
        remote = remote_of(written)
    except NotRemote as error:
        code = CREDENTIALS if isinstance(error, HoldsCredentials) else BAD_SOURCE_URL
        problems.append(Diagnostic(code, str(error), span, error.hint))
        return None
    if refusal := remote.refused_by_platform:
        hint = "write `git+https://` and a branch or a tag, if the platform is to run it, too"
        problems.append(Diagnostic(PLATFORM_REFUSES, refusal, span, hint))
    if descriptor.spec.get("image") is not None:
        return _Source(())  # it is in there
    pin = _source_pin(sources, descriptor, written, span, problems)
    if pin is None:
        return None
    if sources.project.fetches and remote.has_builder:
        return _Source((), fetch=Fetch(remote, pin), content=pin.content)
    files = _vendored(sources, descriptor, pin, span, problems)
    if files is None or not _are_copyable(files, span, problems):
        return None
    return _Source(files, content=pin.content)


def _source_pin(
    sources: _Sources, descriptor: Descriptor, written: str, span: Span, problems: Problems
) -> SourcePin | None:
    lock = sources.project.lock
    key = sources.keys[descriptor.name, descriptor.id]
    if key in lock.edited or not lock.is_whole:
        return None  # which was told of at its own place
    pin = lock.pins.get(key, FunctionPin()).source
    if pin is None:
        message = f"nothing says which content the source of `{descriptor.name}` is"
        problems.append(Diagnostic(NOT_LOCKED, message, span, _LOCK_HINT))
        return None
    if pin.written != written:
        message = f"the source of `{descriptor.name}` was pinned when it was another one"
        problems.append(_mismatch(lock, key, message, span))
        return None
    return pin


def _mismatch(lock: Lock, key: str, message: str, span: Span) -> Diagnostic:
    """A lock that is not written yet has no places."""
    related = (Label(lock.spans[key], "pinned here"),) if key in lock.spans else ()
    return Diagnostic(LOCK_MISMATCH, message, span, _LOCK_HINT, related)


def _vendored(
    sources: _Sources, descriptor: Descriptor, pin: SourcePin, span: Span, problems: Problems
) -> tuple[FunctionFile, ...] | None:
    """The pinned files out of the output that is here, or out of the user's cache."""
    project, tree = sources.project, sources.tree
    differs = None
    for name in (descriptor.name, f"{descriptor.name}:{descriptor.id}"):
        prefix = f"{project.prefix}{project.output}/images/{cleaned(name)}/source/"
        try:
            files = tuple(
                FunctionFile(path, file.content, path in pin.executable)
                for path, file in tree.vendored_below(prefix)
                if is_source(path)
            )
        except Unreadable:
            continue
        if files and files_digest(files) == pin.content:
            return files
        differs = differs or (prefix if files else None)
    if (cached := tree.cached(pin.content)) is not None:
        return cached
    message = f"the source of `{descriptor.name}` is pinned, and its files are not here"
    hint = "run `gitopsc lock`, which fetches it again, and then this"
    if differs is not None:
        message = f"the files in `{project.relative(differs)}` are not what is pinned"
        hint += "; a file that Git ignores there is in nobody's clone"
    problems.append(Diagnostic(NOT_FETCHED, message, span, hint))
    return None


def _are_copyable(files: Iterable[FunctionFile], span: Span, problems: Problems) -> bool:
    wrong = next((each.path for each in files if not _COPYABLE.fullmatch(each.path)), None)
    if wrong is not None:
        problems.append(_not_copyable(wrong, span))
    return wrong is None


def _packages(
    sources: _Sources, descriptor: Descriptor, problems: Problems
) -> RequirementsPin | None:
    """What the lock says that the requirements come to; nothing says that it has to."""
    lock = sources.project.lock
    key = sources.keys[descriptor.name, descriptor.id]
    pin = lock.pins.get(key, FunctionPin()).requirements
    written = tuple(descriptor.spec.get("requirements", ()))
    if pin is None or (pin.written, pin.python_version) == (written, descriptor.python_version):
        return pin
    message = f"the requirements of `{descriptor.name}` were locked when they were others"
    if pin.written == written:
        message = f"the requirements of `{descriptor.name}` were locked for another Python"
    span = descriptor.key_span("spec", "requirements")
    problems.append(_mismatch(lock, key, message, span))
    return None


def _local_source(
    sources: _Sources, descriptor: Descriptor, written: str, problems: Problems
) -> _Source | None:
    """Looked up in the project's folder, then in the descriptor's (design.md section 1)."""
    project, tree, unread = sources.project, sources.tree, sources.unread
    span = descriptor.span("spec", "source", "source")
    beside = posixpath.dirname(project.relative(descriptor.path))
    candidates = [posixpath.normpath(written), posixpath.normpath(posixpath.join(beside, written))]
    inside = [each for each in dict.fromkeys(candidates) if _is_relative(each)]
    if written.startswith("/") or not inside:
        problems.append(_outside(written, span))
        return None
    for origin in inside:
        path = posixpath.normpath(project.prefix + origin)
        if path in tree.files and path.endswith(".zip"):
            unpacked = _unpacked(tree.files[path], project, span, problems)
            return _Source(unpacked, origin, archive=path) if unpacked else None
        if path in tree.files:
            # A file keeps the path it was given, so that `pkg.mod:fn` finds it.
            files = _read([(inside[0], tree.files[path])], project, span, problems)
            return _Source(files, origin, inside[0], is_file=True) if files else None
        below = [
            (posixpath.relpath(each.path, path), each)
            for each in tree.below("" if path == "." else path)
            if each.path not in unread and not _CACHED.search(each.path)
        ]
        if below:
            files = _read(below, project, span, problems)
            return _Source(files, origin) if files else None
    message = f"no file or folder `{written}` that Git does not ignore in project `{project.name}`"
    names = [project.relative(each) for each in tree.files if each.startswith(project.prefix)]
    hint = did_you_mean(candidates[0], names) or "paths start at the project's folder"
    problems.append(Diagnostic(SOURCE_MISSING, message, span, hint))
    return None


def _read(
    named: Sequence[tuple[str, SourceFile]], project: Project, span: Span, problems: Problems
) -> tuple[FunctionFile, ...]:
    """Files under the paths they get; none, with an error, when one cannot be had."""
    size = sum(file.size for _, file in named if not file.is_link)
    if size > MOST_BYTES:
        message = f"the source has {size:,} bytes, and at most {MOST_BYTES:,} go into an image"
        hint = "keep data out of the folder, and read it as an input"
        problems.append(Diagnostic(LARGE_SOURCE, message, span, hint))
        return ()
    files = []
    for path, file in named:
        relative = project.relative(file.path)
        if not _COPYABLE.fullmatch(relative):
            problems.append(_not_copyable(relative, span))
            return ()
        if file.is_link:
            message = f"`{relative}` is a link, which an image build does not follow"
            problems.append(Diagnostic(SOURCE_OUTSIDE, message, span, "put a copy in its place"))
            return ()
        try:
            files.append(FunctionFile(path, file.content, file.executable, file.path))
        except Unreadable as error:
            problems.append(Diagnostic(UNREADABLE, f"`{relative}` cannot be read: {error}", span))
            return ()
    return tuple(files)


def _unpacked(
    file: SourceFile, project: Project, span: Span, problems: Problems
) -> tuple[FunctionFile, ...]:
    """The files in an archive of the project; none, with an error, when it is no good."""
    relative = project.relative(file.path)
    try:
        files = tuple(each for each in unpack(file.content) if is_source(each.path))
    except Unreadable as error:
        problems.append(Diagnostic(UNREADABLE, f"`{relative}` cannot be read: {error}", span))
        return ()
    except BadArchive as error:
        message = f"no source can be taken from `{relative}`: {error}"
        hint = "make it again, of plain files"
        problems.append(Diagnostic(BAD_ARCHIVE, message, span, hint))
        return ()
    if not files:
        message = f"`{relative}` holds no file"
        problems.append(Diagnostic(BAD_ARCHIVE, message, span, "put the source into it"))
    return files if _are_copyable(files, span, problems) else ()


def _not_copyable(path: str, span: Span) -> Diagnostic:
    message = f"the name of `{path}` holds a character that a Dockerfile cannot copy"
    hint = "rename it: letters, digits, spaces and `_ . / + = , @ -`"
    return Diagnostic(NOT_SUPPORTED, message, span, hint)


def _is_relative(path: str) -> bool:
    return not path.startswith("/") and path != ".." and not path.startswith("../")


def _outside(written: str, span: Span) -> Diagnostic:
    message = f"the source `{written}` leads outside the project"
    hint = "write a path that starts at the project's folder, such as `src/etl.py`"
    return Diagnostic(SOURCE_OUTSIDE, message, span, hint)


def _signatures(
    descriptor: Descriptor, loaded: _Source, module: str, tree: Tree, problems: Problems
) -> tuple[Mapping[str, Signature], frozenset[str]]:
    """Those of the handler and init, which have to be in the module; and what that imports."""
    files = loaded.files
    source = descriptor.spec["source"]
    span = descriptor.span("spec", "source", "handler")
    file = next((each for each in files if each.path == module), None)
    if file is not None and not module.endswith(".py"):
        message = f"the handler's module `{module}` is no Python file"
        problems.append(Diagnostic(UNKNOWN_HANDLER, message, span, "name a `.py` file"))
        return {}, frozenset()
    if file is None:
        if files and loaded.fetch is None:  # a ready image may have its source inside
            message = f"the handler's module `{module}` is not in the source"
            hint = _module_hint(source["handler"], module, files)
            problems.append(Diagnostic(UNKNOWN_HANDLER, message, span, hint))
        return {}, frozenset()
    try:
        names = outline(file.content, descriptor.python_version)
    except NotPython as error:
        problems.append(_not_python(descriptor, file, error, span))
        return {}, frozenset()
    if loaded.is_file:
        problems += _left_behind(descriptor, file, str(loaded.origin), names.imports, tree)
    wanted = {source["handler"].rpartition(":")[2]: span}
    if "init_function" in source:
        wanted[source["init_function"]] = descriptor.span("spec", "source", "init_function")
    for name, place in wanted.items():
        if name not in names.definitions and not names.open:
            message = f"`{file.path}` defines no `{name}`"
            known = sorted(names.definitions)
            hint = did_you_mean(name, known) or f"it defines {listed(known) or 'nothing'}"
            problems.append(Diagnostic(UNKNOWN_HANDLER, message, place, hint))
    found = ((name, names.definitions.get(name)) for name in wanted)
    signatures = {name: _signature(file, each) for name, each in found if each is not None}
    return signatures, names.imports


def _signature(file: FunctionFile, found: Definition) -> Signature:
    span = None
    if file.origin is not None:
        end = found.column + len("def")
        span = Span(file.origin, found.line, found.column, found.line, end)
    return Signature(found.required, found.optional, found.open, found.outputs, span)


def _left_behind(
    descriptor: Descriptor, file: FunctionFile, origin: str, imports: Iterable[str], tree: Tree
) -> Problems:
    """Modules that the source imports, and that lie beside it and stay there."""
    folder = posixpath.dirname(str(file.origin))
    stem = posixpath.basename(file.path).removesuffix(".py")
    found = []
    for name in sorted(set(imports) - {stem}):
        beside = posixpath.join(folder, name)
        if f"{beside}.py" in tree.files or f"{beside}/__init__.py" in tree.files:
            message = f"`{name}` lies beside `{file.path}`, and a file source copies only itself"
            handler = descriptor.spec["source"]["handler"].rpartition(":")[2]
            where = posixpath.dirname(origin) or "."
            hint = f"write `source: {where}` and `handler: {stem}:{handler}` to bring the folder"
            span = descriptor.span("spec", "source", "source")
            found.append(Diagnostic(NOT_COPIED, message, span, hint))
    return found


def _module_hint(written: str, module: str, files: Sequence[FunctionFile]) -> str:
    if ".py:" in written:
        return f"leave `.py` out: `{written.replace('.py:', ':')}`"
    modules = [each.path for each in files if each.path.endswith(".py")]
    if not modules:
        return "the source holds no Python file"
    close = get_close_matches(module, modules, n=1, cutoff=0.3) or modules[:1]
    name = close[0].removesuffix(".py").replace("/", ".")
    return f"write `{name}:{written.rpartition(':')[2]}`"


def _inline_place(descriptor: Descriptor, line: int) -> Span:
    """The line of a block of text; of text written otherwise, the whole."""
    source = descriptor.spec["source"]
    span = descriptor.span("spec", "source", "code" if "code" in source else "base64")
    if span.end_line - span.line < source.get("code", "").count("\n"):
        return span
    return Span(span.path, span.line + line, 1, span.line + line, 1)


def _not_python(
    descriptor: Descriptor, file: FunctionFile, error: NotPython, span: Span
) -> Diagnostic:
    message = f"`{file.path}` is not valid Python: {error} (line {error.line})"
    source = descriptor.spec["source"]
    if file.origin is None and not {"code", "base64"} & source.keys():
        hint = "mend it where it comes from; nothing else of it is checked"
        return Diagnostic(UNKNOWN_HANDLER, message, span, hint)
    if file.origin is None:
        message = f"the inline source is not valid Python: {error} (line {error.line} of it)"
        place = _inline_place(descriptor, error.line)
        return Diagnostic(UNKNOWN_HANDLER, message, place, "mend it; nothing else of it is checked")
    place = Span(file.origin, error.line, error.column, error.line, error.column + 1)
    hint = "mend it; nothing else of it is checked"
    return Diagnostic(UNKNOWN_HANDLER, message, span, hint, (Label(place, "here"),))
