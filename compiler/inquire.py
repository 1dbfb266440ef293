"""Questions -> what a store says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from gitopsc.adapters.runner import Unanswered, ask
from gitopsc.model.inquiry import Question

__all__ = ("Unanswered", "inquire")


def inquire(question: Question, began: Callable[[], None]) -> Mapping[str, Any]:
    """Calls `began` when an environment is made first. Raises Unanswered."""
    return asyncio.run(ask(question, began))
