"""`gitopsc explain FILE:LINE`: a line of the output -> where it comes from; of a descriptor, the
run."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence

from gitopsc.adapters.yaml import read_documents
from gitopsc.commands.programs import Refused
from gitopsc.commands.reading import Reading
from gitopsc.model.artifact import ClusterObject
from gitopsc.model.compilation import Compilation, Compiled
from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import has_errors
from gitopsc.model.document import Document
from gitopsc.model.names import cleaned
from gitopsc.model.program import Program
from gitopsc.report.explanation import Row, explain_run
from gitopsc.report.line_origin import (
    LineOrigin,
    origin_in_manifest,
    render_origin,
    render_origin_json,
    way_at,
)

_PLACE = re.compile(r"(.+?):([0-9]+)(?::[0-9]+)?")


def place_in(name: str) -> tuple[str, int] | None:
    """`<file>:<line>`, with or without a column, where there is such a file."""
    match = _PLACE.fullmatch(name)
    return (match[1], int(match[2])) if match and os.path.isfile(match[1]) else None


def run_at(reading: Reading, compilation: Compilation, place: tuple[str, int]) -> str | None:
    """The run whose descriptor has the line."""
    path = _path(reading, place[0])
    for program in compilation.programs:
        for run in program.runs:
            span = run.descriptor.document.span()
            if span.path == path and span.line <= place[1] <= span.end_line:
                return run.name
    return None


def explain_line(
    arguments: argparse.Namespace,
    reading: Reading,
    compilation: Compilation,
    place: tuple[str, int],
) -> None:
    """Raises Refused."""
    file, line = place
    path = _path(reading, file)
    found = next(
        (
            (project, each)
            for project, files in compilation.outputs
            for each in files
            if f"{project.prefix}{project.output}/{each.path}" == path
        ),
        None,
    )
    if found is None and has_errors(compilation.diagnostics):
        raise Refused(f"the project has errors, so the origin of `{file}` is unknown")
    if found is None:
        raise Refused(f"`{file}` has no run at line {line}, and no compile writes it")
    project, output = found
    lines = output.content.decode("utf-8", "replace").removesuffix("\n").split("\n")
    if not 1 <= line <= len(lines):
        raise Refused(f"`{file}` has no line {line}: its last is {len(lines)}")
    with open(file, "rb") as stream:
        if stream.read() != output.content:
            what = f"{file} is not as a compile writes it: run `gitopsc compile`"
            print(f"gitopsc: {what}", file=sys.stderr)
    program = next(each for each in compilation.programs if each.project.folder == project.folder)
    origin = _origin(compilation, project, program, output.path, lines, LineOrigin(file, line))
    render = render_origin_json if arguments.format == "json" else render_origin
    sys.stdout.write(render(origin))


def _path(reading: Reading, file: str) -> str:
    """In the tree."""
    return os.path.relpath(os.path.realpath(file), os.path.realpath(reading.root))


def _origin(
    compilation: Compilation,
    project: Compiled,
    program: Program,
    path: str,
    lines: Sequence[str],
    origin: LineOrigin,
) -> LineOrigin:
    """Of a file of the output, at `path` in it."""
    folder, _, rest = path.partition("/")
    if folder == "images" and "/" in rest:
        return _of_image(program, rest, lines[origin.line - 1], origin)
    if folder != "manifests" or path.endswith("/kustomization.yaml"):
        return origin._replace(note="it is made of the whole project")
    documents, _ = read_documents(path, "\n".join(lines))
    begun = [each for each in documents if each.span().line <= origin.line]
    document = begun[-1] if begun else documents[0]
    objects = [
        each
        for of, listed in compilation.objects
        for each in listed
        if of is project and each.path == path
    ]
    made = _object_of(document, objects, origin.line)
    origin = origin._replace(
        object=f"{document.data['kind']} {document.data['metadata']['name']}",
        environment=made.environment,
    )
    settings = [*_settings(program.project, made.environment)]
    if made.run is None:
        return origin_in_manifest(origin, document, settings, lines)
    resolution = next(
        each
        for each in compilation.resolutions
        if each.program is program and each.environment.name == made.environment
    )
    rows: Sequence[Row] = ()
    if any(each.name == made.run for each in resolution.runs):  # and no build
        rows = explain_run(resolution, made.run, (), ()).sections[0].rows
    return origin_in_manifest(origin._replace(run=made.run), document, (*rows, *settings), lines)


def _settings(project: Project, name: str) -> Iterator[Row]:
    """What an environment has of its own or of the project, as far as it is in objects."""
    environment = next(each for each in project.environments if each.name == name)
    for key, value in (
        ("namespace", environment.namespace),
        ("registry", environment.registry),
        ("time_zone", environment.time_zone),
    ):
        span = project.setting_span(name, key)
        if value is not None and span != project.place:
            yield Row(key, value, f"{span.path}:{span.line}")


def _object_of(document: Document, objects: Sequence[ClusterObject], line: int) -> ClusterObject:
    """The one of that name; of a Workflow with several runs, that whose template has the line."""
    name, kind = document.data["metadata"]["name"], document.data["kind"]
    same = [each for each in objects if each.name == name]
    data = document.data
    for step in way_at(document, line):
        data = data[step]
        called = data.get("name") if isinstance(data, dict) else None
        for each in same if isinstance(step, int) else ():
            if each.run is not None and cleaned(each.run) == called:
                return each
    return next((each for each in same if each.kind == kind), [*same, *objects][0])


def _of_image(program: Program, path: str, line: str, origin: LineOrigin) -> LineOrigin:
    name, _, file = path.partition("/")
    for function in program.functions:
        if cleaned(function.unique_name) == name:
            descriptor = function.descriptor
            rows = []
            for index, each in enumerate(descriptor.spec.requirements or ()):
                if file == "requirements.txt" and cleaned(each) == cleaned(line):
                    span = descriptor.requirement_span(index)
                    rows.append(Row("requirements", each, f"{span.path}:{span.line}"))
            span = descriptor.name_span
            note = f"of the image of function {function.name}, {span.path}:{span.line}"
            return origin._replace(rows=tuple(rows), note=note)
    return origin._replace(note="of the runner, which is the same in all images")
