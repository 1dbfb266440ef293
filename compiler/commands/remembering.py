"""What was compiled -> what the next compile knows of it."""

from __future__ import annotations

import os
from contextlib import suppress

from gitopsc.adapters import memory
from gitopsc.adapters.folder import left_out, listing_digest
from gitopsc.adapters.previous import folders_at
from gitopsc.commands.recompiling import Recompiled, Request, Revision, file_names, part_name
from gitopsc.model.compilation import Compilation, Compiled
from gitopsc.model.files import MOST_OF_DESCRIPTORS, OWNERSHIP_LIST
from gitopsc.model.memo import content_key
from gitopsc.model.source import SourceFile, Tree, Unreadable


def remember(request: Request, result: Recompiled, again: tuple[str, str]) -> None:
    """`again` is what the next compile says, where nothing changes: on stdout, and on stderr."""
    reading, listing = result.reading, request.listing
    root = os.path.realpath(reading.root)
    parts = _known(root, result, request.began)
    parts["(left out)"] = left_out(root, listing, reading.tree.files)
    digest = listing_digest(root, listing, [folder for folder, _ in result.shown_targets])
    if digest is not None:
        found = memory.Memory(
            digest, again, result.shown_targets, _base(root, result, request), parts
        )
        memory.remember(request.key, found)


def _base(root: str, result: Recompiled, request: Request) -> memory.Held:
    """The commit, and what it has in each folder that holds manifests, then or now."""
    if not request.listing().is_repository:
        return None, (), ""
    commit = request.base()
    if request.held is not None and len(result.recalled) + len(result.revised) == len(result.parts):
        return commit, *request.held[1:]  # nobody has looked
    folders = {path.rsplit("/", 2)[0] for path in result.previous.names}
    folders |= {
        f"{os.path.relpath(os.path.realpath(folder), root)}/manifests"
        for folder, _ in result.shown_targets
    }
    inside = tuple(sorted(folder for folder in folders if not folder.startswith("../")))
    return commit, inside, folders_at(root, commit, inside)


def _known(root: str, result: Recompiled, began: int) -> dict[str, memory.Part]:
    """What is to be remembered of each part."""
    known = dict(result.recalled)
    for tree, compilation in result.parts:
        if part_name(tree) in result.revised:
            revision = result.revised[part_name(tree)]
            project = compilation.projects[0]
            known[part_name(tree)] = _part_of_revision(root, tree, project, result, revision, began)
        elif part_name(tree) not in result.recalled:
            known[part_name(tree)] = _part(root, tree, compilation, result, began)
    return known


def _part_of_revision(
    root: str, tree: Tree, project: Compiled, result: Recompiled, revision: Revision, began: int
) -> memory.Part:
    folder = os.path.realpath(result.targets[project].folder)
    written = {f"{folder}/{file.path}": content_key(file.content) for file in revision.files}
    files: dict[str, tuple[memory.Stamp, bytes | None]] = {
        place: (memory.stamp_at(place), content) for place, content in written.items()
    }
    for file in (tree.files[path] for path in revision.changed):
        files[f"{root}/{file.path}"] = file.stamp or memory.GONE, content_key(file.content)
    files[f"{folder}/{OWNERSHIP_LIST}"] = memory.stamp_at(f"{folder}/{OWNERSHIP_LIST}"), None
    part = revision.part.revised(files, began)
    memory.keep_trace(part, revision.trace.plain(), root, part_name(tree))
    return part


def _part(
    root: str, tree: Tree, compilation: Compilation, result: Recompiled, began: int
) -> memory.Part:
    projects = compilation.projects
    files = (tree.files[path] for path in tree.paths)
    part = memory.part(
        file_names(tree),
        [
            (f"{root}/{file.path}", file.stamp or memory.GONE, _content(file, compilation))
            for file in files
        ],
        [
            (f"{folder}/{file.path}", file.content)
            for project in projects
            for folder in [os.path.realpath(result.targets[project].folder)]
            for file in result.made.get(project, ())
        ],
        tuple(path for project in projects for path in project.read),
        compilation.plain(),
        targets=[os.path.join(root, project.folder, project.output) for project in projects],
        began=began,
    )
    if compilation.trace is not None:
        memory.keep_trace(part, compilation.trace.plain(), root, part_name(tree))
    return part


def _content(file: SourceFile, compilation: Compilation) -> bytes:
    """The digest of what was read, in this process or in another, or by Git, whose own files say
    what is a part of every clone.

    Of a larger file than descriptors are in, the beginning may have been looked at.
    """
    if file.path in compilation.contents:
        return compilation.contents[file.path]
    if file.path.rpartition("/")[2].startswith(".git") and not file.is_link:
        with suppress(Unreadable):
            return content_key(file.content)
    return memory.UNKNOWN if file.is_link or file.size > MOST_OF_DESCRIPTORS else memory.UNREAD
