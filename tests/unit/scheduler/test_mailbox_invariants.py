"""Whatever the order of calls: no work without an alarm, no alarm without a turn, true counts, effects in order."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from memos.errors import Fenced
from memos.ids import JobId, TenantId
from memos.types import JobState
from scheduler import MemScheduler, keys
from scheduler.dead import DeadFilter
from scheduler.keys import Queue
from scheduler.lease import Failure, JobOutcome, Lease
from scheduler.mailbox import Mailbox
from scheduler.wakes import Wakes
from tests.support.job_path import lane, spec, successes, take

pytestmark = pytest.mark.servers
BROKEN = Failure(error_class="Broken", message="")
CALLS = (
    *("put", "put later", "take", "take briefly", "commit", "bury", "retry", "finish"),
    *("cancel", "claim", "beat", "replay", "drop", "reap"),
)
tenants = (TenantId(f"invariant-{number}") for number in itertools.count())


class Play:
    """One tenant with two lanes, and up to two workers that believe to hold each."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.tenant = redis, next(tenants)
        redis.flushdb()
        self.mailbox, self.scheduler = Mailbox(redis), MemScheduler(redis)
        self.submitted: dict[str, list[JobId]] = {"a": [], "b": []}
        self.done: dict[str, list[JobId]] = {"a": [], "b": []}
        self.leases: dict[str, list[Lease]] = {"a": [], "b": []}
        self.replayed: set[JobId] = set()

    def call(self, name: str, session: str) -> None:
        try:
            self._call(name, session)
        except Fenced:
            self.leases[session].pop(0)

    def check(self) -> None:
        alarms, turns, *_ = keys.turn_keys(self.tenant, Queue.EXTRACT)
        for session in ("a", "b"):
            if self.redis.exists(keys.lane_keys(lane(self.tenant, session))[0]):
                alarm = self.redis.zscore(alarms, keys.lane_member(lane(self.tenant, session)))
                turn = self.redis.zscore(turns, self.tenant)
                assert alarm is not None
                assert turn is not None
                # A turn that was just taken is a fraction of a millisecond after an alarm that has rung.
                assert turn <= alarm or turn <= self._now_ms() + 1

        self.check_counts()

    def check_counts(self) -> None:
        """What is counted is what is there: waiting jobs, their tokens, slots in use."""
        boxes = {session: keys.lane_keys(lane(self.tenant, session)) for session in ("a", "b")}
        waiting = {session: self.redis.lrange(names[0], 0, -1) for session, names in boxes.items()}
        assert self.scheduler.policies.usage(self.tenant).queued == sum(map(len, waiting.values()))
        for session, names in boxes.items():
            costs = [int(self.redis.hget(f"{names[6]}{job}", "cost") or 0) for job in waiting[session]]
            assert int(self.redis.hget(names[1], "cost") or 0) == sum(costs)
        _, flight, flying = keys.queue_keys(keys.shard_of(self.tenant), Queue.EXTRACT)
        assert int(self.redis.hget(flying, self.tenant) or 0) == self.redis.zcard(flight)

    def check_order(self) -> None:
        for session, done in self.done.items():
            mine = set(done) - self.replayed
            assert [job for job in done if job in mine] == [job for job in self.submitted[session] if job in mine]

    def _call(self, name: str, session: str) -> None:
        where, held = lane(self.tenant, session), self.leases[session]
        match name:
            case "put" | "put later":
                delay_ms = 5 if name == "put later" else 0
                self.submitted[session].append(self.mailbox.put(spec(self.tenant, session, delay_ms=delay_ms)))
            case "take" | "take briefly":
                lease = take(self.mailbox, where, max_jobs=2, ttl_ms=1 if name == "take briefly" else 60_000)
                held.extend([lease] if lease else [])
            case "cancel" if self.submitted[session]:
                self.scheduler.cancel(self.tenant, self.submitted[session][-1])
            case "claim":
                Wakes(self.redis).claim(Queue.EXTRACT, {self.tenant: 2})
            case "reap":
                Wakes(self.redis).reap()
            case "replay":
                dead = self.scheduler.dead_letters.list_all(self.tenant, DeadFilter())
                self.replayed |= {job.id for job, _ in self.scheduler.dead_letters.replay(dead[:1], per_s=1000)}
            case "drop":
                self.scheduler.dead_letters.drop(self.scheduler.dead_letters.list_all(self.tenant, DeadFilter())[:1])
            case _ if held:
                self._step(name, session, held[0])
            case _:
                pass

    def _step(self, name: str, session: str, lease: Lease) -> None:
        match name:
            case "commit":
                self.mailbox.commit(lease, successes(lease))
                self.done[session] += [job.id for job in lease.jobs]
            case "bury":
                self.mailbox.commit(lease, [JobOutcome(job=job.id, failure=BROKEN) for job in lease.jobs])
            case "retry":
                self.mailbox.retry(lease, BROKEN, delay_ms=0, isolate=False)
            case "finish":
                self.mailbox.finish(lease)
            case "beat":
                self.mailbox.beat(lease, ttl_ms=60_000)
                return
            case _:
                return
        self.leases[session].remove(lease)

    def _now_ms(self) -> float:
        seconds, micros = self.redis.time()
        return seconds * 1000 + micros / 1000


@pytest.fixture
def own_redis(redis: Redis) -> Iterator[Redis]:
    yield redis
    redis.flushdb()


@given(calls=st.lists(st.tuples(st.sampled_from(CALLS), st.sampled_from(("a", "b"))), max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_order_of_calls_forgets_a_lane_or_swaps_jobs(own_redis: Redis, calls: list[tuple[str, str]]) -> None:
    play = Play(own_redis)
    for name, session in calls:
        play.call(name, session)
        play.check()
    play.check_order()
    states = {record.id: record.state for record in play.scheduler.list_jobs(play.tenant, limit=100)}
    assert all(states[job] is JobState.SUCCEEDED for done in play.done.values() for job in done)


@given(calls=st.lists(st.tuples(st.sampled_from(CALLS), st.sampled_from(("a", "b"))), max_size=40))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_lane_that_halts_at_dead_jobs_goes_on_when_they_are_decided(
    own_redis: Redis, calls: list[tuple[str, str]]
) -> None:
    play = Play(own_redis)
    play.scheduler.policies.set(play.tenant, {"on_dead": "halt"})
    for name, session in calls:
        play.call(name, session)
        play.check_counts()
    play.scheduler.dead_letters.drop(play.scheduler.dead_letters.list_all(play.tenant, DeadFilter()))
    play.check()
