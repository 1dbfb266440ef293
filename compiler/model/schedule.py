"""Quartz expressions, which the platform's triggers hold, as the cron of a CronJob.

digitalhub.md section 8. Quartz has seconds first and a year last, counts Sunday as 1, and can say
things that cron cannot: those raise `NotCron`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from gitopsc.model.diagnostic import did_you_mean

_SHORTHANDS = ("@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_QUARTZ_ONLY = re.compile(r"L|LW|L-\d+|\d+[LW]|\d+#\d+|[A-Z]{3}(L|#\d+)")
_ITEM = re.compile(r"(?P<first>\*|[0-9]+|(?=/))(?:-(?P<last>[0-9]+))?(?:/(?P<step>[0-9]+))?")
_PLATFORM_FIELD = re.compile(
    r"([0-9]+,)+[0-9]+|[0-9]+[/#-][0-9]+|[0-9]+L?|\*(/[0-9]+)?|L(-[0-9]+)?|\?|[A-Z]{3}(-[A-Z]{3})?"
)
"""What the platform's own schema takes as a field (digitalhub.md section 8)."""


class NotCron(ValueError):
    """The expression means something that cron cannot say, or nothing; with what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Cron(NamedTuple):
    """Five fields. `losses` are what the platform would do otherwise; `is_platforms` says
    that the platform takes the expression at all."""

    expression: str
    losses: tuple[str, ...] = ()
    is_platforms: bool = True


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()


_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day of the month", 1, 31)
_MONTH = _Field("month", 1, 12, tuple(_MONTHS))
_WEEKDAY = _Field("day of the week", 1, 7, tuple(_DAYS))
_CRON_WEEKDAY = _Field("day of the week", 0, 6, tuple(_DAYS))
_CRON = (_MINUTE, _HOUR, _DAY, _MONTH, _CRON_WEEKDAY)

_MANY_HOURS = 12
_DAY_MINUTES = 24 * 60
_YEARS = range(2080, 2122)
"""Every way in which days of the month and of the week meet, and the years around 2100."""

_WEEKLY = (2096,)


def cron_of(schedule: str) -> Cron:
    """Raises NotCron."""
    cron = _cron_of(schedule.strip())
    if not _has_times(cron.expression):
        message = "none of its months has that day, so it never runs"
        raise NotCron(message, "write another day or month")
    return cron


def _cron_of(text: str) -> Cron:
    if text.startswith("@"):
        return _shorthand(text)
    fields = text.upper().split()
    if len(fields) == 5:
        parts = _five(fields, _CRON_WEEKDAY)
        return Cron(" ".join(parts), is_platforms=False)
    if len(fields) not in (6, 7):
        message = f"a schedule has 6 or 7 fields, and this has {len(fields)}"
        raise NotCron(message, "write `0 0 3 * * ?` for every day at three, for example")
    losses = []
    if not re.fullmatch(r"0+", fields[0]):
        if not re.fullmatch(r"[0-9]{1,2}", fields[0]) or int(fields[0]) > 59:
            message = "cron has no seconds, so it cannot run more than once a minute"
            raise NotCron(message, "write `0` as the first field")
        losses.append(f"cron has no seconds: it starts at second 0, not {int(fields[0])}")
    if len(fields) == 7 and fields[6] != "*":
        raise NotCron("cron has no years", "leave the last field out, or write `*`")
    if "?" not in (fields[3], fields[5]) and "*" not in (fields[3], fields[5]):
        message = "cron runs when either of two days matches, and this means both"
        raise NotCron(message, "write `?` for the day of the month, or of the week")
    is_platforms = all(map(_PLATFORM_FIELD.fullmatch, fields))
    is_platforms &= (fields[3] == "?") != (fields[5] == "?")
    return Cron(" ".join(_five(fields[1:6], _WEEKDAY)), tuple(losses), is_platforms)


def platforms_form(expression: str) -> str | None:
    """A translated expression as the platform takes it, if it can say that."""
    minute, hour, day, month, weekday = expression.split()
    if weekday != "*":
        if day != "*":
            return None  # either of two days: the platform has no word for that
        day = "?"
        weekday = re.sub(r"\d", lambda found: str(int(found[0]) + 1), weekday)
    fields = ("0", minute, hour, day, month, weekday if weekday != "*" else "?")
    return " ".join(fields) if all(map(_PLATFORM_FIELD.fullmatch, fields)) else None


def is_hourly(expression: str) -> bool:
    """Whether a translated expression runs in most hours: a skipped one is not worth a warning."""
    return len(_named(expression.split()[1], _HOUR)) >= _MANY_HOURS


def has_time_in(
    expression: str, month: int, day: int, weekday: int, minutes: tuple[int, int]
) -> bool:
    """Whether a translated expression has a time on that day, between two minutes of it."""
    named = [_named(text, field) for text, field in zip(expression.split(), _CRON, strict=True)]
    if not _has_day(expression, named, month, day, weekday):
        return False
    first, last = minutes
    return any(first <= 60 * hour + minute <= last for hour in named[1] for minute in named[0])


def _has_day(
    expression: str, named: Sequence[frozenset[int]], month: int, day: int, weekday: int
) -> bool:
    """Of two days that are both restricted, either will do."""
    found = (day in named[2], weekday in named[4])
    is_either = "*" not in (expression.split()[2], expression.split()[4])
    return month in named[3] and (any(found) if is_either else all(found))


def _has_times(expression: str) -> bool:
    """Whether a translated expression has any: the 30th of February has none."""
    _, _, day, month, weekday = expression.split()
    if day == "*" or weekday != "*":
        return True
    longest = max(monthrange(2096, each)[1] for each in _named(month, _MONTH))
    return min(_named(day, _DAY)) <= longest


@cache
def longest_gap(expression: str) -> int:
    """Seconds between two times of a translated expression, at most."""
    named = [_named(text, field) for text, field in zip(expression.split(), _CRON, strict=True)]
    gap = before = number = 0
    for year in _WEEKLY if expression.split()[2:4] == ["*", "*"] else _YEARS:
        for month in range(1, 13):
            first, length = monthrange(year, month)
            for day in range(1, length + 1) if month in named[3] else ():
                if _has_day(expression, named, month, day, (first + day) % 7):
                    gap = max(gap, number + day - before) if before else gap
                    before = number + day
            number += length
    times = sorted(60 * hour + minute for hour in named[1] for minute in named[0])
    within = [later - earlier for earlier, later in pairwise(times)]
    return 60 * max(gap * _DAY_MINUTES - (times[-1] - times[0]), *within, 1)


def _named(text: str, field: _Field) -> frozenset[int]:
    """The numbers that a field of a translated expression names."""
    named: set[int] = set()
    for item in text.split(","):
        numbers, _, step = item.partition("/")
        every = f"{field.least}-{field.most}"
        first, _, last = (every if numbers == "*" else numbers).partition("-")
        end = int(last) if last else field.most if step else int(first)
        named |= set(range(int(first), end + 1, int(step or 1)))
    return frozenset(named)


def _shorthand(text: str) -> Cron:
    if text not in _SHORTHANDS:
        message = f"`{text}` is not a schedule"
        raise NotCron(message, f"write one of {', '.join(_SHORTHANDS[:4])}")
    if text in ("@yearly", "@annually"):
        return Cron("0 0 1 1 *", is_platforms=False)
    expression = {
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
    }[text]
    loss = f"`{text}` counts from when the trigger was made on the platform, and by the clock here"
    return Cron(expression, (loss,))


def _five(fields: list[str], weekday: _Field) -> list[str]:
    minute, hour, day, month, day_of_week = fields
    return [
        _translated(minute, _MINUTE),
        _translated(hour, _HOUR),
        _translated(day, _DAY),
        _translated(month, _MONTH),
        _weekdays(day_of_week, weekday),
    ]


def _translated(text: str, field: _Field) -> str:
    if text == "?" and field is _DAY:
        return "*"
    return ",".join(_item(part, field) for part in text.split(","))


def _item(text: str, field: _Field) -> str:
    """A range that wraps around is two; `5/10` counts up to the end of the field."""
    first, last, step = _numbers(text, field)
    if first is None:
        return f"*/{step}" if step > 1 else "*"
    suffix = f"/{step}" if step > 1 else ""
    if first > last:
        if step > 1:
            return ",".join(map(str, _expanded(first, last, step, field)))
        tail = f"{first}-{field.most}" if first < field.most else str(first)
        head = f"{field.least}-{last}" if last > field.least else str(last)
        return f"{tail},{head}"
    return f"{first}-{last}{suffix}" if first < last else str(first)


def _weekdays(text: str, field: _Field) -> str:
    """Quartz counts from Sunday as 1, cron from Sunday as 0: each day is named by its number."""
    if text in ("?", "*"):
        return "*"
    shift = field.least
    if field is _CRON_WEEKDAY:
        text = re.sub(r"(?<![0-9/])7(?![0-9])", "0", text)  # Sunday, too
    days: set[int] = set()
    for part in text.split(","):
        first, last, step = _numbers(part, field)
        if first is None:
            first, last = field.least, field.least + 6
        days |= {(each - shift) % 7 for each in _expanded(first, last, step, field)}
    found = sorted(days)
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"{found[0]}-{found[-1]}"
    return ",".join(map(str, found))


def _expanded(first: int, last: int, step: int, field: _Field) -> list[int]:
    size = field.most - field.least + 1
    end = last if last >= first else last + size
    return [(each - field.least) % size + field.least for each in range(first, end + 1, step)]


def _numbers(text: str, field: _Field) -> tuple[int | None, int, int]:
    """First, last and step of an item; no first where it is `*`."""
    if _QUARTZ_ONLY.fullmatch(text):
        message = f"cron cannot say `{text}` as the {field.name}"
        raise NotCron(message, "write days as numbers, without `L`, `W` and `#`")
    numbered = text
    for number, name in enumerate(field.names, start=field.least):
        numbered = re.sub(rf"\b{name}\b", str(number), numbered)
    match = _ITEM.fullmatch(numbered)
    if match is None:
        message = f"`{text}` cannot be the {field.name}"
        hint = f"write numbers from {field.least} to {field.most}, `*` or a range"
        if (close := did_you_mean(text.upper(), field.names)) is not None:
            hint = close
        raise NotCron(message, hint)
    step = int(match["step"] or 1)
    if not 1 <= step <= field.most:
        message = f"`{text}` cannot be the {field.name}"
        raise NotCron(message, f"write a step from 1 to {field.most}")
    if match["first"] in ("*", "") and match["last"] is None:
        return None, field.most, step
    numbers = [int(each) for each in (match["first"], match["last"]) if each and each != "*"]
    if match["first"] in ("*", "") or not all(
        field.least <= each <= field.most for each in numbers
    ):
        message = f"`{text}` cannot be the {field.name}"
        raise NotCron(message, f"write numbers from {field.least} to {field.most}")
    first = numbers[0]
    last = numbers[1] if len(numbers) > 1 else field.most if match["step"] else first
    return first, last, step
