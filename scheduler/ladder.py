"""Climbs the overload ladder: measures once a second, and tells every shard on which step it is.

What is measured comes from Redis, and what follows from it from scheduler/overload.py.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final, Protocol

from redis import Redis

from memos.clock import Clock, SystemClock
from memos.errors import Unavailable
from memos.ids import TenantId
from memos.types import Step
from scheduler.connection import redis_guard
from scheduler.keys import SHARDS, Queue, stats_key
from scheduler.overload import Pressure, find_noisy, next_level, step_of
from scheduler.priorities import PAIR
from scheduler.wakes import Turn, Wakes

log = logging.getLogger(__name__)

MEASURE_S: Final = 1.0
# A level lapses in Redis when nobody renews it.
_RENEW_S: Final = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """How hard it is, and who has how much waiting."""

    pressure: Pressure
    waiting: Mapping[TenantId, float] = field(default_factory=dict[TenantId, float])


class Gauge(Protocol):
    """What the ladder needs of the world: RedisGauge, or numbers in a test."""

    def measure(self) -> Measurement: ...

    def read_level(self) -> int: ...

    def write_level(self, level: int, noisy: list[TenantId]) -> None: ...

    def count_change(self, step: Step) -> None: ...


class RedisGauge:
    """Measures in Redis, by its clock. Raises Unavailable."""

    def __init__(self, redis: Redis, wakes: Wakes) -> None:
        self._redis = redis
        self._wakes = wakes

    def measure(self) -> Measurement:
        """Some milliseconds of Redis's time."""
        backlog = self._wakes.backlog()
        turns = [turn for view in self._wakes.look(range(SHARDS)) for turn in view.due.get(Queue.EXTRACT, ())]
        waiting: Counter[TenantId] = Counter()
        for queue in PAIR:
            waiting.update(backlog[queue].ready_by_tenant)
        pressure = Pressure(
            oldest_ready_s=backlog[Queue.EXTRACT].oldest_ms / 1000,
            longest_turn_s=_longest_s(turns, self._now_us()),
            memory_share=self._memory_share(),
            ready_lanes=sum(backlog[queue].ready for queue in PAIR),
        )
        return Measurement(pressure=pressure, waiting=dict(waiting))

    def read_level(self) -> int:
        """The level that another leader may have left."""
        return self._wakes.overload()

    def write_level(self, level: int, noisy: list[TenantId]) -> None:
        """Tell every shard; it lapses unless it is repeated."""
        self._wakes.set_overload(level, noisy=noisy)

    def count_change(self, step: Step) -> None:
        """Count that a step became the present one."""
        with redis_guard():
            self._redis.hincrby(stats_key(0), f"climbed|{step}", 1)

    def _now_us(self) -> int:
        with redis_guard():
            seconds, micros = self._redis.time()
        return seconds * 1_000_000 + micros

    def _memory_share(self) -> float:
        with redis_guard():
            answer = self._redis.info("memory")
        # A cluster's client answers by node; its fullest one is what matters.
        nodes = [answer] if "used_memory" in answer else list(answer.values())
        return max(memory_share(node) for node in nodes)


@dataclass(kw_only=True, slots=True)
class Ladder:
    """Where the system is on the ladder. ``level`` may be read by any thread."""

    gauge: Gauge
    dwell_s: float
    clock: Clock = field(default_factory=SystemClock)
    level: int = 0
    _since_s: float | None = field(default=None, init=False)
    _written_s: float = field(default=float("-inf"), init=False)

    def run(self, *, stop: Event, leads: Callable[[], bool]) -> None:
        """Measure each second while this process leads, until ``stop`` is set. Outlives outages of Redis."""
        while not stop.is_set():
            if leads():
                try:
                    self.step()
                except Unavailable as error:
                    log.warning("cannot measure the load: %s", error)
            else:
                self._since_s = None
            stop.wait(MEASURE_S)

    def step(self) -> None:
        """Measure, take at most one step up or down, and tell."""
        now_s = self.clock.monotonic_s()
        if self._since_s is None:
            self._since_s, self.level = now_s, self.gauge.read_level()
        measured = self.gauge.measure()
        level = next_level(self.level, measured.pressure, dwell_s=self.dwell_s, stayed_s=now_s - self._since_s)
        has_changed = level != self.level
        if has_changed or (level and now_s - self._written_s >= _RENEW_S):
            self.gauge.write_level(level, find_noisy(measured.waiting))
            self._written_s = now_s
        if has_changed:
            self._climb(level, measured.pressure, now_s)

    def _climb(self, level: int, pressure: Pressure, now_s: float) -> None:
        step = step_of(level) or "none"
        log.warning("overload level %d -> %d (%s): %s", self.level, level, step, pressure)
        self.level, self._since_s = level, now_s
        self.gauge.count_change(step_of(level))


def memory_share(info: Mapping[str, Any]) -> float:
    """The used part of what a server may use: of maxmemory, or without one of the machine's memory."""
    limit = int(info.get("maxmemory") or info.get("total_system_memory") or 0)
    return int(info["used_memory"]) / limit if limit else 0.0


def _longest_s(turns: Iterable[Turn], now_us: int) -> float:
    """How long the tenant with room waits whose last turn is longest ago."""
    return max((now_us - turn.at_us for turn in turns if turn.room > 0), default=0) / 1_000_000
