import threading
from typing import Any

import pytest

from memos.errors import InvalidConfig, InvalidRequest, NotFound
from memos.ids import CubeId, JobId, TenantId, UserId
from memos.mem_scheduler.base import Scheduler
from memos.mem_scheduler.factory import build_scheduler
from memos.settings import Settings
from memos.types import JobKind, JobState
from scheduler import MemScheduler
from scheduler.lease import Failure
from scheduler.mailbox import Mailbox
from tests.support.job_path import lane, must_take, numbers, spec, successes, take

pytestmark = pytest.mark.servers


def test_a_submitted_job_is_queued(scheduler: MemScheduler, tenant: TenantId) -> None:
    record = scheduler.status(tenant, scheduler.submit(spec(tenant, "morning")))
    assert (record.state, record.kind, record.lane, record.user) == (
        JobState.QUEUED,
        JobKind.EXTRACT,
        lane(tenant, "morning"),
        UserId("u"),
    )
    assert (record.attempts, record.wait_ms, record.run_ms) == (0, None, None)
    assert record.submitted_at_ms > 1_700_000_000_000


def test_an_idempotency_key_returns_the_first_job_also_after_its_end(
    scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
) -> None:
    first = scheduler.submit(spec(tenant, n=1, idempotency_key="k"))
    assert scheduler.submit(spec(tenant, n=2, idempotency_key="k")) == first
    lease = must_take(mailbox, lane(tenant))
    assert numbers(lease) == [1]
    mailbox.commit(lease, successes(lease))
    assert scheduler.submit(spec(tenant, n=3, idempotency_key="k")) == first
    assert take(mailbox, lane(tenant)) is None
    assert scheduler.submit(spec(tenant, n=4, idempotency_key="other")) != first


def test_an_idempotency_key_is_the_tenants_own(scheduler: MemScheduler, tenant: TenantId) -> None:
    other = TenantId(f"{tenant}-other")
    first = scheduler.submit(spec(tenant, idempotency_key="k"))
    assert scheduler.submit(spec(other, idempotency_key="k")) != first


def test_another_tenants_job_is_as_unknown_as_none(scheduler: MemScheduler, tenant: TenantId) -> None:
    job = scheduler.submit(spec(tenant))
    other = TenantId(f"{tenant}-other")
    for unknown in (job, JobId("0" * 32), JobId("*"), JobId("a\x1fb"), JobId("\ud800"), JobId("")):
        with pytest.raises(NotFound):
            scheduler.status(other, unknown)
        with pytest.raises(NotFound):
            scheduler.cancel(other, unknown)
        with pytest.raises(NotFound):
            scheduler.wait(other, [unknown], timeout_s=0)
    assert scheduler.list_jobs(other) == []
    assert scheduler.status(tenant, job).state is JobState.QUEUED


def test_a_cancelled_job_never_runs_and_the_lane_goes_on(
    scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
) -> None:
    jobs = [scheduler.submit(spec(tenant, n=n)) for n in range(3)]
    record = scheduler.cancel(tenant, jobs[1])
    assert record.state is JobState.CANCELLED
    assert record.finished_at_ms is not None
    assert numbers(take(mailbox, lane(tenant))) == [0, 2]
    assert scheduler.cancel(tenant, jobs[1]).state is JobState.CANCELLED


def test_cancelling_the_only_job_leaves_an_empty_lane(
    scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
) -> None:
    scheduler.cancel(tenant, scheduler.submit(spec(tenant)))
    assert take(mailbox, lane(tenant)) is None
    scheduler.submit(spec(tenant, n=2))
    assert numbers(take(mailbox, lane(tenant))) == [2]


def test_a_started_job_is_not_cancelled(scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId) -> None:
    job = scheduler.submit(spec(tenant))
    lease = must_take(mailbox, lane(tenant))
    assert scheduler.cancel(tenant, job).state is JobState.LEASED
    mailbox.commit(lease, successes(lease))
    assert scheduler.cancel(tenant, job).state is JobState.SUCCEEDED


def test_cancelling_a_retrying_job_wakes_what_is_behind_it(
    scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
) -> None:
    job = scheduler.submit(spec(tenant, n=1))
    lease = must_take(mailbox, lane(tenant))
    mailbox.retry(lease, Failure(error_class="X", message=""), delay_ms=60_000, isolate=False)
    scheduler.submit(spec(tenant, n=2))
    assert scheduler.cancel(tenant, job).state is JobState.CANCELLED
    assert numbers(take(mailbox, lane(tenant))) == [2]


def test_a_cancelled_job_absorbs_nothing(scheduler: MemScheduler, tenant: TenantId) -> None:
    first = scheduler.submit(spec(tenant, coalesce_key="k"))
    scheduler.cancel(tenant, first)
    assert scheduler.submit(spec(tenant, coalesce_key="k")) != first


def test_wait_returns_when_all_jobs_ended(scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId) -> None:
    jobs = [scheduler.submit(spec(tenant, session)) for session in ("a", "b")]

    def work() -> None:
        for session in ("a", "b"):
            lease = must_take(mailbox, lane(tenant, session))
            mailbox.commit(lease, successes(lease))

    worker = threading.Timer(0.05, work)
    worker.start()
    records = scheduler.wait(tenant, jobs[::-1], timeout_s=20)
    worker.join()
    assert [(record.id, record.state) for record in records] == [(job, JobState.SUCCEEDED) for job in jobs[::-1]]


