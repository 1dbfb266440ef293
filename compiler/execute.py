"""LocalRuns -> what came of each run: the runner, in virtual environments, on this machine."""

from __future__ import annotations

import asyncio
import glob
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

from gitopsc.adapters.child import run_child
from gitopsc.adapters.packaged import RUNTIME, runner_program, runner_requirements
from gitopsc.adapters.runner import THIS_VERSION, Unanswered, ask
from gitopsc.adapters.virtual_environment import NotPrepared, Requirements, is_prepared, prepared
from gitopsc.model.inquiry import Question, RunReport
from gitopsc.model.local_run import (
    Ended,
    Event,
    LocalRuns,
    Logged,
    Preparing,
    Printed,
    Status,
    made_of,
    settings_here,
)
from gitopsc.model.program import Function
from gitopsc.model.resolution import ResolvedRun
from gitopsc.model.traceback import Places

_HERE = "file://"
_HOST = "127.0.0.1"
_LATER = 75
_LOOK_SECONDS = 1
"""Between two looks of a service for new data: somebody is waiting for it here."""

_FOREIGN = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Variables of the Python that runs this, which are none of the function's business."""


def execute(wanted: LocalRuns, told: Callable[[Event], None]) -> tuple[Ended, ...]:
    """Runs what is to be run, as many at a time as there are processors.

    SIGINT, SIGTERM and SIGHUP stop all of it: then nothing is left running, and nothing is half
    stored.
    """
    return asyncio.run(_Execution(wanted, told).all())


