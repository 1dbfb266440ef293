"""Project -> its pins: fetches what is not pinned yet, has requirements resolved, asks for images.

The only stage that uses the network, for `gitopsc lock` alone. A pin that still fits is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator
from typing import NamedTuple

from gitopsc.adapters import source_cache
from gitopsc.adapters.archive import MOST_FILES, BadArchive, unpack
from gitopsc.adapters.download import DownloadFailed, download
from gitopsc.adapters.git import (
    TOKEN_HOSTS,
    RemoteRefused,
    has_credentials,
    remote_repository,
)
from gitopsc.adapters.packaged import RUNTIME, runner_requirements
from gitopsc.adapters.registry import NoOras, state_of
from gitopsc.adapters.requirement import (
    is_hashable,
    normalised,
    requirement_fault,
    requirement_name,
)
from gitopsc.adapters.uv import NoUv, Unresolved, locked
from gitopsc.model.descriptor import SIDECAR_IMAGE, FunctionDescriptor, Project
from gitopsc.model.diagnostic import (
    BAD_ARCHIVE,
    DEFINED_TWICE,
    FETCH_FAILED,
    LEFT_OUT,
    NOT_HASHED,
    NOT_LOCKED,
    UNRESOLVED,
    Code,
    Diagnostic,
    Label,
    listed,
)
from gitopsc.model.lock import (
    BasePin,
    FunctionPin,
    RequirementsPin,
    SourcePin,
    files_digest,
)
from gitopsc.model.remote import Access, NotRemote, Remote, https_host, is_remote, remote_of
from gitopsc.model.runtime import has_runner
from gitopsc.model.source import MOST_BYTES, FunctionFile, Span, is_source, path_fault

Problems = list[Diagnostic]

_LFS = b"version https://git-lfs.github.com/spec/"
_LINK, _SUBMODULE, _EXECUTABLE = "120000", "160000", "100755"


class Fetched(NamedTuple):
    """What came from a remote: the files, what was left out of them, and how they are pinned."""

    files: tuple[FunctionFile, ...]
    left_out: tuple[str, ...] = ()
    commit: str | None = None
    sha256: str | None = None


def pin(
    project: Project,
    *,
    access: Access,
    present: Container[str],
    upgraded: Container[str] | None,
    with_requirements: bool,
    with_images: bool,
) -> tuple[dict[str, FunctionPin], tuple[Diagnostic, ...]]:
    """Pins by their key, sorted. Base images that are not pinned yet are only `with_images`.

    Sources whose digest is in `present` are on this machine and not fetched again. Functions that
    are called as in `upgraded` get new pins; all of them, when that is None.
    """
    problems: Problems = _repeated(project)
    known = {} if upgraded is None else _known_bases(project, upgraded)
    results = _Results(access, present, {}, {}, known)
    pins = {}
    runner = runner_requirements(RUNTIME, project.schemes)
    for key, descriptor in _built(project):
        names = (key, descriptor.name, f"{descriptor.name}:{descriptor.id}")
        pinned = (project.lock.pins[name] for name in names if name in project.lock.pins)
        old = next(pinned, FunctionPin())
        if upgraded is None or descriptor.name in upgraded:
            old = FunctionPin()
        source = _source(results, descriptor, old.source, problems)
        requirements = _requirements(
            results, descriptor, old.requirements, runner, with_requirements, problems
        )
        base = _base(results, _base_of(descriptor), old.base, with_images, problems)
        if source or requirements or base:
            pins[key] = FunctionPin(source, requirements, base)
    if (beside := _base_beside(project)) is not None:
        is_kept = upgraded is not None and SIDECAR_IMAGE not in upgraded
        pin = project.sidecar_pin if is_kept else None
        if (base := _base(results, beside, pin, with_images, problems)) is not None:
            pins[SIDECAR_IMAGE] = FunctionPin(base=base)
    return dict(sorted(pins.items())), tuple(problems)


def unpinned(
    project: Project, *, with_requirements: bool, with_images: bool
) -> tuple[Diagnostic, ...]:
    """What could be locked and is not; nothing is asked of anybody. A pin that does not fit any
    more, `load` has told."""
    problems = []
    for key, descriptor in _built(project):
        pin = project.lock.pins.get(key, FunctionPin())
        if with_requirements and pin.requirements is None and _is_lockable(descriptor):
            message = f"the requirements of `{descriptor.name}` are not locked"
            span = descriptor.key_span("spec", "requirements")
            problems.append(Diagnostic(NOT_LOCKED, message, span, "run `gitopsc lock`"))
        if with_images and pin.base is None:
            problems += _unpinned_base(_base_of(descriptor))
    beside = _base_beside(project)
    if with_images and beside is not None and project.sidecar_pin is None:
        problems += _unpinned_base(beside)
    return tuple(problems)


def _is_lockable(descriptor: FunctionDescriptor) -> bool:
    written = descriptor.spec.requirements or ()
    is_sound = not any(map(requirement_fault, written))
    return bool(written) and is_sound and all(map(is_hashable, written))


def _unpinned_base(named: _Named) -> Iterator[Diagnostic]:
    if "@" not in named.image:
        message = f"the base image `{named.image}` is not pinned"
        yield Diagnostic(NOT_LOCKED, message, named.span, "run `gitopsc lock --images`")


def _repeated(project: Project) -> Problems:
    """Two functions of one name and version would have one pin."""
    first: dict[tuple[str, str | None], FunctionDescriptor] = {}
    problems = []
    for _, descriptor in _built(project):
        other = first.setdefault((descriptor.name, descriptor.id), descriptor)
        if other is not descriptor:
            message = f"the function `{descriptor.name}` is defined twice"
            related = (Label(other.name_span, "first here"),)
            hint = "rename or remove one of them"
            problems.append(Diagnostic(DEFINED_TWICE, message, descriptor.name_span, hint, related))
    return problems


def _built(project: Project) -> Iterator[tuple[str, FunctionDescriptor]]:
    """Functions that get an image, with their keys in the lock."""
    keys = project.lock_keys()
    for descriptor in project.entities.functions:
        is_built = has_runner(descriptor.kind) and descriptor.spec.image is None
        if descriptor.valid and is_built:
            yield keys[descriptor.name, descriptor.id], descriptor


class _Results(NamedTuple):
    """What one remote or one set of requirements came to serves every function that has it."""

    access: Access
    present: Container[str]
    remotes: dict[tuple[Remote, str | None], Fetched | _Refusal]
    resolved: dict[tuple[tuple[str, ...], tuple[str, ...], str, str], RequirementsPin]
    bases: dict[str, BasePin | None]


# Sources


def _source(
    results: _Results, descriptor: FunctionDescriptor, old: SourcePin | None, problems: Problems
) -> SourcePin | None:
    written = descriptor.source.path
    if written is None or not is_remote(written):
        return None
    span = descriptor.span("spec", "source", "source")
    try:
        remote = remote_of(written)
    except NotRemote:
        return None  # which `load` has told
    kept = old if old is not None and old.written == written else None
    if kept is not None and kept.content in results.present:
        return kept
    found = _fetched(results, remote, kept.commit if kept else None, span, problems)
    if found is None:
        return None
    new = SourcePin(
        written,
        files_digest(found.files),
        found.commit,
        found.sha256,
        tuple(each.path for each in found.files if each.executable),
    )
    if kept is not None and new != kept:
        message = "what is there now is not what was pinned"
        hint = f"run `gitopsc lock --upgrade {descriptor.name}`, and review the source"
        problems.append(Diagnostic(FETCH_FAILED, message, span, hint))
        return None
    if not source_cache.keep(found.files):
        message = "the user's cache cannot be written, and the source has no other place yet"
        hint = "free the disk, or set XDG_CACHE_HOME to a folder that can be written"
        problems.append(Diagnostic(FETCH_FAILED, message, span, hint))
        return None
    if found.left_out:
        names = listed(found.left_out, 5)
        message = f"left out, for they are links, submodules or kept in LFS: {names}"
        hint = "put files in their place, if the function needs them"
        problems.append(Diagnostic(LEFT_OUT, message, span, hint))
    return new


def _fetched(
    results: _Results, remote: Remote, commit: str | None, span: Span, problems: Problems
) -> Fetched | None:
    """Each remote is asked once, and not again for every function when it does not answer."""
    key = (remote, commit)
    if key not in results.remotes:
        results.remotes[key] = _asked(remote, commit, results.access)
    found = results.remotes[key]
    if isinstance(found, Fetched):
        return found
    code, message, hint = found
    problems.append(Diagnostic(code, message, span, hint))
    return None


class _Refusal(NamedTuple):
    code: Code
    message: str
    hint: str


def _asked(remote: Remote, commit: str | None, access: Access) -> Fetched | _Refusal:
    try:
        found = _from_git(remote, commit, access) if remote.form == "git" else _downloaded(remote)
        if (fault := path_fault([each.path for each in found.files])) is not None:
            raise BadArchive(fault)
        return found
    except (RemoteRefused, DownloadFailed, TimeoutError) as error:
        message = f"`{remote.url}` cannot be fetched: {error or 'it takes too long'}"
        hint = "correct the URL, or try again when the server answers"
        if remote.scheme == "s3":
            hint = "correct the URL; credentials are read from `AWS_...` in the environment"
        elif remote.form == "git":
            hint = f"correct the URL or its `#ref`; {_credentials_hint(remote, access)}"
        return _Refusal(FETCH_FAILED, message, hint)
    except BadArchive as error:
        message = f"no source can be taken from `{remote.url}`: {error}"
        return _Refusal(BAD_ARCHIVE, message, "make it again, of plain files")


def _credentials_hint(remote: Remote, access: Access) -> str:
    """How a server gets to know the user."""
    host = https_host(remote.url)
    if host is None or host in access.hosts:
        return "for credentials, set `GIT_TOKEN`"
    if has_credentials():
        return f"`GIT_TOKEN` is not given to this host, unless you set `{TOKEN_HOSTS}={host}`"
    return f"for credentials, set `GIT_TOKEN`, and `{TOKEN_HOSTS}={host}`"


def _from_git(remote: Remote, commit: str | None, access: Access) -> Fetched:
    files, left_out = [], []
    host = https_host(remote.url)
    is_trusted = host is not None and host in access.hosts
    if is_trusted and has_credentials():
        access.told(str(host))
    with remote_repository(remote.url, with_credentials=is_trusted) as repository:
        commit = commit or repository.resolve(remote.ref)
        for path, mode, content in repository.files(commit, MOST_FILES, MOST_BYTES):
            if mode in (_LINK, _SUBMODULE) or content.startswith(_LFS):
                left_out.append(path)
            elif is_source(path):
                files.append(FunctionFile(path, content, mode == _EXECUTABLE))
    files.sort(key=lambda each: each.path)
    return Fetched(tuple(files), tuple(sorted(left_out)), commit=commit)


def _downloaded(remote: Remote) -> Fetched:
    content = download(remote.url)
    digest = hashlib.sha256(content).hexdigest()
    if remote.form == "file":
        return Fetched((FunctionFile(remote.file_name, content),), sha256=digest)
    files = tuple(each for each in unpack(content) if is_source(each.path))
    return Fetched(files, sha256=digest)


# Requirements


def _requirements(
    results: _Results,
    descriptor: FunctionDescriptor,
    old: RequirementsPin | None,
    runner: tuple[str, ...],
    with_requirements: bool,
    problems: Problems,
) -> RequirementsPin | None:
    written = descriptor.spec.requirements or ()
    version = descriptor.python_version
    is_same = old is not None and normalised(old.written) == normalised(written)
    if old is not None and is_same and (old.python_version, old.runner) == (version, runner):
        return old
    if not written or not with_requirements:
        return None
    span = descriptor.key_span("spec", "requirements")
    for index, text in enumerate(written):
        if not is_hashable(text):
            message = f"`{text}` has no hash that could be locked, so none of these are locked"
            place = descriptor.requirement_span(index)
            hint = "write a version of a package, and no URL, or leave the requirements unlocked"
            problems.append(Diagnostic(NOT_HASHED, message, place, hint))
            return None
    before = old.packages if old is not None else ""
    key = (written, runner, version, before)
    if key not in results.resolved:
        try:
            packages, names = locked(written, runner, version, before)
        except NoUv:
            message = "requirements are locked by uv, which is not on this machine"
            hint = "install uv, or run `gitopsc lock --no-requirements`"
            problems.append(Diagnostic(UNRESOLVED, message, span, hint))
            return None
        except Unresolved as error:
            place = _place(descriptor, error.name) or span
            hint = error.hint or "correct the requirements; `uv pip compile` tells more"
            problems.append(Diagnostic(UNRESOLVED, str(error), place, hint))
            return None
        results.resolved[key] = RequirementsPin(written, runner, version, names, packages)
    return results.resolved[key]


def _place(descriptor: FunctionDescriptor, name: str | None) -> Span | None:
    """Of the requirement of a name, which may be one of another requirement's."""
    for index, text in enumerate(descriptor.spec.requirements or ()):
        if name is not None and requirement_name(text) == name:
            return descriptor.requirement_span(index)
    return None


