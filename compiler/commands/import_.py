"""`gitopsc import`: an export -> a tidy repository beside it that compiles to the same objects."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from compiler.commands.reading import read
from compiler.commands.reporting import printed
from compiler.model.compilation import Compilation
from compiler.model.diagnostic import Diagnostic, has_errors, in_order
from compiler.model.output import Change, Status
from compiler.model.source import SourceFile, Tree
from compiler.pipeline import compile_tree, tidy_tree
from compiler.report.text import Lines, render_counts
from compiler.tidy import TidyFile

_TOLD = re.compile(r"(?m)^ *(# |gitopsc/(source|function): ).*\n")
"""Lines of a manifest that say from which file and which version it is."""


def run(arguments: argparse.Namespace) -> int:
    target = Path(arguments.path)
    if f"{os.path.realpath(target)}/".startswith(f"{os.path.realpath(arguments.folder)}/"):
        return _refused("a tidy repository inside of the export would be a part of it")
    reading = read(arguments.folder)
    found: list[Diagnostic] = [*reading.scanned]
    files: tuple[TidyFile, ...] = ()
    if not has_errors(found):
        files, problems = tidy_tree(reading.tree)
        found += reading.placed(problems)
    diagnostics = in_order(found)
    counts = render_counts(diagnostics)
    if has_errors(diagnostics) or not files:
        summary = f"{counts}; nothing was written" if counts else "nothing to import"
        return _said(arguments.format, reading.lines, diagnostics, (), summary, failed=True)
    compared = _compared(reading.tree, files)
    if isinstance(compared, list):
        return _refused(f"it would compile to something else: {', '.join(compared[:5])}")
    existing = [each.path for each in files if os.path.lexists(target / each.path)]
    if existing:
        listed = ", ".join(f"`{path}`" for path in existing[:5])
        return _refused(f"{listed} exists already")
    try:
        for each in files:
            place = target / each.path
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                file.write(each.content)
            if each.executable:
                place.chmod(place.stat().st_mode | 0o111)
    except OSError as error:
        reason = (error.strerror or "the write failed").lower()
        print(f"gitopsc: `{error.filename}` cannot be written: {reason}", file=sys.stderr)
        return 1
    changes = [Change((target / each.path).as_posix(), "created") for each in files]
    summary = f"imported; it compiles to the same {compared} objects"
    if compared is None:
        summary = "imported; the export does not compile as it is: see `gitopsc compile`"
    if counts:
        summary += f"; {counts}"
    return _said(arguments.format, reading.lines, diagnostics, changes, summary, failed=False)


def _compared(tree: Tree, files: Sequence[TidyFile]) -> int | list[str] | None:
    """How many objects both sides compile to; the paths of those that differ.

    None when the export does not compile, and nobody can tell.
    """
    tidied = {
        each.path: SourceFile(each.path, partial(getattr, each, "content"), each.executable)
        for each in sorted(files)
    }
    before = _objects(compile_tree(tree))
    if before is None:
        return None
    after = _objects(compile_tree(replace(tree, files=tidied))) or {}
    changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    return sorted(changed) or sum(_count(text) for text in before.values())


def _count(manifest: str) -> int:
    """Objects in a file; the list of files is none."""
    return 0 if "kind: Kustomization" in manifest else manifest.count("\nkind: ")


def _objects(compilation: Compilation) -> dict[str, str] | None:
    if has_errors(compilation.diagnostics):
        return None
    return {
        f"{project.prefix}{file.path}": _TOLD.sub("", file.content.decode())
        for project, files in compilation.outputs
        for file in files
        if file.path.startswith("manifests/")
    }


def _refused(reason: str) -> int:
    print(f"gitopsc: nothing was written: {reason}", file=sys.stderr)
    return 1


def _said(
    form: str,
    lines: Lines,
    diagnostics: Sequence[Diagnostic],
    changes: Sequence[Change],
    summary: str,
    *,
    failed: bool,
) -> int:
    status: Status = "failed" if failed else "written"
    out, err = printed(form, status, diagnostics, changes, lines=lines, summary=summary)
    sys.stdout.write(out)
    sys.stderr.write(err)
    return 1 if failed else 0
