"""Seconds since 1970 -> text, in UTC."""

from __future__ import annotations

from time import gmtime, strftime

_UNITS = ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def moment(seconds: float) -> str:
    """Such as `2026-11-26 03:00 UTC`; with seconds where there are some."""
    form = "%Y-%m-%d %H:%M:%S UTC" if int(seconds) % 60 else "%Y-%m-%d %H:%M UTC"
    return strftime(form, gmtime(seconds))


def ago(seconds: float) -> str:
    """Such as `5 min ago`."""
    for size, one, many in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {one if count == 1 else many} ago"
    return "now"
