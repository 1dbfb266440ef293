"""`gitopsc run`: a run, with its upstream if asked, in virtual environments of this machine."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from gitopsc.adapters.git import GitRefused
from gitopsc.adapters.watching import run_again
from gitopsc.commands.arguments import RUN, add_path, add_selection, add_state_base, add_store, port
from gitopsc.commands.blocking import blocking
from gitopsc.commands.programs import (
    Found,
    NoSuchRun,
    Refused,
    asked_run,
    folder_of,
    found_in,
    local_store,
)
from gitopsc.commands.reading import read
from gitopsc.commands.selection import chosen, own_ids, selects
from gitopsc.commands.spinner import Spinner
from gitopsc.commands.terminal import wants_colour
from gitopsc.execute import execute
from gitopsc.model.diagnostic import did_you_mean, listed
from gitopsc.model.files import LOCAL_STORE
from gitopsc.model.local_run import (
    Ended,
    Event,
    LocalRuns,
    Logged,
    Preparing,
    Printed,
    schemes_of,
    settings_here,
)
from gitopsc.model.printable import printable
from gitopsc.model.program import INJECTED_ARGUMENTS, Program, Run
from gitopsc.model.resolution import ResolvedRun
from gitopsc.model.store import scheme_of
from gitopsc.report.table import table
from gitopsc.resolve import resolve
from gitopsc.select import Unselected

DESCRIPTION = (
    "Run the job or the service RUN here, in a virtual environment with its Python version and"
    " requirements. What the store has as done is not done again."
)


_NOTHING = "nothing was run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        metavar=RUN,
        nargs="?",
        help="a run, or `<project>/<run>`; without, all are listed",
    )
    add_path(parser)
    parser.add_argument(
        "--upstream", action="store_true", help="first the jobs whose data it reads, and theirs"
    )
    add_selection(parser)
    add_state_base(parser)
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter, as JSON or else as text; may be given again",
    )
    add_store(parser)
    parser.add_argument(
        "--port", type=port, default=8080, help="where a service listens (default: 8080)"
    )
    parser.add_argument(
        "--reload", action="store_true", help="start again whenever a file of PATH changes"
    )
    parser.add_argument("--force", action="store_true", help="do again what is done")


def run(arguments: argparse.Namespace) -> int:
    if selects(arguments) and arguments.name and os.path.isdir(arguments.name):
        arguments.name, arguments.path = None, arguments.name
    if arguments.reload:
        return _again_and_again(arguments.path)
    reading = read(arguments.path)
    found = found_in(reading, _NOTHING)
    if found is None:
        return 1
    if not arguments.name and not selects(arguments):
        sys.stdout.write(_listing(found.programs))
        found.leave_out()
        return 0
    try:
        program, asked = _asked(arguments, found)
        folder = folder_of(arguments.path, program)
        if arguments.param:
            program = _with_parameters(program, asked, arguments.param)
        names = {each.name for each in asked}
        wanted = _wanted(program, names, with_upstream=arguments.upstream)
        _check_runtime(wanted)
        needed = (each.run for each in wanted)
        errors = blocking(needed, program, found.errors_of(program), found.text_of)
        if errors:
            found.report(errors, _NOTHING)
            return 1
        _check_secrets(wanted)
        store = local_store(arguments.store, folder)
        if arguments.store is None:
            _make_store(os.path.join(folder, LOCAL_STORE))
    except Refused as refusal:
        if found.errors and isinstance(refusal, NoSuchRun):
            what = f"`{arguments.name}` has errors, or is not there"
            found.report(found.errors, what)
            return 1
        print(f"gitopsc: {refusal}", file=sys.stderr)
        return 2
    found.leave_out()
    for warning in _left_out(wanted):
        print(f"gitopsc: {warning}", file=sys.stderr)
    local = LocalRuns(
        runs=wanted,
        folder=folder,
        prefix=program.project.prefix,
        store=store,
        schemes=schemes_of(settings_here(each, store, folder) for each in wanted),
        again=frozenset(each.run.name for each in wanted) if arguments.force else frozenset(),
        port=arguments.port,
    )
    telling = _Telling([each.run.name for each in wanted])
    try:
        ended = execute(local, telling.told)
    finally:
        telling.end()
    sys.stdout.write(_table(ended, _data_folder(store, program.project.name)))
    return _status(ended, asked)


def _again_and_again(path: str) -> int:
    """Each time in a process of its own, with the same arguments."""
    words = [word for word in sys.argv[1:] if word != "--reload"]

    def told(changed: str) -> None:
        where = os.path.relpath(changed)
        print(f"gitopsc: {where} has changed: starting again", file=sys.stderr, flush=True)

    run_again(path, words, (os.path.dirname(LOCAL_STORE),), told)
    return 0


def _listing(programs: Sequence[Program]) -> str:
    """What can be run, and what each is."""
    many = len(programs) > 1
    rows = [("run", "is a", "of")]
    for program in programs:
        for run in program.runs:
            if run.function.is_container:
                continue
            name = f"{program.project.name}/{run.name}" if many else run.name
            kind = "service" if run.action == "serve" else "job"
            rows.append((name, kind, run.function.name))
    if len(rows) == 1:
        return "nothing here runs: a run is a descriptor such as `kind: python+job:run`\n"
    return "".join(f"{line}\n" for line in table(rows, texts=(0, 1, 2)))


def _asked(arguments: argparse.Namespace, found: Found) -> tuple[Program, tuple[Run, ...]]:
    """Of one project: one run, or the selected ones, of which one may be a service.
    Raises Refused."""
    if not selects(arguments):
        program, run = asked_run(found.programs, arguments.name)
        return program, (run,)
    if arguments.name:
        raise Refused(f"name a run (`{arguments.name}`) or select some: one of both")
    try:
        kept = chosen(arguments, found.programs, found.reading.tree)
    except (Unselected, GitRefused) as error:
        raise Refused(str(error)) from None
    selected = []
    for program in found.programs:
        own = own_ids(program, kept)
        runs = tuple(run for run in program.runs if f"run/{run.name}" in own)
        selected += [(program, runs)] if runs else []
    if not selected:
        raise Refused("no run is among what is selected")
    if len(selected) > 1:
        projects = listed(program.project.name for program, _ in selected)
        raise Refused(f"runs of several projects are selected ({projects}): name the folder of one")
    program, runs = selected[0]
    services = [run.name for run in runs if run.action == "serve"]
    if len(services) > 1:
        reason = "only one can listen: leave out others with `--exclude`"
        raise Refused(f"several services are selected ({listed(services)}); {reason}")
    return program, runs


def _with_parameters(program: Program, runs: Sequence[Run], given: Iterable[str]) -> Program:
    """Parameters go where the platform has them go: to the job, or to the service's init."""
    if len(runs) > 1:
        names = listed(run.name for run in runs)
        raise Refused(f"`--param` is for one run, and here are several: {names}")
    asked = runs[0]
    target = asked.function.handler if asked.action == "job" else asked.function.init
    signature = asked.function.signatures.get(target or "")
    parameters = dict(asked.parameters if asked.action == "job" else asked.init_parameters)
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise Refused(f"`--param {text}` is not of the form `NAME=VALUE`")
        if name in (asked.spec.inputs or {}) or name in INJECTED_ARGUMENTS:
            reason = f"`{asked.name}` gets it as an input, or from the runner"
            raise Refused(f"`{name}` cannot be set by `--param`: {reason}")
        if target is None or (signature and not signature.open and name not in signature.arguments):
            known = signature.arguments if signature else ()
            hint = did_you_mean(name, known) or f"it takes {listed(known) or 'none'}"
            raise Refused(f"`{target or asked.name}` takes no parameter `{name}`; {hint}")
        parameters[name] = _value(value)
    if asked.action == "job":
        changed = replace(asked, parameters=parameters)
    else:
        changed = replace(asked, init_parameters=parameters)
    return replace(program, runs=tuple(changed if run is asked else run for run in program.runs))


