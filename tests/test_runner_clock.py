"""When a cron expression is due: what a real Kubernetes did, and every minute asked one by one."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from gitopsc.model.schedule import NotCron, cron_of, longest_gap
from gitopsc_runner.clock import Cron
from gitopsc_runner.outcome import Unusable

ROME = ZoneInfo("Europe/Rome")
HOUR = 3600


def at(text: str, zone: ZoneInfo | timezone = timezone.utc) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def between(cron: Cron, start: int, end: int) -> list[int]:
    found = []
    due = cron.next(start - 1)
    while due is not None and due < end:
        found.append(due)
        due = cron.next(due)
    return found


def test_summer_time_as_a_real_cluster_had_it() -> None:
    """kubernetes.md section 4: skipped in spring, twice in autumn, at these very minutes."""
    cron = Cron("30 2 * * *", "Europe/Rome")
    spring = (at("2026-03-29", ROME), at("2026-03-30", ROME))
    assert between(cron, *spring) == []
    autumn = (at("2026-10-25", ROME), at("2026-10-26", ROME))
    assert between(cron, *autumn) == [60 * 29881470, 60 * 29881530]
    assert cron.last(60 * 29881530) == 60 * 29881530
    assert cron.last(60 * 29881530 - 1) == 60 * 29881470
    hourly = Cron("0 * * * *", "Europe/Rome")
    assert len(between(hourly, *spring)) == 23
    assert len(between(hourly, *autumn)) == 25


def expression(choice: random.Random) -> str:
    def field(least: int, most: int) -> str:
        kind = choice.randrange(5)
        one, other = sorted((choice.randint(least, most), choice.randint(least, most)))
        if kind == 0:
            return "*"
        if kind == 1:
            return f"*/{choice.randint(2, 5)}"
        if kind == 2 and one < other:
            return f"{one}-{other}"
        if kind == 3 and one < other:
            return f"{one}-{other}/{choice.randint(2, 3)}"
        return ",".join(map(str, sorted({one, other})))

    return " ".join((field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)))


def matches(text: str, shown: datetime) -> bool:
    """Read from the documentation of cron, with no thought for speed."""

    def has(field: str, value: int, least: int) -> bool:
        for item in field.split(","):
            numbers, _, step = item.partition("/")
            first, _, last = numbers.partition("-")
            low = least if first == "*" else int(first)
            high = 10**6 if first == "*" or (step and not last) else int(last or first)
            if low <= value <= high and (value - low) % int(step or 1) == 0:
                return True
        return False

    minute, hour, day, month, weekday = text.split()
    days = [has(day, shown.day, 1), has(weekday, shown.isoweekday() % 7, 0)]
    is_day = all(days) if "*" in (day, weekday) else any(days)
    is_time = has(minute, shown.minute, 0) and has(hour, shown.hour, 0)
    return is_time and is_day and has(month, shown.month, 1)


@pytest.mark.parametrize("zone", ["Etc/UTC", "Europe/Rome", "America/New_York", "Asia/Kathmandu"])
def test_every_minute_of_some_days(zone: str) -> None:
    choice = random.Random(zone)
    starts = [at("2026-03-28"), at("2026-10-24"), at("2028-02-28"), at("2026-12-31")]
    known = ZoneInfo(zone)
    for _ in range(6):
        text = expression(choice)
        cron = Cron(text, zone)
        for start in starts:
            end = start + 48 * HOUR
            shown = ((each, datetime.fromtimestamp(each, known)) for each in range(start, end, 60))
            expected = [each for each, local in shown if matches(text, local)]
            assert between(cron, start, end) == expected, text
            if expected:
                moment = choice.randrange(expected[0], end)
                assert cron.last(moment) == max(each for each in expected if each <= moment), text


def test_years_between() -> None:
    leap = Cron("0 0 29 2 *")
    assert leap.next(at("2096-03-01")) == at("2104-02-29")
    assert leap.last(at("2104-02-28")) == at("2096-02-29")
    assert Cron("0 0 31 2 *").next(at("2026-01-01")) is None
    assert Cron("0 0 31 2 *").last(at("2026-01-01")) is None


def test_a_zone_that_an_image_does_not_have() -> None:
    with pytest.raises(Unusable, match="add `tzdata` to the requirements"):
        Cron("* * * * *", "Mars/Olympus")


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0 3 * * *", 1),
        ("*/15 9-17 * * 1-5", 2 + 15.25 / 24),
        ("0 0 29 2 *", 8 * 365 + 1),
        ("0 0 1 1 *", 366),
        ("0 5 * * 0", 7),
        ("* * * * *", 1 / 1440),
        ("59 * * * *", 1 / 24),
    ],
)
def test_the_longest_gap(text: str, days: float) -> None:
    assert longest_gap(text) == round(days * 24 * HOUR)


def test_the_longest_gap_is_never_passed() -> None:
    choice = random.Random(7)
    seen = 0
    for _ in range(40):
        text = expression(choice)
        try:
            cron_of(text)
        except NotCron:
            assert Cron(text).next(at("2026-01-01")) is None, text
            continue
        cron, due = Cron(text), at("2026-01-01")
        for _ in range(15):
            following = cron.next(due)
            if following is None:
                break  # nine years are more than any gap, but for a leap day on a weekday
            if due != at("2026-01-01"):
                assert following - due <= longest_gap(text), text
                seen += 1
            due = following
        assert due > at("2026-01-01") - timedelta(days=1).total_seconds()
    assert seen > 300
