"""The mailboxes of all lanes, in Redis: what was accepted, in which order, and who may work on it.

    put ──> [ box of a lane: job, job, job ] ──take──> Lease ──commit──> ended, next batch or lane let go
                          ▲                              ├──retry───> head asleep until due, lane let go
                          ├──────────────────────────────┴──finish──> handed back, lane let go
                          └──replay── dead letter ──drop──> gone

Each step is one Lua script and either happens whole or not at all. Each step of a holder shows its fence; when
somebody newer has taken the lane it raises Fenced and nothing is changed. Every method raises Unavailable.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from redis import Redis

from memos.errors import Cancelled, Fenced
from memos.ids import JobId, new_job_id
from memos.types import JobKind, JobSpec, Lane
from scheduler import codec, keys
from scheduler.lease import Failure, JobOutcome, Lease
from scheduler.limits import TenantPolicy, refusal
from scheduler.scripts import Argument, Scripts

_STALE: Final = -1


class Mailbox:
    """All lanes. Holds no state of its own; one object may serve many threads."""

    def __init__(self, redis: Redis, default: TenantPolicy | None = None) -> None:
        self._scripts = Scripts(redis)
        self._default = default or TenantPolicy()

    def put(self, spec: JobSpec) -> JobId:
        """Accept a checked job: one round trip, safe to repeat when the reply was lost.

        Raises QuotaExceeded when one of the tenant's limits is reached; then nothing was stored and nothing used up.
        """
        wanted = list(keys.lane_keys(spec.lane))
        if spec.idempotency_key is not None:
            wanted.append(keys.idempotency_key(spec.lane.tenant, spec.idempotency_key))
        payload = codec.encode_payload(spec)
        times = (spec.delay_ms, spec.run_after_ms, spec.coalesce_key or "", spec.debounce_ms, keys.IDEMPOTENCY_TTL_S)
        limits = (codec.estimate_tokens(payload), int(spec.kind is JobKind.EXTRACT), *_limits(self._default))
        fields = codec.encode_new(spec, payload)
        answer = self._scripts.run("put", wanted, *_names(spec.lane), new_job_id(), *times, *limits, *fields)
        accepted, named, *wait = cast(list[Any], answer)
        if not accepted:
            raise refusal(named, wait[0])
        return JobId(named)

    def take(
        self,
        lane: Lane,
        *,
        max_jobs: int,
        max_bytes: int,
        ttl_ms: int,
        holding: Lease | None = None,
        gives_way: bool = False,
    ) -> Lease | None:
        """Lease the lane and its first jobs; None when it is empty, asleep, halted, or somebody else's.

        At least one job whatever its size. A job that was alone with a vanished worker, or failed in a batch, comes
        alone. ``holding`` goes on with a lease whose jobs were committed; who then ``gives_way`` gets None when other
        tenants wait, and the lane has been let go. Raises Fenced when that lease is stale.
        """
        fence = 0 if holding is None else holding.fence
        limits = (ttl_ms, max_jobs, max_bytes, fence, keys.LANE_TTL_S, keys.RECORD_TTL_S, int(gives_way))
        answer = cast(list[Any], self._scripts.run("take", keys.lane_keys(lane), *_names(lane), *limits))
        if answer[0] == _STALE:
            raise _fenced(lane)
        if answer[0] == 0:
            return None
        jobs = tuple(codec.decode_leased(row) for row in answer[2:])
        return Lease(lane=lane, fence=answer[0], overload=answer[1], jobs=jobs)

    def beat(self, lease: Lease, *, ttl_ms: int, progress: tuple[int, int] = (0, 0)) -> frozenset[JobId]:
        """Keep the lease for another ``ttl_ms`` and mark its jobs as running; returns those to be cancelled."""
        return self._asked("beat", lease, ttl_ms, *progress, *_ids(lease))

    def save_answers(self, lease: Lease, answers: Mapping[JobId, str]) -> None:
        """Store what a model answered, to be found as ``LeasedJob.answer`` by every later attempt.

        Raises Cancelled when somebody has cancelled one of the jobs meanwhile.
        """
        asked = self._asked("save_answers", lease, *(item for pair in answers.items() for item in pair))
        if asked:
            raise Cancelled(f"{len(asked)} jobs of the batch were cancelled")

    def commit(self, lease: Lease, outcomes: Sequence[JobOutcome]) -> int:
        """End the lease's jobs, one outcome each in their order; returns how many jobs the lane still holds.

        At 0 the lane is let go in the same step; so is one that halts at a dead job. Raises ValueError when outcomes
        and jobs do not match.
        """
        if [outcome.job for outcome in outcomes] != _ids(lease):
            raise ValueError(f"{len(outcomes)} outcomes do not match the {len(lease.jobs)} leased jobs in order")
        encoded = [item for outcome in outcomes for item in codec.encode_outcome(outcome)]
        lifetimes = (keys.RECORD_TTL_S, keys.INDEX_TTL_S)
        buckets = (len(keys.BUCKETS_MS), *keys.BUCKETS_MS)
        return self._step("commit", lease, *lifetimes, self._default.on_dead, *buckets, len(outcomes), *encoded)

    def retry(self, lease: Lease, failure: Failure, *, delay_ms: int, isolate: bool) -> None:
        """Let go of the lane; its first job sleeps for ``delay_ms`` and nothing behind it starts before.

        ``isolate`` makes each of the lease's jobs come alone from now on, so that the bad one is found.
        """
        told = codec.encode_failure(failure)
        self._step("retry", lease, delay_ms, int(isolate), *told, keys.RECORD_TTL_S, *_ids(lease))

    def finish(self, lease: Lease) -> bool:
        """Let go of the lane, handing back what was not committed; True when it has work left.

        What somebody wanted cancelled ends so instead of being handed back.
        """
        return self._step("finish", lease, keys.RECORD_TTL_S, *_ids(lease)) == 1

    def pending_payloads(self, lane: Lane) -> list[dict[str, Any]]:
        """The payloads of the lane's unfinished jobs, oldest first."""
        texts = cast(list[str], self._scripts.run("pending", keys.lane_keys(lane)))
        return [codec.decode_object(text, "a waiting job's payload") for text in texts]

    def cancel(self, lane: Lane, job: JobId) -> bool:
        """Cancel a job that nobody works on at once, and ask the holder of another; False when it has ended."""
        return self._act("cancel", lane, job, keys.RECORD_TTL_S) > 0

    def replay(self, lane: Lane, job: JobId) -> bool:
        """Let a dead job wait again, under its id; False when it is not dead or its words are gone."""
        return self._act("replay", lane, job) == 1

    def drop(self, lane: Lane, job: JobId) -> bool:
        """Give a dead job up and remove its words; False when it was no dead letter."""
        return self._act("drop", lane, job) == 1

    def _act(self, name: str, lane: Lane, *args: Argument) -> int:
        return int(self._scripts.run(name, keys.lane_keys(lane), *_names(lane), *args))

    def _step(self, name: str, lease: Lease, *args: Argument) -> int:
        answer = self._act(name, lease.lane, lease.fence, *args)
        if answer == _STALE:
            raise _fenced(lease.lane)
        return answer

    def _asked(self, name: str, lease: Lease, *args: Argument) -> frozenset[JobId]:
        """A step that answers with the jobs that somebody wants cancelled."""
        lane = lease.lane
        status, *asked = self._scripts.run(name, keys.lane_keys(lane), *_names(lane), lease.fence, *args)
        if status == _STALE:
            raise _fenced(lane)
        return frozenset(JobId(job) for job in asked)


def _names(lane: Lane) -> tuple[str, str, str]:
    return lane.tenant, keys.lane_member(lane), keys.queue_of(lane)


def _limits(policy: TenantPolicy) -> tuple[Argument, ...]:
    rates = (policy.tokens_per_min, policy.tokens_per_day)
    return policy.max_queued, policy.max_lane, str(policy.adds_per_s), *rates


def _ids(lease: Lease) -> list[JobId]:
    return [job.id for job in lease.jobs]


def _fenced(lane: Lane) -> Fenced:
    return Fenced(f"somebody newer works lane {lane.cube}/{lane.session} of tenant {lane.tenant}; nothing was changed")
