"""Data that the clock makes -> a service that serves the newest, without losing a request.

`init` prepares the new data on a context of its own, beside the one that is served; then the
service switches, between two requests. What cannot be done so keeps what is served, and is counted.
"""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from traceback import format_exc
from typing import Any, NamedTuple

import nuclio_sdk

from gitopsc_runner.clock import Cron
from gitopsc_runner.health import DATA, KEPT, SWITCHES
from gitopsc_runner.memory import give_back, memory_taken
from gitopsc_runner.outcome import StoreFailed, Waiting
from gitopsc_runner.settings import Settings
from gitopsc_runner.store import Store
from gitopsc_runner.upstream import Upstream, find_upstream, moment

_LOOKS = 10
"""In the time between two ticks, as far as the bounds let it be, which are in seconds."""

_SHORTEST, _LONGEST = 10.0, 300.0

_RESTART_SECONDS = 600
"""A container that ends more often is started later and later."""

_INIT_SECONDS = 600
"""After which it is said that the init function for new data has not returned."""

_MEMORY_SHARE = 0.8
_MOST_SKIPPED = 64
"""Looks until what has failed is tried again, at most."""


class Served(NamedTuple):
    """What a service answers from: a context that `init` has prepared, and the data it has read."""

    context: nuclio_sdk.Context
    upstream: Upstream


class Means(NamedTuple):
    """How new data becomes what is served.

    `prepare` calls `init` and raises what it raises; `switch` puts the result in the place of the
    old; `restart` ends the process, gently. `init_memory` is what the first init took, of `memory`
    bytes that there are.
    """

    prepare: Callable[[Upstream], Served]
    switch: Callable[[Served], None]
    restart: Callable[[], None]
    init_memory: int
    memory: int


