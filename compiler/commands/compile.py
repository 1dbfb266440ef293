"""`gitopsc compile`: a folder -> its output, written or checked, and a summary."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from compiler.commands.reading import read_tree, wants_colour
from compiler.model.descriptor import Project
from compiler.model.diagnostic import BAD_OUTPUT, Diagnostic, has_errors, in_order
from compiler.model.output import Change, OutputFile
from compiler.model.source import Span
from compiler.pipeline import Compilation, compile_tree
from compiler.report.json import render_json
from compiler.report.text import Lines, render_counts, render_text
from compiler.write import Target, drift, write


def run(arguments: argparse.Namespace) -> int:
    tree, scanned = read_tree(arguments.path)
    if tree is None:
        return 2
    compilation = compile_tree(tree)
    root = Path(arguments.path)
    targets = [
        _target(root, project, files, arguments.output, len(compilation.outputs))
        for project, files in compilation.outputs
    ]
    diagnostics = [*scanned, *compilation.diagnostics, *_unusable(root, compilation, targets)]
    changes: tuple[Change, ...] = ()
    if not has_errors(diagnostics):
        changes, problems = drift(targets) if arguments.check else write(targets)
        diagnostics += problems
    found = in_order(diagnostics)
    if arguments.format == "json":
        sys.stdout.write(render_json(found, changes))
    else:
        _print(found, changes, tree.lines, compilation, check=arguments.check)
    stale = bool(changes) and (arguments.check or arguments.fail_on_change)
    return 1 if has_errors(found) or stale else 0


def _target(
    root: Path, project: Project, files: tuple[OutputFile, ...], chosen: str | None, projects: int
) -> Target:
    """`-o` says where to write, not what: the content speaks of the project's own output folder."""
    if chosen is None:
        inside = f"{project.prefix}{project.output}"
        return Target(root / inside, inside, files)
    folder = Path(chosen) / project.name if projects > 1 else Path(chosen)
    return Target(folder, folder.as_posix(), files)


def _unusable(root: Path, compilation: Compilation, targets: Sequence[Target]) -> list[Diagnostic]:
    """An output folder is never read, so it cannot hold what a project reads, nor a project."""
    inputs = {
        os.path.realpath(root / path)
        for program in compilation.programs
        for path in (program.project.folder, *(each for each, _ in program.inputs))
    }
    problems = []
    for target in targets:
        folder = os.path.realpath(target.folder)
        if any(f"{path}/".startswith(f"{folder}/") for path in inputs):
            message = "the output folder would hold what is read, and it is never read itself"
            hint = "choose a folder of its own"
            problems.append(Diagnostic(BAD_OUTPUT, message, Span(target.shown), hint))
    return problems


def _print(
    diagnostics: tuple[Diagnostic, ...],
    changes: Sequence[Change],
    lines: Lines,
    compilation: Compilation,
    *,
    check: bool,
) -> None:
    sys.stderr.write(render_text(diagnostics, lines, colour=wants_colour()))
    if has_errors(diagnostics):
        print(f"gitopsc: {render_counts(diagnostics)}; nothing was written", file=sys.stderr)
        return
    for change in changes:
        print(f"{change.action:8} {change.path}", file=sys.stderr)
    counts = Counter(change.action for change in changes)
    total = sum(len(files) for _, files in compilation.outputs)
    if not changes:
        summary = f"up to date, {total} files"
    else:
        listed = ", ".join(f"{counts[action]} {action}" for action in sorted(counts))
        summary = f"{'stale' if check else 'written'}: {listed}"
    if warnings := render_counts(diagnostics):
        summary += f"; {warnings}"
    print(f"gitopsc: {summary}", file=sys.stderr)
    if check and changes:
        print("gitopsc: run `gitopsc compile` and commit what it writes", file=sys.stderr)
