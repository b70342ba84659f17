"""The mailboxes of all lanes, in Redis: what was accepted, in which order, and who may work on it.

    put ──> [ box of a lane: job, job, job ] ──take──> Lease ──commit──> ended, next batch or lane let go
                          ▲                              ├──retry───> head asleep until due, lane let go
                          └──────────────────────────────┴──finish──> handed back, lane let go

Each step is one Lua script and either happens whole or not at all. Each step of a holder shows its fence; when
somebody newer has taken the lane it raises Fenced and nothing is changed. Every method raises Unavailable.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from redis import Redis

from memos.errors import Fenced
from memos.ids import JobId, new_job_id
from memos.types import JobSpec, Lane
from scheduler import codec, keys
from scheduler.lease import Failure, JobOutcome, Lease
from scheduler.scripts import Argument, Scripts

_STALE = -1


class Mailbox:
    """All lanes. Holds no state of its own; one object may serve many threads."""

    def __init__(self, redis: Redis) -> None:
        self._scripts = Scripts(redis)

    def put(self, spec: JobSpec) -> JobId:
        """Accept a checked job: one round trip, safe to repeat when the reply was lost."""
        wanted = list(keys.lane_keys(spec.lane))
        if spec.idempotency_key is not None:
            wanted.append(keys.idempotency_key(spec.lane.tenant, spec.idempotency_key))
        settings = (new_job_id(), spec.delay_ms, spec.coalesce_key or "", keys.IDEMPOTENCY_TTL_S)
        fields = codec.encode_new(spec)
        return JobId(self._scripts.run("put", wanted, *_names(spec.lane), *settings, *fields))

    def take(
        self, lane: Lane, *, max_jobs: int, max_bytes: int, ttl_ms: int, holding: Lease | None = None
    ) -> Lease | None:
        """Lease the lane and its first jobs; None when it is empty, asleep, or somebody else's.

        At least one job whatever its size. A job that was alone with a vanished worker, or failed in a batch, comes
        alone. ``holding`` goes on with a lease whose jobs were committed; raises Fenced when that is stale.
        """
        fence = 0 if holding is None else holding.fence
        limits = (ttl_ms, max_jobs, max_bytes, fence, keys.LANE_TTL_S)
        answer = cast(list[Any], self._scripts.run("take", keys.lane_keys(lane), *_names(lane), *limits))
        if answer[0] == _STALE:
            raise _fenced(lane)
        if answer[0] == 0:
            return None
        return Lease(lane=lane, fence=answer[0], jobs=tuple(codec.decode_leased(row) for row in answer[1:]))

    def beat(self, lease: Lease, *, ttl_ms: int) -> None:
        """Keep the lease for another ``ttl_ms`` and mark its jobs as running."""
        self._step("beat", lease, ttl_ms, *_ids(lease))

    def save_answers(self, lease: Lease, answers: Mapping[JobId, str]) -> None:
        """Store what a model answered, to be found as ``LeasedJob.answer`` by every later attempt."""
        self._step("save_answers", lease, *(item for pair in answers.items() for item in pair))

    def commit(self, lease: Lease, outcomes: Sequence[JobOutcome]) -> int:
        """End the lease's jobs, one outcome each in their order; returns how many jobs the lane still holds.

        At 0 the lane is let go in the same step. Raises ValueError when outcomes and jobs do not match.
        """
        if [outcome.job for outcome in outcomes] != _ids(lease):
            raise ValueError(f"{len(outcomes)} outcomes do not match the {len(lease.jobs)} leased jobs in order")
        encoded = [item for outcome in outcomes for item in codec.encode_outcome(outcome)]
        return self._step("commit", lease, keys.RECORD_TTL_S, keys.INDEX_TTL_S, len(outcomes), *encoded)

    def retry(self, lease: Lease, failure: Failure, *, delay_ms: int, isolate: bool) -> None:
        """Let go of the lane; its first job sleeps for ``delay_ms`` and nothing behind it starts before.

        ``isolate`` makes each of the lease's jobs come alone from now on, so that the bad one is found.
        """
        self._step("retry", lease, delay_ms, int(isolate), *codec.encode_failure(failure), *_ids(lease))

    def finish(self, lease: Lease) -> bool:
        """Let go of the lane, handing back what was not committed; True when it has work left."""
        return self._step("finish", lease, *_ids(lease)) == 1

    def pending_payloads(self, lane: Lane) -> list[dict[str, Any]]:
        """The payloads of the lane's unfinished jobs, oldest first."""
        texts = cast(list[str], self._scripts.run("pending", keys.lane_keys(lane)))
        return [codec.decode_object(text, "a waiting job's payload") for text in texts]

    def cancel(self, lane: Lane, job: JobId) -> bool:
        """Cancel a job that nobody works on; False when there is nothing to cancel any more."""
        return self._scripts.run("cancel", keys.lane_keys(lane), *_names(lane), job, keys.RECORD_TTL_S) == 1

    def _step(self, name: str, lease: Lease, *args: Argument) -> int:
        names = _names(lease.lane)
        answer = int(self._scripts.run(name, keys.lane_keys(lease.lane), *names, lease.fence, *args))
        if answer == _STALE:
            raise _fenced(lease.lane)
        return answer


def _names(lane: Lane) -> tuple[str, str]:
    return lane.tenant, keys.lane_member(lane)


def _ids(lease: Lease) -> list[JobId]:
    return [job.id for job in lease.jobs]


def _fenced(lane: Lane) -> Fenced:
    return Fenced(f"somebody newer works lane {lane.cube}/{lane.session} of tenant {lane.tenant}; nothing was changed")
