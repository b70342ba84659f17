"""MemScheduler: jobs in, records out. What runs next is the dispatcher's business, not the caller's."""

from collections.abc import Sequence
from typing import Any, Final

from redis import Redis

from memos import ids
from memos.clock import Clock, SystemClock
from memos.errors import InvalidRequest
from memos.ids import JobId, TenantId, UserId
from memos.settings import Settings
from memos.types import FINAL_STATES, JobKind, JobRecord, JobSpec, JobState, Lane
from scheduler import keys
from scheduler.connection import connect, redis_guard, require_redis_url
from scheduler.dead import DeadFilter, DeadLetters
from scheduler.forget import forget_tenant
from scheduler.limits import Policies, TenantPolicy, default_policy
from scheduler.mailbox import Mailbox
from scheduler.records import JobFilter, Records

MAX_KEY_CHARS: Final = 256
MAX_DELAY_MS: Final = 7 * 24 * 3600 * 1000
MAX_TIME_MS: Final = 4_102_444_800_000
_FIRST_POLL_S: Final = 0.002
_LONGEST_POLL_S: Final = 0.1


class MemScheduler:
    """The client's side of the job path; implements memos.mem_scheduler.base.Scheduler. Safe to share by threads."""

    def __init__(self, redis: Redis, *, clock: Clock | None = None, default: TenantPolicy | None = None) -> None:
        """``default`` holds for tenants without a policy of their own."""
        self._redis = redis
        self._clock = clock or SystemClock()
        self._mailbox = Mailbox(redis, default)
        self._records = Records(redis)
        self.policies = Policies(redis, default or TenantPolicy())
        self.dead_letters = DeadLetters(redis, self._mailbox, clock=self._clock)

    @classmethod
    def from_url(cls, url: str) -> "MemScheduler":
        """A scheduler on the Redis at ``url``; connects on first use. Raises InvalidConfig."""
        return cls(connect(url))

    @classmethod
    def from_settings(cls, settings: Settings) -> "MemScheduler":
        """A scheduler on the Redis that the settings name, under their limits. Raises InvalidConfig."""
        return cls(connect(require_redis_url(settings)), default=default_policy(settings))

    def submit(self, spec: JobSpec) -> JobId:
        """Store the job in one atomic write and return its id. Raises InvalidRequest, QuotaExceeded and Unavailable.

        Nothing that was accepted is lost. A submission whose connection breaks is repeated once, without effect if
        the first one arrived. QuotaExceeded says when to repeat; nothing was stored then.
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
        """Cancel a job; returns its record.

        One that nobody works on, also one that waits for another attempt, is cancelled at once. One in a worker's
        hands says ``cancel_requested``, and ends as cancelled at the worker's next safe point, unless it has ended
        before. What an earlier attempt wrote stays.
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
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[JobRecord]:
        """The tenant's jobs, newest first, submitted between two times. A page without filters is one round trip."""
        if limit < 1 or offset < 0:
            raise InvalidRequest(f"limit must be at least 1 and offset at least 0, not {limit} and {offset}")
        wanted = JobFilter(kind=kind, state=state, cube=cube, since_ms=since_ms, until_ms=until_ms)
        return self._records.list_records(tenant, wanted, limit=limit, offset=offset)

    def forget_tenant(self, tenant: TenantId) -> int:
        """Remove every record, word and limit of a tenant from the job path; returns how many keys there were."""
        return forget_tenant(self._redis, ids.tenant_id(tenant))

    def drop_dead(self, tenant: TenantId, user: UserId) -> int:
        """Remove the words of a user's dead letters for good; returns how many there were."""
        dead = self.dead_letters.list_all(tenant, DeadFilter())
        return self.dead_letters.drop([record for record in dead if record.user == user])

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
    if spec.lane.bulk and spec.kind is not JobKind.EXTRACT:
        raise InvalidRequest(f"a job of kind {spec.kind} cannot be bulk; only extract has a bulk lane")
    _check_times(spec)


def _check_times(spec: JobSpec) -> None:
    for name, value in (("delay_ms", spec.delay_ms), ("debounce_ms", spec.debounce_ms)):
        if not 0 <= value <= MAX_DELAY_MS:
            raise InvalidRequest(f"{name} must be from 0 to {MAX_DELAY_MS} (7 days), not {value}")
    if not 0 <= spec.run_after_ms <= MAX_TIME_MS:
        raise InvalidRequest(f"run_after_ms must be a time in ms since the epoch before 2100, not {spec.run_after_ms}")
    if spec.debounce_ms and spec.coalesce_key is None:
        raise InvalidRequest("debounce_ms needs a coalesce_key: it says how long waiting jobs of that key are put off")


def _check_cube_session(spec: JobSpec) -> None:
    wanted = keys.CUBE_SESSIONS[spec.kind]
    if spec.lane.session != wanted:
        raise InvalidRequest(f"a job of kind {spec.kind} belongs in session {wanted!r}, not {spec.lane.session!r}")


def _check_key(key: str | None, what: str) -> None:
    if key is not None and not (1 <= len(key) <= MAX_KEY_CHARS and key.isprintable()):
        raise InvalidRequest(f"{what} must be 1 to {MAX_KEY_CHARS} printable characters")
