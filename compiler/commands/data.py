"""`gitopsc data`: where data lies, what is in it, and a copy of it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gitopsc.commands.arguments import add_path_option
from gitopsc.commands.programs import (
    Refused,
    add_place,
    asked_environment,
    check_place,
    folder_of,
    known_store,
    making,
    programs_of,
    shown,
)
from gitopsc.commands.reading import read
from gitopsc.inquire import Unanswered, inquire
from gitopsc.model.descriptor import DATA_TYPES, DataDescriptor
from gitopsc.model.diagnostic import did_you_mean, listed
from gitopsc.model.inquiry import Question
from gitopsc.model.local_run import schemes_of, settings_here
from gitopsc.model.names import cleaned
from gitopsc.model.program import Program, output_names
from gitopsc.model.reference import StoreKey
from gitopsc.model.resolution import Resolution
from gitopsc.model.store import DEFAULT, scheme_of
from gitopsc.report.data import render_data
from gitopsc.report.table import table
from gitopsc.resolve import resolve

DESCRIPTION = (
    "Print where the data NAME lies, its last versions and the beginning of it, as the store of"
    " `gitopsc run` or of an environment has it. Without NAME, all data is listed."
)

_PARQUET = "pyarrow>=18"
"""What reads Parquet: a function's own libraries may be none that do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="`<name>`, `<type>/<name>`, or a key `store://...[:<version>]`; by default, all"
        " are listed",
    )
    add_path_option(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="where a copy of it is to be")
    parser.add_argument(
        "--version", metavar="V", help="a version, or what it begins with (default: the newest)"
    )
    add_place(parser)


class _Data(NamedTuple):
    """What is asked for: what a run makes, or what somebody has declared. A type that only running
    the code tells is empty."""

    program: Program
    key: StoreKey
    run: str | None
    path: str | None


def run(arguments: argparse.Namespace) -> int:
    programs = programs_of(read(arguments.path), "nothing was asked")
    if programs is None:
        return 1
    if arguments.name is None:
        sys.stdout.write(_listing(programs))
        return 0
    try:
        check_place(arguments)
        if arguments.output is not None:
            _check_output(arguments.output)
        data = _asked(programs, arguments.name)
        question = _question(data, arguments)
    except Refused as refusal:
        print(f"gitopsc: {refusal}", file=sys.stderr)
        return 2
    try:
        answer = inquire(question, making)
        if answer.get("lacks") is not None and arguments.output is None:
            answer = inquire(question._replace(requirements=(_PARQUET,)), making)
    except Unanswered as error:
        print(f"gitopsc: {error}", file=sys.stderr)
        return 1
    key = data.key._replace(type=answer["type"], kind=answer["kind"], version=None)
    sys.stdout.write(render_data(str(key), answer, shown))
    return 0


def _listing(programs: Sequence[Program]) -> str:
    """What can be asked for, and where it is from."""
    known = [each for program in programs for each in _known(program)]
    made = {_of(each) for each in known if each.run is not None}
    rows = set()
    for each in known:
        name = str(each.key._replace(version=None)) if each.key.type else each.key.name
        if each.run is not None:
            is_told = bool(each.key.type)  # else it may be a number or a text, which is a result
            rows.add((name, f"made by {each.run}" if is_told else f"returned by {each.run}"))
        elif _of(each) not in made:
            rows.add((name, "declared"))
    if not rows:
        return "no run makes data, and no descriptor declares any\n"
    return "".join(f"{line}\n" for line in table(sorted(rows), texts=(0, 1)))


def _check_output(path: str) -> None:
    if os.path.isdir(path):
        raise Refused(f"{path} is a folder: write `-o {os.path.join(path, '<name>')}`")
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise Refused(f"the folder of {path} is not there: make it first")


