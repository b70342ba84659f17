"""MemScheduler: jobs in, records out. What runs next is the dispatcher's business, not the caller's."""

from collections.abc import Sequence
from typing import Any, Final

from redis import Redis

from memos import ids
from memos.clock import Clock, SystemClock
from memos.errors import InvalidRequest
from memos.ids import JobId, TenantId
from memos.types import FINAL_STATES, JobKind, JobRecord, JobSpec, JobState, Lane
from scheduler import keys
from scheduler.connection import connect, redis_guard
from scheduler.mailbox import Mailbox
from scheduler.records import JobFilter, Records

MAX_KEY_CHARS: Final = 256
MAX_DELAY_MS: Final = 7 * 24 * 3600 * 1000
_FIRST_POLL_S: Final = 0.002
_LONGEST_POLL_S: Final = 0.1


class MemScheduler:
    """The client's side of the job path; implements memos.mem_scheduler.base.Scheduler. Safe to share by threads."""

    def __init__(self, redis: Redis, *, clock: Clock | None = None) -> None:
        self._redis = redis
        self._clock = clock or SystemClock()
        self._mailbox = Mailbox(redis)
        self._records = Records(redis)

    @classmethod
    def from_url(cls, url: str) -> "MemScheduler":
        """A scheduler on the Redis at ``url``; connects on first use. Raises InvalidConfig."""
        return cls(connect(url))

    def submit(self, spec: JobSpec) -> JobId:
        """Store the job in one atomic write and return its id. Raises InvalidRequest and Unavailable.

        Nothing that was accepted is lost. A submission whose connection breaks is repeated once, without effect if
        the first one arrived.
        """
        check_spec(spec)
        return self._mailbox.put(spec)

    def status(self, tenant: TenantId, job: JobId) -> JobRecord:
        """The job's record. Raises NotFound for an unknown job and for another tenant's."""
        return self._records.get(tenant, [job])[0]

    def wait(self, tenant: TenantId, jobs: Sequence[JobId], *, timeout_s: float) -> list[JobRecord]:
        """Block until all jobs ended or the time is over; their records as they are then, in the order given."""
        deadline = self._clock.monotonic_s() + timeout_s
        pause_s = _FIRST_POLL_S
        while self._records.any_unfinished(tenant, jobs) and (left_s := deadline - self._clock.monotonic_s()) > 0:
            self._clock.sleep_s(min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, _LONGEST_POLL_S)
        return self._records.get(tenant, jobs)

    def cancel(self, tenant: TenantId, job: JobId) -> JobRecord:
        """Cancel a job that nobody works on, also one that waits for another attempt; returns its record.

        A job in a worker's hands goes on, and so does what an earlier attempt wrote.
        """
        record = self.status(tenant, job)
        if record.state not in FINAL_STATES and self._mailbox.cancel(record.lane, job):
            return self.status(tenant, job)
        return record

    def list_jobs(
        self,
        tenant: TenantId,
        *,
        kind: JobKind | None = None,
        state: JobState | None = None,
        cube: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[JobRecord]:
        """The tenant's jobs, newest first. A page without filters costs one round trip."""
        if limit < 1 or offset < 0:
            raise InvalidRequest(f"limit must be at least 1 and offset at least 0, not {limit} and {offset}")
        return self._records.list_records(
            tenant, JobFilter(kind=kind, state=state, cube=cube), limit=limit, offset=offset
        )

    def pending_payloads(self, lane: Lane) -> list[dict[str, Any]]:
        """What the lane accepted and what has not taken effect yet, oldest first."""
        return self._mailbox.pending_payloads(lane)

    def ping(self) -> str:
        """The server's name and version. Raises Unavailable within 5 s."""
        with redis_guard():
            server = self._redis.info("server")
        return f"{server.get('server_name', 'redis')} {server.get('valkey_version', server['redis_version'])}"

    def close(self) -> None:
        """Close the connections; harmless when done twice."""
        self._redis.close()


def check_spec(spec: JobSpec) -> None:
    """Refuse what could never run. Raises InvalidRequest."""
    ids.tenant_id(spec.lane.tenant)
    ids.cube_id(spec.lane.cube)
    ids.user_id(spec.user)
    if spec.kind in keys.CUBE_SESSIONS:
        _check_cube_session(spec)
    else:
        ids.session_id(spec.lane.session)
    _check_key(spec.idempotency_key, "idempotency_key")
    _check_key(spec.coalesce_key, "coalesce_key")
    if not 0 <= spec.delay_ms <= MAX_DELAY_MS:
        raise InvalidRequest(f"delay_ms must be from 0 to {MAX_DELAY_MS} (7 days), not {spec.delay_ms}")


def _check_cube_session(spec: JobSpec) -> None:
    wanted = keys.CUBE_SESSIONS[spec.kind]
    if spec.lane.session != wanted:
        raise InvalidRequest(f"a job of kind {spec.kind} belongs in session {wanted!r}, not {spec.lane.session!r}")


def _check_key(key: str | None, what: str) -> None:
    if key is not None and not (1 <= len(key) <= MAX_KEY_CHARS and key.isprintable()):
        raise InvalidRequest(f"{what} must be 1 to {MAX_KEY_CHARS} printable characters")
