"""A job's life beyond the straight way: cancelled while it runs, replayed, put off, refused, forgotten."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from redis import Redis

from memos.errors import Cancelled, Fenced, InvalidRequest, NotFound, QuotaExceeded
from memos.ids import JobId, TenantId, UserId
from memos.types import JobKind, JobRecord, JobSpec, JobState, Step
from scheduler import MemScheduler, keys
from scheduler.dead import DeadFilter
from scheduler.expiry import Expiry
from scheduler.keys import Queue
from scheduler.lease import Failure, JobOutcome, Lease
from scheduler.limits import TenantPolicy
from scheduler.mailbox import Mailbox
from scheduler.wakes import Wakes
from tests.support.job_path import lane, must_take, numbers, spec, successes, take

pytestmark = pytest.mark.servers
BROKEN = Failure(error_class="Broken", message="it broke")


def bury(mailbox: Mailbox, lease: Lease) -> None:
    mailbox.commit(lease, [JobOutcome(job=job.id, failure=BROKEN) for job in lease.jobs])


def dead_job(scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId, **options: object) -> JobId:
    job = scheduler.submit(spec(tenant, **options))
    bury(mailbox, must_take(mailbox, lane(tenant), max_jobs=1))
    return job


def dead(scheduler: MemScheduler, tenant: TenantId, **wanted: object) -> list[JobRecord]:
    return scheduler.dead_letters.list_all(tenant, DeadFilter(**wanted))


def replay(scheduler: MemScheduler, tenant: TenantId, job: JobId) -> bool:
    ((_, waits),) = scheduler.dead_letters.replay(scheduler.dead_letters.get(tenant, [job]), per_s=1000)
    return waits


class TestCancel:
    def test_a_running_job_is_cancelled_when_its_holder_hands_back(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        jobs = [scheduler.submit(spec(tenant, n=n)) for n in range(3)]
        lease = must_take(mailbox, lane(tenant))
        asked = scheduler.cancel(tenant, jobs[1])
        assert (asked.state, asked.cancel_requested) == (JobState.LEASED, True)
        assert mailbox.beat(lease, ttl_ms=60_000) == {jobs[1]}
        mailbox.finish(lease)
        states = [record.state for record in scheduler.wait(tenant, jobs, timeout_s=0)]
        assert states == [JobState.QUEUED, JobState.CANCELLED, JobState.QUEUED]
        assert numbers(take(mailbox, lane(tenant))) == [0, 2]

    def test_a_cancelled_job_is_not_attempted_again(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        job = scheduler.submit(spec(tenant))
        lease = must_take(mailbox, lane(tenant))
        scheduler.cancel(tenant, job)
        mailbox.retry(lease, BROKEN, delay_ms=0, isolate=False)
        assert scheduler.status(tenant, job).state is JobState.CANCELLED
        assert take(mailbox, lane(tenant)) is None

    def test_a_cancelled_job_whose_worker_vanished_ends_cancelled(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        job = scheduler.submit(spec(tenant))
        must_take(mailbox, lane(tenant), ttl_ms=1)
        scheduler.cancel(tenant, job)
        time.sleep(0.01)
        assert take(mailbox, lane(tenant)) is None
        assert scheduler.status(tenant, job).state is JobState.CANCELLED

    def test_a_stored_answer_is_the_last_safe_point(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        job = scheduler.submit(spec(tenant))
        lease = must_take(mailbox, lane(tenant))
        scheduler.cancel(tenant, job)
        with pytest.raises(Cancelled):
            mailbox.save_answers(lease, {job: "[]"})

    def test_a_job_that_ends_before_its_worker_hears_of_it_has_succeeded(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        job = scheduler.submit(spec(tenant))
        lease = must_take(mailbox, lane(tenant))
        scheduler.cancel(tenant, job)
        mailbox.commit(lease, successes(lease))
        assert scheduler.status(tenant, job).state is JobState.SUCCEEDED


class TestRecord:
    def test_progress_and_times_are_told(self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId) -> None:
        job = scheduler.submit(spec(tenant))
        before = scheduler.status(tenant, job)
        lease = must_take(mailbox, lane(tenant))
        mailbox.beat(lease, ttl_ms=60_000, progress=(3, 7))
        record = scheduler.status(tenant, job)
        assert (record.state, record.progress) == (JobState.RUNNING, (3, 7))
        assert before.progress == (0, 0)
        assert record.updated_at_ms >= before.updated_at_ms == before.submitted_at_ms == before.due_at_ms
        assert record.cost_tokens > 0

    def test_every_failed_attempt_is_remembered_with_its_reason(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        job = scheduler.submit(spec(tenant))
        mailbox.retry(must_take(mailbox, lane(tenant)), BROKEN, delay_ms=0, isolate=False)
        must_take(mailbox, lane(tenant), ttl_ms=1)
        time.sleep(0.01)
        bury(mailbox, must_take(mailbox, lane(tenant)))
        history = scheduler.status(tenant, job).history
        assert [(attempt.number, attempt.error_class) for attempt in history] == [
            (1, "Broken"), (2, "WorkerLost"), (3, "Broken"),
        ]  # fmt: skip
        assert history[0].error_message == "it broke"
        assert history[0].ended_at_ms <= history[1].ended_at_ms <= history[2].ended_at_ms

    def test_history_keeps_the_last_20(self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId) -> None:
        job = scheduler.submit(spec(tenant))
        for _ in range(25):
            mailbox.retry(must_take(mailbox, lane(tenant)), BROKEN, delay_ms=0, isolate=False)
        assert [attempt.number for attempt in scheduler.status(tenant, job).history] == list(range(6, 26))

    def test_jobs_are_listed_by_time_of_submission(self, scheduler: MemScheduler, tenant: TenantId) -> None:
        jobs: list[JobId] = []
        for n in range(3):
            jobs.append(scheduler.submit(spec(tenant, n=n)))
            time.sleep(0.003)
        middle = scheduler.status(tenant, jobs[1]).submitted_at_ms
        assert [record.id for record in scheduler.list_jobs(tenant, since_ms=middle)] == [jobs[2], jobs[1]]
        assert [record.id for record in scheduler.list_jobs(tenant, until_ms=middle)] == [jobs[1], jobs[0]]
        assert [record.id for record in scheduler.list_jobs(tenant, since_ms=middle, offset=1)] == [jobs[1]]


class TestDeadLetters:
    def test_a_dead_job_is_listed_until_it_is_replayed_under_its_own_id(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        job = dead_job(scheduler, mailbox, tenant, idempotency_key="k")
        assert [record.id for record in dead(scheduler, tenant)] == [job]
        assert replay(scheduler, tenant, job)
        assert dead(scheduler, tenant) == []
        assert scheduler.submit(spec(tenant, idempotency_key="k")) == job
        lease = must_take(mailbox, lane(tenant))
        assert [leased.id for leased in lease.jobs] == [job]
        mailbox.commit(lease, successes(lease))
        record = scheduler.status(tenant, job)
        assert (record.state, record.attempts, len(record.history)) == (JobState.SUCCEEDED, 1, 1)

    def test_a_second_replay_does_nothing(self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId) -> None:
        job = dead_job(scheduler, mailbox, tenant)
        (record,) = scheduler.dead_letters.get(tenant, [job])
        assert [waits for _, waits in scheduler.dead_letters.replay([record], per_s=1000)] == [True]
        assert [waits for _, waits in scheduler.dead_letters.replay([record], per_s=1000)] == [False]
        assert numbers(take(mailbox, lane(tenant))) == [0]

    def test_a_dropped_job_cannot_be_replayed(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        job = dead_job(scheduler, mailbox, tenant)
        records = scheduler.dead_letters.get(tenant, [job])
        assert scheduler.dead_letters.drop(records) == 1
        assert scheduler.dead_letters.drop(records) == 0
        assert not replay(scheduler, tenant, job)
        assert scheduler.status(tenant, job).state is JobState.DEAD

    def test_the_letters_of_one_user_are_dropped_once(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        job = dead_job(scheduler, mailbox, tenant)
        writer = scheduler.status(tenant, job).user
        assert scheduler.drop_dead(tenant, UserId("somebody else")) == 0
        assert scheduler.drop_dead(TenantId("other"), writer) == 0
        assert scheduler.drop_dead(tenant, writer) == 1
        assert scheduler.drop_dead(tenant, writer) == 0
        assert not replay(scheduler, tenant, job)

    def test_letters_are_chosen_by_cube_and_error(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        job = dead_job(scheduler, mailbox, tenant)
        assert [record.id for record in dead(scheduler, tenant, error_class="Broken")] == [job]
        assert dead(scheduler, tenant, error_class="Other") == []
        assert dead(scheduler, tenant, cube="elsewhere") == []

    def test_another_tenants_letter_is_as_unknown_as_none(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        job = dead_job(scheduler, mailbox, tenant)
        stranger = TenantId(f"{tenant}x")
        assert dead(scheduler, stranger) == []
        with pytest.raises(NotFound):
            scheduler.dead_letters.get(stranger, [job])

    def test_a_job_that_is_not_dead_is_no_letter(self, scheduler: MemScheduler, tenant: TenantId) -> None:
        with pytest.raises(NotFound, match="queued, not dead"):
            scheduler.dead_letters.get(tenant, [scheduler.submit(spec(tenant))])

    @pytest.mark.parametrize("rate", [0.0, -1.0, 1e9, float("nan")])
    def test_a_rate_that_is_none_is_refused(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId, rate: float
    ) -> None:
        dead_job(scheduler, mailbox, tenant)
        with pytest.raises(InvalidRequest, match="rate"):
            list(scheduler.dead_letters.replay(dead(scheduler, tenant), per_s=rate))
        assert len(dead(scheduler, tenant)) == 1

    def test_a_lane_may_halt_at_a_dead_job_until_it_is_replayed(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        scheduler.policies.set(tenant, {"on_dead": "halt"})
        jobs = [scheduler.submit(spec(tenant, n=n)) for n in range(2)]
        bury(mailbox, must_take(mailbox, lane(tenant), max_jobs=1))
        scheduler.submit(spec(tenant, n=2))
        assert take(mailbox, lane(tenant)) is None
        assert Wakes(redis_of(scheduler)).claim(Queue.EXTRACT, {tenant: 9}) == {tenant: []}
        assert replay(scheduler, tenant, jobs[0])
        assert numbers(take(mailbox, lane(tenant))) == [0, 1, 2]

    def test_a_halted_lane_goes_on_when_its_dead_job_is_dropped(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        scheduler.policies.set(tenant, {"on_dead": "halt"})
        jobs = [scheduler.submit(spec(tenant, n=n)) for n in range(2)]
        bury(mailbox, must_take(mailbox, lane(tenant), max_jobs=1))
        scheduler.dead_letters.drop(scheduler.dead_letters.get(tenant, jobs[:1]))
        assert numbers(take(mailbox, lane(tenant))) == [1]


def redis_of(scheduler: MemScheduler) -> Redis:
    return scheduler._redis


class TestDelay:
    def test_a_job_waits_until_its_time(self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId) -> None:
        at_ms = round(time.time() * 1000) + 200
        job = scheduler.submit(spec(tenant, run_after_ms=at_ms))
        assert take(mailbox, lane(tenant)) is None
        assert scheduler.status(tenant, job).due_at_ms == at_ms
        time.sleep(0.25)
        assert numbers(take(mailbox, lane(tenant))) == [0]

    def organize(self, tenant: TenantId, **options: object) -> JobSpec:
        of = lane(tenant, "~organize")
        return replace(spec(tenant, coalesce_key="c"), kind=JobKind.ORGANIZE, lane=of, **options)

    def test_a_newer_request_puts_a_waiting_one_off_but_not_for_ever(
        self, scheduler: MemScheduler, tenant: TenantId
    ) -> None:
        wanted = self.organize(tenant, delay_ms=1000, debounce_ms=1500)
        job = scheduler.submit(wanted)
        first = scheduler.status(tenant, job)
        time.sleep(0.05)
        assert scheduler.submit(wanted) == job
        later = scheduler.status(tenant, job)
        assert first.due_at_ms + 40 <= later.due_at_ms <= first.due_at_ms + 500
        scheduler.submit(replace(wanted, delay_ms=9000))
        assert scheduler.status(tenant, job).due_at_ms == first.submitted_at_ms + 1500

    def test_without_debounce_the_first_request_says_when(self, scheduler: MemScheduler, tenant: TenantId) -> None:
        wanted = self.organize(tenant, delay_ms=1000)
        job = scheduler.submit(wanted)
        due = scheduler.status(tenant, job).due_at_ms
        time.sleep(0.02)
        scheduler.submit(wanted)
        assert scheduler.status(tenant, job).due_at_ms == due

    def test_never_more_than_one_waits_and_one_runs(
        self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
    ) -> None:
        wanted = self.organize(tenant)
        running = scheduler.submit(wanted)
        lease = must_take(mailbox, wanted.lane)
        waiting = {scheduler.submit(wanted) for _ in range(5)}
        assert len(waiting) == 1
        assert running not in waiting
        assert take(mailbox, wanted.lane) is None
        mailbox.commit(lease, successes(lease))
        assert {job.id for job in must_take(mailbox, wanted.lane, holding=lease).jobs} == waiting

    @pytest.mark.parametrize("options", [{"run_after_ms": -1}, {"run_after_ms": 2**60}, {"debounce_ms": 5}])
    def test_a_time_that_makes_no_sense_is_refused(
        self, scheduler: MemScheduler, tenant: TenantId, options: dict[str, int]
    ) -> None:
        with pytest.raises(InvalidRequest, match=next(iter(options))):
            scheduler.submit(spec(tenant, **options))


LIMITS: list[tuple[str, dict[str, float]]] = [
    ("tenant_depth", {"max_queued": 2}),
    ("lane_depth", {"max_lane": 2}),
    ("adds_per_s", {"adds_per_s": 2}),
    ("tokens_per_min", {"tokens_per_min": 45}),
    ("tokens_per_day", {"tokens_per_day": 45}),
]


class TestLimits:
    @pytest.mark.parametrize(("reason", "limit"), LIMITS)
    def test_the_third_job_is_over_the_limit_and_stores_nothing(
        self, scheduler: MemScheduler, tenant: TenantId, reason: str, limit: dict[str, float]
    ) -> None:
        scheduler.policies.set(tenant, limit)
        jobs = [scheduler.submit(spec(tenant, n=n)) for n in range(2)]
        with pytest.raises(QuotaExceeded) as caught:
            scheduler.submit(spec(tenant, n=2))
        assert caught.value.reason == reason
        assert 0 < caught.value.retry_after_s <= 24 * 3600
        assert [record.id for record in scheduler.list_jobs(tenant)] == jobs[::-1]
        assert len(scheduler.pending_payloads(lane(tenant))) == 2

    def test_the_time_that_is_told_is_enough(self, scheduler: MemScheduler, tenant: TenantId) -> None:
        scheduler.policies.set(tenant, {"adds_per_s": 1})
        scheduler.submit(spec(tenant))
        with pytest.raises(QuotaExceeded) as caught:
            scheduler.submit(spec(tenant))
        time.sleep(caught.value.retry_after_s)
        scheduler.submit(spec(tenant))

    def test_another_tenant_is_not_touched(self, scheduler: MemScheduler, tenant: TenantId) -> None:
        scheduler.policies.set(tenant, {"max_queued": 1})
        scheduler.submit(spec(tenant))
        scheduler.submit(spec(TenantId(f"{tenant}x")))

    def test_a_repeated_submission_costs_nothing(self, scheduler: MemScheduler, tenant: TenantId) -> None:
        scheduler.policies.set(tenant, {"adds_per_s": 1})
        first = scheduler.submit(spec(tenant, idempotency_key="k"))
        assert scheduler.submit(spec(tenant, idempotency_key="k")) == first

    def test_work_of_the_system_itself_is_not_limited(self, scheduler: MemScheduler, tenant: TenantId) -> None:
        scheduler.policies.set(tenant, {"max_queued": 1})
        scheduler.submit(spec(tenant))
        scheduler.submit(spec(tenant, kind=JobKind.ORGANIZE, lane=lane(tenant, "~organize")))

    def test_an_end_makes_room(self, scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId) -> None:
        scheduler.policies.set(tenant, {"max_queued": 1})
        scheduler.submit(spec(tenant))
        lease = must_take(mailbox, lane(tenant))
        mailbox.commit(lease, successes(lease))
        scheduler.submit(spec(tenant))

    def test_a_default_holds_for_tenants_without_a_policy(self, redis: Redis, tenant: TenantId) -> None:
        strict = MemScheduler(redis, default=TenantPolicy(max_lane=1))
        strict.submit(spec(tenant))
        with pytest.raises(QuotaExceeded):
            strict.submit(spec(tenant))

    def test_tokens_of_the_day_are_counted(self, scheduler: MemScheduler, tenant: TenantId) -> None:
        job = scheduler.submit(spec(tenant, payload={"text": "x" * 4000}))
        usage = scheduler.policies.usage(tenant)
        assert list(usage.tokens_by_day.values()) == [scheduler.status(tenant, job).cost_tokens]
        assert usage.queued == 1
        assert 1000 <= sum(usage.tokens_by_day.values()) < 1100

    @pytest.mark.parametrize(
        "changes",
        [{"weight": 0}, {"weight": 1e9}, {"max_queued": 0}, {"adds_per_s": -1}, {"on_dead": "stop"}, {"colour": 1}],
    )
    def test_a_policy_that_makes_no_sense_is_refused_and_changes_nothing(
        self, scheduler: MemScheduler, tenant: TenantId, changes: dict[str, object]
    ) -> None:
        with pytest.raises(InvalidRequest, match=next(iter(changes))):
            scheduler.policies.set(tenant, changes)
        assert scheduler.policies.get(tenant) == TenantPolicy()

    def test_a_policy_comes_back_as_it_was_set_and_goes_with_reset(
        self, scheduler: MemScheduler, tenant: TenantId
    ) -> None:
        wanted = TenantPolicy(
            weight=2.5, max_in_flight=3, max_queued=4, max_lane=5, adds_per_s=0.5, tokens_per_min=6, tokens_per_day=7,
            on_dead="halt",
        )  # fmt: skip
        changes = {name: getattr(wanted, name) for name in wanted.__slots__}
        assert scheduler.policies.set(tenant, changes) == wanted == scheduler.policies.get(tenant)
        scheduler.policies.reset(tenant)
        assert scheduler.policies.get(tenant) == TenantPolicy()


class TestSlots:
    def test_a_cap_holds_over_lanes_and_a_free_slot_is_used_at_once(
        self, scheduler: MemScheduler, mailbox: Mailbox, redis: Redis, tenant: TenantId
    ) -> None:
        wakes = Wakes(redis)
        scheduler.policies.set(tenant, {"max_in_flight": 2})
        for n in range(5):
            scheduler.submit(spec(tenant, f"s{n}"))
        claims = wakes.claim(Queue.EXTRACT, {tenant: 5})[tenant]
        assert len(claims) == 2
        assert wakes.claim(Queue.EXTRACT, {tenant: 5}) == {tenant: []}
        lease = must_take(mailbox, claims[0].lane)
        mailbox.commit(lease, successes(lease))
        (view,) = wakes.look([keys.shard_of(tenant)])
        assert [turn.room for turn in view.due[Queue.EXTRACT] if turn.tenant == tenant] == [1]
        assert len(wakes.claim(Queue.EXTRACT, {tenant: 5})[tenant]) == 1

    def test_a_lost_holders_slot_expires(
        self, scheduler: MemScheduler, mailbox: Mailbox, redis: Redis, tenant: TenantId
    ) -> None:
        wakes = Wakes(redis)
        scheduler.policies.set(tenant, {"max_in_flight": 1})
        for n in range(2):
            scheduler.submit(spec(tenant, f"s{n}"))
        (claim,) = wakes.claim(Queue.EXTRACT, {tenant: 2})[tenant]
        must_take(mailbox, claim.lane, ttl_ms=1)
        time.sleep(0.01)
        assert wakes.reap().slots >= 1
        assert len(wakes.claim(Queue.EXTRACT, {tenant: 2})[tenant]) == 1

    def test_a_claim_tells_the_tokens_that_wait_in_the_lane(
        self, scheduler: MemScheduler, redis: Redis, tenant: TenantId
    ) -> None:
        jobs = [scheduler.submit(spec(tenant, payload={"text": "x" * 400})) for _ in range(3)]
        (claim,) = Wakes(redis).claim(Queue.EXTRACT, {tenant: 1})[tenant]
        assert claim.cost_tokens == sum(scheduler.status(tenant, job).cost_tokens for job in jobs)

    def test_a_drain_gives_way_to_others_when_it_has_had_its_slice(
        self, scheduler: MemScheduler, mailbox: Mailbox, redis: Redis, tenant: TenantId
    ) -> None:
        for n in range(4):
            scheduler.submit(spec(tenant, n=n))
        lease = must_take(mailbox, lane(tenant), max_jobs=2)
        mailbox.commit(lease, successes(lease))
        Wakes(redis).contend(Queue.EXTRACT)
        lease = must_take(mailbox, lane(tenant), max_jobs=1, holding=lease)
        mailbox.commit(lease, successes(lease))
        assert take(mailbox, lane(tenant), holding=lease, gives_way=True) is None
        assert len(Wakes(redis).claim(Queue.EXTRACT, {tenant: 1})[tenant]) == 1
        with pytest.raises(Fenced):
            mailbox.finish(lease)

    def test_a_bulk_lane_waits_apart_from_its_session(
        self, scheduler: MemScheduler, mailbox: Mailbox, redis: Redis, tenant: TenantId
    ) -> None:
        bulk = replace(lane(tenant), bulk=True)
        job = scheduler.submit(replace(spec(tenant, n=1), lane=bulk))
        scheduler.submit(spec(tenant, n=2))
        claims = Wakes(redis).claim(Queue.EXTRACT_BULK, {tenant: 9})[tenant]
        assert [claim.lane for claim in claims] == [bulk]
        assert numbers(take(mailbox, bulk)) == [1]
        assert numbers(take(mailbox, lane(tenant))) == [2]
        assert scheduler.status(tenant, job).lane == bulk

    def test_backlog_counts_what_waits_and_what_is_at_work(
        self, scheduler: MemScheduler, redis: Redis, tenant: TenantId
    ) -> None:
        redis.flushdb()
        for n in range(3):
            scheduler.submit(spec(tenant, f"s{n}"))
        Wakes(redis).claim(Queue.EXTRACT, {tenant: 1})
        time.sleep(0.02)
        backlog = Wakes(redis).backlog()[Queue.EXTRACT]
        assert (backlog.tenants, backlog.ready, backlog.in_flight) == (1, 2, 1)
        assert 15 <= backlog.oldest_ms < 10_000
        assert backlog.ready_by_tenant == {tenant: 2}


class TestOverload:
    @pytest.fixture(autouse=True)
    def _back_to_normal(self, redis: Redis) -> Iterator[None]:
        yield
        Wakes(redis).set_overload(0)

    def test_at_the_last_step_nothing_is_accepted(
        self, scheduler: MemScheduler, redis: Redis, tenant: TenantId
    ) -> None:
        Wakes(redis).set_overload(Step.REFUSE_ALL.level)
        with pytest.raises(QuotaExceeded) as caught:
            scheduler.submit(spec(tenant))
        assert caught.value.reason == "overloaded"
        Wakes(redis).set_overload(0)
        scheduler.submit(spec(tenant))

    def test_a_noisy_tenant_is_refused_alone(self, scheduler: MemScheduler, redis: Redis, tenant: TenantId) -> None:
        Wakes(redis).set_overload(Step.REFUSE_NOISY.level, noisy=[tenant])
        with pytest.raises(QuotaExceeded) as caught:
            scheduler.submit(spec(tenant))
        assert caught.value.reason == "noisy_tenant"
        scheduler.submit(spec(TenantId(f"{tenant}x")))
        Wakes(redis).set_overload(Step.REFUSE_NOISY.level)
        scheduler.submit(spec(tenant))

    @pytest.mark.parametrize(
        ("level", "step"),
        [(0, Step.NONE), (1, Step.COALESCE), (2, Step.COALESCE), (3, Step.RULES_READER), (4, Step.RULES_READER)],
    )
    def test_the_step_that_touches_a_job_is_in_its_record(
        self, scheduler: MemScheduler, mailbox: Mailbox, redis: Redis, tenant: TenantId, level: int, step: Step
    ) -> None:
        job = scheduler.submit(spec(tenant))
        Wakes(redis).set_overload(level)
        assert must_take(mailbox, lane(tenant)).overload == level == Wakes(redis).overload()
        assert scheduler.status(tenant, job).overload is step

    def test_a_job_that_was_paused_says_so(self, scheduler: MemScheduler, redis: Redis, tenant: TenantId) -> None:
        Wakes(redis).set_overload(Step.PAUSE.level)
        job = scheduler.submit(spec(tenant, kind=JobKind.ORGANIZE, lane=lane(tenant, "~organize")))
        assert scheduler.status(tenant, job).overload is Step.PAUSE

    def test_batches_grow_under_load(
        self, scheduler: MemScheduler, mailbox: Mailbox, redis: Redis, tenant: TenantId
    ) -> None:
        for n in range(8):
            scheduler.submit(spec(tenant, n=n))
        Wakes(redis).set_overload(Step.COALESCE.level)
        assert len(must_take(mailbox, lane(tenant), max_jobs=2).jobs) == 8


class TestClock:
    def put_back(self, redis: Redis, tenant: TenantId, by_ms: int, *, field: Callable[[Redis], None]) -> None:
        """What Redis holds after its clock went back: times that lie in the future."""
        field(redis)
        key = keys.reap_keys(keys.shard_of(tenant), Queue.EXTRACT)[3]
        redis.hset(key, f"clock|{Queue.EXTRACT}", round(time.time() * 1000) + by_ms)

    def test_a_lease_in_an_impossible_future_is_ended(
        self, scheduler: MemScheduler, mailbox: Mailbox, redis: Redis, tenant: TenantId
    ) -> None:
        scheduler.submit(spec(tenant))
        stale = must_take(mailbox, lane(tenant), ttl_ms=3_600_000)
        assert Wakes(redis).reap().leases == 1
        assert numbers(take(mailbox, lane(tenant))) == [0]
        with pytest.raises(Fenced):
            mailbox.commit(stale, successes(stale))

    def test_a_retry_that_was_set_in_the_future_does_not_wait_for_it(
        self, scheduler: MemScheduler, mailbox: Mailbox, redis: Redis, tenant: TenantId
    ) -> None:
        job = scheduler.submit(spec(tenant))
        mailbox.retry(must_take(mailbox, lane(tenant)), BROKEN, delay_ms=3_600_000, isolate=False)
        assert take(mailbox, lane(tenant)) is None
        record = f"{keys.lane_keys(lane(tenant))[6]}{job}"
        set_at = int(redis.hget(record, "set") or 0)
        self.put_back(redis, tenant, 3_600_000, field=lambda client: client.hset(record, "set", set_at + 3_600_000))
        assert Wakes(redis).reap().lanes >= 1
        assert numbers(take(mailbox, lane(tenant))) == [0]


class TestExpiry:
    def test_dead_letters_and_usage_go_with_their_time(
        self, scheduler: MemScheduler, mailbox: Mailbox, redis: Redis, tenant: TenantId
    ) -> None:
        old, kept = dead_job(scheduler, mailbox, tenant, n=1), dead_job(scheduler, mailbox, tenant, n=2)
        letters, usage, stats = keys.expiry_keys(tenant)
        redis.zadd(letters, {old: 1000})
        redis.hset(usage, "day|12345", 7)
        before = int(redis.hget(stats, "dead|now") or 0)
        Expiry(redis=redis).run()
        assert [record.id for record in dead(scheduler, tenant)] == [kept]
        assert 12345 not in scheduler.policies.usage(tenant).tokens_by_day
        assert len(scheduler.policies.usage(tenant).tokens_by_day) == 1
        assert int(redis.hget(stats, "dead|now") or 0) <= before - 1


class TestForget:
    def test_nothing_of_a_tenant_is_left_and_nothing_of_others_is_gone(
        self, scheduler: MemScheduler, mailbox: Mailbox, redis: Redis, tenant: TenantId
    ) -> None:
        neighbour = TenantId(f"{tenant}-2")
        for who in (tenant, neighbour):
            scheduler.policies.set(who, {"weight": 2})
            dead_job(scheduler, mailbox, who)
            scheduler.submit(spec(who, "other", idempotency_key="k"))
            scheduler.submit(replace(spec(who), lane=replace(lane(who), bulk=True)))
        held = must_take(mailbox, lane(tenant, "other"))
        assert scheduler.forget_tenant(tenant) > 5
        assert scheduler.forget_tenant(tenant) == 0
        assert scheduler.list_jobs(tenant) == []
        assert dead(scheduler, tenant) == []
        assert [key for key in redis.scan_iter(count=1000) if tenant in str(key) and neighbour not in str(key)] == []
        with pytest.raises(Fenced):
            mailbox.commit(held, successes(held))
        assert len(scheduler.list_jobs(neighbour)) == 3
        assert scheduler.policies.get(neighbour).weight == 2
        assert numbers(take(mailbox, lane(neighbour, "other"))) == [0]
