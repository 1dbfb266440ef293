"""A folder with its settings and descriptors -> a Project: what it is called, what is its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gitopsc.model.descriptor import Descriptor, Project
from gitopsc.model.diagnostic import Diagnostic, has_errors
from gitopsc.model.document import Document
from gitopsc.model.lock import Lock
from gitopsc.model.source import Span, Tree
from gitopsc.validate import sentences
from gitopsc.validate.settings import may_name_a_project, read_settings
from gitopsc.validate.shape import short

_PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,36}[a-z0-9]")


def make_project(
    tree: Tree,
    folder: str,
    document: Document | None,
    descriptors: Sequence[Descriptor],
    described: frozenset[str],
    lock: Lock,
) -> tuple[Project, list[Diagnostic]]:
    """`document` is that of its settings, if it has some; `described` are files of the tree."""
    settings, problems = read_settings(document)
    entities = [descriptor for descriptor in descriptors if descriptor.kind == "project"]
    problems += [sentences.second_project(entities[0], second) for second in entities[1:]]
    place = Span(folder or ".")
    if document is not None or entities:
        place = document.span() if document else entities[0].name_span
    declared = settings.project or (entities[0].name if entities else None)
    name = declared or (folder or tree.folder).rpartition("/")[2]
    # What is broken may say another name: then nothing follows from this one.
    is_guess = not declared and (bool(entities) or may_name_a_project(document))
    if not is_guess:
        if declared is None and not folder and tree.is_root:
            problems.append(sentences.no_project_name(name, place))
        elif declared is None and not _PROJECT_NAME.fullmatch(name):
            problems.append(sentences.bad_folder_name(name, place))
        named = (entity for entity in entities if entity.name and entity.name != name)
        problems += [sentences.two_names(name, entity) for entity in named]
        problems += [problem for each in descriptors for problem in _foreign(name, each)]
        descriptors = [each for each in descriptors if not _is_foreign(name, each)]
    project = Project(
        name=name,
        folder=folder,
        output=settings.output,
        environments=settings.environments,
        local=settings.local,
        fetches=settings.fetches,
        choice=settings.choice,
        python_image=settings.python_image,
        descriptors=tuple(descriptors),
        place=place,
        described=described,
        settings=document,
        allowed=settings.allowed,
        is_sound=not has_errors(problems),
        lock=lock,
    )
    return project, problems


def _is_foreign(project: str, descriptor: Descriptor) -> bool:
    named = descriptor.document.data.get("project")
    return descriptor.kind != "project" and named is not None and named != project


def _foreign(project: str, descriptor: Descriptor) -> Iterator[Diagnostic]:
    named = descriptor.document.data.get("project")
    if _is_foreign(project, descriptor) and isinstance(named, str):
        yield sentences.of_another_project(short(named), project, descriptor.span("project"))
