from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from memos.clock import ManualClock
from memos.ids import TenantId
from memos.settings import Settings
from memos.types import Step
from scheduler.broker import sibling_url
from scheduler.connection import connect
from scheduler.keys import Queue, lane_member, stats_key, turn_keys
from scheduler.ladder import Ladder, Measurement, RedisGauge, memory_share
from scheduler.mailbox import Mailbox
from scheduler.overload import FALL_AFTER_S, LADDER, RISE_AFTER_S, Pressure, find_noisy, next_level, step_of
from scheduler.wakes import Wakes
from tests.support.job_path import lane, spec

DWELL_S = 10.0
CALM = Pressure()
HOPELESS = Pressure(oldest_ready_s=1e6, longest_turn_s=1e6, memory_share=1.0, ready_lanes=10**9)

pressures = st.builds(
    Pressure,
    oldest_ready_s=st.floats(0, 1000),
    longest_turn_s=st.floats(0, 1000),
    memory_share=st.floats(0, 1),
    ready_lanes=st.integers(0, 10**6),
)


def settle(level: int, pressure: Pressure) -> int:
    """The level at which a pressure that lasts ends up."""
    for _ in range(20):
        level = next_level(level, pressure, dwell_s=DWELL_S, stayed_s=60)
    return level


@given(level=st.integers(0, 5), pressure=pressures, stayed_s=st.floats(0, 100))
def test_one_step_at_a_time_within_the_ladder(level: int, pressure: Pressure, stayed_s: float) -> None:
    after = next_level(level, pressure, dwell_s=DWELL_S, stayed_s=stayed_s)
    assert abs(after - level) <= 1
    assert 0 <= after <= len(LADDER)


@given(level=st.integers(0, 5), pressure=pressures)
def test_a_lasting_pressure_comes_to_rest(level: int, pressure: Pressure) -> None:
    rest = settle(level, pressure)
    assert next_level(rest, pressure, dwell_s=DWELL_S, stayed_s=60) == rest


@pytest.mark.parametrize(
    ("pressure", "level"),
    [
        (Pressure(oldest_ready_s=9), 0),
        (Pressure(oldest_ready_s=11), 1),
        (Pressure(oldest_ready_s=21), 2),
        (Pressure(oldest_ready_s=41), 3),
        (Pressure(oldest_ready_s=81), 4),
        (Pressure(oldest_ready_s=1e6), 4),  # one tenant's flood does not refuse the others
        (Pressure(oldest_ready_s=161, longest_turn_s=161), 5),
        (Pressure(memory_share=0.61), 1),
        (Pressure(memory_share=0.96), 5),
        (Pressure(ready_lanes=50_001), 2),
        (CALM, 0),
        (HOPELESS, 5),
    ],
)
def test_each_measurement_leads_to_its_step(pressure: Pressure, level: int) -> None:
    reached = 0
    for _ in range(10):
        reached = next_level(reached, pressure, dwell_s=DWELL_S, stayed_s=60)
    assert reached == level


def test_a_step_is_left_lower_than_it_was_entered() -> None:
    entered = settle(0, Pressure(oldest_ready_s=11))
    assert settle(entered, Pressure(oldest_ready_s=6)) == 1
    assert settle(entered, Pressure(oldest_ready_s=4)) == 0
    assert settle(0, Pressure(oldest_ready_s=6)) == 0


@pytest.mark.parametrize("pressure", [Pressure(memory_share=0.94 * 0.95), Pressure(ready_lanes=300_000)])
def test_every_measurement_must_be_low_for_a_step_down(pressure: Pressure) -> None:
    assert next_level(5, pressure, dwell_s=DWELL_S, stayed_s=60) in {4, 5}
    assert next_level(4, HOPELESS, dwell_s=DWELL_S, stayed_s=60) == 5


def test_a_step_is_stayed_on_for_its_time() -> None:
    assert next_level(1, HOPELESS, dwell_s=DWELL_S, stayed_s=RISE_AFTER_S - 0.1) == 1
    assert next_level(1, HOPELESS, dwell_s=DWELL_S, stayed_s=RISE_AFTER_S) == 2
    assert next_level(1, CALM, dwell_s=DWELL_S, stayed_s=FALL_AFTER_S - 0.1) == 1
    assert next_level(1, CALM, dwell_s=DWELL_S, stayed_s=FALL_AFTER_S) == 0


def test_levels_are_the_steps_of_the_jobs_records() -> None:
    assert [step_of(level) for level in range(6)] == list(Step)


def noisy(**waiting: float) -> list[str]:
    return list(find_noisy({TenantId(name): amount for name, amount in waiting.items()}))


def test_who_has_far_more_than_the_others_is_noisy() -> None:
    assert noisy(a=1000, b=10, c=10) == ["a"]
    assert noisy(a=10, b=10, c=10) == []
    assert noisy(a=500, b=1000, c=1, d=1, e=1, f=1, g=1) == ["b", "a"]


def test_who_is_alone_with_all_of_it_is_noisy() -> None:
    assert noisy(a=5) == ["a"]
    assert noisy(a=5, b=0) == ["a"]
    assert noisy() == []


