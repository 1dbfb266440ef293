"""`gitopsc status`: how it stands with runs, as the store has it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from gitopsc.commands.arguments import add_path_option, add_store
from gitopsc.commands.programs import (
    Refused,
    asked_environment,
    folder_of,
    known_store,
    names_of,
    programs_of,
    shown,
)
from gitopsc.commands.terminal import wants_colour
from gitopsc.inquire import Unanswered, inquire
from gitopsc.model.inquiry import Question, RunReport
from gitopsc.model.local_run import schemes_of, settings_here
from gitopsc.model.names import cleaned
from gitopsc.model.program import Program
from gitopsc.report.status import render_status
from gitopsc.resolve import resolve

DESCRIPTION = (
    "Say of each run whether it is done, what it waits for, why it failed, and what it made, as the"
    " store has it: that of `gitopsc run`, or of an environment."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help="a run, or `<project>/<run>` (default: all)"
    )
    add_path_option(parser)
    parser.add_argument(
        "--environment", metavar="E", help="whose store is asked (default: that of `gitopsc run`)"
    )
    add_store(parser)
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="for people, or JSON"
    )


def run(arguments: argparse.Namespace) -> int:
    programs = programs_of(arguments.path, "nothing was asked")
    if programs is None:
        return 1
    try:
        names = names_of(programs, arguments.name)
        asked = [
            _asked(program, names[program.project.name], arguments)
            for program in programs
            if names.get(program.project.name)
        ]
    except Refused as refusal:
        print(f"gitopsc: {refusal}", file=sys.stderr)
        return 2
    found: dict[str, Any] = {}
    for program, settings, question in asked:
        try:
            answer = inquire(question, _making)
        except Unanswered as error:
            print(f"gitopsc: {error}", file=sys.stderr)
            return 1
        found[program.project.name] = _named(answer["runs"], settings)
        if arguments.format == "text":
            reports = [RunReport.of(each) for each in found[program.project.name]]
            where = question.content["runs"][0]["stores"]["default"]["url"]
            title = f"{program.project.name} in {shown(where)}"
            colour = wants_colour(sys.stdout)
            sys.stdout.write(
                render_status(
                    title,
                    reports,
                    answer["now"],
                    shown,
                    compares=bool(arguments.name),
                    starts=arguments.environment is not None,
                    colour=colour,
                )
            )
    if arguments.format == "json":
        print(json.dumps(found, indent=2, sort_keys=True))
    return 0


_Asked = tuple[Program, Sequence[str], Question]


def _asked(program: Program, names: set[str], arguments: argparse.Namespace) -> _Asked:
    """The names of the runs, in the order of their data, and what the store is asked of them."""
    if arguments.environment is not None:
        if arguments.store is not None:
            raise Refused("`--environment` and `--store` name two stores: leave one out")
        environment = asked_environment(program, arguments.environment)
        resolved = resolve(program, environment).cluster_runs
        settings = [each.settings for each in resolved if each.name in names]
    else:
        folder = folder_of(arguments.path, program)
        store = known_store(arguments.store, folder)
        resolved = tuple(
            each for each in resolve(program, program.project.local).runs if each.name in names
        )
        settings = [settings_here(each, store, folder) for each in resolved]
    found = [each.name for each in resolved if each.name in names]
    if not found:
        raise Refused(f"project `{program.project.name}` has no such run in a cluster")
    schemes = set(schemes_of(settings))
    if arguments.environment is not None:
        schemes |= set(program.project.schemes)
    content = {"runs": settings, "waits": arguments.environment is not None}
    return program, found, Question(content, tuple(sorted(schemes)))


def _named(reports: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Under the names that people write."""
    written = {cleaned(name): name for name in names}
    return [{**each, "run": written[each["run"]]} for each in reports]


def _making() -> None:
    print("gitopsc: making an environment that opens the store", file=sys.stderr, flush=True)
