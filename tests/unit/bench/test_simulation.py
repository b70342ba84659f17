"""The simulation's engine: against queueing theory, and what must hold of every run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.bench.scale import TenantClass
from memos.ids import TenantId
from scheduler.wakes import Turn
from workers.simulate.engine import Engine, Outcome, World
from workers.simulate.line import Line
from workers.simulate.world import Arrivals, Service, build_arrivals

ONE_BY_ONE = Service(wake_s=0, call_s=1.0, job_s=0, max_jobs=1, max_batches=1)
QUIET = TenantClass(name="quiet", tenants=500, jobs_per_s=10)
WHALE = TenantClass(name="whale", tenants=1, jobs_per_s=60, burst=600, sessions=300)


@dataclass(frozen=True)
class WhaleFirst:
    """A policy that is none: the last tenant, which is the whale, before all others."""

    def choose(self, turns: Sequence[Turn], slots: int) -> Mapping[TenantId, int]:
        return {max((turn.tenant for turn in turns), key=int): slots}

    def charge(self, tenant: TenantId, cost_tokens: int) -> None: ...


def run(
    classes: Sequence[TenantClass], *, workers: int, horizon_s: float, service: Service = ONE_BY_ONE, seed: int = 7
) -> tuple[Arrivals, Outcome]:
    arrivals = build_arrivals(classes, horizon_s=horizon_s, seed=seed)
    world = World(arrivals=arrivals, service=service, workers=workers, seed=seed, step_s=0, most_hints=workers)
    return arrivals, Engine(world, Line()).run()


def erlang_c(workers: int, offered: float) -> float:
    """The probability that a job of an M/M/c queue has to wait."""
    free = sum(offered**k / factorial(k) for k in range(workers))
    full = offered**workers / factorial(workers) * workers / (workers - offered)
    return full / (free + full)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.5), (4, 0.7), (20, 0.8)])
def test_one_tenant_waits_as_erlang_says(workers: int, load: float) -> None:
    offered = workers * load
    one = TenantClass(name="one", tenants=1, jobs_per_s=offered, sessions=10**7)
    arrivals, outcome = run([one], workers=workers, horizon_s=150_000 / offered)
    waits_s = outcome.started_s - arrivals.at_s
    waiting = erlang_c(workers, offered)
    assert np.mean(waits_s > 1e-9) == pytest.approx(waiting, rel=0.05)
    assert waits_s.mean() == pytest.approx(waiting / (workers - offered), rel=0.05)


def test_a_whale_costs_quiet_tenants_no_more_than_the_place_that_they_wait_for() -> None:
    """The whale alone offers twice what the workers can do; a place comes free every 1/20 s on average."""
    arrivals, outcome = run([QUIET, WHALE], workers=30, horizon_s=300)
    waits_s = (outcome.started_s - arrivals.at_s)[arrivals.classes == 0]
    whale_waits_s = (outcome.started_s - arrivals.at_s)[arrivals.classes == 1]
    assert np.percentile(waits_s, 99) < 1.0
    assert np.median(whale_waits_s) > 30


def test_another_policy_would_starve_them() -> None:
    arrivals = build_arrivals([QUIET, WHALE], horizon_s=300, seed=7)
    world = World(arrivals=arrivals, service=ONE_BY_ONE, workers=30, seed=7, step_s=0, most_hints=30)
    outcome = Engine(world, Line(policy=WhaleFirst())).run()
    assert np.percentile((outcome.started_s - arrivals.at_s)[arrivals.classes == 0], 99) > 10


def test_the_same_seed_gives_the_same_run_and_another_one_another() -> None:
    first, again, other = (run([QUIET, WHALE], workers=30, horizon_s=20, seed=seed)[1] for seed in (1, 1, 2))
    assert (first.started_s == again.started_s).all()
    assert first.busy_s == again.busy_s
    assert first.busy_s != other.busy_s


def test_a_lane_is_worked_in_batches_and_its_tenant_waits_for_one_call_only() -> None:
    burst = TenantClass(name="burst", tenants=1, jobs_per_s=1, burst=64, sessions=1)
    service = Service(wake_s=0.5, call_s=0, job_s=0.01)
    arrivals, outcome = run([burst], workers=1, horizon_s=300, service=service)
    bursts = len(arrivals.at_s) // 64
    assert bursts > 1
    assert (outcome.batches, outcome.wakes) == (bursts * 4, bursts)
    assert outcome.busy_s == pytest.approx(bursts * (0.5 + 0.64))


def test_a_dispatcher_that_sends_slowly_is_the_bound() -> None:
    arrivals = build_arrivals([TenantClass(name="x", tenants=1000, jobs_per_s=80)], horizon_s=100, seed=1)
    service = Service(wake_s=0, call_s=0.001, job_s=0)
    slow = World(arrivals=arrivals, service=service, workers=100, seed=1, hint_s=0.025)
    outcome = Engine(slow, Line()).run()
    assert outcome.wakes < len(arrivals.at_s)  # lanes that wait for long are worked in batches
    assert outcome.ended_s.max() == pytest.approx(outcome.wakes * 0.025, rel=0.02)


CLASSES = st.lists(
    st.builds(
        TenantClass,
        name=st.just("any"),
        tenants=st.integers(1, 20),
        jobs_per_s=st.floats(1, 30),
        burst=st.integers(1, 40),
        sessions=st.integers(1, 6),
    ),
    min_size=1,
    max_size=3,
)


@given(classes=CLASSES, workers=st.integers(1, 8), cap=st.integers(0, 3), seed=st.integers(0, 1000))
def test_every_job_is_served_once_in_order_and_no_lane_by_two(
    classes: list[TenantClass], workers: int, cap: int, seed: int
) -> None:
    arrivals = build_arrivals(classes, horizon_s=10, seed=seed)
    service = Service(wake_s=0.003, call_s=0.05, job_s=0.01)
    world = World(arrivals=arrivals, service=service, workers=workers, seed=seed)
    outcome = Engine(world, Line(max_in_flight=cap)).run()
    assert (outcome.started_s >= arrivals.at_s).all()
    assert (outcome.ended_s > outcome.started_s).all()
    batches = lane_batches(arrivals, outcome)
    assert sum(size for *_, size in batches) == len(arrivals.at_s)
    assert len(batches) == outcome.batches
    assert most_at_once([(started, ended) for _, started, ended, _ in batches]) <= workers
    for _, of_lane in groupby(batches, key=lambda batch: batch[0]):
        assert most_at_once([(started, ended) for _, started, ended, _ in of_lane]) == 1


def lane_batches(arrivals: Arrivals, outcome: Outcome) -> list[tuple[int, float, float, int]]:
    """Lane, start, end and size of each batch, by lane and time; a lane's jobs must start in the order of arrival."""
    order = np.lexsort((np.arange(len(arrivals.at_s)), arrivals.lanes))
    rows = [(int(arrivals.lanes[job]), float(outcome.started_s[job]), float(outcome.ended_s[job])) for job in order]
    assert rows == sorted(rows, key=lambda row: row[:2])
    return [(*row, len(list(jobs))) for row, jobs in groupby(rows)]


def most_at_once(spans: list[tuple[float, float]]) -> int:
    """How many of these stretches of time overlap at most; one may begin where another ends."""
    changes = sorted([(ended, -1) for _, ended in spans] + [(started, 1) for started, _ in spans])
    return max(np.cumsum([change for _, change in changes]), default=0)