def test_a_larger_weight_may_have_more_waiting() -> None:
    waiting = {TenantId("a"): 60.0, TenantId("b"): 10.0}
    assert find_noisy(waiting) == ["a"]
    assert find_noisy(waiting, {TenantId("a"): 6.0}) == []


def test_the_share_of_memory_is_of_what_the_server_may_use() -> None:
    assert memory_share({"used_memory": 25, "maxmemory": 100, "total_system_memory": 1000}) == 0.25
    assert memory_share({"used_memory": 25, "maxmemory": 0, "total_system_memory": 1000}) == 0.025
    assert memory_share({"used_memory": 25}) == 0.0


@dataclass
class Dial:
    """A gauge that shows what the test has set."""

    shown: Measurement = field(default_factory=lambda: Measurement(pressure=CALM))
    left_by_another: int = 0
    written: list[tuple[int, list[TenantId]]] = field(default_factory=list)
    changes: list[Step] = field(default_factory=list)

    def measure(self) -> Measurement:
        return self.shown

    def read_level(self) -> int:
        return self.left_by_another

    def write_level(self, level: int, noisy: list[TenantId]) -> None:
        self.written.append((level, noisy))

    def count_change(self, step: Step) -> None:
        self.changes.append(step)


def climb(ladder: Ladder, clock: ManualClock, seconds: int) -> None:
    for _ in range(seconds):
        ladder.step()
        clock.advance_ms(1000)


def test_the_ladder_is_climbed_while_it_is_bad_and_descended_afterwards() -> None:
    dial, clock = Dial(Measurement(pressure=HOPELESS, waiting={TenantId("flood"): 9.0})), ManualClock()
    ladder = Ladder(gauge=dial, dwell_s=DWELL_S, clock=clock)
    climb(ladder, clock, 30)
    assert ladder.level == 5
    dial.shown = Measurement(pressure=CALM)
    climb(ladder, clock, 70)
    assert ladder.level == 0
    assert dial.changes == [*list(Step)[1:], *list(Step)[4::-1]]
    assert (5, ["flood"]) in dial.written
    assert dial.written[-1] == (0, [])


def test_a_level_is_renewed_before_it_lapses() -> None:
    dial, clock = Dial(Measurement(pressure=HOPELESS), left_by_another=5), ManualClock()
    climb(Ladder(gauge=dial, dwell_s=DWELL_S, clock=clock), clock, 20)
    assert [level for level, _ in dial.written] == [5] * 4


def test_without_pressure_nothing_is_written() -> None:
    dial, clock = Dial(), ManualClock()
    climb(Ladder(gauge=dial, dwell_s=DWELL_S, clock=clock), clock, 20)
    assert dial.written == []


def test_a_new_leader_goes_on_where_the_last_one_was() -> None:
    dial, clock = Dial(Measurement(pressure=HOPELESS), left_by_another=3), ManualClock()
    ladder = Ladder(gauge=dial, dwell_s=DWELL_S, clock=clock)
    climb(ladder, clock, 4)
    assert ladder.level == 4


def test_who_stands_by_does_not_measure() -> None:
    stop = Event()

    def leads() -> bool:
        stop.set()
        return False

    dial = Dial(Measurement(pressure=HOPELESS), left_by_another=5)
    ladder = Ladder(gauge=dial, dwell_s=DWELL_S)
    ladder.run(stop=stop, leads=leads)
    assert (ladder.level, dial.written) == (0, [])


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    client = connect(sibling_url(settings, 6))
    client.flushdb()
    yield client
    client.close()


@pytest.mark.servers
def test_the_load_is_measured_in_redis(redis: Redis) -> None:
    mailbox, tenant = Mailbox(redis), TenantId("a")
    for n in range(3):
        mailbox.put(spec(tenant, f"s{n}"))
    mailbox.put(spec(tenant, lane=replace(lane(tenant), bulk=True)))
    redis.zadd(turn_keys(tenant, Queue.EXTRACT)[0], {lane_member(lane(tenant, "s0")): 1000 * (redis.time()[0] - 90)})
    redis.zadd(turn_keys(tenant, Queue.EXTRACT)[1], {tenant: 1000 * (redis.time()[0] - 60)})
    measured = RedisGauge(redis, Wakes(redis)).measure()
    assert 90 <= measured.pressure.oldest_ready_s < 120
    assert 60 <= measured.pressure.longest_turn_s < 90
    assert measured.pressure.ready_lanes == 4
    assert 0 < measured.pressure.memory_share < 1
    assert measured.waiting == {tenant: 4}


@pytest.mark.servers
def test_a_level_reaches_redis_and_is_counted(redis: Redis) -> None:
    gauge = RedisGauge(redis, Wakes(redis))
    gauge.write_level(4, [TenantId("a")])
    gauge.count_change(Step.REFUSE_NOISY)
    assert gauge.read_level() == 4
    assert redis.hget(stats_key(0), "climbed|refuse_noisy") == "1"