class _Execution:
    def __init__(self, wanted: LocalRuns, told: Callable[[Event], None]) -> None:
        self._wanted = wanted
        self._told = told
        self._processors = asyncio.Semaphore(os.cpu_count() or 1)
        self._ended: dict[str, asyncio.Future[Ended]] = {}
        self._tasks: list[asyncio.Future[None]] = []

    async def all(self) -> tuple[Ended, ...]:
        loop = asyncio.get_running_loop()
        tasks = self._tasks
        for resolved in self._wanted.runs:
            name = resolved.run.name
            self._ended[name] = loop.create_future()
            tasks.append(asyncio.ensure_future(self._one(resolved)))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
                loop.add_signal_handler(number, self._stop)
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        return tuple(
            ended.result() if ended.done() else Ended(name, "stopped", 0.0, {})
            for name, ended in self._ended.items()
        )

    def _stop(self) -> None:
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    async def _one(self, resolved: ResolvedRun) -> None:
        run = resolved.run
        upstream = {read.producer for read in run.reads if read.producer}
        waits = [self._ended[name] for name in sorted(upstream) if name in self._ended]
        for ended in waits:
            before = await asyncio.shield(ended)
            if before.status not in ("done", "done before"):
                reason = f"`{before.run}` has not made its data"
                self._end(Ended(run.name, "not started", 0.0, {}, reason))
                return
        async with self._processors:
            begun = time.monotonic()
            try:
                ended_ = await self._run(resolved)
            except NotPrepared as error:
                ended_ = Ended(run.name, "failed", 0.0, {}, f"{error}\n  hint: {error.hint}")
            except BrokenPipeError:
                self._stop()  # nobody reads any more
                raise
            except OSError as error:
                reason = f"{error.filename or 'this machine'}: {error.strerror or error}"
                ended_ = Ended(run.name, "failed", 0.0, {}, reason)
            except Exception:
                self._stop()
                raise
            except asyncio.CancelledError:
                self._end(Ended(run.name, "stopped", time.monotonic() - begun, {}))
                raise
            self._end(ended_._replace(seconds=time.monotonic() - begun))

    def _end(self, ended: Ended) -> None:
        self._ended[ended.run].set_result(ended)
        self._told(ended)

    async def _run(self, resolved: ResolvedRun) -> Ended:
        run = resolved.run
        requirements = self._requirements(run.function)
        if not is_prepared(run.function.python_version, requirements):
            before = await self._done_before(resolved)
            if before is not None:
                return before
        event = Preparing(run.name, run.function.python_version, run.function.requirements)
        python = await prepared(
            run.function.python_version, requirements, lambda: self._told(event)
        )
        made: Mapping[str, Mapping[str, Any]] = {}
        status: Status | None = "done" if run.action == "serve" else None
        reason: str | None = None
        failure: str | None = None
        is_stopped = False

        def told(line: str) -> None:
            self._told(Printed(run.name, known.named(line)))

        def heard(line: str) -> None:
            nonlocal failure, made, reason, status, is_stopped
            logged = _logged(run.name, line)
            if logged is None:
                return
            if logged.message in ("done", "done already") and "outputs" in logged.details:
                made = logged.details
                status = "done" if logged.message == "done" else "done before"
            if logged.message == "stopped":
                is_stopped = True
            if logged.message == "waiting":
                reason = str(logged.details.get("reason"))
            if logged.level == "error" and "exit_code" in logged.details:
                failure = logged.message
            if "traceback" in logged.details:
                trace = known.traced(str(logged.details["traceback"]), runner_program())
                logged = logged._replace(details={**logged.details, "traceback": trace})
            self._told(logged)

        with tempfile.TemporaryDirectory(prefix=f"gitopsc-{run.name}-") as folder:
            source = os.path.join(folder, "function")
            shared = os.path.join(folder, "shared")
            settings = os.path.join(folder, "run.json")
            known = Places(source, self._origins(run.function))
            os.mkdir(shared)
            _write_source(run.function, source)
            with open(settings, "w", encoding="utf-8") as file:
                here = settings_here(resolved, self._wanted.store, self._wanted.folder)
                json.dump(here, file)
            places = ["--settings", settings, "--source", source]
            code = await run_child(
                [python, runner_program(), *places, *self._flags(run.name)],
                told,
                heard=heard,
                environment=self._variables(resolved, source),
                folder=shared,
            )
        if code == 0 and status is not None:
            return Ended(run.name, status, 0.0, made)
        if code == 0:
            return Ended(run.name, "failed", 0.0, {}, "it ended itself, and has stored nothing")
        if is_stopped or code == -signal.SIGTERM:
            return Ended(run.name, "stopped", 0.0, {})
        if code == _LATER:
            return Ended(run.name, "waiting", 0.0, {}, reason)
        words = _failure(code) if failure is None else f"{failure} ({_failure(code)})"
        return Ended(run.name, "failed", 0.0, {}, words)

    async def _done_before(self, resolved: ResolvedRun) -> Ended | None:
        """What the store says, before a large environment is made for nothing.

        Of what the clock starts the runner decides: it knows the ticks.
        """
        run = resolved.run
        settings = settings_here(resolved, self._wanted.store, self._wanted.folder)
        if run.action != "job" or run.name in self._wanted.again or "schedule" in settings:
            return None
        if self._wanted.store.startswith(_HERE) and not self._has_stored(run.name):
            return None
        question = Question({"runs": [settings], "waits": False}, self._wanted.schemes)
        event = Preparing(run.name, THIS_VERSION, ())
        try:
            answer = await ask(question, lambda: self._told(event))
        except Unanswered:
            return None  # the runner says why, when it starts
        (said,) = answer["runs"]
        report = RunReport.of(said)
        if report.state != "done" or not all(each.is_there for each in report.outputs):
            return None
        return Ended(run.name, "done before", 0.0, made_of(said["record"]))

    def _origins(self, function: Function) -> Mapping[str, str]:
        """The files of its source, as somebody would type them here."""
        folder, prefix = self._wanted.folder, self._wanted.prefix
        found = {}
        for file in function.files:
            if file.origin is not None:
                path = os.path.join(folder, file.origin.removeprefix(prefix))
                relative = os.path.relpath(path)
                found[file.path] = path if relative.startswith("..") else relative
        return found

    def _has_stored(self, name: str) -> bool:
        """Whether a store of this machine has any record of a run."""
        place = self._wanted.store.removeprefix(_HERE)
        return any(glob.iglob(os.path.join(glob.escape(place), "*", "*", "records", name, "*")))

    def _flags(self, name: str) -> list[str]:
        flags = ["--with-parent", "--no-wait", "--drain", "0", "--host", _HOST]
        flags += ["--port", str(self._wanted.port), "--health-port", "0"]
        flags += ["--interval", str(_LOOK_SECONDS), "--tell-requests"]
        return [*flags, "--again"] if name in self._wanted.again else flags

    def _requirements(self, function: Function) -> list[Requirements]:
        """What the image would have."""
        runner = runner_requirements(RUNTIME, self._wanted.schemes)
        if function.packages is None:
            return [Requirements.of((*runner, *function.requirements))]
        locked = Requirements(function.packages.packages, is_hashed=True)
        # A store of this laptop may need a driver that those of the project do not.
        more = sorted({*runner} - {*function.packages.runner})
        return [locked, Requirements.of(more)] if more else [locked]

    def _variables(self, resolved: ResolvedRun, source: str) -> Mapping[str, str]:
        inherited = {key: each for key, each in os.environ.items() if key not in _FOREIGN}
        return {
            **inherited,
            **resolved.own_variables,
            **{name: os.environ[name] for name in resolved.secrets},
            "PROJECT_NAME": str(resolved.settings["project"]),
            "PYTHONPATH": source,
            "PYTHONUNBUFFERED": "1",
        }


def _write_source(function: Function, folder: str) -> None:
    os.mkdir(folder)
    for file in function.files:
        path = os.path.join(folder, file.path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as opened:
            opened.write(file.content)
        if file.executable:
            os.chmod(path, 0o755)


def _logged(run: str, line: str) -> Logged | None:
    """A line of the runner's log."""
    try:
        data = json.loads(line)
        return Logged(run, data["level"], data["message"], dict(data["with"]))
    except (ValueError, KeyError, TypeError):
        return None


def _failure(code: int) -> str:
    if 0 < code <= _FROM_SIGNALS:
        return f"exit code {code}"
    number = -code if code < 0 else code - _FROM_SIGNALS
    words = "killed by" if code < 0 else f"exit code {code}, as of a process that was killed by"
    try:
        return f"{words} {signal.Signals(number).name}"
    except ValueError:
        return f"killed by signal {number}" if code < 0 else f"exit code {code}"


_FROM_SIGNALS = 128
"""What shells and container engines add to a signal's number."""
