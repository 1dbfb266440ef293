"""Project and Tree -> Functions: the files of each function's source, and its handler in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from gitopsc.adapters.packaged import RUNTIME, runner_requirements
from gitopsc.adapters.processes import steps
from gitopsc.adapters.requirement import normalised
from gitopsc.load import sentences
from gitopsc.load.code import read_code
from gitopsc.load.containers import container
from gitopsc.load.handler import read_handler, with_code
from gitopsc.load.imports import foreign_imports
from gitopsc.load.modules import Modules
from gitopsc.load.outlines import NotPython, outline_of
from gitopsc.load.requirements import (
    bad_requirements,
    locked_packages,
    pinned_base,
    sidecar_problems,
)
from gitopsc.load.source import (
    Source,
    Sources,
    Unavailable,
    find_source,
    module_of,
    platform_refusal,
)
from gitopsc.model.descriptor import SIDECAR_IMAGE, FunctionDescriptor, Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.memo import Memo
from gitopsc.model.program import Function, FunctionVersion
from gitopsc.model.runtime import has_runner
from gitopsc.model.source import Tree

__all__ = ("load",)


def load(
    project: Project, tree: Tree, memo: Memo | None = None
) -> tuple[Mapping[FunctionVersion, Function], tuple[Diagnostic, ...]]:
    """All versions of a project's functions, sorted; what has no source is left out."""
    problems: list[Diagnostic] = []
    functions: dict[FunctionVersion, Function] = {}
    sources = Sources(
        project,
        tree,
        project.lock_keys(),
        # Descriptors say what is run and are not run: a label in one must not change an image.
        unread=project.described,
        memo=memo or Memo(),
    )
    ordered = sorted(project.entities.functions, key=lambda each: (each.name, each.id or ""))
    written = [
        (each, find_source(sources, each) if has_runner(each.kind) else None)
        for each in ordered
        if each.valid
    ]
    steps(sources.memo, _python([source for _, source in written]), _learn_outline)
    for descriptor, source in written:
        version = descriptor.name, descriptor.id
        if version not in functions:
            if source is None:
                function, found = container(sources, descriptor)
            else:
                function, found = _function(sources, descriptor, source)
            problems += found
            if function is not None:
                functions[version] = function
    locked = {*sources.keys.values()}
    if (place := project.container_data) is not None:
        problems += sidecar_problems(project, place)
        locked.add(SIDECAR_IMAGE)
    for name in sorted(project.lock.spans.keys() - locked) if project.is_whole else ():
        problems.append(sentences.leftover_pin(name, project.lock.spans[name]))
    return functions, tuple(problems)


def _python(sources: Iterable[Source | Unavailable | None]) -> Sequence[bytes]:
    """The contents of their Python files, each once."""
    files = (file for each in sources if isinstance(each, Source) for file in each.files)
    return tuple(dict.fromkeys(file.content for file in files if file.path.endswith(".py")))


def _learn_outline(content: bytes, memo: Memo) -> None:
    with suppress(NotPython):
        outline_of(content, memo)


def _function(
    sources: Sources, descriptor: FunctionDescriptor, source: Source | Unavailable
) -> tuple[Function | None, list[Diagnostic]]:
    spec = descriptor.spec
    key = sources.keys[descriptor.name, descriptor.id]
    runner = runner_requirements(RUNTIME, sources.project.schemes)
    is_built = spec.image is None
    problems = list(bad_requirements(descriptor, runner if is_built else ()))
    packages = locked_packages(descriptor, sources.project.lock, key, runner)
    if isinstance(packages, Diagnostic):
        problems.append(packages)
        packages = None
    base = pinned_base(descriptor, sources.project.lock, key)
    if isinstance(base, Diagnostic):
        problems.append(base)
        base = None
    if refusal := platform_refusal(descriptor):
        problems.append(refusal)
    if isinstance(source, Unavailable):
        return None, [*problems, *([source.problem] if source.problem else ())]
    if not source.files and source.fetch is None and spec.image is None:
        return None, [*problems, sentences.no_source(descriptor)]
    handler, found = read_handler(sources, descriptor, source)
    module = module_of(descriptor, source.module)
    named = descriptor.source
    modules = Modules(source.files, sources.memo, descriptor.line_of_text)
    code = read_code(modules, module, named.function_name, named.init_function)
    if handler.unreturned and not any(use.verb == "makes" for use in code.data):
        place = descriptor.span("spec", "source", "handler")
        problems.append(sentences.nothing_returned(named.function_name, handler.unreturned, place))
    called = [named.function_name, *([named.init_function] if named.init_function else [])]
    imports = foreign_imports(modules, module, called)
    if is_built:
        problems += modules.newer_than(descriptor)
    if not descriptor.may_have_sdk:
        problems += [sentences.not_covered(method, span) for method, span in code.not_covered]
    if descriptor.has_platform_image(sources.project.name):
        problems.append(sentences.platform_image(descriptor))
    files = source.files
    if source.content is None:  # and not pinned as it is
        files = tuple(with_code(files, sources.memo))
    function = Function(
        name=descriptor.name,
        descriptor=descriptor,
        python_version=descriptor.python_version,
        requirements=normalised(spec.requirements or ()),
        base_image=spec.base_image,
        image=spec.image,
        handler=descriptor.source.function_name,
        module=module,
        init=descriptor.source.init_function,
        files=files,
        origin=source.origin,
        archive=source.archive,
        fetch=source.fetch,
        content=source.content,
        packages=packages,
        base_digest=base.digest if base is not None else None,
        signatures=handler.signatures,
        imports=tuple(
            each._replace(path=_own_path(sources, each.name))
            for each in imports
            if each.name not in handler.left_behind
        ),
        data=code.data,
        init_assigns=code.init_assigns,
        opened=code.opened,
        secrets=code.secrets,
        is_unread=handler.is_unread,
    )
    return function, [*problems, *found]


def _own_path(sources: Sources, module: str) -> str | None:
    """A file of the project, by the name that a module has when the project's folder is the one
    where Python runs."""
    place = f"{sources.project.prefix}{module.replace('.', '/')}"
    return next(
        (each for each in (f"{place}.py", f"{place}/__init__.py") if each in sources.tree.files),
        None,
    )
