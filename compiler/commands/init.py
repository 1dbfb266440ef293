"""`gitopsc init`: a folder -> a small project in it that compiles at once, with editor settings."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from gitopsc.adapters.clone import Clone
from gitopsc.adapters.git import GitRefused, origin
from gitopsc.adapters.packaged import data_folder, files_below
from gitopsc.adapters.schema import schema_document
from gitopsc.adapters.template import Text, render_yaml
from gitopsc.commands.arguments import folder
from gitopsc.commands.merging import NotSetUp, set_up
from gitopsc.commands.reading import read
from gitopsc.model.files import SETTINGS_FILE
from gitopsc.model.names import project_name
from gitopsc.model.output import readable_json
from gitopsc.pipeline import link_tree

_FOLDER = "project"
_REPO = "https://git.example.com/<repository>"
"""Where the clone has no remote yet."""

_OUTPUT = "deploy"
_SCHEMAS = ("descriptor", "gitopsc", "python", "python+job.run", "python+serve.run")


DESCRIPTION = "Write a small project that compiles at once into PATH. No file is overwritten."


_CI = {
    "github": ("github.yml", ".github/workflows/gitopsc.yml"),
    "github-branch": ("github-branch.yml", ".github/workflows/gitopsc.yml"),
    "gitlab": ("gitlab.yml", ".gitlab-ci.yml"),
    "gitlab-branch": ("gitlab-branch.yml", ".gitlab-ci.yml"),
}
"""Templates, and where a forge looks for them. Those with `branch` keep the output off branches."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        nargs="?",
        default=".",
        type=folder,
        metavar="PATH",
        help="a folder (default: this one); in a project that is there, only what the options name"
        " is written",
    )
    parser.add_argument(
        "--git",
        action="store_true",
        help="have merges in this clone compile the output again, by attributes, a merge driver and"
        " hooks",
    )
    parser.add_argument(
        "--controller",
        choices=("argocd", "flux"),
        help="write what the controller needs, of a new project",
    )
    parser.add_argument(
        "--ci",
        choices=_CI,
        help="write what reviews pull requests on a forge; with `-branch`, compiles to a branch of"
        " its own, too",
    )


def run(arguments: argparse.Namespace) -> int:
    root = Path(arguments.path)
    wants_parts = arguments.git or arguments.ci or arguments.controller
    try:
        clone = _clone(arguments)
        if wants_parts and _has_project(root, clone):
            status = _no_controller(arguments.controller)
        else:
            status = _write_project(root, arguments.controller, clone)
        if not status and arguments.ci:
            status = _write_ci(arguments.ci, Path(clone.root) if clone is not None else root)
        if not status and arguments.git and clone is not None:
            _set_up_git(clone)
        return status
    except (GitRefused, NotSetUp) as error:
        print(f"gitopsc: {error}", file=sys.stderr)
    except OSError as error:
        print(f"gitopsc: {_unwritten(error)}", file=sys.stderr)
    return 1


def _clone(arguments: argparse.Namespace) -> Clone | None:
    """Raises GitRefused where there has to be one."""
    try:
        return Clone(arguments.path)
    except GitRefused:
        if arguments.git:
            raise
        return None


def _has_project(root: Path, clone: Clone | None) -> bool:
    if clone is None:
        return root.is_dir() and bool(link_tree(read(str(root)).tree)[0])
    here = os.path.relpath(root.resolve(), os.path.realpath(clone.root))
    return any(_is_in(folder, here) for folder, _ in _outputs(clone))


def _write_ci(kind: str, root: Path) -> int:
    template, path = _CI[kind]
    text = (data_folder("templates") / "ci" / template).read_text(encoding="utf-8")
    return _write_files(root, {path: text})


def _outputs(clone: Clone) -> list[tuple[str, str]]:
    """The folder of each project of a clone, and its output folder in there."""
    programs, _ = link_tree(read(clone.root).tree)
    return [(each.project.folder, each.project.output) for each in programs]


