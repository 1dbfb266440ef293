"""Names of time zones -> whether there is such a zone, and when its clocks are changed.

By the time zone database that `tzdata` brings: that of a machine may be another, or not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import tzinfo

_FIRST, _LAST = 2027, 2037
"""Years: in one of them a change is on each day that its rule allows, or nearly."""


@cache
def time_zones() -> Sequence[str]:
    """All names, sorted."""
    from importlib.resources import files

    return sorted(files("tzdata").joinpath("zones").read_text("ascii").split())


class ClockChange(NamedTuple):
    """When clocks of a zone are changed: from minute `first` to `last` of a day, by these clocks,
    time is skipped, or comes twice. `weekday` counts from Sunday, which is 0."""

    month: int
    day: int
    weekday: int
    first: int
    last: int
    is_skipped: bool


@cache
def clock_changes(name: str) -> Sequence[ClockChange]:
    """Those of some years to come; none of a zone that is unknown."""
    if name not in time_zones():
        return ()
    from importlib.resources import files
    from zoneinfo import ZoneInfo

    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        zone = ZoneInfo.from_file(file)
    return tuple(_changes(zone))


def _changes(zone: tzinfo) -> Iterator[ClockChange]:
    from datetime import datetime, timedelta, timezone

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(zone).utcoffset() or timedelta()

    moment, end = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (_FIRST, _LAST))
    while moment < end:
        following = moment + timedelta(days=1)
        before = offset(moment)
        if offset(following) != before:
            changed = moment
            while offset(changed) == before:
                changed += timedelta(minutes=1)
            after = offset(changed)
            first, last = (changed + min(before, after)), (changed + max(before, after))
            minute = 60 * first.hour + first.minute
            length = int((last - first).total_seconds()) // 60
            yield ClockChange(
                first.month,
                first.day,
                first.isoweekday() % 7,
                minute,
                minute + length - 1,
                after > before,
            )
        moment = following
