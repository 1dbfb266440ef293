"""What a store says of some data -> text: where it lies, its versions, its beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from posixpath import splitext
from typing import Any

from gitopsc.model.moment import moment
from gitopsc.model.printable import printable
from gitopsc.report.table import size_of, table


def render_data(key: str, answer: Mapping[str, Any], shown: Callable[[str], str]) -> str:
    """`shown` makes a URL short."""
    return "".join(f"{printable(line)}\n" for line in _lines(key, answer, shown))


def _lines(key: str, answer: Mapping[str, Any], shown: Callable[[str], str]) -> Iterator[str]:
    version = f":{answer['version']}" if answer["version"] else ""
    yield f"{key}{version}"
    size = "" if answer["size"] is None else f"  {size_of(answer['size'])}"
    yield f"{shown(answer['path'])}{size}"
    if answer["copied"] is not None:
        yield f"copied to {shown(answer['copied'])}"
        there, here = (splitext(answer[key])[1] for key in ("path", "copied"))
        if there and here and there != here:
            yield f"it is as it was: `{there}`, not `{here}`"
        return
    if len(answer["versions"]) > 1:
        yield ""
        yield "last versions"
        for each in answer["versions"]:
            yield f"  {moment(each['tick'])}  {each['version']}"
    yield from _preview(answer)


def _preview(answer: Mapping[str, Any]) -> Iterator[str]:
    if "rows" in answer:
        yield ""
        yield from table([answer["columns"], *answer["rows"]])
        left = answer["count"] - len(answer["rows"])
        if left:
            yield f"... and {left} more rows"
    elif "lines" in answer:
        yield ""
        yield from answer["lines"]
        if not answer["is_all"]:
            yield "..."
    elif "files" in answer:
        yield ""
        yield from (f"  {name}" for name in answer["files"][:20])
        if len(answer["files"]) > 20:
            yield f"  ... and {len(answer['files']) - 20} more"
