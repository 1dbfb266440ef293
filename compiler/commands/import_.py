"""`gitopsc import`: an export, a notebook or a script -> a tidy repository beside it.

That of an export compiles to the same objects, which is compared.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gitopsc.commands.arguments import add_format, export, folder
from gitopsc.commands.reading import placed, read
from gitopsc.commands.reporting import printed
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import NOT_WRITTEN, Diagnostic, has_errors, in_order
from gitopsc.model.files import BAKE_FILE
from gitopsc.model.output import Change, Status
from gitopsc.model.source import FunctionFile, SourceFile, Span, Tree, path_fault
from gitopsc.pipeline import compile_tree, tidy_tree, transcribe_notebook
from gitopsc.report.text import render_counts

_TOLD = re.compile(r"(?m)^ *(# |gitopsc/(source|function): ).*\n")
"""Lines of a manifest that say from which file and which version it is."""


DESCRIPTION = (
    "Write what the platform exported into FOLDER as a tidy repository into PATH: files by"
    " name, inline sources beside their functions, no ids. Both are compiled and compared. Or"
    " write what a notebook or a script does with the platform's SDK as one: it is read, never run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "export",
        type=export,
        metavar="FOLDER|FILE",
        help="a folder with an export, a notebook (.ipynb) or a script (.py)",
    )
    parser.add_argument(
        "path",
        nargs="?",
        type=folder,
        metavar="PATH",
        help="the folder to write (default: FOLDER-tidy, or the file's name without its ending)",
    )
    add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    if os.path.isfile(arguments.export):
        file = os.path.normpath(arguments.export)
        target = Path(arguments.path or os.path.splitext(file)[0])
        return import_notebook(file, target, arguments.format)
    target = Path(arguments.path or f"{os.path.normpath(arguments.export)}-tidy")
    reading = read(arguments.export)
    found: list[Diagnostic] = [*reading.scanned]
    files: tuple[FunctionFile, ...] = ()
    compared = _Comparison()
    if not has_errors(found):
        files, literal, problems = tidy_tree(reading.tree)
        found += reading.placed(problems)
        if files and not has_errors(found):
            compared = _compared(reading.tree, literal, target.name)
            reason = _refusal(arguments.export, target, files, compared)
            if reason is not None:
                found.append(_refused(target, *reason))
    changes = _written(target, files, found)
    diagnostics = in_order(found)
    counts = render_counts(diagnostics)
    status: Status = "written" if changes else "failed"
    summary = "nothing was written" if files or has_errors(diagnostics) else "nothing to import"
    if changes and compared.obstacle is None:
        summary = f"imported; it compiles to the same {compared.same}"
        if files != literal:
            summary += ", but for images of the platform, which are built from their source now"
    elif changes and compared.obstacle is not None:
        obstacle = compared.obstacle
        summary = "imported, and not compared, for the export does not compile:"
        summary += f" {obstacle.message} ({obstacle.code.id}); try `gitopsc compile {target}`"
    out, err = printed(
        arguments.format,
        status,
        diagnostics,
        changes,
        lines=reading.lines,
        summary=f"{counts}; {summary}" if counts else summary,
    )
    sys.stdout.write(out)
    sys.stderr.write(err)
    return 0 if changes else 1


def import_notebook(
    file: str, target: Path, form: str, around: Callable[[str], Mapping[str, bytes]] | None = None
) -> int:
    """`around` gives more files by the project's name. What the new repository lacks to compile is
    told as of a compile of it, in the format `form`. The exit code."""
    reading = read(os.path.dirname(file) or ".")
    content = Path(file).read_bytes()
    transcript, compilation = transcribe_notebook(
        file, content, reading.tree, os.path.basename(os.path.abspath(target)), around
    )
    files, found = transcript.files, [*transcript.diagnostics]
    if files:
        reason = _taken_or_unfit(target, files)
        if reason is not None:
            found.append(_refused(target, *reason))
    changes = _written(target, files, found)
    if changes:
        prefix = f"{target.as_posix()}/"
        found += [each for each in placed(compilation.diagnostics, prefix) if each not in found]
    diagnostics = in_order(found)
    counts = render_counts(diagnostics)
    status: Status = "written" if changes else "failed"
    summary = "nothing was written"
    if changes and has_errors(compilation.diagnostics):
        summary = f"imported; fix the errors, and then run `gitopsc compile {target}`"
    elif changes:
        summary = f"imported; `gitopsc compile {target}` makes its manifests"
    texts = {f"{target.as_posix()}/{each.path}": each.content for each in files}

    def lines(path: str) -> list[str]:
        text = transcript.texts.get(path)
        return (text or texts.get(path, b"").decode("utf-8", "replace")).splitlines()

    out, err = printed(
        form,
        status,
        diagnostics,
        changes,
        lines=lines,
        summary=f"{counts}; {summary}" if counts else summary,
    )
    sys.stdout.write(out)
    sys.stderr.write(err)
    return 0 if changes and not has_errors(diagnostics) else 1


def _refusal(
    export: str,
    target: Path,
    files: Sequence[FunctionFile],
    compared: _Comparison,
) -> tuple[str, str] | None:
    """Why nothing may be written there, and what to do."""
    places = [f"{os.path.realpath(each)}/" for each in (export, target)]
    if places[0].startswith(places[1]) or places[1].startswith(places[0]):
        return (
            "one would read the other: neither folder may lie in the other",
            "choose another PATH",
        )
    if compared.differing:
        listed = ", ".join(f"`{path}`" for path in compared.differing[:5])
        return f"it would compile to something else: {listed}", "please report it"
    return _taken_or_unfit(target, files)


def _taken_or_unfit(target: Path, files: Sequence[FunctionFile]) -> tuple[str, str] | None:
    fault = path_fault([each.path for each in files])
    if fault is not None:
        return f"no file can be called so: {fault}", "rename the descriptor, or its source"
    linked = _linked(target, files)
    if linked is not None:
        return f"`{linked}` is a link to a folder elsewhere", "choose another PATH"
    existing = [each.path for each in files if os.path.lexists(target / each.path)]
    if existing:
        listed = ", ".join(f"`{path}`" for path in existing[:3])
        rest = f" and {len(existing) - 3} more files" if len(existing) > 3 else ""
        verb = "is" if len(existing) == 1 else "are"
        return f"{listed}{rest} {verb} there already", "choose another PATH"
    return None


def _linked(target: Path, files: Sequence[FunctionFile]) -> str | None:
    """A folder in the target that is none of it."""
    folders = {parent for each in files for parent in Path(each.path).parents}
    found = (target / folder for folder in sorted(folders - {Path(".")}))
    return next((each.as_posix() for each in found if each.is_symlink()), None)


def _refused(target: Path, reason: str, hint: str) -> Diagnostic:
    return Diagnostic(NOT_WRITTEN, reason, Span(target.as_posix()), hint)


def _written(
    target: Path, files: Sequence[FunctionFile], found: list[Diagnostic]
) -> Sequence[Change]:
    """None after an error, which may come here."""
    if not files or has_errors(found):
        return ()
    try:
        return _write(target, files)
    except OSError as error:
        words = (error.strerror or "the write failed").lower()
        found.append(_refused(target, words, "fix the cause, and import again"))
        return ()


def _write(target: Path, files: Sequence[FunctionFile]) -> list[Change]:
    changes = []
    for each in files:
        place = target / each.path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            file.write(each.content)
        if each.executable:
            place.chmod(place.stat().st_mode | 0o111)
        changes.append(Change(place.as_posix(), "created"))
    return changes


class _Comparison(NamedTuple):
    """How many objects and images both sides compile to; the files of those that differ; or the
    first error of an export that does not compile."""

    same: str = ""
    differing: tuple[str, ...] = ()
    obstacle: Diagnostic | None = None


def _compared(tree: Tree, files: Sequence[FunctionFile], folder: str) -> _Comparison:
    """`folder` is what the new one is called.

    A build in the cluster names the files it is made of; its image is compared by the tag, as all
    are.
    """
    tidied = {
        each.path: SourceFile(each.path, partial(getattr, each, "content"), each.executable)
        for each in files
    }
    export = compile_tree(tree)
    if has_errors(export.diagnostics):
        found = in_order(export.diagnostics)
        return _Comparison(obstacle=next(each for each in found if has_errors([each])))
    before = _objects(export)
    after = _objects(compile_tree(replace(tree, folder=folder, files=tidied)))
    changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    images = sum(text.count('"dockerfile": ') for text in before.values())
    manifests = [text for text in before.values() if "kind: Kustomization" not in text]
    objects = sum(text.count("\nkind: ") for text in manifests)
    same = f"objects ({objects}) and images ({images})"
    return _Comparison(same, tuple(sorted(changed)))


def _objects(compilation: Compilation) -> dict[str, str]:
    return {
        f"{project.prefix}{file.path}": _TOLD.sub("", file.content.decode())
        for project, files in compilation.outputs
        for file in files
        if file.path.startswith(("manifests/", BAKE_FILE))
        if b"app.kubernetes.io/component: build" not in file.content
    }
