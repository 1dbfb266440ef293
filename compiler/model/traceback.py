"""What a function's process says -> the same with the places that its author knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

_FRAME = '  File "'
_CODE = "    "
"""How a traceback has a frame, and what it shows of its line."""


class Places(NamedTuple):
    """`folder` is where the source of a run was copied to; `origins` are the files of the project,
    by the path in there. Files of inline text, and what was fetched, have only that path."""

    folder: str
    origins: Mapping[str, str]

    def named(self, text: str) -> str:
        """With the project's paths."""
        start = f"{self.folder}/"
        if start not in text:
            return text
        pattern = re.escape(start) + r"([^\s\"':,()]+)"
        return re.sub(pattern, lambda found: self.origins.get(found[1], found[1]), text)

    def traced(self, trace: str, runner: str) -> str:
        """A traceback from the function's own first frame on, without those of the runner."""
        kept: list[str] = []
        frames: list[list[str]] = []
        for line in trace.splitlines():
            if line.startswith(_FRAME):
                frames.append([line])
            elif frames and line.startswith(_CODE):
                frames[-1].append(line)
            else:
                kept += [*self._own(frames, runner), line]
                frames = []
        kept += self._own(frames, runner)
        return self.named("\n".join(kept))

    def _own(self, frames: Sequence[Sequence[str]], runner: str) -> Iterator[str]:
        inside = [_is_below(frame, self.folder) for frame in frames]
        first = inside.index(True) if True in inside else 0
        for frame in frames[first:]:
            if not _is_below(frame, runner) or True not in inside:
                yield from frame


def _is_below(frame: Sequence[str], folder: str) -> bool:
    return frame[0].startswith(f"{_FRAME}{folder}/")