def _asked(programs: Sequence[Program], text: str) -> _Data:
    known = [each for program in programs for each in _known(program)]
    key = StoreKey.parse(text)
    if key is not None:
        wanted = ((key.project, key.type, key.name), (key.project, "", key.name))
        found = [each for each in known if _of(each) == wanted[0]]
        found = found or [each for each in known if _of(each) == wanted[1]]
        found = [each._replace(key=each.key._replace(version=key.version)) for each in found]
    else:
        type_, _, name = text.rpartition("/")
        found = [
            each
            for each in known
            if each.key.name == name
            and type_ in ("", each.key.type, each.key.kind, each.program.project.name, each.run)
        ]
    made = {_of(each) for each in found if each.run is not None}
    found = [each for each in found if each.run is not None or _of(each) not in made]
    if not found:
        names = {each.key.name for each in known}
        hint = did_you_mean(text, names) or f"there is {listed(sorted(names)) or 'none'}"
        raise Refused(f"no run makes data `{text}`, and no descriptor declares it; {hint}")
    makers = sorted({str(each.run) for each in found if each.run is not None})
    if len({_of(each) for each in found}) == 1 < len(makers):
        runs = listed(f"{run}/{found[0].key.name}" for run in makers)
        raise Refused(f"several runs make data `{text}`: write one of {runs}")
    if len({_of(each) for each in found}) > 1:
        keys = listed(
            sorted(
                f"{each.run}/{each.key.name}" if each.run else str(each.key._replace(version=None))
                for each in found
            )
        )
        raise Refused(f"several data are called `{text}`: write one of {keys}")
    return found[-1]


def _of(data: _Data) -> tuple[str, str, str]:
    return data.key.project, data.key.type, data.key.name


def _known(program: Program) -> Iterator[_Data]:
    project = program.project.name
    for run in program.runs:
        named = output_names(run.outputs)
        for output in run.outputs:
            yield _Data(program, output.key, run.name, None)
        for use in run.function.made if run.action == "job" else ():
            if use.name is not None and use.name not in named:
                key = StoreKey(project, use.type or "", use.kind or "", use.name, None)
                yield _Data(program, key, run.name, None)
    for declared in program.project.entities.data:
        if declared.spec.path is not None:
            yield _declared(program, declared, declared.spec.path)


def _declared(program: Program, data: DataDescriptor, path: str) -> _Data:
    key = StoreKey(program.project.name, DATA_TYPES[data.kind], data.kind, data.name, None)
    return _Data(program, key, None, path)


def _question(data: _Data, arguments: argparse.Namespace) -> Question:
    program, key = data.program, data.key
    folder = folder_of(arguments.path, program)
    if arguments.environment is not None:
        environment = asked_environment(program, arguments.environment)
        settings = _settings(resolve(program, environment), data.run)
        schemes = set(program.project.schemes)
    else:
        store = known_store(arguments.store, folder)
        resolution = resolve(program, program.project.local)
        found = next((each for each in resolution.runs if each.name == data.run), None)
        settings = _settings(resolution, None)
        if found is not None:
            settings = settings_here(found, store, folder)
        settings = {**settings, "stores": {**settings["stores"], DEFAULT: {"url": store}}}
        schemes = set()
    path = data.path
    if path is not None and not scheme_of(path):
        path = os.path.join(folder, path)
    asked = {
        "copy": None if arguments.output is None else os.path.abspath(arguments.output),
        "kind": key.kind,
        "name": key.name,
        "path": path,
        "run": data.run,
        "producer": None if data.run is None else cleaned(data.run),
        "settings": settings,
        "type": key.type,
        "version": arguments.version or key.version,
    }
    schemes |= {*schemes_of([settings])} | ({scheme_of(path)} if path else set())
    return Question({"data": asked}, tuple(sorted(schemes - {""})))


def _settings(resolution: Resolution, run: str | None) -> Mapping[str, Any]:
    """Those of the run that makes the data; of declared data, only where stores are."""
    for resolved in resolution.runs:
        if resolved.name == run:
            return resolved.settings
    environment = resolution.environment
    stores = {
        name: {"url": each.url, "options": each.options}
        for name, each in environment.stores.items()
    }
    nothing = dict.fromkeys(("compute", "function", "handler", "module", "run"), "")
    project = resolution.program.project.name
    return {
        "action": "job",
        "environment": environment.name,
        "project": project,
        "stores": stores,
        **nothing,
    }
