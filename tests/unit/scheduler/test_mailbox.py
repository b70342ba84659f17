import pytest
from redis import Redis

from memos.errors import Fenced
from memos.ids import TenantId
from memos.types import JobKind, JobState
from scheduler import MemScheduler, keys
from scheduler.lease import Failure, JobOutcome, Lease
from scheduler.mailbox import Mailbox
from tests.support.job_path import lane, must_take, numbers, spec, successes, take, wait_until

pytestmark = pytest.mark.servers
BROKEN = Failure(error_class="Broken", message="as the test wishes")


def lapsed(mailbox: Mailbox, tenant: TenantId) -> Lease:
    """A lease whose time is over, and the newer one of somebody else is held."""
    old = must_take(mailbox, lane(tenant), ttl_ms=1)
    wait_until(lambda: take(mailbox, lane(tenant)) is not None, "the lease lapsed")
    return old


def test_jobs_come_in_the_order_of_submission(mailbox: Mailbox, tenant: TenantId) -> None:
    for n in range(5):
        mailbox.put(spec(tenant, n=n))
    assert numbers(take(mailbox, lane(tenant))) == [0, 1, 2, 3, 4]


def test_a_lane_has_one_holder_at_a_time(mailbox: Mailbox, tenant: TenantId) -> None:
    mailbox.put(spec(tenant))
    assert take(mailbox, lane(tenant)) is not None
    assert take(mailbox, lane(tenant)) is None


def test_lanes_do_not_wait_for_each_other(mailbox: Mailbox, tenant: TenantId) -> None:
    mailbox.put(spec(tenant, "a", n=1))
    mailbox.put(spec(tenant, "b", n=2))
    assert numbers(take(mailbox, lane(tenant, "a"))) == [1]
    assert numbers(take(mailbox, lane(tenant, "b"))) == [2]


def test_an_empty_lane_gives_nothing(mailbox: Mailbox, tenant: TenantId) -> None:
    assert take(mailbox, lane(tenant)) is None


def test_a_batch_is_bounded_by_jobs_and_by_bytes(mailbox: Mailbox, tenant: TenantId) -> None:
    for n in range(4):
        mailbox.put(spec(tenant, payload={"n": n, "text": "x" * 100}))
    first = must_take(mailbox, lane(tenant), max_jobs=3, max_bytes=250)
    assert numbers(first) == [0, 1]
    mailbox.commit(first, successes(first))
    assert numbers(take(mailbox, lane(tenant), max_jobs=1, holding=first)) == [2]


def test_a_job_larger_than_the_bound_comes_alone(mailbox: Mailbox, tenant: TenantId) -> None:
    mailbox.put(spec(tenant, payload={"n": 0, "text": "x" * 1000}))
    mailbox.put(spec(tenant, n=1))
    assert numbers(take(mailbox, lane(tenant), max_bytes=10)) == [0]


def test_a_fence_is_larger_than_every_earlier_one(mailbox: Mailbox, tenant: TenantId) -> None:
    fences: list[int] = []
    for _ in range(5):
        mailbox.put(spec(tenant))
        lease = must_take(mailbox, lane(tenant))
        mailbox.commit(lease, successes(lease))
        fences.append(lease.fence)
    assert fences == sorted(set(fences))