def test_wait_gives_up_in_time_and_tells_the_truth(scheduler: MemScheduler, tenant: TenantId) -> None:
    job = scheduler.submit(spec(tenant))
    assert [record.state for record in scheduler.wait(tenant, [job], timeout_s=0.02)] == [JobState.QUEUED]
    assert scheduler.wait(tenant, [], timeout_s=1) == []


def test_jobs_are_listed_newest_first_in_pages(scheduler: MemScheduler, tenant: TenantId) -> None:
    jobs = [scheduler.submit(spec(tenant, f"s{n}")) for n in range(7)]
    pages = [scheduler.list_jobs(tenant, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [record.id for page in pages for record in page] == jobs[::-1]
    assert [len(page) for page in pages] == [3, 3, 1, 0]


def test_a_list_can_be_narrowed(scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId) -> None:
    scheduler.submit(spec(tenant, "a"))
    done = must_take(mailbox, lane(tenant, "a"))
    mailbox.commit(done, successes(done))
    waiting = scheduler.submit(spec(tenant, "b"))
    build = scheduler.submit(spec(tenant, kind=JobKind.KV_BUILD, lane=lane(tenant, "~kv")))

    def ids_of(**wanted: Any) -> list[JobId]:
        return [record.id for record in scheduler.list_jobs(tenant, **wanted)]

    assert ids_of(state=JobState.SUCCEEDED) == [done.jobs[0].id]
    assert ids_of(kind=JobKind.EXTRACT) == [waiting, done.jobs[0].id]
    assert ids_of(kind=JobKind.EXTRACT, limit=1, offset=1) == [done.jobs[0].id]
    assert ids_of(cube="c", state=JobState.QUEUED) == [build, waiting]
    assert ids_of(cube="another") == []


def test_a_filter_finds_what_lies_deep_in_a_long_list(scheduler: MemScheduler, tenant: TenantId) -> None:
    wanted = scheduler.submit(spec(tenant, "first"))
    scheduler.cancel(tenant, wanted)
    for n in range(1100):
        scheduler.submit(spec(tenant, f"s{n % 10}"))
    assert [record.id for record in scheduler.list_jobs(tenant, state=JobState.CANCELLED)] == [wanted]
    assert len(scheduler.list_jobs(tenant, limit=1090, offset=5)) == 1090


def test_pending_payloads_hold_what_has_not_taken_effect(
    scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
) -> None:
    for n in range(3):
        scheduler.submit(spec(tenant, n=n))
    lease = must_take(mailbox, lane(tenant), max_jobs=1)
    assert [payload["n"] for payload in scheduler.pending_payloads(lane(tenant))] == [0, 1, 2]
    mailbox.commit(lease, successes(lease))
    assert [payload["n"] for payload in scheduler.pending_payloads(lane(tenant))] == [1, 2]
    assert scheduler.pending_payloads(lane(tenant, "unknown")) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"payload": {"x": object()}}, "payload is not JSON"),
        ({"payload": {"x": float("nan")}}, "payload is not JSON"),
        ({"payload": {"x": "y" * (16 * 1024 * 1024)}}, "split it"),
        ({"delay_ms": -1}, "delay_ms"),
        ({"delay_ms": 8 * 24 * 3600 * 1000}, "7 days"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "a\x1fb"}, "idempotency_key"),
        ({"coalesce_key": "k" * 257}, "coalesce_key"),
        ({"user": UserId("")}, "user_id"),
        ({"kind": JobKind.KV_BUILD}, "~kv"),
        ({"lane": lane(TenantId("t"), "~kv")}, "reserved"),
        ({"lane": lane(TenantId("t\x1fu"))}, "tenant"),
        ({"lane": lane(TenantId("t"), "a\x00b")}, "session_id"),
    ],
)
def test_what_could_never_run_is_refused(scheduler: MemScheduler, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        scheduler.submit(spec(TenantId("t"), **wrong))
    assert scheduler.list_jobs(TenantId("t")) == []


def test_a_page_must_have_a_size(scheduler: MemScheduler, tenant: TenantId) -> None:
    with pytest.raises(InvalidRequest, match="limit"):
        scheduler.list_jobs(tenant, limit=0)
    with pytest.raises(InvalidRequest, match="offset"):
        scheduler.list_jobs(tenant, offset=-1)


def test_the_factory_gives_what_memos_asks_for(settings: Settings, tenant: TenantId) -> None:
    made: Scheduler = build_scheduler(settings)
    assert made.list_jobs(tenant) == []
    made.close()
    made.close()


def test_the_factory_says_what_to_do_without_a_redis() -> None:
    with pytest.raises(InvalidConfig, match="memos up"):
        build_scheduler(Settings())


def test_a_url_of_another_sort_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="redis_url"):
        MemScheduler.from_url("http://127.0.0.1:1")


def test_a_cube_id_with_odd_characters_names_its_own_lane(
    scheduler: MemScheduler, mailbox: Mailbox, tenant: TenantId
) -> None:
    for odd in ("a:b", "{00}", "*?[x]", "ü 漢"):
        wanted = spec(tenant, n=1, lane=lane(tenant, odd)).lane
        lease_of = must_take
        scheduler.submit(spec(tenant, lane=wanted))
        assert lease_of(mailbox, wanted).lane == wanted
    assert CubeId("c") == wanted.cube
