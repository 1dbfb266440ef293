"""`gitopsc status`: how it stands with runs, as the store has it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gitopsc.commands.arguments import RUN, add_path_option
from gitopsc.commands.programs import (
    Refused,
    add_place,
    asked_environment,
    check_place,
    folder_of,
    known_store,
    making,
    names_of,
    programs_of,
    shown,
)
from gitopsc.commands.reading import read
from gitopsc.commands.terminal import wants_colour
from gitopsc.inquire import Unanswered, inquire
from gitopsc.model.diagnostic import listed
from gitopsc.model.inquiry import Question, RunReport
from gitopsc.model.local_run import schemes_of, settings_here
from gitopsc.model.names import cleaned
from gitopsc.model.program import Program
from gitopsc.model.resolution import ResolvedRun
from gitopsc.report.status import render_status
from gitopsc.resolve import resolve

DESCRIPTION = (
    "Say of each run whether it is done, what it waits for, why it failed, and what it made, as the"
    " store has it: that of `gitopsc run`, or of an environment."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="*", metavar=RUN, help="a run, or `<project>/<run>` (default: all)"
    )
    add_path_option(parser)
    add_place(parser)
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="for people, or JSON"
    )


def run(arguments: argparse.Namespace) -> int:
    programs = programs_of(read(arguments.path), "nothing was asked")
    if programs is None:
        return 1
    try:
        check_place(arguments)
        names = names_of(programs, arguments.name)
    except Refused as refusal:
        print(f"gitopsc: {refusal}", file=sys.stderr)
        return 2
    status = 0
    found: dict[str, Any] = {}
    for program in programs:
        if not names.get(program.project.name):
            continue
        try:
            asked = _asked(program, names[program.project.name], arguments)
            answer = inquire(asked.question, making)
        except Refused as refusal:
            print(f"gitopsc: {refusal}", file=sys.stderr)
            status = 2
            continue
        except Unanswered as error:
            print(f"gitopsc: {error}", file=sys.stderr)
            status = 1
            continue
        reports = _named(answer["runs"], asked.names)
        found[program.project.name] = reports
        if arguments.format == "text":
            _print(program, asked, reports, answer["now"], arguments)
    if arguments.format == "json":
        print(json.dumps(found, indent=2, sort_keys=True))
    return status


def _print(
    program: Program,
    asked: _Asked,
    reports: Sequence[Mapping[str, Any]],
    now: float,
    arguments: argparse.Namespace,
) -> None:
    where = asked.question.content["runs"][0]["stores"]["default"]["url"]
    text = render_status(
        f"{program.project.name} in {shown(where)}",
        [RunReport.of(each) for each in reports],
        now,
        shown,
        compares=bool(arguments.name),
        starts=arguments.environment is not None,
        colour=wants_colour(sys.stdout),
    )
    sys.stdout.write(text)


class _Asked(NamedTuple):
    """The names of runs, in the order of their data, and what the store is asked of them."""

    names: tuple[str, ...]
    question: Question


def _asked(program: Program, names: set[str], arguments: argparse.Namespace) -> _Asked:
    schemes: set[str] = set()
    if arguments.environment is not None:
        environment = asked_environment(program, arguments.environment)
        resolved = _with_records(program, resolve(program, environment).cluster_runs, names)
        settings = [each.settings for each in resolved]
        schemes |= set(program.project.schemes)
    else:
        folder = folder_of(arguments.path, program)
        store = known_store(arguments.store, folder)
        local = resolve(program, program.project.local).runs
        resolved = _with_records(program, local, names)
        settings = [settings_here(each, store, folder) for each in resolved]
    content = {"runs": settings, "waits": arguments.environment is not None}
    schemes |= set(schemes_of(settings))
    return _Asked(tuple(each.name for each in resolved), Question(content, tuple(sorted(schemes))))


def _with_records(
    program: Program, runs: Iterable[ResolvedRun], names: set[str]
) -> list[ResolvedRun]:
    """Those that have a runner, which keeps records. Raises Refused where there are none."""
    asked = [each for each in runs if each.name in names]
    if not asked:
        raise Refused(f"project `{program.project.name}` has no such run in a cluster")
    kept = [each for each in asked if each.run.has_runner]
    if not kept:
        called = listed(each.name for each in asked)
        raise Refused(f"{called}: a container without data keeps no record; ask the cluster")
    return kept


def _named(reports: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Under the names that people write."""
    written = {cleaned(name): name for name in names}
    return [{**each, "run": written[each["run"]]} for each in reports]
