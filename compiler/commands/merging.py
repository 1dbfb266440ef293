"""`gitopsc init --git`: a clone -> one whose merges compile the output again.

Attributes of the outputs, a merge driver, and the hooks without which the driver would leave an
output stale. What is there already stays; a hook of somebody else is never replaced.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from gitopsc.adapters.clone import Clone
from gitopsc.adapters.packaged import data_folder
from gitopsc.adapters.template import Text, render_yaml

_OWN = "gitopsc finish-merge", "finish-merge"
_FRAMEWORK = ".pre-commit-config.yaml"
_IDS = {"post-merge": ("gitopsc-finish-merge",), "pre-commit": ("gitopsc-compile",)}
"""Hooks of the pre-commit framework that do the same."""


class NotSetUp(Exception):
    """A hook of somebody else is in the way; the message says what to add to it."""


def attributes_of(output: str) -> str:
    return render_yaml("project/.gitattributes.j2", output=Text(output))


def set_up(clone: Clone, outputs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Does what is not done yet, and says it, in lines. Raises GitRefused, OSError and NotSetUp.

    `outputs` are the folder of each project, relative to the clone, with its output folder there.
    """
    program = _program()
    hooks = Path(data_folder("templates")) / "git"
    missing, foreign = [], []
    for name in ("post-merge", "pre-commit"):
        place = clone.hook(name)
        text = (hooks / name).read_text(encoding="utf-8")
        if _is_there(place, name, clone, text):
            continue
        if os.path.lexists(place) and not _is_ours(place):
            foreign.append(_to_add(name, place))
        missing.append((place, text))
    if foreign:
        raise NotSetUp("\n".join(foreign))
    for folder, output in outputs:
        if line := _attributes(clone, folder, output):
            yield line
    for place, text in missing:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8", newline="\n")
        place.chmod(0o755)
        yield f"written   {os.path.relpath(place, clone.root)}"
    driver = (hooks / "merge-driver").read_text(encoding="utf-8").strip()
    settings = (
        ("gitopsc.program", program),
        ("merge.gitopsc.name", "generated files, which are compiled again after the merge"),
        ("merge.gitopsc.driver", driver),
    )
    for name, value in settings:
        if clone.set(name, value):
            yield f"set       {name}"


def _attributes(clone: Clone, folder: str, output: str) -> str | None:
    inside = f"{folder}/{output}" if folder else output
    kept = clone.attribute("merge", f"{inside}/manifests/any.yaml") == "gitopsc"
    listed = clone.attribute("merge", f"{inside}/.gitopsc-files") == "union"
    ends = clone.attribute("text", f"{inside}/manifests/any.yaml") == "unset"
    if kept and listed and ends:
        return None
    place = Path(clone.root, folder, ".gitattributes")
    before = place.read_text(encoding="utf-8") if place.exists() else ""
    if before and not before.endswith("\n"):
        before += "\n"
    place.write_text(before + attributes_of(output), encoding="utf-8", newline="\n")
    return f"{'changed' if before else 'written'}   {os.path.relpath(place, clone.root)}"


def _is_ours(place: Path) -> bool:
    return "By `gitopsc init --git`" in _text(place)


def _is_there(place: Path, name: str, clone: Clone, text: str) -> bool:
    """Whether the hook does what ours does, by itself or by way of the pre-commit framework."""
    found = _text(place)
    if _is_ours(place):
        return found == text and os.access(place, os.X_OK)
    if "pre-commit" in found and "hook-type" in found:
        configured = _text(Path(clone.root, _FRAMEWORK))
        return any(id_ in configured for id_ in _IDS[name])
    return "finish-merge" in found


def _text(place: Path) -> str:
    try:
        return place.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _to_add(name: str, place: Path) -> str:
    command = (
        'gitopsc finish-merge "$1"'
        if name == "post-merge"
        else ("gitopsc finish-merge --before-commit")
    )
    return (
        f"`{place}` is another tool's hook: add the line `{command}` to it, or with pre-commit the"
        f" hook `{_IDS[name][0]}`; then run this again: nothing was set up"
    )


def _program() -> str:
    """The console script: hooks of an editor have another PATH, and `python -m` would import what
    lies in the repository."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("gitopsc", path=scripts) or shutil.which("gitopsc")
    if found is None:
        raise NotSetUp("the program `gitopsc` is not in PATH, and hooks could not start it")
    return os.path.abspath(found)
