"""Periodic work. Each tick's right to run is claimed in Redis, so that nobody runs one that another has run.

    period number = Redis's time // every_s          memos:tick:<name>:<number> is there: it was run, or is being run

A tick that failed gives its right back and is tried again after a while; one whose process was killed waits for the
next period. So the work must bear being done twice, and a period being left out.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Final, Protocol

from redis import Redis

from memos.clock import Clock, SystemClock
from memos.errors import MemosError
from scheduler.connection import redis_guard
from scheduler.keys import tick_key

log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
_RETRY_S: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Periodic:
    """One line of the table. ``run`` must be idempotent; when it raises, it is called again soon."""

    name: str
    every_s: int
    run: Callable[[], None]

    def period(self, now_s: int) -> int:
        """The number of the period in which ``now_s`` lies."""
        return now_s // self.every_s


class Ticks(Protocol):
    """Who may run which tick: RedisTicks, or a set in a test."""

    def now_s(self) -> int: ...

    def claim(self, name: str, period: int, *, ttl_s: int) -> bool: ...

    def give_back(self, name: str, period: int) -> None: ...


class RedisTicks:
    """Rights to run ticks, in Redis and by its clock. Raises Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def now_s(self) -> int:
        """Seconds since the epoch on Redis's clock, the same for every dispatcher."""
        with redis_guard():
            return self._redis.time()[0]

    def claim(self, name: str, period: int, *, ttl_s: int) -> bool:
        """True for exactly one caller."""
        with redis_guard():
            return bool(self._redis.set(tick_key(name, period), "1", nx=True, ex=ttl_s))

    def give_back(self, name: str, period: int) -> None:
        """Let somebody try again."""
        with redis_guard():
            self._redis.delete(tick_key(name, period))


@dataclass(kw_only=True, slots=True)
class Schedule:
    """Runs what is due, one after the other. Only the leader should; it does no harm when another does."""

    ticks: Ticks
    table: Sequence[Periodic]
    clock: Clock = field(default_factory=SystemClock)
    _done: dict[str, int] = field(default_factory=dict[str, int], init=False)
    _not_before_s: dict[str, float] = field(default_factory=dict[str, float], init=False)

    def run(self, *, stop: Event, leads: Callable[[], bool]) -> None:
        """Look each second until ``stop`` is set. Outlives outages of Redis."""
        while not stop.is_set():
            if leads():
                try:
                    self.step()
                except MemosError as error:
                    log.warning("cannot look at the schedule: %s", error)
            stop.wait(_LOOK_S)

    def step(self) -> None:
        """Run every tick whose period has begun and that nobody has claimed."""
        now_s = self.ticks.now_s()
        for entry in self.table:
            period = entry.period(now_s)
            if self._done.get(entry.name) != period and self._may_try(entry):
                self._claim_and_run(entry, period)

    def _may_try(self, entry: Periodic) -> bool:
        return self.clock.monotonic_s() >= self._not_before_s.get(entry.name, float("-inf"))

    def _claim_and_run(self, entry: Periodic, period: int) -> None:
        if self.ticks.claim(entry.name, period, ttl_s=2 * entry.every_s):
            try:
                entry.run()
            except Exception as error:  # noqa: BLE001 - a task's entry: one that is broken must not end the others
                self._fail(entry, period, error)
                return
        self._done[entry.name] = period

    def _fail(self, entry: Periodic, period: int, error: Exception) -> None:
        log.warning("%s failed, again in %g s", entry.name, _RETRY_S, exc_info=error)
        self._not_before_s[entry.name] = self.clock.monotonic_s() + _RETRY_S
        self.ticks.give_back(entry.name, period)
