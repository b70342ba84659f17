"""The dispatcher: turns alarms that have rung into hints for workers. ``python -m scheduler.dispatch``

    look ──> whose turn is it? ──> share the free places ──> claim lanes ──> publish hints ──> sleep
     ▲                                                                                           │
     └─────────────── a signal from put, retry or finish; or the next turn has come ─────────────┘

It keeps each Celery queue short, so that the order is decided here, late, and not when the work arrived. It has no
state: several may run, and one that dies is missed by nobody. A lane whose hint or worker got lost rings again by
itself, so there is no reaper beside this loop.
"""

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Final, Protocol

from memos.clock import Clock, SystemClock
from memos.errors import InvalidConfig, Unavailable
from memos.ids import TenantId
from memos.settings import Settings, load_settings
from memos.types import JobKind, Lane
from scheduler.attention import Attention
from scheduler.broker import Publisher, cpu_app, gpu_app
from scheduler.connection import connect, require_redis_url
from scheduler.fairness import interleave, share_slots
from scheduler.keys import SHARDS
from scheduler.wakes import Wakes, order_turns

log = logging.getLogger(__name__)

# Enough that a few workers never run dry between two looks, and so few that a new tenant soon has its turn.
DEFAULT_MAX_QUEUED: Final = 8
_LONGEST_SLEEP_S: Final = 0.5
# While turns are due: nobody tells when a worker picks a hint up and makes a place free.
_BUSY_SLEEP_S: Final = 0.005
_FULL_SLEEP_S: Final = 0.1
_MUTE_S: Final = 2.0
_LONGEST_BACKOFF_S: Final = 5.0


class Hints(Protocol):
    """Where hints go: scheduler.broker.Publisher, or a list in a test."""

    def publish(self, lane: Lane) -> None: ...

    def count_queued(self, kind: JobKind) -> int: ...


@dataclass(kw_only=True, slots=True)
class Dispatcher:
    """One loop over all tenants. ``max_queued`` bounds the hints of a kind that wait for a worker."""

    wakes: Wakes
    hints: Hints
    max_queued: int = DEFAULT_MAX_QUEUED
    clock: Clock = field(default_factory=SystemClock)
    _muted_until_s: dict[JobKind, float] = field(default_factory=dict[JobKind, float], init=False)
    _attention: Attention = field(default_factory=lambda: Attention(SHARDS), init=False)
    _pause_s: float = field(default=_BUSY_SLEEP_S, init=False)

    def run(self, *, stop: Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Dispatch until ``stop`` is set. Outlives outages of Redis and of a broker."""
        failures = 0
        while not stop.is_set():
            try:
                pause_s = self.step()
                failures = 0
                on_ready()
                on_ready = _nothing
                self._sleep(pause_s)
            except Unavailable as error:
                failures += 1
                log.warning("cannot dispatch, attempt %d: %s", failures, error)
                stop.wait(min(0.1 * 2 ** min(failures, 10), _LONGEST_BACKOFF_S))

    def step(self) -> float:
        """Look where it is time to; returns for how many seconds to sleep unless a signal comes."""
        shards = self._attention.choose(self.clock.monotonic_s())
        if shards:
            views = self.wakes.look(shards)
            published = sum(self._serve(kind, waiting) for kind, waiting in order_turns(views).items())
            self._pause_s = _BUSY_SLEEP_S if published else min(self._pause_s * 2, _FULL_SLEEP_S)
            self._attention.note(views, now_s=self.clock.monotonic_s(), pause_s=self._pause_s)
        return self._attention.sleep_s(self.clock.monotonic_s())

    def _sleep(self, seconds: float) -> None:
        # A timeout of 0 would be for ever.
        shard = self.wakes.wait_for_signal(min(max(seconds, 0.001), _LONGEST_SLEEP_S))
        if shard is not None:
            self._attention.signal(shard)

    def _serve(self, kind: JobKind, waiting: Sequence[TenantId]) -> int:
        if self.clock.monotonic_s() < self._muted_until_s.get(kind, 0):
            return 0
        try:
            return self._publish(kind, waiting)
        except Unavailable as error:
            if error.dependency == "redis":
                raise
            # One broker that is away must not hold up the other.
            log.warning("no hints for %s for %g s: %s", kind, _MUTE_S, error)
            self._muted_until_s[kind] = self.clock.monotonic_s() + _MUTE_S
            return 0

    def _publish(self, kind: JobKind, waiting: Sequence[TenantId]) -> int:
        shares = share_slots(waiting, self.max_queued - self.hints.count_queued(kind))
        if not shares:
            return 0
        lanes = interleave(self.wakes.claim(kind, shares))
        for lane in lanes:
            self.hints.publish(lane)
            log.debug("woke tenant=%s cube=%s session=%s", lane.tenant, lane.cube, lane.session)
        return len(lanes)


def build_dispatcher(settings: Settings, *, max_queued: int) -> Dispatcher:
    """A dispatcher on the servers that the settings name. Raises InvalidConfig."""
    publisher = Publisher(cpu_app(settings), gpu_app(settings))
    wakes = Wakes(connect(require_redis_url(settings)))
    return Dispatcher(wakes=wakes, hints=publisher, max_queued=max_queued)


def main(arguments: Sequence[str] | None = None) -> int:
    """The process. Returns 0 after SIGTERM or SIGINT, 2 when the settings are wrong."""
    options = _parse(arguments)
    try:
        settings = load_settings()
        dispatcher = build_dispatcher(settings, max_queued=options.max_queued)
    except InvalidConfig as error:
        sys.stderr.write(f"dispatch: {error}\n")
        return 2
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        dispatcher.run(stop=stop, on_ready=lambda: _announce(options.ready_file))
    finally:
        _withdraw(options.ready_file)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scheduler.dispatch", description="Wakes workers for lanes that have work.")
    parser.add_argument("--ready-file", type=Path, help="made once Redis was reached, removed at the end")
    parser.add_argument(
        "--max-queued", type=int, default=DEFAULT_MAX_QUEUED, help="hints of a kind that may wait for a worker"
    )
    options = parser.parse_args(arguments)
    if options.max_queued < 1:
        parser.error(f"--max-queued must be at least 1, not {options.max_queued}")
    return options


def _announce(ready_file: Path | None) -> None:
    log.info("dispatching")
    if ready_file is not None:
        ready_file.parent.mkdir(parents=True, exist_ok=True)
        ready_file.touch()


def _withdraw(ready_file: Path | None) -> None:
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def _nothing() -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
