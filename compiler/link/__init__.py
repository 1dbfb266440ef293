"""Project and its functions -> Program: who is meant by each reference, what waits for what."""

from __future__ import annotations

from collections.abc import Mapping

from gitopsc.link.builds import used_functions
from gitopsc.link.clock import clock_problems
from gitopsc.link.containers import container_problems
from gitopsc.link.drafts import draft_runs, unused_tasks
from gitopsc.link.lineage import draw_lineage, order_runs, without_circles_of_code
from gitopsc.link.overrides import override_problems
from gitopsc.link.packages import unmet_imports
from gitopsc.link.runs import make_run
from gitopsc.link.serving import serving_problems
from gitopsc.link.shards import shard_problems
from gitopsc.link.symbols import declare
from gitopsc.link.triggers import with_triggered
from gitopsc.model.descriptor import Project
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import BuildRun, Function, FunctionVersion, Program, Run

__all__ = ("link",)


def link(
    project: Project, loaded: Mapping[FunctionVersion, Function]
) -> tuple[Program, tuple[Diagnostic, ...]]:
    """Resolves a project, whose loaded functions are given, each version.

    What cannot be resolved is left out of the program, with an error.
    """
    symbols, problems = declare(project)
    drafts, found = draft_runs(symbols)
    problems += found
    drafts, data, found = with_triggered(symbols, drafts, loaded)
    problems += found
    functions, found = used_functions(symbols, loaded, drafts)
    problems += found
    problems += unmet_imports(functions.values(), project.schemes)
    runs: dict[str, Run] = {}
    builds = [draft for draft in drafts if draft.action is None]
    for draft in drafts:
        function = functions.get(draft.function)
        if draft.action is not None and function is not None:
            runs[draft.name], found = make_run(project, draft, draft.action, function, data)
            problems += found
    used = {run.function.unique_name for run in runs.values()}
    problems += data.unmade(tuple(functions.values()), used)
    problems += unused_tasks(symbols, drafts) if project.is_whole else ()
    runs = without_circles_of_code(runs)
    order, found = order_runs(runs)
    is_whole = project.is_whole and len(runs) + len(builds) == len(symbols.runs)
    problems += [
        *found,
        *clock_problems(runs, is_whole=is_whole),
        *override_problems(project, runs, is_whole=is_whole),
        *serving_problems(project, runs),
        *shard_problems(project, runs),
        *container_problems(project, runs),
    ]
    program = Program(
        project,
        functions=tuple(functions.values()),
        runs=tuple(runs[name] for generation in order for name in generation),
        builds=tuple(
            BuildRun(draft.name, draft.merged, functions[draft.function])
            for draft in builds
            if draft.function in functions and not draft.is_local
        ),
        lineage=draw_lineage(symbols, functions, runs.values(), builds, order),
    )
    return program, tuple(problems)
