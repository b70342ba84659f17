from collections.abc import Callable, Sequence
from typing import Any

import pytest
from redis import Redis

from memos import errors
from memos.errors import Fenced, Unavailable
from memos.ids import TenantId
from memos.settings import Settings
from memos.types import JobKind, JobState
from scheduler import MemScheduler, keys
from scheduler.lease import Failure, JobOutcome
from scheduler.mailbox import Mailbox
from scheduler.retry import MAX_CRASHES
from tests.support.job_path import lane, must_take, numbers, spec, take, wait_until
from workers.batch import Batch
from workers.bootstrap import ProcessResources, Resources
from workers.drain import Drain, Limits
from workers.tasks import Follower, JobsFailed, check_lane

pytestmark = pytest.mark.servers


class Recorder:
    """A handler that notes what it was given and then does what the test says."""

    def __init__(self, then: Callable[[Batch], None] = lambda batch: None) -> None:
        self.batches: list[list[int]] = []
        self.answers: list[str | None] = []
        self._then = then

    def __call__(self, batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
        self.batches.append([job.payload["n"] for job in batch.jobs])
        self.answers += [job.answer for job in batch.jobs]
        self._then(batch)
        return [JobOutcome(job=job.id) for job in batch.jobs]


@pytest.fixture
def drain_with(mailbox: Mailbox) -> Callable[..., Drain]:
    def build(handler: Any, **limits: Any) -> Drain:
        resources = Resources(Settings())
        return Drain(mailbox=mailbox, handler=handler, resources=resources, limits=Limits(**limits), random=lambda: 0.0)

    return build


Build = Callable[..., Drain]


def fail_on(n: int, error: Exception) -> Callable[[Batch], None]:
    def then(batch: Batch) -> None:
        if any(job.payload["n"] == n for job in batch.jobs):
            raise error

    return then


def test_a_lane_is_worked_until_it_is_empty(mailbox: Mailbox, drain_with: Build, tenant: TenantId) -> None:
    for n in range(5):
        mailbox.put(spec(tenant, n=n))
    handler = Recorder()
    tally = drain_with(handler, max_jobs=2).run(lane(tenant))
    assert handler.batches == [[0, 1], [2, 3], [4]]
    assert tally.succeeded == 5
    assert take(mailbox, lane(tenant)) is None


def test_others_get_their_turn_after_some_batches(mailbox: Mailbox, drain_with: Build, tenant: TenantId) -> None:
    for n in range(5):
        mailbox.put(spec(tenant, n=n))
    handler = Recorder()
    drain_with(handler, max_jobs=1, max_batches=2).run(lane(tenant))
    assert handler.batches == [[0], [1]]
    assert numbers(take(mailbox, lane(tenant))) == [2, 3, 4]


def test_others_get_their_turn_after_some_time(mailbox: Mailbox, drain_with: Build, tenant: TenantId) -> None:
    for n in range(3):
        mailbox.put(spec(tenant, n=n))
    handler = Recorder()
    drain_with(handler, max_jobs=1, max_seconds=0).run(lane(tenant))
    assert handler.batches == [[0]]


def test_a_hint_without_work_costs_nothing(drain_with: Build, tenant: TenantId) -> None:
    handler = Recorder()
    assert drain_with(handler).run(lane(tenant)).succeeded == 0
    assert handler.batches == []


def test_the_bad_job_of_a_batch_dies_alone_and_the_others_succeed(
    mailbox: Mailbox, scheduler: MemScheduler, drain_with: Build, tenant: TenantId
) -> None:
    jobs = [mailbox.put(spec(tenant, n=n)) for n in range(4)]
    handler = Recorder(fail_on(2, errors.InvalidRequest("bad date")))
    drain = drain_with(handler)
    assert drain.run(lane(tenant)).retried == 4
    tally = drain.run(lane(tenant))
    assert (tally.succeeded, tally.dead, tally.dead_classes) == (3, 1, {"InvalidRequest"})
    assert handler.batches == [[0, 1, 2, 3], [0], [1], [2], [3]]
    records = scheduler.wait(tenant, jobs, timeout_s=0)
    assert [record.state.value for record in records] == ["succeeded", "succeeded", "dead", "succeeded"]


def test_an_unknown_error_is_tried_three_times(
    mailbox: Mailbox, scheduler: MemScheduler, drain_with: Build, tenant: TenantId
) -> None:
    job = mailbox.put(spec(tenant, n=0))
    drain = drain_with(Recorder(fail_on(0, ZeroDivisionError("by zero"))))
    tallies = [drain.run(lane(tenant)) for _ in range(3)]
    assert [(tally.retried, tally.dead) for tally in tallies] == [(1, 0), (1, 0), (0, 1)]
    record = scheduler.status(tenant, job)
    assert (record.state, record.attempts, record.error_class) == (JobState.DEAD, 3, "ZeroDivisionError")


def test_an_outage_makes_the_jobs_wait(
    mailbox: Mailbox, scheduler: MemScheduler, drain_with: Build, tenant: TenantId
) -> None:
    job = mailbox.put(spec(tenant, n=0))
    drain_with(Recorder(fail_on(0, Unavailable("neo4j", "away")))).run(lane(tenant))
    record = scheduler.status(tenant, job)
    assert (record.state, record.error_class) == (JobState.RETRYING, "Unavailable")
    assert "neo4j" in record.error_message
    handler = Recorder()
    drain_with(handler).run(lane(tenant))
    assert handler.batches == [[0]]


def test_a_saved_answer_is_replayed(mailbox: Mailbox, drain_with: Build, tenant: TenantId) -> None:
    mailbox.put(spec(tenant, n=0))

    def save_and_fail(batch: Batch) -> None:
        batch.save_answers({job.id: "the answer" for job in batch.jobs})
        raise Unavailable("milvus", "away")

    drain_with(Recorder(save_and_fail)).run(lane(tenant))
    second = Recorder()
    drain_with(second).run(lane(tenant))
    assert second.answers == ["the answer"]


def test_a_handler_that_forgets_a_job_ends_none_of_them(
    mailbox: Mailbox, scheduler: MemScheduler, drain_with: Build, tenant: TenantId
) -> None:
    jobs = [mailbox.put(spec(tenant, n=n)) for n in range(2)]
    tally = drain_with(lambda batch, resources: [JobOutcome(job=batch.jobs[0].id)]).run(lane(tenant))
    assert tally.retried == 2
    assert {scheduler.status(tenant, job).state for job in jobs} == {JobState.RETRYING}


def test_a_failure_that_a_handler_reports_is_of_that_job_alone(
    mailbox: Mailbox, scheduler: MemScheduler, drain_with: Build, tenant: TenantId
) -> None:
    jobs = [mailbox.put(spec(tenant, n=n)) for n in range(2)]

    def judge_each(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
        failures = [None, Failure(error_class="Corrupt", message="unreadable")]
        return [JobOutcome(job=job.id, failure=why) for job, why in zip(batch.jobs, failures, strict=True)]

    drain_with(judge_each).run(lane(tenant))
    assert [scheduler.status(tenant, job).state for job in jobs] == [JobState.SUCCEEDED, JobState.DEAD]


def test_a_worker_that_was_overtaken_applies_nothing_more(
    mailbox: Mailbox, scheduler: MemScheduler, drain_with: Build, tenant: TenantId
) -> None:
    job = mailbox.put(spec(tenant, n=0))
    refused: list[str] = []

    def be_overtaken(batch: Batch) -> None:
        wait_until(lambda: take(mailbox, lane(tenant)) is not None, "the lease lapsed, and another worker took over")
        with pytest.raises(Fenced):
            batch.save_answers({job: "stale"})
        wait_until(lambda: is_lost(batch), "the beat noticed it")
        refused.append("all")

    def is_lost(batch: Batch) -> bool:
        try:
            batch.ensure_held()
        except Fenced:
            return True
        return False

    tally = drain_with(Recorder(be_overtaken), lease_ms=30).run(lane(tenant))
    assert (refused, tally.fenced, tally.succeeded) == (["all"], 1, 0)
    assert scheduler.status(tenant, job).state is JobState.LEASED  # the newer holder's


def test_a_long_handler_keeps_its_lane(
    mailbox: Mailbox, scheduler: MemScheduler, redis: Redis, drain_with: Build, tenant: TenantId
) -> None:
    job = mailbox.put(spec(tenant, n=0))

    def outlast_the_lease(batch: Batch) -> None:
        wait_until(lambda: scheduler.status(tenant, job).state is JobState.RUNNING, "a beat was sent")
        ends: set[str | None] = set()
        key = keys.lane_keys(lane(tenant))[1]
        wait_until(lambda: (ends.add(redis.hget(key, "till")), len(ends) > 5)[1], "beats beyond the first lease")
        assert take(mailbox, lane(tenant)) is None
        batch.ensure_held()

    assert drain_with(Recorder(outlast_the_lease), lease_ms=600).run(lane(tenant)).succeeded == 1


def test_a_job_that_kills_its_workers_is_dead_after_some(
    mailbox: Mailbox, scheduler: MemScheduler, drain_with: Build, tenant: TenantId
) -> None:
    job = mailbox.put(spec(tenant, n=0))
    mailbox.put(spec(tenant, n=1))
    for _ in range(MAX_CRASHES):
        wait_until(lambda: take(mailbox, lane(tenant), ttl_ms=1) is not None, "a worker took it and vanished")
    handler = Recorder()
    wait_until(lambda: drain_with(handler).run(lane(tenant)).dead == 1, "the last lease lapsed")
    assert handler.batches == [[1]]
    assert scheduler.status(tenant, job).error_class == "WorkerLost"


def succeed(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    return [JobOutcome(job=job.id) for job in batch.jobs]


def refuse(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    raise errors.AccessDenied("a private reason")


def test_a_hint_fails_when_a_job_died_and_says_no_more_than_that(
    mailbox: Mailbox, redis: Redis, tenant: TenantId
) -> None:
    pool = redis.connection_pool.connection_kwargs
    url = f"redis://:{pool['password']}@{pool['host']}:{pool['port']}/{pool['db']}"
    process = ProcessResources(lambda: Resources(Settings(redis_url=url)))
    follower = Follower(process=process, handlers={JobKind.EXTRACT: f"{__name__}:refuse"})
    mailbox.put(spec(tenant))
    with pytest.raises(JobsFailed) as caught:
        follower.follow(JobKind.EXTRACT, lane(tenant))
    assert str(caught.value) == "1 jobs ended dead (AccessDenied); see their records"
    process.close()


def test_a_hint_of_the_wrong_sort_is_refused() -> None:
    assert check_lane(JobKind.KV_BUILD, "t", "c", "~kv").session == "~kv"
    for kind, session in ((JobKind.KV_BUILD, "s"), (JobKind.EXTRACT, "~kv"), (JobKind.EXTRACT, "a\x1fb")):
        with pytest.raises(errors.InvalidRequest):
            check_lane(kind, "t", "c", session)


def test_an_unfinished_lease_is_not_taken_twice(mailbox: Mailbox, drain_with: Build, tenant: TenantId) -> None:
    mailbox.put(spec(tenant))
    must_take(mailbox, lane(tenant))
    handler = Recorder()
    drain_with(handler).run(lane(tenant))
    assert handler.batches == []
