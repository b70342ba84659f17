"""What a handler's exception means for the jobs it was working on. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from memos.errors import MemosError, QuotaExceeded, Unavailable
from scheduler.lease import Failure, JobOutcome, Lease
from scheduler.retry import MAX_CRASHES, Again, Drop, GiveUp, decide


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """Let the lane sleep, then attempt the same jobs again; each alone if ``isolate``."""

    failure: Failure
    delay_ms: int
    isolate: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Bury:
    """Commit the job as dead; the lane goes on."""

    outcome: JobOutcome


Verdict = Retry | Bury | Drop


def judge(error: Exception, lease: Lease, *, random: Callable[[], float]) -> Verdict:
    """Decide over a failed batch by its oldest job, which has seen the most attempts.

    In a batch nobody knows whose fault it was. So a batch never dies: unless a dependency was away, its jobs come
    back one by one, and the bad one dies alone while the others go on.
    """
    first, *others = lease.jobs
    decision = decide(error, attempts=first.attempts + 1, random=random)
    failure = describe(error)
    match decision:
        case Drop():
            return decision
        case Again():
            return Retry(failure=failure, delay_ms=decision.delay_ms, isolate=not is_outside(error))
        case GiveUp() if others:
            return Retry(failure=failure, delay_ms=0, isolate=True)
        case GiveUp():
            return Bury(outcome=JobOutcome(job=first.id, failure=failure))


def judge_crashes(lease: Lease) -> JobOutcome | None:
    """Dead, for a job that has taken too many workers down; None for every other lease."""
    job = lease.jobs[0]
    if job.crashes < MAX_CRASHES:
        return None
    message = f"{job.crashes} workers vanished while they worked on it (killed, out of memory or over the time limit)"
    return JobOutcome(job=job.id, failure=Failure(error_class="WorkerLost", message=message))


def is_outside(error: Exception) -> bool:
    """True when the cause is surely not in the jobs themselves."""
    return isinstance(error, Unavailable | QuotaExceeded)


def describe(error: Exception) -> Failure:
    """An exception as the job's owner will read it."""
    message = str(error) if isinstance(error, MemosError) else f"unexpected: {error}"
    return Failure(error_class=type(error).__name__, message=message)
