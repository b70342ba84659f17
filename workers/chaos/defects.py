"""Mistakes that the checker must see. They live here alone; no product code knows of them.

unfenced     a commit without the fence: a holder that was overtaken goes on as if nothing had happened
ack_first    the job is committed before its work is done
random_ids   a job's effects get an id of their own at each attempt, so that a second one does not find the first
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from memos.errors import Fenced
from memos.ids import JobId, new_job_id
from scheduler import keys
from scheduler.connection import connect
from scheduler.lease import JobOutcome, Lease
from workers.batch import Batch, Handler
from workers.chaos.resources import ChaosResources


class Defect(StrEnum):
    """Which mistake is made."""

    UNFENCED = "unfenced"
    ACK_FIRST = "ack_first"
    RANDOM_IDS = "random_ids"


def with_defect(name: str, handler: Handler) -> Callable[[Batch, ChaosResources], Sequence[JobOutcome]]:
    """The handler with the mistake of that name, or as it is."""
    wrap = _WRAPPERS[Defect(name)] if name else _as_it_is
    return lambda batch, resources: wrap(handler, batch, resources)


def _as_it_is(handler: Handler, batch: Batch, resources: ChaosResources) -> Sequence[JobOutcome]:
    return handler(batch, resources)


def _unfenced(handler: Handler, batch: Batch, resources: ChaosResources) -> Sequence[JobOutcome]:
    """A commit that only knows how many jobs it has done takes that many from the head of the lane."""
    outcomes = handler(batch, resources)
    try:
        resources.mailbox.beat(_lease(batch), ttl_ms=1000)
    except Fenced:
        redis = connect(resources.redis_url)
        redis.ltrim(keys.lane_keys(batch.lane)[0], len(outcomes), -1)
        redis.close()
    return outcomes


def _ack_first(handler: Handler, batch: Batch, resources: ChaosResources) -> Sequence[JobOutcome]:
    resources.mailbox.commit(_lease(batch), [JobOutcome(job=job.id) for job in batch.jobs])
    return handler(batch, resources)


def _random_ids(handler: Handler, batch: Batch, resources: ChaosResources) -> Sequence[JobOutcome]:
    drawn = {new_job_id(): job.id for job in batch.jobs}
    jobs = tuple(replace(job, id=new) for new, job in zip(drawn, batch.jobs, strict=True))

    def save(answers: Mapping[JobId, str]) -> None:
        batch.save_answers({drawn[job]: answer for job, answer in answers.items()})

    outcomes = handler(replace(batch, jobs=jobs, save_answers=save), resources)
    return [replace(outcome, job=drawn[outcome.job]) for outcome in outcomes]


def _lease(batch: Batch) -> Lease:
    return Lease(lane=batch.lane, fence=batch.fence, jobs=batch.jobs)


_WRAPPERS: Final = {
    Defect.UNFENCED: _unfenced,
    Defect.ACK_FIRST: _ack_first,
    Defect.RANDOM_IDS: _random_ids,
}
