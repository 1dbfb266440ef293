"""Requirements and a Python version -> every package with its version and hashes, by running uv."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

_SECONDS = 600
_PACKAGE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?==[A-Za-z0-9.!+_-]+( ; [^\\]+)? \\"
)
_HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?")
_NEEDS_PYTHON = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+) (depends on|requires) Python"
    r" ?(?P<python>[<>=!~0-9.,]+)"
)
_NO_VERSION = re.compile(r"there is no version of (?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+?)[ ,]")
_NOT_FOUND = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+) was not found in the (package registry|provided)"
)


class NoUv(Exception):
    """uv is not on this machine."""


class Unresolved(Exception):
    """No set of packages meets the requirements; `name` is of the one at fault, if that is told.

    `needs` are uv's words of what is required and does not go together.
    """

    def __init__(
        self, message: str, name: str | None = None, hint: str | None = None, needs: str = ""
    ) -> None:
        super().__init__(message)
        self.name = name
        self.hint = hint
        self.needs = needs


class Locked(NamedTuple):
    """A requirements file with hashes, and `name==version` of what the function's own bring."""

    packages: str
    names: tuple[str, ...]


def locked(
    requirements: Sequence[str], runner: Sequence[str], python_version: str, before: str = ""
) -> Locked:
    """The packages of a function and of the runner beside it, for Linux.

    Those of `before`, a requirements file, stay where they fit. Raises NoUv or Unresolved.
    """
    try:
        return _resolved(requirements, runner, python_version, before)
    except Unresolved as error:
        if error.name is not None or not runner:
            raise
        _resolved(requirements, (), python_version)  # raises where they do not fit each other
        required = [each for each in requirements if _is_named(each, error.needs)]
        others = " and ".join(f"`{each}`" for each in runner if _is_named(each, error.needs))
        first = next(iter(required), None)
        message = f"`{first or requirements[0]}` does not fit beside the runner"
        message += f", which needs {others}" if others else ""
        hint = "allow another version of it: both are installed together"
        raise Unresolved(message, _name(first) if first else None, hint) from None


def _name(requirement: str) -> str:
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_named(requirement: str, words: str) -> bool:
    return re.search(rf"(?i)(?<![\w-]){re.escape(_name(requirement))}(?![\w-])", words) is not None


_SETTLED = (
    *("--annotate", "--annotation-style", "line", "--no-universal", "--no-emit-index-url"),
    *("--no-emit-find-links", "--no-emit-build-options", "--no-emit-index-annotation"),
    *("--generate-hashes", "--no-header", "--no-strip-markers", "--no-strip-extras"),
)
"""What a person's own settings for uv might say otherwise."""


def _resolved(
    requirements: Sequence[str], runner: Sequence[str], python_version: str, before: str = ""
) -> Locked:
    command = [
        *(find_uv(), "pip", "compile", _FUNCTION, _RUNNER, "--output-file", _LOCKED, *_SETTLED),
        *("--quiet", "--no-progress"),
        *("--python-version", python_version, "--python-platform", "x86_64-manylinux_2_28"),
    ]
    environment = {key: each for key, each in os.environ.items() if key != "VIRTUAL_ENV"}
    try:
        with tempfile.TemporaryDirectory(prefix="gitopsc-") as folder:
            texts = {_LOCKED: before}
            for name, lines in ((_FUNCTION, requirements), (_RUNNER, runner)):
                texts[name] = "".join(f"{each}\n" for each in lines)
            for name, text in texts.items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                env=environment,
                cwd=folder,  # settings for uv that lie here are another project's
            )
            with open(os.path.join(folder, _LOCKED), encoding="utf-8") as file:
                answer = file.read()
    except subprocess.TimeoutExpired:
        raise Unresolved(f"uv has not answered within {_SECONDS} seconds") from None
    except OSError as error:
        raise NoUv(str(error)) from None
    if done.returncode:
        raise _explained(done.stderr, python_version)
    found = _read(answer)
    if requirements and not found.names:
        raise Unresolved("uv does not say for whose sake its packages are there")
    return found


_FUNCTION, _RUNNER, _LOCKED = "function.in", "runner.in", "locked.txt"
_VIA = " " * 4 + "# via "


def _read(text: str) -> Locked:
    """Each package with its hashes; a comment after them says for whose sake it is there."""
    lines = []
    wanted_by: dict[str, set[str]] = {}
    packages: dict[str, str] = {}
    for line in (line.rstrip() for line in text.splitlines() if line.strip()):
        if line.startswith(_VIA):
            wanted_by[next(reversed(packages))] = set(line.removeprefix(_VIA).split(", "))
            continue
        if _PACKAGE.fullmatch(line):
            packages[_name(line)] = line.removesuffix(" \\").partition(" ; ")[0]
        elif not _HASH.fullmatch(line):
            raise Unresolved(f"uv answers with something that has no hash: `{line[:100]}`")
        lines.append(line)
    decide = {f"-r {_FUNCTION}"}
    while more := {name for name, by in wanted_by.items() if name not in decide and by & decide}:
        decide |= more
    names = tuple(sorted(line for name, line in packages.items() if name in decide))
    return Locked("".join(f"{line}\n" for line in lines), names)


def find_uv() -> str:
    """The one beside this Python, or on the PATH. Raises NoUv."""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise NoUv("uv is not on this machine")
    return found


def _explained(words: str, python_version: str) -> Unresolved:
    """uv tells the whole of its reasoning; people need the one sentence that is about them."""
    text = re.sub(r"[^!-~]+", " ", words).strip()
    if match := _NEEDS_PYTHON.search(text):
        message = f"`{match['name']}=={match['version']}` needs Python {match['python']}"
        message += f", and the function has {python_version}"
        hint = (
            f"exports hold the versions of the laptop that wrote them: write `{match['name']}`"
            " and let `gitopsc lock` choose, or take a newer `python_version`"
        )
        return Unresolved(message, match["name"], hint)
    if match := _NO_VERSION.search(text):
        message = f"there is no `{match['name']}=={match['version']}` for Python {python_version}"
        return Unresolved(message, match["name"], f"write `{match['name']}`, or another version")
    if match := _NOT_FOUND.search(text):
        return Unresolved(f"there is no package `{match['name']}`", match["name"])
    needs = " ".join(re.findall(r"you require ([^,]+)", text))
    message = re.sub(r"^error: ", "", text)[:300] or "uv fails without a word"
    return Unresolved(message, needs=needs)
