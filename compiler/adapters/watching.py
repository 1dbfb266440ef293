"""A folder -> a command of gitopsc that is started again whenever something in there changes."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Sequence

_SECONDS = 30
"""That a command has to end in, before it is killed."""


def run_again(
    folder: str, words: Sequence[str], ignored: Iterable[str], told: Callable[[str], None]
) -> None:
    """Until SIGINT or SIGTERM comes. `ignored` are names of folders besides those of Git, editors
    and tools; `told` gets the path of what has changed, the first of several."""
    from watchfiles import DefaultFilter, run_process  # which starts threads, for this alone

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a script, behind `&`
        signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger("watchfiles").setLevel(logging.ERROR)
    watched = DefaultFilter(
        ignore_dirs=(*DefaultFilter.ignore_dirs, *ignored),
        ignore_entity_patterns=(*DefaultFilter.ignore_entity_patterns, r"\.log$"),  # its own, often
    )
    run_process(
        folder,
        target=shlex.join([sys.executable, "-m", "gitopsc", *words]),
        target_type="command",
        callback=lambda changes: told(_first(path for _, path in changes)),
        watch_filter=watched,
        debounce=400,
        sigint_timeout=_SECONDS,
    )


def _first(changed: Iterable[str]) -> str:
    """Of those that are there, if any: editors write files of other names, and move them."""
    paths = sorted(changed)
    return next((each for each in paths if os.path.exists(each)), paths[0])
