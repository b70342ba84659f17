"""Works one lane for one hint: lease, handler, commit, and again until the lane is empty or others should have a turn.

    take ──> handler ──ok──> commit ──work left──> take ... ──enough for now──> finish (the lane rings again)
                │               └──empty──> let go
                ├──retryable──> retry (the lane sleeps)
                ├──terminal───> commit as dead, go on
                ├──cancelled──> finish (who was cancelled ends so, the others wait again)
                └──fenced─────> drop everything

Whatever ends the process in between leaves the jobs in the mailbox and the lease to lapse.
"""

import logging
import random
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from memos.errors import Cancelled, Fenced
from memos.types import Lane
from scheduler.keys import BATCH_JOBS
from scheduler.lease import JobOutcome, Lease
from scheduler.mailbox import Mailbox
from scheduler.retry import Drop
from workers.batch import Batch, Handler
from workers.beat import Heart
from workers.bootstrap import Resources
from workers.outcome import Bury, Retry, judge, judge_crashes

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much one lease and one hint may take. The lease is short: a vanished worker costs no more than it.

    A hint that has had its ``slice_s`` gives way when other tenants wait; when none do, it goes on up to the bounds,
    at which other lanes of the same tenant have their turn.
    """

    lease_ms: int = 10_000
    max_jobs: int = BATCH_JOBS
    max_bytes: int = 128 * 1024
    slice_s: float = 0.002
    max_batches: int = 32
    max_seconds: float = 1.0


DEFAULT_LIMITS: Final = Limits()


@dataclass(kw_only=True, slots=True)
class Tally:
    """What one hint came to."""

    succeeded: int = 0
    dead: int = 0
    retried: int = 0
    cancelled: int = 0
    fenced: int = 0
    dead_classes: set[str] = field(default_factory=set[str])
    retried_class: str = ""

    def count(self, outcomes: Sequence[JobOutcome]) -> None:
        """Add what was committed."""
        for outcome in outcomes:
            if outcome.failure is None:
                self.succeeded += 1
            else:
                self.dead += 1
                self.dead_classes.add(outcome.failure.error_class)


@dataclass(frozen=True, kw_only=True, slots=True)
class Drain:
    """Works lanes with one handler. ``random`` is uniform in [0, 1).

    Between two batches it asks ``stopping`` whether the process is to end, and then hands the lane back. ``on_beat`` is
    called about once a second while a batch is worked.
    """

    mailbox: Mailbox
    handler: Handler
    resources: Resources
    limits: Limits = DEFAULT_LIMITS
    random: Callable[[], float] = random.random
    stopping: Callable[[], bool] = lambda: False
    on_beat: Callable[[], None] = lambda: None

    def run(self, lane: Lane) -> Tally:
        """Work the lane. Raises Unavailable when Redis is away; nothing accepted is lost by it."""
        tally = Tally()
        lease = self._take(lane, None)
        if lease is not None:
            with Heart(self.mailbox, ttl_ms=self.limits.lease_ms, on_beat=self.on_beat) as heart:
                try:
                    self._work(lease, heart, tally)
                except Fenced as error:
                    tally.fenced += 1
                    log.warning("fenced: %s", error)
        return tally

    def _work(self, first: Lease, heart: Heart, tally: Tally) -> None:
        clock = self.resources.clock
        started_s = clock.monotonic_s()
        lease: Lease | None = first
        batches = 0
        while lease is not None:
            heart.hold(lease)
            goes_on = self._work_batch(lease, heart, tally)
            heart.hold(None)
            batches += 1
            if not goes_on:
                return
            worked_s = clock.monotonic_s() - started_s
            if batches >= self.limits.max_batches or worked_s >= self.limits.max_seconds or self.stopping():
                self._hand_back(lease)
                return
            lease = self._take(first.lane, lease, gives_way=worked_s >= self.limits.slice_s)

    def _work_batch(self, lease: Lease, heart: Heart, tally: Tally) -> bool:
        """True when the lane has more work and is still ours."""
        crashed = judge_crashes(lease)
        if crashed is not None:
            return self._commit(lease, [crashed], tally)
        try:
            outcomes = list(self.handler(self._batch(lease, heart), self.resources))
            _check(lease, outcomes)
        except Cancelled:
            self.mailbox.finish(lease)
            tally.cancelled += 1
            return False
        except Exception as error:  # noqa: BLE001 - a plugin call: whatever it raises becomes a state of its jobs
            return self._fail(error, lease, tally)
        return self._commit(lease, outcomes, tally)

    def _fail(self, error: Exception, lease: Lease, tally: Tally) -> bool:
        verdict = judge(error, lease, random=self.random)
        _log_failure(error, lease, verdict)
        match verdict:
            case Bury():
                return self._commit(lease, [verdict.outcome], tally)
            case Retry():
                self.mailbox.retry(lease, verdict.failure, delay_ms=verdict.delay_ms, isolate=verdict.isolate)
                tally.retried += len(lease.jobs)
                tally.retried_class = verdict.failure.error_class
            case Drop():
                tally.fenced += 1
            case _:
                assert_never(verdict)
        return False

    def _commit(self, lease: Lease, outcomes: list[JobOutcome], tally: Tally) -> bool:
        left = self.mailbox.commit(lease, outcomes)
        tally.count(outcomes)
        return left > 0

    def _hand_back(self, lease: Lease) -> None:
        """Let the lane go between two batches: all jobs of the lease have ended."""
        self.mailbox.finish(replace(lease, jobs=()))

    def _take(self, lane: Lane, holding: Lease | None, *, gives_way: bool = False) -> Lease | None:
        limits = self.limits
        return self.mailbox.take(
            lane,
            max_jobs=limits.max_jobs,
            max_bytes=limits.max_bytes,
            ttl_ms=limits.lease_ms,
            holding=holding,
            gives_way=gives_way,
        )

    def _batch(self, lease: Lease, heart: Heart) -> Batch:
        return Batch(
            lane=lease.lane,
            fence=lease.fence,
            jobs=lease.jobs,
            save_answers=lambda answers: self.mailbox.save_answers(lease, answers),
            ensure_held=heart.ensure_held,
            progress=heart.progress,
            overload=lease.overload,
        )


def _check(lease: Lease, outcomes: Sequence[JobOutcome]) -> None:
    """A handler that mixes up its jobs is broken, and must not end any of them."""
    if [outcome.job for outcome in outcomes] != [job.id for job in lease.jobs]:
        raise RuntimeError(
            f"the handler returned {len(outcomes)} outcomes for {len(lease.jobs)} jobs, or in other order"
        )


def _log_failure(error: Exception, lease: Lease, verdict: Retry | Bury | Drop) -> None:
    """Names and the stack, never the exception's text: a user's words may be in it."""
    lane = lease.lane
    log.warning(
        "%s in %d jobs of tenant=%s cube=%s session=%s first=%s: %s\n%s",
        type(error).__name__, len(lease.jobs), lane.tenant, lane.cube, lane.session, lease.jobs[0].id,
        type(verdict).__name__.lower(), "".join(traceback.format_tb(error.__traceback__)),
    )  # fmt: skip