def _value(text: str) -> Any:
    """JSON where it is some, else a string."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)
    except ValueError:
        return text
    except RecursionError:
        raise Refused("a parameter is nested too deep") from None
    return value


def _wanted(program: Program, asked: Set[str], *, with_upstream: bool) -> tuple[ResolvedRun, ...]:
    """The runs, after those whose data they read, and theirs."""
    names = {*asked}
    found = resolve(program, program.project.local).runs
    for resolved in reversed(found):
        if resolved.name in names and with_upstream:
            names |= {read.producer for read in resolved.run.reads if read.producer}
    return tuple(each for each in found if each.run.name in names)


def _check_runtime(wanted: Iterable[ResolvedRun]) -> None:
    """What starts a container on this machine is no part of gitopsc."""
    for each in wanted:
        if each.run.function.is_container:
            what = f"`{each.run.name}` is a container, and `gitopsc run` runs Python functions"
            raise Refused(f"{what}; by hand: {printable(_by_hand(each))}")


def _by_hand(resolved: ResolvedRun) -> str:
    function = resolved.run.function
    started = shlex.join(_by_docker(resolved))
    if function.dockerfile is None:
        return started
    folder = str(function.origin)
    built = [
        "docker",
        "build",
        "--tag",
        _tag(resolved),
        "--file",
        f"{folder}/{function.dockerfile}",
    ]
    return f"{shlex.join([*built, folder])} && {started}"


def _tag(resolved: ResolvedRun) -> str:
    """What an image that is there is called, or one that is built by hand."""
    return resolved.run.function.image or resolved.run.function.name


def _by_docker(resolved: ResolvedRun) -> Iterator[str]:
    """Its volumes are left out: they are of a cluster. Secrets are those of the environment."""
    spec, function = resolved.spec, resolved.run.function.descriptor.spec
    yield from ("docker", "run", "--rm")
    for name, value in sorted(resolved.own_variables.items()):
        yield from ("--env", f"{name}={value}")
    for name in resolved.secrets:
        yield from ("--env", name)
    if resolved.run.has_sidecar:
        yield from ("--volume", "./inputs:/inputs:ro", "--volume", "./outputs:/outputs")
    for each in spec.service_ports or ():
        yield from ("--publish", f"{each.port}:{each.target}")
    if function.command is not None:
        yield from ("--entrypoint", function.command)
    yield _tag(resolved)
    yield from spec.args or ()


def _check_secrets(wanted: Iterable[ResolvedRun]) -> None:
    """A secret's value comes from the variable of its name."""
    for each in wanted:
        missing = [name for name in each.secrets if name not in os.environ]
        if missing:
            message = f"`{each.run.name}` needs the secret {listed(missing)}"
            raise Refused(f"{message}: set the environment variable of that name")


