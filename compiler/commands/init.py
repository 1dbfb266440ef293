"""`gitopsc init`: a folder -> a small project in it that compiles at once, with editor settings."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from gitopsc.adapters.clone import Clone
from gitopsc.adapters.git import GitRefused, origin
from gitopsc.adapters.packaged import data_folder, files_below
from gitopsc.adapters.schema import schema_document
from gitopsc.adapters.template import Text, render_yaml
from gitopsc.commands.arguments import CI_TEMPLATES, CONTROLLERS, folder, notebook
from gitopsc.commands.form import Interrupted, ask, is_on_a_terminal, setting_fault
from gitopsc.commands.import_ import import_notebook
from gitopsc.commands.merging import NotSetUp, set_up
from gitopsc.commands.reading import read
from gitopsc.model.files import SETTINGS_FILE
from gitopsc.model.names import project_name
from gitopsc.model.output import readable_json
from gitopsc.pipeline import link_tree

_FOLDER = "project"
_OUTPUT = "deploy"


class _Kept(NamedTuple):
    """What to say of a file that is there, unless it has a `sign` that nothing is to be added; and
    whether what is to be added is shown."""

    sign: str
    hint: str
    is_shown: bool = False


_HOOKS = ".pre-commit-config.yaml"
_OF_OTHER_TOOLS = {
    ".gitattributes": _Kept("merge=gitopsc", "`gitopsc init --git` adds what merges need"),
    ".gitignore": None,
    _HOOKS: _Kept("gitopsc-", "for a hook, add this below `repos:`", is_shown=True),
    ".vscode/settings.json": _Kept(
        ".gitopsc/schemas", "for completion, add these `yaml.schemas`", is_shown=True
    ),
}
"""Files that a repository may have already, and keeps."""

_SCHEMAS = ("descriptor", "gitopsc", "python", "python+job.run", "python+serve.run")


DESCRIPTION = (
    "Write a small project that compiles at once into PATH. No file is overwritten. On a terminal"
    " and without options it asks what is wanted first."
)


_CI_PLACES = {"github": ".github/workflows/gitopsc.yml", "gitlab": ".gitlab-ci.yml"}
"""Where a forge looks for it."""

_BRANCH = "deployment"
"""That of templates with `-branch`."""

_INCLUDED = ".gitlab/gitopsc.yml"
"""Where it is where GitLab's own file is there already."""


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
        choices=CONTROLLERS,
        help="write what the controller needs, of a new project",
    )
    parser.add_argument(
        "--ci",
        choices=CI_TEMPLATES,
        help="write what reviews pull requests on a forge; with `-branch`, compiles to a branch of"
        " its own, too",
    )
    parser.add_argument(
        "--from-notebook",
        type=notebook,
        metavar="FILE",
        help="begin with what a notebook or a script does with the platform's SDK, instead of an"
        " example; it is read, never run",
    )
    parser.add_argument(
        "--project", metavar="NAME", help="the project's name (default: the folder's)"
    )
    parser.add_argument(
        "--registry", metavar="REGISTRY", help="where images are pushed to, of a new project"
    )
    parser.add_argument("--no-input", action="store_true", help="ask nothing on a terminal, either")


def run(arguments: argparse.Namespace) -> int:
    root = Path(arguments.path)
    try:
        clone = _clone(arguments)
        asks = not arguments.no_input and not _is_said(arguments) and is_on_a_terminal()
        if asks and not _has_project(root, clone):
            ask(arguments)
        for key in ("project", "registry"):
            value = getattr(arguments, key)
            if value is not None and (fault := setting_fault(key, value)):
                print(f"gitopsc: `{value}` cannot be the {key}: {fault}", file=sys.stderr)
                return 2
        top = Path(clone.root) if clone is not None else root
        wants_parts = arguments.git or arguments.ci or arguments.controller
        is_notebook = arguments.from_notebook is not None
        status = left = 0
        if wants_parts and not is_notebook and _has_project(root, clone):
            left = _no_controller(arguments.controller, _branch(arguments))
        else:
            status = _begin(arguments, root, clone, top)
        if not status and arguments.ci:
            status = _write_ci(arguments.ci, top)
        if not status and arguments.git and clone is not None:
            _set_up_git(clone)
        return status or left
    except Interrupted:
        print("gitopsc: nothing was written", file=sys.stderr)
    except (GitRefused, NotSetUp) as error:
        print(f"gitopsc: {error}", file=sys.stderr)
    except OSError as error:
        print(f"gitopsc: {_unwritten(error)}", file=sys.stderr)
    return 1


def _is_said(arguments: argparse.Namespace) -> bool:
    options = ("git", "ci", "controller", "from_notebook", "project", "registry")
    return any(getattr(arguments, option) for option in options)


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
    text = (data_folder("templates") / "ci" / f"{kind}.yml").read_text(encoding="utf-8")
    if kind.endswith("-branch"):
        told = f"controllers read the branch `{_BRANCH}`: .gitignore has to list the output folder"
        print(f"gitopsc: {told}", file=sys.stderr)
    place = _CI_PLACES[kind.partition("-")[0]]
    other = root / place
    is_of_others = other.is_file() and "gitopsc review" not in other.read_text("utf-8", "replace")
    if place != _CI_PLACES["gitlab"] or not is_of_others:
        return _write_files(root, {place: text}, "workflow")
    status = _write_files(root, {_INCLUDED: text}, "workflow")
    if not status:
        line = f"include: [{{local: {_INCLUDED}}}]"
        print(f"kept      {place}; to use the new file, add `{line}` to it", file=sys.stderr)
    return status


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


