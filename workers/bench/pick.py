"""What the dispatcher's decision costs when very many lanes wait.

A **step** is one look at all shards, the choice of tenants, and the claim of as many lanes as there are free places;
publication of the hints is left out. A **pick** is a step's time divided by the lanes that it claimed. A **hint** is
the same with the broker: its length asked for, the hints sent.
"""

import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from memos.bench.scheduler import Plan
from memos.bench.timing import percentile_ms, timed_ms
from memos.settings import Settings
from memos.types import Lane
from scheduler.broker import Publisher, cpu_app, gpu_app
from scheduler.dispatch import Dispatcher
from scheduler.feeder import Hints
from scheduler.keys import Queue
from scheduler.wakes import Wakes
from workers.bench.bell import own_redis
from workers.bench.floods import build_flood
from workers.bench.side import Side

_PAUSE_S: Final = 0.005


@dataclass(kw_only=True, slots=True)
class Followed:
    """Hints that seem to be followed at once, sent by ``publisher`` if there is one."""

    publisher: Hints | None = None
    lanes: list[Lane] = field(default_factory=list[Lane])

    def publish(self, lane: Lane) -> None:
        """Note it, and send it."""
        self.lanes.append(lane)
        if self.publisher is not None:
            self.publisher.publish(lane)

    def count_queued(self, queue: Queue) -> int:
        """Every place is free again, however long the queue."""
        if self.publisher is not None:
            self.publisher.count_queued(queue)
        return 0


def measure_pick(side: Side, plan: Plan, settings: Settings) -> dict[str, float]:
    """Steps while ``pick_lanes`` lanes of a tenth as many tenants wait, with no other dispatcher and no worker."""
    for job in build_flood(plan.pick_lanes, lanes=plan.pick_lanes, tenants=max(1, plan.pick_lanes // 10), name="pick"):
        side.send(job)
    steps = _time_steps(Followed(), plan.picks)
    with closing(Publisher(cpu_app(settings), gpu_app(settings))) as publisher:
        publishing = _time_steps(Followed(publisher=publisher), plan.picks)
    return {
        "dispatcher_step_ms": percentile_ms([taken_ms for taken_ms, _ in steps], 50),
        "dispatcher_pick_ms": percentile_ms([taken_ms / lanes for taken_ms, lanes in steps], 50),
        "dispatcher_lanes_per_step": percentile_ms([lanes for _, lanes in steps], 50),
        "dispatcher_hint_ms": percentile_ms([taken_ms / lanes for taken_ms, lanes in publishing], 50),
    }


def _time_steps(hints: Followed, count: int) -> list[tuple[float, int]]:
    dispatcher = Dispatcher(wakes=Wakes(own_redis()), hints=hints)
    return [_time_step(dispatcher, hints) for _ in range(count)]


def _time_step(dispatcher: Dispatcher, hints: Followed) -> tuple[float, int]:
    """Milliseconds of the next step that claims something, and how many lanes that is."""
    while True:
        hints.lanes.clear()
        taken_ms = timed_ms(dispatcher.step)
        if hints.lanes:
            return taken_ms, len(hints.lanes)
        time.sleep(_PAUSE_S)
