"""`gitopsc store gc`: what of a store nothing needs any more, listed or deleted.

What is needed is what clusters may be told: the manifests of every branch and tag, and of the last
days, as they are committed; and what the project is now.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitopsc.adapters.git import GitRefused
from gitopsc.adapters.history import wanted_commits
from gitopsc.adapters.previous import previous_at
from gitopsc.adapters.yaml import read_documents
from gitopsc.commands.arguments import add_path_option, days
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
from gitopsc.model.inquiry import Question
from gitopsc.model.local_run import schemes_of, settings_here
from gitopsc.model.names import cleaned
from gitopsc.model.printable import printable
from gitopsc.model.program import Program
from gitopsc.model.reference import StoreKey
from gitopsc.model.source import Unreadable
from gitopsc.pipeline import link_tree
from gitopsc.report.table import size_of, table
from gitopsc.resolve import resolve
from gitopsc.scan import scan_revision

DESCRIPTION = (
    "`gc` lists what of a store nothing needs any more, and with --delete deletes it: records and"
    " data that no branch, no tag and no commit of the last days names. What is younger than a day"
    " stays, and so does what other projects have."
)

_SETTINGS = "gitopsc/run.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("gc",), metavar="ACTION", help="gc")
    add_path_option(parser)
    add_place(parser)
    parser.add_argument(
        "--keep-days",
        type=days,
        default=30,
        metavar="N",
        help="keep what a commit of the last N days needs (default: 30)",
    )
    parser.add_argument("--delete", action="store_true", help="delete it")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="for people, or JSON"
    )


def run(arguments: argparse.Namespace) -> int:
    programs = programs_of(read(arguments.path), "nothing was looked at")
    if programs is None:
        return 1
    seconds = arguments.keep_days * 86_400
    found: dict[str, Any] = {}
    try:
        check_place(arguments)
        commits = wanted_commits(arguments.path, int(time.time()) - seconds)
        for program in programs:
            question = _question(program, commits, arguments)
            if question is None:
                continue
            answer = inquire(question, making)
            found[program.project.name] = answer
            if arguments.format == "text":
                _print(program, question, answer, deleted=arguments.delete)
    except (Refused, GitRefused, Unreadable) as refusal:
        print(f"gitopsc: nothing was deleted: {refusal}", file=sys.stderr)
        return 2
    except Unanswered as error:
        print(f"gitopsc: {error}", file=sys.stderr)
        return 1
    if arguments.format == "json":
        print(json.dumps(found, indent=2, sort_keys=True))
    return 0


def _print(
    program: Program, question: Question, answer: Mapping[str, Any], *, deleted: bool
) -> None:
    groups = answer["groups"]
    rows = [(each["what"], str(each["files"]), size_of(each["bytes"])) for each in groups]
    for line in table((("unneeded", "files", "size"), *rows)) if rows else ():
        print(printable(line))
    where = shown(question.content["settings"]["stores"]["default"]["url"])
    size = size_of(sum(each["bytes"] for each in groups))
    count = sum(each["files"] for each in groups)
    files = "1 file" if count == 1 else f"{count} files"
    if not count:
        words = "every file is needed"
    elif deleted:
        words = f"deleted {files}, {size}"
    else:
        words = f"{files}, {size}, not needed any more (`--delete` deletes them)"
    name = f"{program.project.name} in {where}"
    print(f"gitopsc: {printable(name)}: {words}; {answer['kept']} kept", file=sys.stderr)


def _question(
    program: Program, commits: Iterable[str], arguments: argparse.Namespace
) -> Question | None:
    """None where the project has no run that keeps anything. Raises Refused, GitRefused and
    Unreadable."""
    path, name = arguments.path, arguments.environment
    if name is not None:
        asked_environment(program, name)
    settings = [*_settings_now(program, arguments)]
    if not settings:
        return None
    known = {json.dumps(each, sort_keys=True): each for each in settings}
    for commit in commits:
        then = _committed(path, commit) if name is not None else _local(path, commit)
        known |= {json.dumps(each, sort_keys=True): each for each in then}
    own = [
        each
        for each in known.values()
        if each.get("project") == program.project.name
        and each.get("environment") == settings[0]["environment"]
    ]
    content = {
        "settings": settings[0],
        "keep_seconds": arguments.keep_days * 86_400,
        "delete": arguments.delete,
        **_needs(own),
    }
    schemes = {*schemes_of(settings[:1])}
    return Question(content, tuple(sorted(schemes)), collects=True)


def _settings_now(program: Program, arguments: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    """Of the runs as they are in the working tree."""
    if arguments.environment is not None:
        environment = asked_environment(program, arguments.environment)
        for each in resolve(program, environment).cluster_runs:
            yield each.settings
        return
    folder = folder_of(arguments.path, program)
    store = known_store(arguments.store, folder)
    for each in resolve(program, program.project.local).runs:
        yield settings_here(each, store, folder)


def _committed(path: str, commit: str) -> Iterator[Mapping[str, Any]]:
    """The settings in the manifests of a commit, whatever gitopsc has written them."""
    previous = previous_at(path, commit)
    for place, content in previous.read([*previous.names]).items():
        if _SETTINGS.encode() not in content:
            continue
        documents, _ = read_documents(place, content.decode("utf-8", "replace"))
        for document in documents:
            yield from _annotated(document.data)


def _annotated(data: Any) -> Iterator[Mapping[str, Any]]:
    """Of an object, at any depth: a CronJob has it deeper than a Job."""
    if isinstance(data, dict):
        text = data.get(_SETTINGS)
        settings = json.loads(text) if isinstance(text, str) else None
        if isinstance(settings, dict):
            yield settings
        for value in data.values():
            yield from _annotated(value)
    elif isinstance(data, list):
        for value in data:
            yield from _annotated(value)


def _local(path: str, commit: str) -> Iterator[Mapping[str, Any]]:
    """The settings that `gitopsc run` would have made of a commit. One that does not compile could
    not be run."""
    with scan_revision(path, commit) as (tree, _):
        programs, _ = link_tree(tree)
        for program in programs:
            for resolved in resolve(program, program.project.local).runs:
                yield resolved.settings


def _needs(found: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The compute digests of each run, and versions of data that are read by their names."""
    runs: dict[str, dict[str, Any]] = {}
    versions = set()
    for settings in found:
        run = runs.setdefault(settings["run"], {"computes": set(), "scheduled": False})
        run["computes"].add(settings["compute"])
        run["scheduled"] = run["scheduled"] or settings.get("schedule") is not None
        for reads in (settings.get("inputs", {}), settings.get("references", {})):
            for each in reads.values():
                key = StoreKey.parse(str(each.get("key")))
                version = each.get("version") or (key.version if key is not None else None)
                if key is not None and version:
                    versions.add((key.type, key.name, version))
    return {
        "runs": {
            cleaned(name): {**run, "computes": sorted(run["computes"])}
            for name, run in sorted(runs.items())
        },
        "versions": sorted(versions),
    }
