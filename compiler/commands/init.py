"""`gitopsc init`: a folder -> a small project in it that compiles at once, with editor settings."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gitopsc.adapters.clone import Clone
from gitopsc.adapters.git import GitRefused
from gitopsc.adapters.packaged import data_folder, files_below
from gitopsc.adapters.schema import schema_document
from gitopsc.adapters.template import Text, render_yaml
from gitopsc.commands.arguments import folder
from gitopsc.commands.merging import NotSetUp, set_up
from gitopsc.commands.reading import read
from gitopsc.model.names import project_name
from gitopsc.model.output import readable_json
from gitopsc.pipeline import link_tree

_FOLDER = "project"
_OUTPUT = "deploy"
_SCHEMAS = ("descriptor", "gitopsc", "python", "python+job.run", "python+serve.run")


DESCRIPTION = "Write a small project that compiles at once into PATH. No file is overwritten."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        nargs="?",
        default=".",
        type=folder,
        metavar="PATH",
        help="a folder (default: this one)",
    )

    parser.add_argument(
        "--git",
        action="store_true",
        help="have merges in this clone compile the output again, by attributes, a merge driver and"
        " hooks; in a project that is there, that is all",
    )


def run(arguments: argparse.Namespace) -> int:
    root = Path(arguments.path)
    if not arguments.git:
        return _write_project(root)
    try:
        clone = Clone(arguments.path)
        here = os.path.relpath(root.resolve(), os.path.realpath(clone.root))
        has_project = any(_is_in(folder, here) for folder, _ in _outputs(clone))
        status = 0 if has_project else _write_project(root)
        return status or _set_up_git(clone)
    except (GitRefused, NotSetUp) as error:
        print(f"gitopsc: {error}", file=sys.stderr)
    except OSError as error:
        print(f"gitopsc: {_unwritten(error)}", file=sys.stderr)
    return 1


def _outputs(clone: Clone) -> list[tuple[str, str]]:
    """The folder of each project of a clone, and its output folder in there."""
    programs, _ = link_tree(read(clone.root).tree)
    return [(each.project.folder, each.project.output) for each in programs]


def _is_in(folder: str, here: str) -> bool:
    """Whether a project is in or around a folder of the clone."""
    is_below = f"{folder}/".startswith(f"{here}/")
    return here == "." or not folder or is_below or f"{here}/".startswith(f"{folder}/")


def _set_up_git(clone: Clone) -> int:
    what = "set up already"
    for line in set_up(clone, _outputs(clone)):
        print(line, file=sys.stderr)
        what = "set up"
    print(f"gitopsc: {what}: a merge in this clone compiles the output again", file=sys.stderr)
    return 0


def _unwritten(error: OSError) -> str:
    return f"`{error.filename}` cannot be written: {(error.strerror or 'the write failed').lower()}"


def _write_project(root: Path) -> int:
    files = _files(_name(root))
    parents = {str(parent) for path in files for parent in Path(path).parents}
    existing = [path for path in files if (root / path).exists() or (root / path).is_symlink()]
    existing += [path for path in parents if _is_in_the_way(root / path)]
    if existing:
        listed = ", ".join(f"`{path}`" for path in sorted(existing))
        print(f"gitopsc: nothing was written: {listed} exists already", file=sys.stderr)
        return 1
    try:
        for path, text in files.items():
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        print(f"gitopsc: {_unwritten(error)}", file=sys.stderr)
        return 1
    for path in files:
        print(f"created   {(root / path).as_posix()}", file=sys.stderr)
    where = "" if root == Path() else f" {root}"
    print(f"gitopsc: a new project; now run `gitopsc compile{where}`", file=sys.stderr)
    return 0


def _is_in_the_way(folder: Path) -> bool:
    return (folder.exists() or folder.is_symlink()) and not folder.is_dir()


def _files(name: str) -> dict[str, str]:
    """Path below the project's folder -> text."""
    folder = data_folder("templates") / _FOLDER
    files: dict[str, str] = {}
    for path in files_below(folder):
        relative = path.relative_to(folder).as_posix()
        if path.suffix == ".j2":
            template = f"{_FOLDER}/{relative}"
            files[relative.removesuffix(".j2")] = render_yaml(
                template, name=name, output=Text("deploy")
            )
        else:
            files[relative] = path.read_text(encoding="utf-8")
    for schema in _SCHEMAS:
        text = readable_json(schema_document(schema))
        files[f".gitopsc/schemas/{schema}.schema.json"] = text
    return files


def _name(root: Path) -> str:
    return project_name(root.resolve().name)
