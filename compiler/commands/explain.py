"""`gitopsc explain`: a code -> what it means, why that matters, and an example; a run -> what it
comes to and why."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap

from gitopsc.commands.arguments import add_environment, add_path_option
from gitopsc.commands.examples import explanation_of
from gitopsc.commands.explained_line import explain_line, place_in, run_at
from gitopsc.commands.programs import Refused, asked_run
from gitopsc.commands.reading import read
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import CODES, Code, did_you_mean, has_errors, in_order, listed
from gitopsc.pipeline import compile_tree
from gitopsc.report.explanation import (
    explain_run,
    render_explanation,
    render_explanation_json,
)
from gitopsc.report.text import render_counts

CODE_OR_RUN = "CODE|RUN|FILE:LINE"
_CODE = re.compile(r"C\d{3}")
_WIDTH = 100

DESCRIPTION = (
    "Explain a diagnostic, such as C401, with an example; or a run: its values with where each is"
    " from, what decides its result, what it reads and who reads it; or where a line of the output"
    " comes from. Without a name, list all diagnostics."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        nargs="?",
        metavar=CODE_OR_RUN,
        help="a code or a name of a diagnostic, a run, or a line of a file",
    )
    add_path_option(parser)
    add_environment(parser, "of a run, the environment (default: the first)")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="of a run (default: text)"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.name is None:
        width = max(len(code.slug) for code in CODES)
        for code in CODES:
            print(f"{code.id}  {code.slug:{width}}  {code.severity.value:7}  {code.summary}")
        return 0
    wanted = arguments.name.strip("[]")
    found = next((code for code in CODES if wanted.upper() == code.id or wanted == code.slug), None)
    if found is None and _CODE.fullmatch(wanted):
        hint = _begun(wanted) or _alike(wanted) or "`gitopsc explain` lists all codes"
        print(f"gitopsc: no diagnostic is called `{wanted}`; {hint}", file=sys.stderr)
        return 2
    if found is None:
        return _explain_run(arguments)
    print(f"{found.id} {found.slug} ({found.severity.value}): {found.summary}")
    print(_explained(found), end="")
    return 0


def _begun(wanted: str) -> str | None:
    """The codes that begin so."""
    found = [code.id for code in CODES if code.id.startswith(wanted.upper())]
    return f"there are {listed(found, 5)}" if found else None


def _alike(wanted: str) -> str | None:
    return did_you_mean(wanted, [each for code in CODES for each in (code.id, code.slug)])


def _explain_run(arguments: argparse.Namespace) -> int:
    """Errors elsewhere do not matter: what is sound is resolved."""
    reading = read(arguments.path)
    compilation = compile_tree(reading.tree) if not has_errors(reading.scanned) else Compilation()
    try:
        wanted = arguments.name.removeprefix("run/")
        place = place_in(arguments.name)
        if place is not None:
            at = run_at(reading, compilation, place)
            if at is None:
                explain_line(arguments, reading, compilation, place)
                return 0
            wanted = at
        program, asked = asked_run(compilation.programs, wanted)
        names = [each.name for each in program.project.environments]
        name = arguments.environment or names[0]
        if name not in names:
            hint = did_you_mean(name, names) or f"there are {listed(names)}"
            raise Refused(f"project `{program.project.name}` has no environment `{name}`; {hint}")
    except Refused as error:
        alike = _begun(arguments.name) or _alike(arguments.name)
        if alike is not None and "did you mean" not in str(error):
            print(f"gitopsc: no diagnostic is called `{arguments.name}`; {alike}", file=sys.stderr)
            return 2
        errors = [each for each in in_order(compilation.diagnostics) if has_errors([each])]
        more = f"; {render_counts(errors)}: see `gitopsc validate`" if errors else ""
        print(f"gitopsc: {error}{more}", file=sys.stderr)
        return 2
    resolution = next(
        each
        for each in compilation.resolutions
        if each.program is program and each.environment.name == name
    )
    objects = [
        each._replace(path=f"{project.prefix}{project.output}/{each.path}")
        for project, objects in compilation.objects
        for each in objects
        if project.folder == program.project.folder
    ]
    explanation = explain_run(resolution, asked.name, objects, {*names} - {name})
    render = render_explanation_json if arguments.format == "json" else render_explanation
    sys.stdout.write(render(explanation))
    return 0


def _explained(code: Code) -> str:
    found = explanation_of(code)
    example = f"For example, in `{found.file}`:" if found.file else "For example:"
    text = f"\n{textwrap.fill(found.why, _WIDTH)}\n\n{example}\n\n{_indented(found.wrong)}"
    for path, beside in found.beside:
        text += f"\nand in `{path}`:\n\n{_indented(beside)}"
    text += f"\ngitopsc says:\n\n{_indented(found.report)}"
    if found.right:
        return f"{text}\nRight:\n\n{_indented(found.right)}"
    return f"{text}\nWhat resolves it:\n\n{_indented(found.resolve)}"


def _indented(text: str) -> str:
    return "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))