def _left_out(wanted: Iterable[ResolvedRun]) -> list[str]:
    """What a pod has and this machine does not."""
    words = []
    for each in wanted:
        run = each.run
        if run.function.image or run.function.base_image:
            image = run.function.image or run.function.base_image
            words.append(f"`{run.name}` runs in its Python here, not in the image `{image}`")
        elif run.function.build.instructions:
            words.append(f"`{run.name}` runs here without its build's instructions")
        words += [
            f"`{run.name}` runs here without its volume `{volume.name}` at `{volume.mount_path}`"
            for volume in run.spec.volumes or ()
            if volume.mount_path != "/shared"
        ]
    return words


def _make_store(store: str) -> None:
    """The folder of the project, which is kept out of Git."""
    ignore = os.path.join(store, ".gitignore")
    try:
        os.makedirs(store, exist_ok=True)
        if not os.path.exists(ignore):
            with open(ignore, "w", encoding="utf-8") as file:
                file.write("*\n")
    except OSError as error:
        reason = f"the store {store} cannot be made: {error.strerror}"
        raise Refused(f"{reason}; name a folder of yours with `--store`") from None


class _Telling:
    """Events, as lines on stderr: whose they are stands before them where several runs speak."""

    def __init__(self, names: list[str]) -> None:
        self._width = max(map(len, names)) if len(names) > 1 else 0
        self._colour = wants_colour()
        self._spinner = Spinner()
        self._logged_last: dict[str, str] = {}
        """The message that each run has logged last, as far as it was shown."""
        self._hints: dict[str, str] = {}
        """What each run is to be told at last."""

    def told(self, event: Event) -> None:
        self._spinner.rest()
        for line in self._lines(event):
            before = f"{event.run:{self._width}} | " if self._width else ""
            print(before + line, file=sys.stderr, flush=True)
        if isinstance(event, Preparing):
            self._spinner.turn("installing")

    def end(self) -> None:
        self._spinner.rest()

    def _lines(self, event: Event) -> list[str]:
        if isinstance(event, Preparing):
            what = f"Python {event.python_version}"
            if event.requirements:
                what += f" with {listed(event.requirements, most=5)}"
            return [self._dim(f"making an environment: {what}")]
        if isinstance(event, Printed):
            return [event.text]
        if isinstance(event, Logged):
            if "traceback" not in event.details:  # which is shown in place of the message
                self._logged_last[event.run] = event.message
            if "hint" in event.details:
                self._hints[event.run] = str(event.details["hint"])
            return self._logged(event)
        words = f"{event.status} after {event.seconds:.1f} s"
        if event.reason is not None:
            said = self._logged_last.get(event.run)
            is_said = said is not None and event.reason.startswith(f"{said} (")
            words += event.reason.removeprefix(str(said)) if is_said else f": {event.reason}"
        if event.status in ("done", "done before"):
            return []
        hint = self._hints.get(event.run)
        return [*words.splitlines(), *([f"  hint: {hint}"] if hint else ())]

    def _logged(self, event: Logged) -> list[str]:
        details = event.details
        if event.message in ("starting", "done", "done already", "waiting", "stopped"):
            return []
        if event.message == "calling":
            return [self._dim("starting")]
        if event.message == "following":
            return [self._dim(_FOLLOWS.get(str(details.get("way")), ""))]
        if event.message == "serving new data":
            versions = listed(key for key in details if key.startswith("store://"))
            return [self._bold(f"serving new data: {versions}")]
        if event.message == "request":
            what = f"{details.get('method')} {printable(str(details.get('path')))}"
            seconds = float(str(details.get("seconds", 0)))
            return [self._dim(f"{what} {details.get('status')} in {seconds:.3f} s")]
        if event.message == "serving":
            port, health = details.get("port"), details.get("health_port")
            words = f"serving on http://127.0.0.1:{port}"
            words += f" (health and metrics: http://127.0.0.1:{health}/metrics); Ctrl-C ends it"
            return [self._bold(words)]
        lines = [f"{event.level}: {event.message}"]
        told = {"exit_code", "function", "hint", "traceback"}
        if "traceback" in details:  # which ends in the error
            lines = str(details["traceback"]).splitlines()
            told.add("error")
        return lines + [f"  {key}: {value}" for key, value in details.items() if key not in told]

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._colour else text

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._colour else text