# Base images


class _Named(NamedTuple):
    """An image, and where it is named, or what it is for."""

    image: str
    span: Span


def _base_of(descriptor: FunctionDescriptor) -> _Named:
    key = "base_image" if descriptor.spec.base_image else "python_version"
    return _Named(descriptor.base, descriptor.span("spec", key))


def _base_beside(project: Project) -> _Named | None:
    """Of the image beside containers, where one has data."""
    place = project.container_data
    return _Named(project.sidecar_base, place) if place is not None else None


def _known_bases(project: Project, upgraded: Container[str]) -> dict[str, BasePin | None]:
    """What other images start from: one image is one thing in a project."""
    known: dict[str, BasePin | None] = {}
    for key, descriptor in _built(project):
        pin = project.lock.pins.get(key, FunctionPin()).base
        if pin is not None and descriptor.name not in upgraded and pin.written == descriptor.base:
            known[pin.written] = pin
    pin = project.sidecar_pin
    if pin is not None and SIDECAR_IMAGE not in upgraded and pin.written == project.sidecar_base:
        known[pin.written] = pin
    return known


def _base(
    results: _Results,
    named: _Named,
    old: BasePin | None,
    with_images: bool,
    problems: Problems,
) -> BasePin | None:
    written, span = named
    if old is not None and old.written == written:
        return old
    if not with_images or "@" in written:
        return None
    if written not in results.bases:
        try:
            state = state_of(written)
        except NoOras:
            message = "registries are asked with oras, which is not on this machine"
            hint = "install `gitopsc[images]`, or leave out `--images`"
            problems.append(Diagnostic(FETCH_FAILED, message, span, hint))
            results.bases[written] = None
            return None
        if state.digest is None:
            reason = state.reason or "its registry does not have it"
            if state.state == "there":
                reason = "its registry does not say which digest it has"
            message = f"the base image `{written}` cannot be pinned: {reason}"
            hint = "correct the name, or write its digest: `<image>@sha256:...`"
            problems.append(Diagnostic(FETCH_FAILED, message, span, hint))
        results.bases[written] = None if state.digest is None else BasePin(written, state.digest)
    return results.bases[written]