class Follower:
    """Looks for newer data. `now` and `uptime` are clocks, in seconds."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        served: Served,
        means: Means,
        logger: nuclio_sdk.Logger,
        *,
        now: Callable[[], float] = time.time,
        uptime: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._store = store
        self._means = means
        self._logger = logger
        self._now = now
        self._uptime = uptime
        self._begun = uptime()
        self._served = served
        self._versions = served.upstream.versions(settings)
        self._refused: Mapping[str, str] = {}
        self._tries = self._skipped = 0
        self._is_silent = self._has_ended = False
        self._since = now()

    def follow(self, interval: float | None) -> None:
        """In a thread of its own, until the process ends. Replicas look at different times.

        Without a wish to follow, it only says what is served.
        """
        if self._settings.follow is None:
            threading.Thread(target=self._tell, daemon=True, name="follow").start()
            return
        seconds = interval or interval_of(self._settings, self._now())
        way = self._settings.follow
        self._logger.info_with("following", way=way, seconds=seconds, **self._versions)

        def look() -> None:
            self._tell()
            time.sleep(seconds * _offset())
            while not self._has_ended:
                time.sleep(seconds)
                try:
                    self.look()
                except Exception:
                    self._logger.error_with("looking for new data failed", error=format_exc())

        threading.Thread(target=look, daemon=True, name="follow").start()

    def look(self) -> None:
        """Raises nothing: a service lives without new data."""
        try:
            upstream = find_upstream(self._settings, self._store, self._now(), None)
        except (StoreFailed, Waiting) as error:
            if not self._is_silent:
                self._logger.warn_with("new data cannot be looked for", error=str(error))
            self._is_silent = True
            return
        self._is_silent = False
        versions = upstream.versions(self._settings)
        if versions == self._versions or self._is_older(upstream):
            return
        if versions == self._refused and self._skipped < min(2**self._tries, _MOST_SKIPPED):
            self._skipped += 1
            return
        if versions != self._refused:
            self._tries = 0
        self._skipped = 0
        self._take(upstream, versions)

    def _is_older(self, upstream: Upstream) -> bool:
        """As a clock that has stepped back sees it."""
        served = self._served.upstream.ticks
        return any(tick < served.get(name, tick) for name, tick in upstream.ticks.items())

    def _take(self, upstream: Upstream, versions: Mapping[str, str]) -> None:
        way = self._settings.follow
        if way == "keep":
            # Requests under way use them, too. Compile has said so.
            if versions != self._refused:
                words = "the init function changes globals of a module"
                self._keep("globals", versions, words)
        elif way == "restart":
            if self._uptime() - self._begun >= _RESTART_SECONDS:
                self._logger.info_with("restarting for new data", **versions)
                self._has_ended = True
                self._means.restart()
        elif (taken := memory_taken() + self._means.init_memory) > self._limit:
            words = f"with both it would take {taken} bytes of {self._means.memory}"
            self._keep("memory", versions, words)
        else:
            self._switch(upstream, versions)

    @property
    def _limit(self) -> float:
        return _MEMORY_SHARE * self._means.memory

    def _switch(self, upstream: Upstream, versions: Mapping[str, str]) -> None:
        begun = self._uptime()
        watchdog = threading.Timer(_INIT_SECONDS, self._hangs, [versions])
        watchdog.daemon = True
        watchdog.start()
        try:
            served = self._means.prepare(upstream)
            self._means.switch(served)
        except BaseException as error:
            self._keep("init", versions, repr(error), format_exc())
            return
        finally:
            watchdog.cancel()
        self._served = served
        self._refused = {}
        SWITCHES.inc()
        self._versions = versions
        self._since = self._now()
        self._tell()
        self._logger.info_with("serving new data", seconds=self._uptime() - begun, **versions)
        gc.collect()
        give_back()

    def _hangs(self, versions: Mapping[str, str]) -> None:
        KEPT.labels("init").inc()
        words = f"the init function has not returned within {_INIT_SECONDS} seconds"
        self._logger.warn_with("new data is not served", reason=words, **versions)

    def _keep(
        self, reason: str, versions: Mapping[str, str], words: str, trace: str | None = None
    ) -> None:
        is_new = versions != self._refused
        self._refused = versions
        self._tries += 1
        KEPT.labels(reason).inc()
        if is_new:
            more = {} if trace is None else {"traceback": trace}
            self._logger.warn_with("new data is not served", reason=words, **versions, **more)
            self._tell({"at": self._now(), "reason": words, "versions": dict(versions)})

    def _tell(self, refused: Mapping[str, Any] | None = None) -> None:
        """Metrics and the store say what is served, and what is not."""
        upstream = self._served.upstream
        DATA.clear()
        ticks = {}
        for read in self._settings.reads:
            key, tick = read["key"], upstream.ticks.get(read.get("producer", ""))
            if tick is not None and key in self._versions:
                ticks[key] = moment(tick)
                DATA.labels(key, self._versions[key]).set(tick)
        serving = {
            "at": self._now(),
            "compute": self._settings.compute,
            "refused": refused,
            "replica": socket.gethostname(),
            "since": self._since,
            "ticks": ticks,
            "versions": dict(self._versions),
        }
        try:
            self._store.keep_serving(self._settings.run, serving)
        except StoreFailed as error:
            self._logger.info_with("the store does not hear what is served", error=str(error))


def interval_of(settings: Settings, now: float) -> float:
    """Seconds between two looks: some in the time between two ticks, of the fastest clock."""
    gaps = []
    for clock in settings.clocks.values():
        cron = Cron(clock["schedule"], settings.time_zone)
        first = cron.next(now)
        second = cron.next(first) if first is not None else None
        if first is not None and second is not None:
            gaps.append(second - first)
    return min(max(min(gaps, default=_LONGEST) / _LOOKS, _SHORTEST), _LONGEST)


def _offset() -> float:
    """A part of the interval, which the name of a pod decides."""
    name = os.environ.get("HOSTNAME") or socket.gethostname()
    return zlib.crc32(name.encode()) % 1000 / 1000