_FOLLOWS = {
    "keep": "it keeps the data it starts with, whatever is made (`gitopsc explain C426`)",
    "restart": "when there is new data it ends, at most every ten minutes; start it again then",
    "switch": "it looks for new data, and will serve that, too",
}


def _data_folder(store: str, project: str) -> str:
    """Where a project's runs of this machine keep what they make, as a person would type it."""
    url = f"{store.rstrip('/')}/{project}/local"
    return os.path.relpath(url.removeprefix("file://")) if url.startswith("file://") else url


def _table(ended: Iterable[Ended], folder: str) -> str:
    """What ran, how long, and what it made, with where that lies below a folder."""
    rows = [("run", "status", "seconds", "made")]
    for each in ended:
        seconds = f"{each.seconds:.1f}" if each.seconds else ""
        rows.append((each.run, each.status, seconds, ", ".join(_made(each.made, folder))))
    return "".join(f"{line}\n" for line in table(rows, texts=(0, 1, 3)))


def _made(made: Mapping[str, Mapping[str, Any]], folder: str) -> Iterable[str]:
    for name, key in made.get("outputs", {}).items():
        type_, _, rest = str(key).removeprefix("store://").partition("/")[2].partition("/")
        path = made.get("paths", {}).get(name, "")
        place = path if scheme_of(path) else os.path.join(folder, path)
        yield f"{type_} {rest.partition('/')[2].partition(':')[0]} ({place})"
    for group in ("results", "metrics"):
        for name, value in made.get(group, {}).items():
            text = json.dumps(value, ensure_ascii=False)
            yield f"{name}={text if len(text) <= 40 else text[:37] + '...'}"


def _status(ended: Iterable[Ended], asked: Sequence[Run]) -> int:
    """A service that was stopped has done what it was to do."""
    statuses = {each.run: each.status for each in ended}
    names = {run.name for run in asked}
    services = {run.name for run in asked if run.action == "serve"}
    found = {*statuses.values()}
    if found & {"failed", "waiting"}:
        if any(statuses[name] == "waiting" for name in names):
            print("gitopsc: add `--upstream` to make the data first", file=sys.stderr)
        return 1
    unfinished = {name for name, status in statuses.items() if status not in _DONE}
    if "stopped" in found:
        return 0 if unfinished <= services else 130
    return 1 if unfinished else 0


_DONE = ("done", "done before")