def test_a_fence_grows_also_when_redis_forgot_the_lane(mailbox: Mailbox, redis: Redis, tenant: TenantId) -> None:
    mailbox.put(spec(tenant))
    before = must_take(mailbox, lane(tenant)).fence
    redis.delete(keys.lane_keys(lane(tenant))[1])
    wait_until(lambda: redis.time()[0] * 1000 + redis.time()[1] // 1000 > before, "a millisecond has passed")
    assert must_take(mailbox, lane(tenant)).fence > before


def test_a_crash_between_take_and_commit_gives_the_jobs_to_the_next(mailbox: Mailbox, tenant: TenantId) -> None:
    mailbox.put(spec(tenant, n=1))
    mailbox.put(spec(tenant, n=2))
    must_take(mailbox, lane(tenant), ttl_ms=20)
    taken: list[Lease] = []

    def lapsed_and_taken() -> bool:
        lease = take(mailbox, lane(tenant))
        taken.extend([lease] if lease else [])
        return bool(taken)

    wait_until(lapsed_and_taken, "the lease lapsed")
    job = taken[0].jobs[0]
    assert (numbers(taken[0]), job.attempts, job.crashes) == ([1], 1, 1)  # alone: it may be the reason


def test_a_lapsed_lease_that_nobody_took_still_commits(mailbox: Mailbox, redis: Redis, tenant: TenantId) -> None:
    mailbox.put(spec(tenant))
    lease = must_take(mailbox, lane(tenant), ttl_ms=1)
    wait_until(lambda: redis.time()[0] * 1000 + redis.time()[1] // 1000 > lease.fence + 5, "the lease lapsed")
    assert mailbox.commit(lease, successes(lease)) == 0


def test_a_stale_holder_is_refused_at_every_step_and_changes_nothing(
    mailbox: Mailbox, scheduler: MemScheduler, tenant: TenantId
) -> None:
    job = mailbox.put(spec(tenant))
    old = lapsed(mailbox, tenant)
    with pytest.raises(Fenced):
        mailbox.beat(old, ttl_ms=60_000)
    with pytest.raises(Fenced):
        mailbox.save_answers(old, {job: "stale"})
    with pytest.raises(Fenced):
        mailbox.commit(old, successes(old))
    with pytest.raises(Fenced):
        mailbox.retry(old, BROKEN, delay_ms=0, isolate=False)
    with pytest.raises(Fenced):
        mailbox.finish(old)
    with pytest.raises(Fenced):
        take(mailbox, lane(tenant), holding=old)
    record = scheduler.status(tenant, job)
    assert (record.state, record.error_class) == (JobState.LEASED, "")
    assert take(mailbox, lane(tenant)) is None  # the newer holder still has it


def test_a_holder_that_let_go_cannot_commit_any_more(mailbox: Mailbox, tenant: TenantId) -> None:
    mailbox.put(spec(tenant))
    lease = must_take(mailbox, lane(tenant))
    assert mailbox.finish(lease)
    with pytest.raises(Fenced):
        mailbox.commit(lease, successes(lease))


def test_a_commit_whose_reply_was_lost_can_be_repeated(mailbox: Mailbox, tenant: TenantId) -> None:
    for n in range(3):
        mailbox.put(spec(tenant, n=n))
    lease = must_take(mailbox, lane(tenant), max_jobs=2)
    assert mailbox.commit(lease, successes(lease)) == 1
    assert mailbox.commit(lease, successes(lease)) == 1
    assert numbers(take(mailbox, lane(tenant), holding=lease)) == [2]


def test_outcomes_must_match_the_leased_jobs(mailbox: Mailbox, tenant: TenantId) -> None:
    mailbox.put(spec(tenant, n=1))
    mailbox.put(spec(tenant, n=2))
    lease = must_take(mailbox, lane(tenant))
    with pytest.raises(ValueError, match="2 outcomes do not match"):
        mailbox.commit(lease, successes(lease)[::-1])


def test_the_last_commit_lets_the_lane_go(mailbox: Mailbox, redis: Redis, tenant: TenantId) -> None:
    mailbox.put(spec(tenant))
    lease = must_take(mailbox, lane(tenant))
    assert mailbox.commit(lease, successes(lease)) == 0
    box, _, ready, *_ = keys.lane_keys(lane(tenant))
    assert redis.exists(box, ready) == 0
    mailbox.put(spec(tenant, n=7))
    assert numbers(take(mailbox, lane(tenant))) == [7]


def test_a_retry_blocks_the_lane_until_it_is_due_and_keeps_the_order(mailbox: Mailbox, tenant: TenantId) -> None:
    mailbox.put(spec(tenant, n=1))
    mailbox.put(spec(tenant, n=2))
    lease = must_take(mailbox, lane(tenant))
    mailbox.retry(lease, BROKEN, delay_ms=150, isolate=False)
    mailbox.put(spec(tenant, n=3))
    assert take(mailbox, lane(tenant)) is None
    taken: list[int] = []
    wait_until(lambda: bool(taken.extend(numbers(take(mailbox, lane(tenant)))) or taken), "the retry is due")
    assert taken == [1, 2, 3]


def test_an_isolated_batch_comes_back_one_by_one(mailbox: Mailbox, scheduler: MemScheduler, tenant: TenantId) -> None:
    jobs = [mailbox.put(spec(tenant, n=n)) for n in range(2)]
    mailbox.retry(must_take(mailbox, lane(tenant)), BROKEN, delay_ms=0, isolate=True)
    mailbox.put(spec(tenant, n=2))
    record = scheduler.status(tenant, jobs[1])
    assert (record.state, record.attempts, record.error_class) == (JobState.RETRYING, 1, "Broken")
    lease, seen = must_take(mailbox, lane(tenant)), list[list[int]]()
    while lease is not None:
        seen.append(numbers(lease))
        left = mailbox.commit(lease, successes(lease))
        lease = take(mailbox, lane(tenant), holding=lease) if left else None
    assert seen == [[0], [1], [2]]


def test_a_dead_job_lets_the_lane_go_on(mailbox: Mailbox, scheduler: MemScheduler, tenant: TenantId) -> None:
    bad = mailbox.put(spec(tenant, n=1))
    mailbox.put(spec(tenant, n=2))
    lease = must_take(mailbox, lane(tenant), max_jobs=1)
    mailbox.commit(lease, [JobOutcome(job=bad, failure=BROKEN)])
    record = scheduler.status(tenant, bad)
    assert (record.state, record.error_class, record.error_message) == (JobState.DEAD, "Broken", "as the test wishes")
    assert numbers(take(mailbox, lane(tenant), holding=lease)) == [2]


def test_finish_hands_back_what_was_not_committed(mailbox: Mailbox, scheduler: MemScheduler, tenant: TenantId) -> None:
    job = mailbox.put(spec(tenant))
    assert mailbox.finish(must_take(mailbox, lane(tenant))) is True
    assert scheduler.status(tenant, job).state is JobState.QUEUED
    again = must_take(mailbox, lane(tenant)).jobs[0]
    assert (again.attempts, again.crashes) == (1, 0)


def test_a_beat_keeps_the_lease_and_marks_the_jobs_as_running(
    mailbox: Mailbox, scheduler: MemScheduler, redis: Redis, tenant: TenantId
) -> None:
    job = mailbox.put(spec(tenant))
    lease = must_take(mailbox, lane(tenant), ttl_ms=1)
    assert scheduler.status(tenant, job).state is JobState.LEASED
    mailbox.beat(lease, ttl_ms=60_000)
    assert scheduler.status(tenant, job).state is JobState.RUNNING
    wait_until(lambda: redis.time()[0] * 1000 + redis.time()[1] // 1000 > lease.fence + 5, "the first lease is over")
    assert take(mailbox, lane(tenant)) is None


def test_an_answer_is_found_by_the_next_attempt(mailbox: Mailbox, tenant: TenantId) -> None:
    job = mailbox.put(spec(tenant))
    lease = must_take(mailbox, lane(tenant))
    assert lease.jobs[0].answer is None
    mailbox.save_answers(lease, {job: '["a fact"]'})
    mailbox.retry(lease, BROKEN, delay_ms=0, isolate=False)
    assert must_take(mailbox, lane(tenant)).jobs[0].answer == '["a fact"]'


def test_a_job_that_ended_keeps_its_outcome_for_7_days_and_its_words_only_if_dead(
    mailbox: Mailbox, scheduler: MemScheduler, redis: Redis, tenant: TenantId
) -> None:
    good, bad = mailbox.put(spec(tenant)), mailbox.put(spec(tenant))
    lease = must_take(mailbox, lane(tenant))
    outcome = JobOutcome(job=good, degraded=("no graph",), result={"tokens": 7})
    mailbox.commit(lease, [outcome, JobOutcome(job=bad, failure=BROKEN)])
    record = scheduler.status(tenant, good)
    assert (record.state, record.degraded, record.result) == (JobState.SUCCEEDED, ("no graph",), {"tokens": 7})
    assert record.wait_ms is not None
    assert record.run_ms is not None
    prefix = keys.lane_keys(lane(tenant))[6]
    assert [redis.hexists(prefix + job, "payload") for job in (good, bad)] == [False, True]
    assert all(7 * 24 * 3600 - 60 < int(redis.ttl(prefix + job)) <= 7 * 24 * 3600 for job in (good, bad))


def test_the_index_forgets_expired_records(
    mailbox: Mailbox, scheduler: MemScheduler, redis: Redis, tenant: TenantId
) -> None:
    old = [mailbox.put(spec(tenant)) for _ in range(4)]
    lease = must_take(mailbox, lane(tenant))
    mailbox.commit(lease, successes(lease))
    jobs, prefix = keys.tenant_keys(tenant)
    redis.delete(*(prefix + job for job in old))  # as their expiry does
    fresh = mailbox.put(spec(tenant))
    lease = must_take(mailbox, lane(tenant))
    mailbox.commit(lease, successes(lease))
    assert redis.zcard(jobs) == 3  # each commit trims two
    assert [record.id for record in scheduler.list_jobs(tenant)] == [fresh]
    assert redis.zcard(jobs) == 1  # and a listing all that it meets


def test_coalescing_leaves_one_waiting_and_one_running(
    mailbox: Mailbox, scheduler: MemScheduler, tenant: TenantId
) -> None:
    options = {"kind": JobKind.KV_BUILD, "lane": lane(tenant, "~kv"), "coalesce_key": "kv"}
    first = mailbox.put(spec(tenant, n=1, **options))
    assert mailbox.put(spec(tenant, n=2, **options)) == first
    running = must_take(mailbox, lane(tenant, "~kv"))
    assert numbers(running) == [2]  # the newest request's words
    second = mailbox.put(spec(tenant, n=3, **options))
    assert second != first
    assert mailbox.put(spec(tenant, n=4, **options)) == second
    assert [record.state for record in scheduler.list_jobs(tenant)] == [JobState.QUEUED, JobState.LEASED]
    mailbox.retry(running, BROKEN, delay_ms=0, isolate=False)
    assert mailbox.put(spec(tenant, n=5, **options)) == second  # one that waits for another attempt has started


def test_a_delayed_job_keeps_its_lane_asleep(mailbox: Mailbox, tenant: TenantId) -> None:
    mailbox.put(spec(tenant, n=1, delay_ms=100))
    mailbox.put(spec(tenant, n=2))
    assert take(mailbox, lane(tenant)) is None
    taken: list[int] = []
    wait_until(lambda: bool(taken.extend(numbers(take(mailbox, lane(tenant)))) or taken), "the delay is over")
    assert taken == [1, 2]


def test_a_job_behind_a_finished_one_sleeps_until_its_own_time(mailbox: Mailbox, tenant: TenantId) -> None:
    mailbox.put(spec(tenant, n=1))
    mailbox.put(spec(tenant, n=2, delay_ms=60_000))
    lease = must_take(mailbox, lane(tenant))
    assert numbers(lease) == [1]
    assert mailbox.commit(lease, successes(lease)) == 1
    assert take(mailbox, lane(tenant), holding=lease) is None
    assert take(mailbox, lane(tenant)) is None


def test_payloads_survive_whatever_characters_they_hold(mailbox: Mailbox, tenant: TenantId) -> None:
    text = "NUL \x00, lone surrogate \ud800, emoji 🧠, \r\n, 漢字, \x1f"
    mailbox.put(spec(tenant, payload={"text": text, "n": 1.5, "deep": [[{"a": None}]]}))
    payload = must_take(mailbox, lane(tenant)).jobs[0].payload
    assert payload == {"text": text, "n": 1.5, "deep": [[{"a": None}]]}
    assert mailbox.pending_payloads(lane(tenant)) == [payload]


def test_scripts_are_loaded_again_when_redis_forgot_them(mailbox: Mailbox, redis: Redis, tenant: TenantId) -> None:
    redis.script_flush()
    mailbox.put(spec(tenant, n=1))
    redis.script_flush()
    assert numbers(take(mailbox, lane(tenant))) == [1]
