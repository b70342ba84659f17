import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
from redis import Redis

from memos.clock import ManualClock
from memos.errors import QuotaExceeded, Unavailable
from memos.ids import CubeId, JobId, TenantId
from memos.settings import Settings
from memos.types import JobKind, JobSpec
from scheduler import MemScheduler, keys
from scheduler.broker import sibling_url
from scheduler.connection import connect
from scheduler.mailbox import Mailbox
from scheduler.schedule import Periodic, RedisTicks, Schedule
from scheduler.upkeep import DECAY_KEY, SCHEDULER_USER, DecayRound, IndexSweep, Place, build_table
from scheduler.wakes import CubePage, Wakes
from tests.support.job_path import must_take, spec, successes, wait_until

DAY_MS = 24 * 3600 * 1000


@dataclass
class Paper:
    """Rights on paper; the time is what the test says."""

    time_s: int = 1_000
    claimed: set[tuple[str, int]] = field(default_factory=set)

    def now_s(self) -> int:
        return self.time_s

    def claim(self, name: str, period: int, *, ttl_s: int) -> bool:
        if (name, period) in self.claimed:
            return False
        self.claimed.add((name, period))
        return True

    def give_back(self, name: str, period: int) -> None:
        self.claimed.discard((name, period))


@dataclass
class Work:
    """Counts its runs; fails as often as it is told to."""

    runs: int = 0
    failures: list[Exception] = field(default_factory=list)

    def __call__(self) -> None:
        self.runs += 1
        if self.failures:
            raise self.failures.pop()


def test_a_tick_runs_once_a_period() -> None:
    ticks, work = Paper(), Work()
    schedule = Schedule(ticks=ticks, table=[Periodic(name="w", every_s=10, run=work)])
    for _ in range(30):
        schedule.step()
        ticks.time_s += 1
    assert work.runs == 3


def test_of_two_leaders_one_runs_a_tick() -> None:
    ticks, work = Paper(), Work()
    both = [Schedule(ticks=ticks, table=[Periodic(name="w", every_s=10, run=work)]) for _ in range(2)]
    for schedule in both * 3:
        schedule.step()
    assert work.runs == 1


def test_each_line_of_the_table_has_its_own_period() -> None:
    ticks, fast, slow = Paper(), Work(), Work()
    table = [Periodic(name="fast", every_s=5, run=fast), Periodic(name="slow", every_s=50, run=slow)]
    schedule = Schedule(ticks=ticks, table=table)
    for _ in range(100):
        schedule.step()
        ticks.time_s += 1
    assert (fast.runs, slow.runs) == (20, 2)


@pytest.mark.parametrize("error", [Unavailable("redis", "as the test wishes"), RuntimeError("a mistake of ours")])
def test_a_tick_that_failed_is_tried_again_after_a_while_and_holds_up_no_other(error: Exception) -> None:
    ticks, clock = Paper(), ManualClock()
    bad, good = Work(failures=[error]), Work()
    table = [Periodic(name="bad", every_s=600, run=bad), Periodic(name="good", every_s=600, run=good)]
    schedule = Schedule(ticks=ticks, table=table, clock=clock)
    schedule.step()
    schedule.step()
    assert (bad.runs, good.runs) == (1, 1)
    clock.advance_ms(10_000)
    schedule.step()
    schedule.step()
    assert (bad.runs, good.runs) == (2, 1)


def test_a_tick_that_failed_may_be_run_by_another() -> None:
    ticks, work = Paper(), Work(failures=[RuntimeError("once")])
    table = [Periodic(name="w", every_s=600, run=work)]
    Schedule(ticks=ticks, table=table).step()
    Schedule(ticks=ticks, table=table).step()
    assert work.runs == 2


def test_only_the_leader_looks() -> None:
    work, stop, asked = Work(), threading.Event(), threading.Event()

    def leads() -> bool:
        asked.set()
        return False

    schedule = Schedule(ticks=Paper(), table=[Periodic(name="w", every_s=10, run=work)])
    running = threading.Thread(target=lambda: schedule.run(stop=stop, leads=leads))
    running.start()
    assert asked.wait(10)
    stop.set()
    running.join()
    assert work.runs == 0


def test_the_leader_looks_while_it_leads() -> None:
    work, stop = Work(), threading.Event()
    schedule = Schedule(ticks=Paper(), table=[Periodic(name="w", every_s=10, run=work)])
    running = threading.Thread(target=lambda: schedule.run(stop=stop, leads=lambda: True))
    running.start()
    wait_until(lambda: work.runs == 1, "the tick was run")
    stop.set()
    running.join()


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    client = connect(sibling_url(settings, 6))
    client.flushdb()
    yield client
    client.close()


