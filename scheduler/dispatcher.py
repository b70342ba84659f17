"""The dispatcher's loop: alarms that have rung become hints for workers.

look at some shards ──> note who waits ──> feed the queues (scheduler/feeder.py) ──> sleep
 ▲                                                                                     │
 └────────── a signal from put, retry or finish; or the next turn has come ────────────┘
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from memos.clock import Clock, SystemClock
from memos.errors import Unavailable
from memos.types import Step
from scheduler.attention import Attention
from scheduler.feeder import Fed, Feeder, Hints
from scheduler.keys import SHARDS, Queue
from scheduler.line import Lines
from scheduler.pace import Pace
from scheduler.priorities import POOLS
from scheduler.wakes import Wakes

log = logging.getLogger(__name__)

# So few that a new tenant soon has its turn, and enough for workers that are looked after every few milliseconds.
DEFAULT_MAX_QUEUED: Final = 1
# Not fed from step "pause" of the overload ladder on.
PAUSABLE: Final = frozenset({Queue.ORGANIZE, Queue.KV_BUILD})
_LONGEST_SLEEP_S: Final = 0.5
_STANDBY_S: Final = 0.1
_MUTE_S: Final = 2.0
_LONGEST_BACKOFF_S: Final = 5.0


def always() -> bool:
    """Of a dispatcher that is alone."""
    return True


def not_overloaded() -> int:
    """The level of a system without a ladder."""
    return 0


@dataclass(kw_only=True, slots=True)
class Dispatcher:
    """One loop over all tenants. ``max_queued`` bounds the hints of a pool that wait for a worker."""

    wakes: Wakes
    hints: Hints
    max_queued: int = DEFAULT_MAX_QUEUED
    level: Callable[[], int] = not_overloaded
    clock: Clock = field(default_factory=SystemClock)
    attention: Attention = field(default_factory=lambda: Attention(SHARDS))
    lines: Lines = field(default_factory=Lines)
    _feeders: tuple[Feeder, ...] = field(init=False)
    _muted_until_s: dict[Queue, float] = field(default_factory=dict[Queue, float], init=False)
    _pace: Pace = field(default_factory=Pace, init=False)
    _round_at_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._round_at_s = self.clock.monotonic_s()
        self._feeders = tuple(
            Feeder(wakes=self.wakes, hints=self.hints, pool=pool, max_queued=self.max_queued, clock=self.clock)
            for pool in POOLS
        )

    def run(
        self, *, stop: Event, leads: Callable[[], bool] = always, on_step: Callable[[], None] = lambda: None
    ) -> None:
        """Dispatch while this process leads, until ``stop`` is set. Outlives outages of Redis and of a broker.

        ``on_step`` is called after each step, also after one of standing by.
        """
        failures = 0
        while not stop.is_set():
            self._round_at_s = self.clock.monotonic_s()
            try:
                if leads():
                    self._sleep(self.step())
                else:
                    stop.wait(_STANDBY_S)
                failures = 0
                on_step()
            except Unavailable as error:
                failures += 1
                log.warning("cannot dispatch, attempt %d: %s", failures, error)
                stop.wait(min(0.1 * 2 ** min(failures, 10), _LONGEST_BACKOFF_S))

    def step(self) -> float:
        """Look where it is time to; returns for how many seconds to sleep unless a signal comes."""
        now_s = self.clock.monotonic_s()
        shards = self.attention.choose(now_s)
        if shards:
            views = self.wakes.look(shards)
            self.lines.note(views)
            self.attention.note(views, now_s=now_s)
        if not self.lines.is_empty():
            self._feed_all()
        pause_s = self.attention.sleep_s(self.clock.monotonic_s())
        return pause_s if self.lines.is_empty() else min(pause_s, self._pace.pause_s)

    def _feed_all(self) -> None:
        fed = [self._feed(feeder) for feeder in self._feeders]
        self._pace.note(published=sum(each.published for each in fed), ran_dry=any(each.ran_dry for each in fed))
        if self.lines.is_empty():
            self.attention.hurry()

    def idle_s(self) -> float:
        """Seconds since the loop went round last: a probe's question."""
        return self.clock.monotonic_s() - self._round_at_s

    def _sleep(self, seconds: float) -> None:
        # A timeout of 0 would be for ever.
        shard = self.wakes.wait_for_signal(min(max(seconds, 0.001), _LONGEST_SLEEP_S))
        if shard is not None:
            self.attention.signal(shard)

    def _feed(self, feeder: Feeder) -> Fed:
        first = feeder.pool[0]
        if self.clock.monotonic_s() < self._muted_until_s.get(first, 0) or self._is_paused(first):
            return Fed()
        try:
            return feeder.feed(self.lines.by_queue)
        except Unavailable as error:
            if error.dependency == "redis":
                raise
            # One broker that is away must not hold up the other.
            log.warning("no hints for %s for %g s: %s", first, _MUTE_S, error)
            self._muted_until_s[first] = self.clock.monotonic_s() + _MUTE_S
            return Fed()

    def _is_paused(self, queue: Queue) -> bool:
        return queue in PAUSABLE and self.level() >= Step.PAUSE.level