def _no_controller(kind: str | None, branch: str) -> int:
    """Settings that are there are a person's; 1 where something is left to write."""
    if kind is not None:
        text = "repo: <URL>" if kind == "argocd" else "source: <GitRepository>"
        more = f", revision: {branch}" if branch else ""
        told = f"write `controller: {{{kind}: {{{text}{more}}}}}` into {SETTINGS_FILE}"
        print(f"gitopsc: {told}", file=sys.stderr)
    return 1 if kind is not None else 0


def _begin(arguments: argparse.Namespace, root: Path, clone: Clone | None, top: Path) -> int:
    """A new project; `top` is the clone's folder, where there is one."""
    values = _values(arguments, root, clone)
    if arguments.from_notebook is not None:
        status = _import(arguments, root, values)
    else:
        status = _write_files(root, _files(_name(root), values), "project")
    if not status or (arguments.from_notebook is not None and (root / SETTINGS_FILE).exists()):
        _write_beside(root, top, branch=_branch(arguments))
    if not status and arguments.from_notebook is None:
        where = "" if root == Path() else f" {root}"
        first, then = f"gitopsc run count{where} --upstream", f"gitopsc compile{where}"
        print(f"gitopsc: a new project; now try `{first}`, and `{then}`", file=sys.stderr)
    if not status and values["controller"] and not values["repo"]:
        told = f"`controller` in {SETTINGS_FILE} is a comment: this repository has no `origin` yet"
        print(f"gitopsc: {told}", file=sys.stderr)
    return status


def _branch(arguments: argparse.Namespace) -> str:
    """Where controllers read the output, if not beside the descriptors."""
    return _BRANCH if (arguments.ci or "").endswith("-branch") else ""


def _write_beside(root: Path, top: Path, branch: str) -> None:
    """What editors, Git and pre-commit read; of pre-commit, at the `top` of the clone. What is
    there stays, and what to add to it is said. Raises OSError."""
    values = {"output": Text(_OUTPUT), "branch": branch, "text": Text}
    texts = _rendered(values, lambda path: path in _OF_OTHER_TOOLS)
    for path, text in texts.items():
        folder = top if path == _HOOKS else root
        place = folder / path
        shown = Path(os.path.relpath(place)).as_posix()
        if not os.path.lexists(place) and not _is_in_the_way(place.parent):
            _write_files(folder, {path: text}, "file")
            continue
        kept = _OF_OTHER_TOOLS[path]
        known = place.read_text(encoding="utf-8", errors="replace") if place.is_file() else ""
        if kept is not None and kept.sign not in known:
            print(f"kept      {shown}; {kept.hint}", file=sys.stderr)
            if kept.is_shown:
                lines = (line for line in text.splitlines() if line.startswith(" "))
                print("\n".join(lines), file=sys.stderr)


def _import(arguments: argparse.Namespace, root: Path, values: Mapping[str, str]) -> int:
    """What the notebook comes to, with settings and what editors and Git read, but no example."""

    def around(project: str) -> dict[str, bytes]:
        files = _files(project, values)
        return {
            path: text.encode()
            for path, text in files.items()
            if not path.startswith(("functions/", "runs/", "src/"))
        }

    return import_notebook(arguments.from_notebook, root, "text", around)


def _values(arguments: argparse.Namespace, root: Path, clone: Clone | None) -> dict[str, str]:
    """What the templates of a project take beside its name."""
    values = {"controller": arguments.controller or "", "repo": "", "path": ""}
    values["branch"] = _branch(arguments)
    values |= {"project": arguments.project or "", "registry": arguments.registry or ""}
    if clone is not None:
        values["repo"] = _without_login(origin(clone.root) or "")
        here = os.path.relpath(root.resolve(), os.path.realpath(clone.root))
        values["path"] = "" if here == "." else here
    return values


def _write_files(root: Path, files: Mapping[str, str], what: str) -> int:
    """All of them, or none where one is there. Raises OSError."""
    parents = {str(parent) for path in files for parent in Path(path).parents}
    existing = [path for path in files if (root / path).exists() or (root / path).is_symlink()]
    existing += [path for path in parents if _is_in_the_way(root / path)]
    if existing:
        listed = ", ".join(f"`{path}`" for path in sorted(existing))
        print(f"gitopsc: no {what} was written: {listed} exists already", file=sys.stderr)
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


def _files(default: str, values: Mapping[str, str]) -> dict[str, str]:
    """Path below the project's folder -> text. `default` is the project's name where none is
    asked for."""
    name = values["project"] or default
    more = {"name": name, "text": Text, "python_version": _python_version()}
    files = _rendered({**values, **more}, lambda path: path not in _OF_OTHER_TOOLS)
    for schema in _SCHEMAS:
        text = readable_json(schema_document(schema))
        files[f".gitopsc/schemas/{schema}.schema.json"] = text
    return files


def _rendered(values: Mapping[str, object], is_wanted: Callable[[str], bool]) -> dict[str, str]:
    """The files of the templates of a project, by their paths in it."""
    folder = data_folder("templates") / _FOLDER
    files: dict[str, str] = {}
    for path in files_below(folder):
        relative = path.relative_to(folder).as_posix()
        is_template = path.suffix == ".j2"
        name = relative.removesuffix(".j2") if is_template else relative
        if is_wanted(name):
            files[name] = (
                render_yaml(f"{_FOLDER}/{relative}", **values)
                if is_template
                else path.read_text(encoding="utf-8")
            )
    return files


def _python_version() -> str:
    """The Python that runs this, so that `gitopsc run` finds it; the newest where that is newer."""
    known: list[str] = schema_document("python")["$defs"]["definitions.pythonVersion"]["enum"]
    own = f"PYTHON{sys.version_info[0]}_{sys.version_info[1]}"
    return own if own in known else known[-1]


def _name(root: Path) -> str:
    return project_name(root.resolve().name)
