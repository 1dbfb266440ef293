"""`gitopsc init`: a folder -> a small project in it that compiles at once, with editor settings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gitopsc.adapters.packaged import data_folder, files_below
from gitopsc.adapters.schema import schema_document
from gitopsc.adapters.template import render_yaml
from gitopsc.commands.arguments import folder
from gitopsc.model.names import project_name
from gitopsc.model.output import readable_json

_FOLDER = "project"
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


def run(arguments: argparse.Namespace) -> int:
    root = Path(arguments.path)
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
        reason = (error.strerror or "the write failed").lower()
        print(f"gitopsc: `{error.filename}` cannot be written: {reason}", file=sys.stderr)
        return 1
    for path in files:
        print(f"created   {(root / path).as_posix()}", file=sys.stderr)
    where = "" if arguments.path == "." else f" {arguments.path}"
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
            files[relative.removesuffix(".j2")] = render_yaml(template, name=name)
        else:
            files[relative] = path.read_text(encoding="utf-8")
    for schema in _SCHEMAS:
        text = readable_json(schema_document(schema))
        files[f".gitopsc/schemas/{schema}.schema.json"] = text
    return files


def _name(root: Path) -> str:
    return project_name(root.resolve().name)