@pytest.mark.servers
def test_a_right_is_given_once_and_lapses(redis: Redis) -> None:
    ticks = RedisTicks(redis)
    assert [ticks.claim("w", 7, ttl_s=20), ticks.claim("w", 7, ttl_s=20), ticks.claim("w", 8, ttl_s=20)] == [
        True,
        False,
        True,
    ]
    assert 0 < redis.ttl(keys.tick_key("w", 7)) <= 20
    ticks.give_back("w", 7)
    assert ticks.claim("w", 7, ttl_s=20)


@pytest.mark.servers
def test_the_time_is_redis_time(redis: Redis) -> None:
    assert abs(RedisTicks(redis).now_s() - redis.time()[0]) <= 1


@dataclass
class Jobs:
    """Accepts every job but those of one tenant."""

    accepted: list[JobSpec] = field(default_factory=list)
    refused: TenantId | None = None
    is_away: bool = False

    def submit(self, spec: JobSpec) -> JobId:
        if self.is_away:
            raise Unavailable("redis", "as the test wishes")
        if spec.lane.tenant == self.refused:
            raise QuotaExceeded("full", retry_after_s=1, reason="tenant_depth")
        self.accepted.append(spec)
        return JobId("j")


def note_extract(redis: Redis, tenant: str, cube: str, *, ago_ms: int = 0) -> None:
    """As commit.lua does."""
    seconds, micros = redis.time()
    member = f"{tenant}{keys.KEY_SEPARATOR}{cube}"
    redis.zadd(keys.cubes_key(keys.shard_of(TenantId(tenant))), {member: seconds * 1000 + micros // 1000 - ago_ms})


@pytest.mark.servers
def test_the_sweep_asks_for_each_cube_once_after_its_extractions(redis: Redis) -> None:
    jobs = Jobs()
    sweep = IndexSweep(redis=redis, wakes=Wakes(redis), jobs=jobs)
    note_extract(redis, "t1", "c1")
    note_extract(redis, "t2", "c2")
    sweep.run()
    assert {(job.lane.tenant, job.lane.cube) for job in jobs.accepted} == {("t1", "c1"), ("t2", "c2")}
    assert {(job.kind, job.coalesce_key) for job in jobs.accepted} == {(JobKind.ORGANIZE, "organize")}
    redis.set("memos:swept", redis.time()[0] * 1000 + 1000)  # as if a moment had passed
    jobs.accepted.clear()
    sweep.run()
    assert jobs.accepted == []


@pytest.mark.servers
def test_a_sweep_that_failed_leaves_nothing_out(redis: Redis) -> None:
    jobs = Jobs(is_away=True)
    sweep = IndexSweep(redis=redis, wakes=Wakes(redis), jobs=jobs)
    note_extract(redis, "t1", "c1")
    with pytest.raises(Unavailable):
        sweep.run()
    jobs.is_away = False
    sweep.run()
    assert [job.lane.cube for job in jobs.accepted] == [CubeId("c1")]


@pytest.mark.servers
def test_a_tenant_over_its_limits_does_not_end_the_sweep(redis: Redis) -> None:
    jobs = Jobs(refused=TenantId("t1"))
    for tenant in ("t1", "t2"):
        note_extract(redis, tenant, "c")
    IndexSweep(redis=redis, wakes=Wakes(redis), jobs=jobs).run()
    assert [job.lane.tenant for job in jobs.accepted] == ["t2"]


@pytest.mark.servers
def test_a_sweep_that_knows_nothing_looks_two_days_back(redis: Redis) -> None:
    jobs = Jobs()
    note_extract(redis, "t1", "lately", ago_ms=DAY_MS)
    note_extract(redis, "t1", "long-ago", ago_ms=3 * DAY_MS)
    IndexSweep(redis=redis, wakes=Wakes(redis), jobs=jobs).run()
    assert [job.lane.cube for job in jobs.accepted] == [CubeId("lately")]


@pytest.mark.servers
def test_a_sweep_after_a_long_outage_goes_on_where_the_last_one_ended(redis: Redis) -> None:
    jobs = Jobs()
    note_extract(redis, "t1", "long-ago", ago_ms=3 * DAY_MS)
    redis.set("memos:swept", redis.time()[0] * 1000 - 4 * DAY_MS)
    IndexSweep(redis=redis, wakes=Wakes(redis), jobs=jobs).run()
    assert [job.lane.cube for job in jobs.accepted] == [CubeId("long-ago")]


@pytest.fixture
def decay(redis: Redis) -> DecayRound:
    return DecayRound(redis=redis, wakes=Wakes(redis), jobs=Jobs(), most=2)


def asked(decay: DecayRound) -> list[CubeId]:
    """The cubes asked since the last call, in order."""
    jobs = cast(Jobs, decay.jobs)
    cubes = [job.lane.cube for job in jobs.accepted]
    jobs.accepted.clear()
    return cubes


def begin_a_new_day(redis: Redis) -> None:
    redis.hincrby(DECAY_KEY, "day", -1)


@pytest.mark.servers
def test_every_cube_that_ever_had_an_extraction_decays_once_a_day(redis: Redis, decay: DecayRound) -> None:
    for number in range(5):
        note_extract(redis, f"t{number}", f"c{number}", ago_ms=number * 200 * DAY_MS)
    rounds: list[set[CubeId]] = []
    for _ in range(2):
        steps = []
        for _ in range(4):
            decay.run()
            steps.append(asked(decay))
        assert [len(step) for step in steps] == [2, 2, 1, 0]
        rounds.append({cube for step in steps for cube in step})
        begin_a_new_day(redis)
    assert rounds == [{CubeId(f"c{number}") for number in range(5)}] * 2


@pytest.mark.servers
def test_cubes_of_one_millisecond_are_not_torn_apart(redis: Redis, decay: DecayRound) -> None:
    redis.zadd(keys.cubes_key(0), {f"t\x1fc{number}": 7 for number in range(5)})
    redis.zadd(keys.cubes_key(0), {"t\x1flater": 8})
    decay.run()
    assert set(asked(decay)) == {f"c{number}" for number in range(5)}
    decay.run()
    assert asked(decay) == ["later"]


@pytest.mark.servers
def test_a_step_of_decay_that_failed_is_repeated(redis: Redis, decay: DecayRound) -> None:
    note_extract(redis, "t1", "c1")
    jobs = cast(Jobs, decay.jobs)
    jobs.is_away = True
    with pytest.raises(Unavailable):
        decay.run()
    jobs.is_away = False
    decay.run()
    assert asked(decay) == ["c1"]


@pytest.mark.servers
def test_a_tenant_over_its_limits_does_not_end_the_round_and_is_counted(
    redis: Redis, decay: DecayRound, caplog: pytest.LogCaptureFixture
) -> None:
    cast(Jobs, decay.jobs).refused = TenantId("t1")
    for tenant in ("t1", "t2"):
        note_extract(redis, tenant, f"of-{tenant}")
    with caplog.at_level("INFO", logger="scheduler.upkeep"):
        decay.run()
    assert asked(decay) == ["of-t2"]
    assert "asked 2 cubes to decay, 1 refused" in caplog.text


@pytest.mark.servers
def test_an_extraction_puts_its_cube_on_the_list_and_forgetting_its_tenant_takes_it_off(
    redis: Redis, decay: DecayRound
) -> None:
    tenant, scheduler, mailbox = TenantId("t1"), MemScheduler(redis), Mailbox(redis)
    for _ in range(2):
        scheduler.submit(spec(tenant))
        lease = must_take(mailbox, spec(tenant).lane)
        mailbox.commit(lease, successes(lease))
    decay.run()
    assert asked(decay) == ["c"]
    scheduler.forget_tenant(tenant)
    begin_a_new_day(redis)
    decay.run()
    assert asked(decay) == []


@pytest.mark.servers
def test_a_waiting_organize_job_does_not_absorb_decay_and_a_waiting_decay_does(redis: Redis) -> None:
    scheduler, mailbox = MemScheduler(redis), Mailbox(redis)
    note_extract(redis, "t1", "c1")
    IndexSweep(redis=redis, wakes=Wakes(redis), jobs=scheduler).run()
    for _ in range(2):
        DecayRound(redis=redis, wakes=Wakes(redis), jobs=scheduler).run()
        begin_a_new_day(redis)
    (lane,) = {record.lane for record in scheduler.list_jobs(TenantId("t1"))}
    lease = must_take(mailbox, lane)
    assert [(job.kind, job.user, job.payload) for job in lease.jobs] == [
        (JobKind.ORGANIZE, SCHEDULER_USER, {}),
        (JobKind.ORGANIZE, SCHEDULER_USER, {"decay": True}),
    ]


def test_a_place_goes_on_in_its_shard_until_that_is_done() -> None:
    start = Place(day=3, shard=keys.SHARDS - 1)
    on = start.behind(CubePage(cubes=[], goes_on_above_ms=9))
    assert on == Place(day=3, shard=keys.SHARDS - 1, above_ms=9)
    assert not on.is_end
    assert on.behind(CubePage(cubes=[], goes_on_above_ms=None)).is_end


@pytest.mark.servers
def test_every_line_of_the_table_runs(redis: Redis) -> None:
    table = build_table(redis, Wakes(redis), Jobs())
    assert len({entry.name for entry in table}) == len(table)
    for entry in table:
        entry.run()
        entry.run()
