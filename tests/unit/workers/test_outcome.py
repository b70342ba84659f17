import pytest

from memos import errors
from memos.ids import CubeId, JobId, SessionId, TenantId, UserId
from memos.types import JobKind, Lane
from scheduler.lease import Failure, JobOutcome, Lease, LeasedJob
from scheduler.retry import MAX_CRASHES, Drop
from workers.outcome import Bury, Retry, judge, judge_crashes

LANE = Lane(tenant=TenantId("t"), cube=CubeId("c"), session=SessionId("s"))


def leased(*attempts: int, crashes: int = 0) -> Lease:
    jobs = tuple(
        LeasedJob(
            id=JobId(f"j{place}"),
            kind=JobKind.EXTRACT,
            user=UserId("u"),
            attempts=earlier,
            crashes=crashes,
            payload={},
            answer=None,
            submitted_at_ms=0,
        )
        for place, earlier in enumerate(attempts)
    )
    return Lease(lane=LANE, fence=1, jobs=jobs)


def half() -> float:
    return 0.5


def test_a_terminal_error_kills_a_job_that_was_alone() -> None:
    verdict = judge(errors.InvalidRequest("bad date"), leased(0), random=half)
    failure = Failure(error_class="InvalidRequest", message="bad date")
    assert verdict == Bury(outcome=JobOutcome(job=JobId("j0"), failure=failure))


def test_a_terminal_error_of_a_batch_sends_its_jobs_back_one_by_one() -> None:
    verdict = judge(errors.InvalidRequest("bad date"), leased(0, 0), random=half)
    assert isinstance(verdict, Retry)
    assert (verdict.delay_ms, verdict.isolate) == (0, True)


def test_an_outage_sends_a_batch_back_as_a_batch() -> None:
    verdict = judge(errors.Unavailable("neo4j", "away"), leased(0, 0), random=half)
    assert isinstance(verdict, Retry)
    assert (verdict.delay_ms, verdict.isolate) == (125, False)


def test_an_unknown_error_isolates_and_counts_to_three() -> None:
    assert isinstance(judge(ValueError("x"), leased(0, 0), random=half), Retry)
    assert isinstance(judge(ValueError("x"), leased(1), random=half), Retry)
    assert isinstance(judge(ValueError("x"), leased(2), random=half), Bury)


def test_a_fenced_handler_is_dropped() -> None:
    assert judge(errors.Fenced("x"), leased(0), random=half) == Drop()


@pytest.mark.parametrize(("crashes", "dead"), [(0, False), (MAX_CRASHES - 1, False), (MAX_CRASHES, True)])
def test_a_job_that_takes_workers_down_is_buried_in_the_end(crashes: int, dead: bool) -> None:
    outcome = judge_crashes(leased(crashes, crashes=crashes))
    assert (outcome is not None) == dead
    assert outcome is None or (outcome.failure is not None and outcome.failure.error_class == "WorkerLost")
