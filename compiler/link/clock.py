"""Runs -> what there is to say of those that read what a schedule makes again and again.

design.md section 4a: a job with a schedule of its own keeps up, a service follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitopsc.link import sentences
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import Run


def clock_problems(runs: Mapping[str, Run], *, is_whole: bool) -> Iterator[Diagnostic]:
    """`runs` are those of a project, by name: all of them, if that `is_whole`."""
    for run in runs.values():
        read = next((each for each in run.reads if _is_of_a_clock(each.producer, runs)), None)
        follow = run.spec.gitops.follow if run.spec.gitops is not None else None
        if follow is not None and (run.action != "serve" or (read is None and is_whole)):
            yield sentences.nothing_to_follow(run)
        elif read is None:
            continue
        elif run.action == "job" and not (run.is_scheduled or run.local):
            yield sentences.runs_once(run, read, runs[str(read.producer)])
        elif follow == "restart" and (run.spec.replicas or 1) < 2:
            yield sentences.restart_gap(run)
        elif run.action == "serve" and follow in (None, True) and run.function.init_assigns:
            yield sentences.global_data(run)


def _is_of_a_clock(producer: str | None, runs: Mapping[str, Run]) -> bool:
    return producer is not None and producer in runs and runs[producer].is_scheduled
