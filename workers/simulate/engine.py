"""The events, in the order of time. Pure: the same world gives the same outcome.

    a job comes ──> its lane is ready ──> a dispatcher's step claims it ──> a worker takes a batch ──> the batch ends
                         ▲                                                         ▲                      │
                         └── work left, and others wait or enough for one hint ────┴── work left ─────────┘

A step happens when a worker is free and a lane is ready, but not within ``step_s`` of the one before, nor before that
one's hints are out: the one dispatcher sends them one after the other.
"""

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice
from typing import Final

import numpy as np

from workers.simulate.line import Line
from workers.simulate.world import Arrivals, Floats, Service, draw_calls_s

_NEVER: Final = float("inf")


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What is simulated. ``tokens`` is the estimated cost of one job; a step sends ``most_hints`` at most."""

    arrivals: Arrivals
    service: Service
    workers: int
    seed: int
    step_s: float = 0.005
    hint_s: float = 0.0
    most_hints: int = 32
    tokens: int = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """When each job started and ended, in the order of arrival; and what was done for all of them. Seconds."""

    started_s: Floats
    ended_s: Floats
    wakes: int
    batches: int
    busy_s: float
    peak_backlog: int
    peak_tenants: int


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class _End:
    """A batch that will end. By ``at_s``, then by ``serial``, so that the order is the same in each run."""

    at_s: float
    serial: int
    lane: int
    tenant: int
    jobs: int
    batches: int


class Engine:
    """One run of one world."""

    def __init__(self, world: World, line: Line) -> None:
        count = len(world.arrivals.at_s)
        self._world = world
        self._line = line
        self._calls_s: list[float] = draw_calls_s(world.service, count, seed=world.seed).tolist()
        self._waiting: dict[int, deque[int]] = {}
        self._ends: list[_End] = []
        self._free = world.workers
        self._now_s = 0.0
        self._next_step_s = -_NEVER
        self._started_s = [-1.0] * count
        self._ended_s = [-1.0] * count
        self._wakes = self._batches = self._backlog = self._peak_backlog = self._peak_tenants = 0
        self._busy_s = 0.0

    def run(self) -> Outcome:
        """Until every job has ended."""
        arrivals = self._world.arrivals
        came = zip(arrivals.at_s.tolist(), arrivals.tenants.tolist(), arrivals.lanes.tolist(), strict=True)
        for job, (at_s, tenant, lane) in enumerate(came):
            self._advance(at_s)
            self._now_s = at_s
            self._arrive(job, tenant, lane)
        self._advance(_NEVER)
        return Outcome(
            started_s=np.array(self._started_s),
            ended_s=np.array(self._ended_s),
            wakes=self._wakes,
            batches=self._batches,
            busy_s=self._busy_s,
            peak_backlog=self._peak_backlog,
            peak_tenants=self._peak_tenants,
        )

    def _advance(self, until_s: float) -> None:
        """All that happens before ``until_s``."""
        while True:
            step_s = max(self._now_s, self._next_step_s) if self._can_step() else _NEVER
            end_s = self._ends[0].at_s if self._ends else _NEVER
            next_s = min(step_s, end_s)
            if next_s >= until_s:
                return
            self._now_s = next_s
            if end_s <= step_s:
                self._end(heappop(self._ends))
            else:
                self._step()

    def _can_step(self) -> bool:
        return self._free > 0 and len(self._line) > 0

    def _arrive(self, job: int, tenant: int, lane: int) -> None:
        self._backlog += 1
        self._peak_backlog = max(self._peak_backlog, self._backlog)
        waiting = self._waiting.get(lane)
        if waiting is None:
            self._waiting[lane] = deque((job,))
            self._line.add(tenant, lane)
            self._peak_tenants = max(self._peak_tenants, len(self._line))
        else:
            waiting.append(job)

    def _step(self) -> None:
        world = self._world
        claimed = self._line.claim(min(self._free, world.most_hints), self._cost_tokens)
        for place, (tenant, lane) in enumerate(claimed, start=1):
            hinted_s = self._now_s + place * world.hint_s
            self._start(lane, tenant, at_s=hinted_s + world.service.wake_s, batches=1)
        self._free -= len(claimed)
        self._wakes += len(claimed)
        self._busy_s += world.service.wake_s * len(claimed)
        self._next_step_s = self._now_s + max(world.step_s, len(claimed) * world.hint_s)

    def _cost_tokens(self, lane: int) -> int:
        return self._world.tokens * len(self._waiting[lane])

    def _start(self, lane: int, tenant: int, *, at_s: float, batches: int) -> None:
        service, waiting = self._world.service, self._waiting[lane]
        jobs = list(islice(waiting, service.max_jobs))
        took_s = self._calls_s[self._batches] + service.job_s * len(jobs)
        for job in jobs:
            waiting.popleft()
            self._started_s[job] = at_s
            self._ended_s[job] = at_s + took_s
        self._batches += 1
        self._busy_s += took_s
        end = _End(at_s=at_s + took_s, serial=self._batches, lane=lane, tenant=tenant, jobs=len(jobs), batches=batches)
        heappush(self._ends, end)

    def _end(self, ended: _End) -> None:
        self._backlog -= ended.jobs
        if not self._waiting[ended.lane]:
            del self._waiting[ended.lane]
            self._give_back(ended.tenant)
        elif ended.batches < self._world.service.max_batches and not len(self._line):
            self._start(ended.lane, ended.tenant, at_s=self._now_s, batches=ended.batches + 1)
        else:
            self._line.add(ended.tenant, ended.lane)
            self._give_back(ended.tenant)

    def _give_back(self, tenant: int) -> None:
        self._free += 1
        self._line.release(tenant)
