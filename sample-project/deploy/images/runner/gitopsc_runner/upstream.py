"""Settings and a store -> the record of each run whose data is read: chosen once, and then kept to.

Most data has a version, which is waited for. Data that the clock makes has a new one again and
again: a run that the clock starts, too, waits for the tick that is due at its own; any other takes
the newest (design.md section 4a).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitopsc_runner.key import Key
from gitopsc_runner.outcome import UNUSABLE, Unusable, Waiting
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import SKEW_SECONDS, Record, Store, Tick, needed

if TYPE_CHECKING:
    from gitopsc_runner.clock import Cron

_OLDEST_SECONDS = 400 * 86_400
_SHORTEST_SECONDS = 1_800
"""Between two ticks of a reader; with less it waits for nobody."""

_SHARE = 0.8
_MARGIN_SECONDS = 600
"""A pod that waits may be tried again that much later."""

JOB = "GITOPSC_JOB"
JOB_ID = "GITOPSC_JOB_ID"
"""Variables with the name and the unique id of the Job that a pod is of."""


@dataclass(frozen=True)
class Upstream:
    """The records that are read, by the run that made them; and what there is to say of them.

    `ticks` are those of the runs that the clock starts.
    """

    records: Mapping[str, Record] = field(default_factory=dict)
    ticks: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def versions(self, settings: Settings) -> Mapping[str, str]:
        """The version of all that runs have made and this one reads, by key."""
        found = {}
        for read in settings.reads:
            record = self.records.get(read.get("producer", ""))
            key = Key.parse(read["key"])
            entity = record.output(key.type, key.name) if record and key else None
            if entity is not None and entity.version is not None:
                found[read["key"]] = entity.version
        return found


def tick_of(settings: Settings, store: Store | None, now: float) -> int:
    """For what time the clock has started a run; of a manual run, when it began.

    Kubernetes calls a CronJob's Jobs after it, with the minute at the end. A number that is no such
    minute is somebody's own, as of a Job that Argo CD makes (kubernetes.md section 4).
    """
    job = os.environ.get(JOB, "")
    if match := re.fullmatch(rf"{re.escape(settings.run)}-([0-9]{{1,12}})", job):
        tick = 60 * int(match[1])
        if now - _OLDEST_SECONDS <= tick <= now + SKEW_SECONDS:
            return tick
    if store is None or not re.fullmatch(r"[a-z0-9.-]+", job):
        return int(now)
    return store.manual_tick(settings.run, job, os.environ.get(JOB_ID, ""), now)


def find_upstream(
    settings: Settings, store: Store | None, now: float, tick: int | None, *, waits: bool = True
) -> Upstream:
    """Raises Waiting when a record is not there that is to be waited for; Unusable when it will
    never come, and nothing is there in its place.

    `tick` is that of a run which the clock starts. If it does not wait, it takes what is there.
    """
    records: dict[str, Record] = {}
    ticks: dict[str, int] = {}
    missing: list[str] = []
    remarks: list[str] = []
    for read in settings.reads:
        producer = read.get("producer")
        if producer is None or producer in records:
            continue
        if producer not in settings.clocks:
            record = needed(store).record(producer, read.get("version", ""))
            if record is None:
                missing.append(f"data of `{producer}` is not there yet")
            else:
                records[producer] = record
            continue
        wanted = _Wanted(settings, needed(store), producer, now, tick if waits else None)
        found = wanted.newest()
        if found is None:
            missing.append(wanted.reason)
            continue
        records[producer], ticks[producer] = found.record, found.tick
        remarks += [wanted.reason] if wanted.reason else []
    if missing:
        raise Waiting(_said(missing, store))
    return Upstream(records, ticks, tuple(remarks))


def _said(missing: list[str], store: Store | None) -> str:
    reasons = "; ".join(sorted(set(missing)))
    if store is not None and store.is_forbidding:
        reasons += " (or is forbidden: the store does not say which of both)"
    return reasons


class _Wanted:
    """The tick of a producer that a run reads, and why it is not the one that is due."""

    def __init__(
        self, settings: Settings, store: Store, producer: str, now: float, tick: int | None
    ) -> None:
        self._settings = settings
        self._store = store
        self._producer = producer
        self._now = now
        self._tick = tick
        self._clock = settings.clocks[producer]
        self.reason = ""

    def newest(self) -> Tick | None:
        """None when it is to be waited for, or never came."""
        latest = self._store.latest(self._producer, self._now)
        due = self._due()
        if due is None or self._tick is None:
            if latest is None:
                self.reason = f"data of `{self._producer}` is not there yet"
            return latest
        if latest is not None and due <= latest.tick <= self._tick:
            return latest
        if (found := self._store.tick(self._producer, due)) is not None:
            return found
        what = f"data of `{self._producer}` for {moment(due)}"
        why = self._hopeless(latest, due)
        if why is None:
            self.reason = f"{what} is not there yet"
            return None
        if latest is None:
            raise Unusable(f"{what} {why}, and no other is there")
        self.reason = f"{what} {why}: that of {moment(latest.tick)} is read"
        return latest

    def _due(self) -> int | None:
        """The newest tick of the producer at or before the own one."""
        return self._last(self._tick) if self._tick is not None else None

    def _last(self, at: int) -> int | None:
        return self._cron(self._clock["schedule"]).last(at)

    def _cron(self, schedule: str) -> Cron:
        from gitopsc_runner.clock import Cron  # which most runs do without

        return Cron(schedule, self._settings.time_zone)

    def _is_past(self, tick: int | None, due: int) -> bool:
        """Whether it is of the clock, too, and so comes only when that of `due` is over.

        A manual run may come while the one that is due goes on.
        """
        return tick is not None and (tick == due or (tick > due and self._last(tick) == tick))

    def _hopeless(self, latest: Tick | None, due: int) -> str | None:
        """Why waiting has an end."""
        if latest is not None and self._is_past(latest.tick, due):
            return "never came, and newer data did"
        failure = self._store.failure(self._producer)
        is_last = not self._clock.get("retries") or (
            failure is not None and failure.exit_code == UNUSABLE
        )
        if failure is not None and is_last and self._is_past(failure.tick, due):
            return f"has failed ({failure.error})"
        if self._now >= self._end():
            return "has not come in time"
        return None

    def _end(self) -> float:
        """Until when it is waited for: most of the way to the own next tick."""
        tick = self._tick or 0
        own = self._settings.schedule
        following = self._cron(own).next(tick) if own is not None else None
        if following is None or following - tick < _SHORTEST_SECONDS:
            return tick
        return tick + _SHARE * (following - tick) - _MARGIN_SECONDS


def name_of_record(settings: Settings, upstream: Upstream) -> str:
    """What decides the result: with the versions of what the clock makes, which compute has not."""
    if not (settings.clocks and settings.schedule):
        return settings.compute
    read = [settings.compute, upstream.versions(settings)]
    text = json.dumps(read, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def version_of(settings: Settings, tick: int | None) -> str:
    """The version of what a run makes."""
    return settings.compute if tick is None else f"{settings.compute}-{tick}"


def moment(tick: float) -> str:
    """Such as `2026-11-26 03:00 UTC`, with seconds where there are some."""
    shown = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(tick))
    return f"{shown.removesuffix(':00')} UTC"
