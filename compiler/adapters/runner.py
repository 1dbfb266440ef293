"""A question -> what a store says: the runner asks, in a virtual environment with its drivers."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from gitopsc.adapters.child import run_child
from gitopsc.adapters.packaged import (
    RUNTIME,
    collector_program,
    runner_program,
    runner_requirements,
)
from gitopsc.adapters.virtual_environment import NotPrepared, Requirements, prepared
from gitopsc.model.inquiry import Question

THIS_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
"""Of the Python that runs gitopsc, and is there."""


class Unanswered(Exception):
    """The store does not say; the message says why."""


async def ask(question: Question, began: Callable[[], None]) -> Mapping[str, Any]:
    """Calls `began` when an environment is made first. Raises Unanswered."""
    needed = [*runner_requirements(RUNTIME, question.schemes), *question.requirements]
    try:
        python = await prepared(THIS_VERSION, [Requirements.of(needed)], began)
    except NotPrepared as error:
        raise Unanswered(f"{error}\n  hint: {error.hint}") from None
    said: list[str] = []
    printed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="gitopsc-") as folder:
        path = os.path.join(folder, "question.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(question.content, file)
        program = [runner_program(), "--inquire"]
        if question.collects:
            program = [collector_program()]
        code = await run_child([python, *program, path], printed.append, heard=said.append)
    if code == 0 and said:
        answer: Mapping[str, Any] = json.loads(said[-1])
        return answer
    for line in said:
        reason = json.loads(line)["with"].get("error")
        if reason:
            raise Unanswered(str(reason))
    raise Unanswered("\n".join(printed[-5:]) or f"the runner ended with exit code {code}")
