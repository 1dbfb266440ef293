"""Runs in environments -> what is wrong with jobs in shards, and with queues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gitopsc.link import sentences
from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import Run


def shard_problems(project: Project, runs: Mapping[str, Run]) -> Iterator[Diagnostic]:
    """What is the same in several environments is told for each; only the first is kept."""
    for environment in project.environments:
        for run in runs.values():
            if run.is_in(environment.name):
                yield from _problems(run.within(environment), runs)


def _problems(run: Run, runs: Mapping[str, Run]) -> Iterator[Diagnostic]:
    gitops = run.spec.gitops
    if gitops is None:
        return
    written = {
        "completions": gitops.completions,
        "parallelism": gitops.parallelism,
        "queue": gitops.queue,
    }
    if run.action != "job":
        for key, value in written.items():
            if value is not None:
                yield sentences.only_of_jobs(key, run)
        return
    if gitops.completions is None:
        if gitops.parallelism is not None:
            yield sentences.parallel_without_shards(run)
        return
    if gitops.parallelism is not None and gitops.parallelism > gitops.completions:
        yield sentences.more_than_all(gitops.parallelism, gitops.completions, run)
    producers = sorted({read.producer for read in run.reads if read.producer is not None})
    clocks = [name for name in producers if name in runs and runs[name].is_scheduled]
    if run.is_scheduled or clocks:
        yield sentences.shards_by_the_clock(run, clocks)
