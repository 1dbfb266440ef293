"""Documents -> Projects: what is a descriptor, whether its shape is right, whose it is."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from gitopsc.model.descriptor import COMPILED_KINDS, Descriptor, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.document import Document
from gitopsc.model.files import LOCK_FILE, SETTINGS_FILE
from gitopsc.model.lock import Lock
from gitopsc.model.source import Tree
from gitopsc.validate import sentences
from gitopsc.validate.descriptors import (
    almost_descriptors,
    descriptor_parts,
    foreign_kind,
    misspelt,
    read_descriptor,
)
from gitopsc.validate.locks import read_lock
from gitopsc.validate.projects import make_project

__all__ = ("validate",)

_MISNAMED_SETTINGS = ("gitopsc.yml", "gitopsc.json")


def validate(
    tree: Tree, documents: Sequence[Document]
) -> tuple[tuple[Project, ...], tuple[Diagnostic, ...]]:
    """The projects of a tree, each with its descriptors; broken ones keep their names."""
    named = _by_name(documents)
    settings, second_settings = _one_for_each_folder(named.get(SETTINGS_FILE, ()))
    locks, second_locks = _one_for_each_folder(named.get(LOCK_FILE, ()))
    problems = [sentences.misnamed_settings(path) for path in _misnamed(tree)]
    problems += [sentences.second_settings(document.span()) for document in second_settings]
    problems += [sentences.second_lock(document.span()) for document in second_locks]
    others = [each for each in documents if _name(each.path) not in (SETTINGS_FILE, LOCK_FILE)]
    parts = [part for document in others for part in descriptor_parts(document)]
    problems += [problem for document in others for problem in almost_descriptors(document)]
    compiled = [part for part in parts if part.data["kind"] in COMPILED_KINDS]
    folders = {*settings, *(_folder(each.path) for each in parts if each.data["kind"] == "project")}
    if not folders and parts and not tree.is_part:
        folders = {""}
        if tree.enclosing is not None:
            problems.append(sentences.inside_project(tree.enclosing))
    owned, found = _owned(parts, folders)
    problems += found
    described = frozenset(
        document.path for document in (*settings.values(), *locks.values(), *compiled)
    )
    projects = []
    for folder, descriptors in owned.items():
        lock, lock_problems = read_lock(locks[folder]) if folder in locks else (Lock(), [])
        document = settings.get(folder)
        project, found = make_project(tree, folder, document, descriptors, described, lock)
        projects.append(project)
        problems += [*found, *lock_problems]
    return tuple(projects), tuple(problems)


def _owned(
    parts: Iterable[Document], folders: Iterable[str]
) -> tuple[Mapping[str, list[Descriptor]], list[Diagnostic]]:
    """Each project's descriptors, by its folder."""
    owned: dict[str, list[Descriptor]] = {folder: [] for folder in sorted(folders)}
    foreign: dict[tuple[str, bool], list[Document]] = {}
    problems = []
    for part in parts:
        kind = part.data["kind"]
        owner = _owner(part.path, owned)
        if owner is None and kind in COMPILED_KINDS:
            problems.append(sentences.unowned(kind, part.span("kind")))
        elif owner is not None and kind in COMPILED_KINDS:
            descriptor, found = read_descriptor(part)
            owned[owner].append(descriptor)
            problems += found
        elif owner is not None:
            meant = misspelt(part)
            foreign.setdefault((kind, meant is not None), []).append(part)
            if meant is not None:
                owned[owner].append(meant)
    problems += [foreign_kind(kind, documents) for (kind, _), documents in foreign.items()]
    return owned, problems


def _by_name(documents: Iterable[Document]) -> Mapping[str, list[Document]]:
    found: dict[str, list[Document]] = {}
    for document in documents:
        found.setdefault(_name(document.path), []).append(document)
    return found


def _one_for_each_folder(
    documents: Iterable[Document],
) -> tuple[dict[str, Document], list[Document]]:
    """Folder -> its document; and those that are a second."""
    first: dict[str, Document] = {}
    rest = []
    for document in documents:
        if first.setdefault(_folder(document.path), document) is not document:
            rest.append(document)
    return first, rest


def _misnamed(tree: Tree) -> Iterator[str]:
    """Hidden folders are of other tools, whose files may be called after gitopsc."""
    return (
        path
        for path in tree.files
        if _name(path) in _MISNAMED_SETTINGS
        if not any(each.startswith(".") for each in _folder(path).split("/"))
    )


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _owner(path: str, folders: Container[str]) -> str | None:
    """The nearest project's folder (design.md section 1)."""
    folder = _folder(path)
    while folder not in folders:
        if not folder:
            return None
        folder = _folder(folder)
    return folder