def _is_in(folder: str, here: str) -> bool:
    """Whether a project is in or around a folder of the clone."""
    is_below = f"{folder}/".startswith(f"{here}/")
    return here == "." or not folder or is_below or f"{here}/".startswith(f"{folder}/")


def _set_up_git(clone: Clone) -> None:
    what = "set up already"
    for line in set_up(clone, _outputs(clone)):
        print(line, file=sys.stderr)
        what = "set up"
    print(f"gitopsc: {what}: a merge in this clone compiles the output again", file=sys.stderr)


def _unwritten(error: OSError) -> str:
    return f"`{error.filename}` cannot be written: {(error.strerror or 'the write failed').lower()}"


def _no_controller(kind: str | None) -> int:
    """Settings that are there are a person's."""
    if kind is not None:
        text = "argocd: {repo: <URL>}" if kind == "argocd" else "flux: {source: <GitRepository>}"
        print(f"gitopsc: write `controller: {{{text}}}` into {SETTINGS_FILE}", file=sys.stderr)
    return 1 if kind is not None else 0


def _write_project(root: Path, controller: str | None, clone: Clone | None) -> int:
    values = {"controller": controller or "", "repo": _REPO, "path": ""}
    if clone is not None:
        values["repo"] = _without_login(origin(clone.root) or "") or _REPO
        here = os.path.relpath(root.resolve(), os.path.realpath(clone.root))
        values["path"] = "" if here == "." else here
    status = _write_files(root, _files(_name(root), values))
    if not status:
        where = "" if root == Path() else f" {root}"
        first, then = f"gitopsc run count{where} --upstream", f"gitopsc compile{where}"
        print(f"gitopsc: a new project; now try `{first}`, and `{then}`", file=sys.stderr)
    return status


def _write_files(root: Path, files: Mapping[str, str]) -> int:
    """All of them, or none where one is there. Raises OSError."""
    parents = {str(parent) for path in files for parent in Path(path).parents}
    existing = [path for path in files if (root / path).exists() or (root / path).is_symlink()]
    existing += [path for path in parents if _is_in_the_way(root / path)]
    if existing:
        listed = ", ".join(f"`{path}`" for path in sorted(existing))
        print(f"gitopsc: nothing was written: {listed} exists already", file=sys.stderr)
        return 1
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    for path in files:
        print(f"created   {Path(os.path.relpath(root / path)).as_posix()}", file=sys.stderr)
    return 0


def _without_login(url: str) -> str:
    """Nothing of a path on this machine."""
    url = re.sub(r"^(https?://)[^/@]+@", r"\1", url)
    return url if re.match(r"https?://|ssh://|[\w.-]+@", url) else ""


def _is_in_the_way(folder: Path) -> bool:
    return (folder.exists() or folder.is_symlink()) and not folder.is_dir()


def _files(name: str, values: Mapping[str, str]) -> dict[str, str]:
    """Path below the project's folder -> text."""
    folder = data_folder("templates") / _FOLDER
    files: dict[str, str] = {}
    for path in files_below(folder):
        relative = path.relative_to(folder).as_posix()
        if path.suffix == ".j2":
            template = f"{_FOLDER}/{relative}"
            files[relative.removesuffix(".j2")] = render_yaml(
                template,
                name=name,
                output=Text(_OUTPUT),
                python_version=_python_version(),
                **values,
            )
        else:
            files[relative] = path.read_text(encoding="utf-8")
    for schema in _SCHEMAS:
        text = readable_json(schema_document(schema))
        files[f".gitopsc/schemas/{schema}.schema.json"] = text
    return files


def _python_version() -> str:
    """The Python that runs this, so that `gitopsc run` finds it; the newest where that is newer."""
    known: list[str] = schema_document("python")["$defs"]["definitions.pythonVersion"]["enum"]
    own = f"PYTHON{sys.version_info[0]}_{sys.version_info[1]}"
    return own if own in known else known[-1]


def _name(root: Path) -> str:
    return project_name(root.resolve().name)
