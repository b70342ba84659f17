"""The client's door to scheduling, as the rest of memos sees it. ``scheduler.MemScheduler`` is behind it."""

from collections.abc import Sequence
from typing import Any, Protocol

from memos.ids import JobId, TenantId, UserId
from memos.types import JobKind, JobRecord, JobSpec, JobState, Lane


class Scheduler(Protocol):
    """Accepts jobs durably and tells what became of them.

    Every method raises Unavailable, naming redis, within 5 s when Redis is away.
    """

    def submit(self, spec: JobSpec) -> JobId:
        """Store the job and its payload in one atomic write, and return its id. Nothing accepted is lost.

        Raises QuotaExceeded, which says when to repeat, at a limit of the tenant or of the system.
        """
        ...

    def status(self, tenant: TenantId, job: JobId) -> JobRecord:
        """Raises NotFound for an unknown job and for another tenant's."""
        ...

    def wait(self, tenant: TenantId, jobs: Sequence[JobId], *, timeout_s: float) -> list[JobRecord]:
        """Block until all are in a final state or the time is over; returns the records as they are then."""
        ...

    def cancel(self, tenant: TenantId, job: JobId) -> JobRecord:
        """Cancel a job: a waiting one at once, one at work at its next safe point. Returns the record afterwards."""
        ...

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
        """Newest first; times are those of submission."""
        ...

    def drop_dead(self, tenant: TenantId, user: UserId) -> int:
        """Remove the words of a user's dead letters for good; returns how many there were."""
        ...

    def pending_payloads(self, lane: Lane) -> list[dict[str, Any]]:
        """The payloads still in a lane's mailbox, oldest first: what was accepted and has not taken effect."""
        ...

    def ping(self) -> str:
        """The server's version."""
        ...

    def close(self) -> None: ...
