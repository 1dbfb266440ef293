"""A folder named on the command line -> its programs, and what of them is asked for.

What the commands that ask for runs, and for what they come to, have in common.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gitopsc.commands.arguments import add_environment, add_store
from gitopsc.commands.blocking import unexplained
from gitopsc.commands.reading import Reading, read
from gitopsc.commands.terminal import wants_colour
from gitopsc.model.compilation import Compilation
from gitopsc.model.descriptor import Environment
from gitopsc.model.diagnostic import Diagnostic, did_you_mean, has_errors, in_order, listed
from gitopsc.model.files import LOCAL_STORE
from gitopsc.model.names import cleaned
from gitopsc.model.program import Program, Run
from gitopsc.model.store import DEFAULT, scheme_of
from gitopsc.pipeline import compile_tree, link_tree
from gitopsc.report.text import render_counts, render_text


class Refused(Exception):
    """What was asked for cannot be done; the message says why, and what to type instead."""


class NoSuchRun(Refused):
    """No run has that name, or it is in what has errors."""


@dataclass(frozen=True, slots=True)
class Found:
    """What links of a folder, and the errors in it, with their places in its tree."""

    reading: Reading
    programs: tuple[Program, ...]
    errors: tuple[Diagnostic, ...]

    def errors_of(self, program: Program) -> tuple[Diagnostic, ...]:
        """Those of one project."""
        prefix = program.project.prefix
        return tuple(each for each in self.errors if _owner(each, self.programs) == prefix)

    def report(self, errors: Sequence[Diagnostic], nothing: str) -> None:
        """`nothing` says what was not done for them."""
        _report(self.reading, self.reading.placed(unexplained(errors)), nothing)

    def text_of(self, path: str) -> str:
        """Of a file, as far as it is text."""
        return "\n".join(self.reading.tree.lines(path))

    def leave_out(self) -> None:
        """Says which files have errors, where there are some."""
        if self.errors:
            paths = {each.span.path for each in self.reading.placed(self.errors)}
            words = f"left out for errors in {listed(sorted(paths))}: see `gitopsc validate`"
            print(f"gitopsc: {words}", file=sys.stderr)


def found_in(reading: Reading, nothing: str) -> Found | None:
    """None where nothing is to be done, which is reported; `nothing` says what."""
    if has_errors(reading.scanned):
        _report(reading, reading.scanned, nothing)
        return None
    programs, problems = link_tree(reading.tree, with_broken=True)
    errors = in_order(each for each in problems if has_errors([each]))
    found = Found(reading, programs, tuple(errors))
    if programs:
        return found
    if errors:
        found.report(errors, nothing)
    else:
        words = f"no project with a descriptor is in {reading.root}; {nothing}"
        print(f"gitopsc: {words}", file=sys.stderr)
    return None


def compilation_of(path: str, nothing: str) -> Compilation | None:
    """None where there are errors, which are reported; `nothing` says what was not done."""
    reading = read(path)
    compilation = Compilation()
    found = [*reading.scanned]
    if not has_errors(found):
        compilation = compile_tree(reading.tree)
        found += reading.placed(compilation.diagnostics)
    if not has_errors(found):
        return compilation
    _report(reading, found, nothing)
    return None


def check_environment(compilation: Compilation, name: str | None) -> None:
    """Raises Refused where none of the projects has one of that name."""
    planned = (each for plan in compilation.plans for each in plan.environments)
    known = sorted({each.environment.name for each in planned})
    if name is not None and name not in known:
        hint = did_you_mean(name, known) or f"there are {listed(known)}"
        raise Refused(f"no environment is called `{name}`; {hint}")


def _report(reading: Reading, found: Iterable[Diagnostic], nothing: str) -> None:
    errors = in_order(each for each in found if has_errors([each]))
    text = render_text(errors, reading.lines, colour=wants_colour())
    sys.stderr.write(f"{text}\n" if text else "")
    print(f"gitopsc: {render_counts(errors)}; {nothing}", file=sys.stderr)


def programs_of(reading: Reading, nothing: str) -> tuple[Program, ...] | None:
    """Those of projects without errors. None when there are none, which is reported."""
    found = found_in(reading, nothing)
    if found is None:
        return None
    sound = tuple(each for each in found.programs if not found.errors_of(each))
    if not sound:
        found.report(found.errors, nothing)
        return None
    found.leave_out()
    return sound


def _owner(error: Diagnostic, programs: Iterable[Program]) -> str:
    """The prefix of the nearest project around it."""
    prefixes = (each.project.prefix for each in programs)
    return max((each for each in prefixes if error.span.path.startswith(each)), key=len, default="")


def asked_run(programs: Iterable[Program], text: str) -> tuple[Program, Run]:
    """`<run>`, or `<project>/<run>` where several projects have a run of that name."""
    programs = tuple(programs)
    found = [
        (program, run)
        for program in programs
        for run in program.runs
        if text in (run.name, f"{program.project.name}/{run.name}")
    ]
    if len(found) == 1:
        return found[0]
    if found:
        projects = listed(f"{program.project.name}/{run.name}" for program, run in found)
        raise Refused(f"several projects have a run `{text}`: write one of {projects}")
    name = text.rpartition("/")[2]
    if any(build.name == name for program in programs for build in program.builds):
        raise Refused(f"`{name}` builds an image; `docker buildx bake` does that")
    known = sorted({run.name for program in programs for run in program.runs})
    alike = [each for each in known if cleaned(each) == cleaned(name)]
    hint = f"did you mean {listed(alike)}?" if alike else did_you_mean(name, known)
    hint = hint or f"there are {listed(known) or 'none'}"
    if os.path.isdir(text):
        hint = "it is a folder: write the name of a run before it"
    raise NoSuchRun(f"no run is called `{text}`; {hint}")


def add_place(parser: argparse.ArgumentParser) -> None:
    """Arguments that say whose store is asked."""
    add_environment(parser, "whose store is asked (default: that of `gitopsc run`)")
    add_store(parser)


def check_place(arguments: argparse.Namespace) -> None:
    if arguments.environment is not None and arguments.store is not None:
        raise Refused("`--environment` and `--store` name two stores: leave one out")


def making() -> None:
    print("gitopsc: making an environment that opens the store", file=sys.stderr, flush=True)


def asked_environment(program: Program, name: str) -> Environment:
    """One whose store this machine can open."""
    environments = program.project.environments
    found = next((each for each in environments if each.name == name), None)
    if found is None:
        known = [each.name for each in environments]
        hint = did_you_mean(name, known) or f"there are {listed(known)}"
        raise Refused(f"project `{program.project.name}` has no environment `{name}`; {hint}")
    store = found.stores.get(DEFAULT)
    if store is None:
        hint = "write `stores: {default: <URL>}` in gitopsc.yaml"
        raise Refused(f"environment `{name}` has no store, so nothing is kept; {hint}")
    if store.volume is not None:
        claim = store.volume.claim
        raise Refused(f"the store of `{name}` is the claim `{claim}`, which only pods can open")
    return found


def local_store(url: str | None, folder: str) -> str:
    """The URL of the store of this machine; by default a folder of the project."""
    if url is None:
        return f"file://{os.path.join(folder, LOCAL_STORE)}"
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise Refused("a store's URL has no name or password in it: set the driver's variables")
    return url if scheme_of(url) else f"file://{os.path.abspath(url)}"


def known_store(url: str | None, folder: str) -> str:
    """The same; a folder that is named has to be there."""
    if url is not None and not scheme_of(url) and not os.path.isdir(url):
        raise Refused(f"there is no folder {url}")
    return local_store(url, folder)


def folder_of(path: str, program: Program) -> str:
    """The project's on disk."""
    return os.path.normpath(os.path.join(os.path.abspath(path), program.project.folder))


def names_of(programs: Sequence[Program], names: Sequence[str]) -> dict[str, set[str]]:
    """The runs that are asked for, by project; all of them when none is named."""
    if not names:
        return {program.project.name: {run.name for run in program.runs} for program in programs}
    found: dict[str, set[str]] = {}
    for name in names:
        program, run = asked_run(programs, name)
        found.setdefault(program.project.name, set()).add(run.name)
    return found


def shown(url: str) -> str:
    """A place as people type it: a path that is below this folder without what is above."""
    path = url.removeprefix("file://")
    if path == url:
        return url
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
