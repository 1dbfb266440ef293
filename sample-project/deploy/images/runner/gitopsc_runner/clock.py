"""A cron expression in a time zone -> when it is due, as CronJobs have it.

Times are in seconds since 1970. An expression is due in every minute whose time on the clocks of
its zone it matches (kubernetes.md section 4): a time that summer time skips is not due that day,
and one that comes twice is due twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gitopsc_runner.outcome import Unusable

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_KEPT_DAYS = 4
_MOST_DAYS = 9 * 366
"""The 29th of February, on a given weekday or not, comes within that time from most days."""


class Cron:
    """Five fields of numbers, ranges, steps and `*`, as the compiler writes them."""

    def __init__(self, expression: str, zone: str = "Etc/UTC") -> None:
        """Raises Unusable for a time zone that this machine does not know."""
        fields = expression.split()
        values = [_values(*each) for each in zip(fields, _RANGES, strict=True)]
        self._minutes, self._hours, self._days, self._months, self._weekdays = values
        self._needs_both = "*" in (fields[2], fields[4])
        self._zone = _zone(zone)
        self._known: dict[date, list[int]] = {}

    def last(self, at: float) -> int | None:
        """The newest time at or before `at`; None when there is none for years."""
        return next((due for day in self._dates(at, -1) for due in day[::-1] if due <= at), None)

    def next(self, after: float) -> int | None:
        """The first time after `after`; None when there is none for years."""
        return next((due for day in self._dates(after, 1) for due in day if due > after), None)

    def _dates(self, start: float, step: int) -> Iterator[list[int]]:
        """The times of each day, from the one before or after that of `start` on."""
        today = datetime.fromtimestamp(start, self._zone).date() - timedelta(days=step)
        for number in range(_MOST_DAYS):
            day = today + timedelta(days=step * number)
            if self._has(day):
                if day not in self._known:
                    if len(self._known) > _KEPT_DAYS:
                        self._known.clear()
                    self._known[day] = self._times(day)
                yield self._known[day]

    def _has(self, day: date) -> bool:
        """As cron has it: of two days that are both restricted, either will do."""
        if day.month not in self._months:
            return False
        found = (day.day in self._days, day.isoweekday() % 7 in self._weekdays)
        return all(found) if self._needs_both else any(found)

    def _times(self, day: date) -> list[int]:
        times = set()
        for hour in self._hours:
            for minute in self._minutes:
                shown = datetime(day.year, day.month, day.day, hour, minute)
                for fold in (0, 1) if self._zone is not timezone.utc else (0,):
                    due = int(shown.replace(tzinfo=self._zone, fold=fold).timestamp())
                    back = datetime.fromtimestamp(due, self._zone)
                    if back.replace(tzinfo=None, fold=0) == shown:
                        times.add(due)
        return sorted(times)


def _values(field: str, bounds: tuple[int, int]) -> frozenset[int]:
    values: set[int] = set()
    for item in field.split(","):
        numbers, _, step = item.partition("/")
        first, _, last = ("{}-{}".format(*bounds) if numbers == "*" else numbers).partition("-")
        end = last or (bounds[1] if step else first)
        values |= {*range(int(first), int(end) + 1, int(step or 1))}
    return frozenset(values)


def _zone(name: str) -> tzinfo:
    if name in ("Etc/UTC", "UTC"):
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = "add `tzdata` to the requirements of the function"
        raise Unusable(f"this image does not know the time zone {name}: {hint}") from None
