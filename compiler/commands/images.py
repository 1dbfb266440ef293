"""`gitopsc images`: a folder -> the images that its pods start, and which a registry lacks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gitopsc.adapters.registry import NoOras, states_of
from gitopsc.commands.arguments import add_environment, add_path
from gitopsc.commands.programs import Refused, check_environment, compilation_of
from gitopsc.model.artifact import ImageReference, bake_command
from gitopsc.model.compilation import Compilation
from gitopsc.model.image_state import ImageState
from gitopsc.model.output import readable_json
from gitopsc.model.printable import printable
from gitopsc.report.table import table

DESCRIPTION = (
    "List the images that the pods of PATH start, with their runs. With --missing, ask their"
    " registries, and exit 1 where one has not what its pods would wait for."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument(
        "--missing",
        action="store_true",
        help="ask the registries, with the logins of Docker or Podman; list what is not there",
    )
    add_environment(parser, "only that of one environment")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="text for people, or JSON"
    )


class _Image(NamedTuple):
    """A reference with the runs that start it, and the command that builds it, if one does."""

    reference: str
    project: str
    bake: str | None
    environments: tuple[str, ...]
    runs: tuple[str, ...]


def run(arguments: argparse.Namespace) -> int:
    compilation = compilation_of(arguments.path, "no image was listed")
    if compilation is None:
        return 1
    try:
        check_environment(compilation, arguments.environment)
    except Refused as refusal:
        print(f"gitopsc: {refusal}", file=sys.stderr)
        return 2
    images = list(_images(compilation, arguments.environment))
    states = {each.reference: ImageState(each.reference, "unknown") for each in images}
    if arguments.missing:
        try:
            states = {each.reference: each for each in states_of(sorted(states))}
        except NoOras:
            hint = "install `gitopsc[images]`"
            print(f"gitopsc: asking registries needs more: {hint}", file=sys.stderr)
            return 2
    if arguments.format == "json":
        sys.stdout.write(_json(images, states, is_asked=arguments.missing))
    else:
        sys.stdout.write(_text(images, states, is_asked=arguments.missing))
    return _told(images, states) if arguments.missing else 0


def _images(compilation: Compilation, environment: str | None) -> Iterator[_Image]:
    found: dict[tuple[str, str], list[tuple[str, str, str | None]]] = {}
    for project, objects in compilation.objects:
        bake = bake_command(project.folder, project.output)
        for each in objects:
            for image in each.images if environment in (None, each.environment) else ():
                if each.run:
                    is_built = isinstance(image, ImageReference)
                    uses = found.setdefault((project.name, str(image)), [])
                    uses.append((each.environment, each.run, bake if is_built else None))
    for (project_name, reference), uses in sorted(found.items()):
        environments, runs, bakes = zip(*uses, strict=True)
        yield _Image(
            reference,
            project_name,
            next((bake for bake in bakes if bake), None),
            tuple(sorted(set(environments))),
            tuple(sorted(set(runs))),
        )


def _text(images: Iterable[_Image], states: dict[str, ImageState], *, is_asked: bool) -> str:
    rows = []
    for image in images:
        state = states[image.reference]
        if not is_asked or state.state != "there":
            told = [state.state] if is_asked else []
            where = ", ".join(image.environments)
            runs = ", ".join(image.runs)
            rows.append((*told, image.reference, where, runs, state.reason))
    return "".join(f"{printable(line)}\n" for line in table(rows, texts=range(5))) if rows else ""


def _told(images: Iterable[_Image], states: dict[str, ImageState]) -> int:
    absent = [image for image in images if states[image.reference].state != "there"]
    missing = [image for image in absent if states[image.reference].state == "missing"]
    if not absent:
        print("gitopsc: every image is there", file=sys.stderr)
        return 0
    counts = [f"{len(missing)} missing"] if missing else []
    counts += [f"{len(absent) - len(missing)} unknown"] if len(absent) > len(missing) else []
    print(f"gitopsc: of {len(states)} images {' and '.join(counts)}", file=sys.stderr)
    for bake in sorted({image.bake for image in missing if image.bake}):
        print(f"gitopsc: build and push them: {printable(bake)}", file=sys.stderr)
    return 1


def _json(images: Iterable[_Image], states: dict[str, ImageState], *, is_asked: bool) -> str:
    """`schemas/reports/images.schema.json` describes it."""
    return readable_json(
        {
            "version": 1,
            "images": [
                {
                    **image._asdict(),
                    "environments": [*image.environments],
                    "runs": [*image.runs],
                    "state": states[image.reference].state if is_asked else None,
                    "reason": states[image.reference].reason,
                }
                for image in images
            ],
        }
    )
