"""Dead letters: jobs that ended dead, with their words and their history, until somebody decides about them.

    dead ──replay──> queued, under its own id and with its idempotency key; its lane's order is that of the replay
      └────drop────> the words are removed, the record stays until it expires

A lane that halts at a dead job (``on_dead`` of the tenant's policy) goes on when that one is replayed or dropped.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from redis import Redis

from memos.clock import Clock, SystemClock
from memos.errors import InvalidRequest, NotFound
from memos.ids import CubeId, JobId, TenantId
from memos.types import JobRecord, JobState
from scheduler import codec, keys
from scheduler.mailbox import Mailbox
from scheduler.records import Records
from scheduler.scripts import Scripts

_PAGE: Final = 200
MAX_RATE: Final = 10_000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadFilter:
    """Which dead letters; None means any."""

    cube: CubeId | None = None
    error_class: str | None = None


class DeadLetters:
    """The dead letters of all tenants; each method works on one tenant's. Raises Unavailable."""

    def __init__(self, redis: Redis, mailbox: Mailbox, *, clock: Clock | None = None) -> None:
        self._scripts = Scripts(redis)
        self._records = Records(redis)
        self._mailbox = mailbox
        self._clock = clock or SystemClock()

    def list_dead(self, tenant: TenantId, wanted: DeadFilter, *, limit: int, offset: int = 0) -> list[JobRecord]:
        """Newest first."""
        if limit < 1 or offset < 0:
            raise InvalidRequest(f"limit must be at least 1 and offset at least 0, not {limit} and {offset}")
        filters = (wanted.cube or "", wanted.error_class or "")
        answer = self._scripts.run("dead", keys.dead_keys(tenant), offset, limit, *filters, *codec.RECORD_FIELDS)
        rows = cast(list[list[Any]], answer)
        records = (codec.decode_record(tenant, JobId(row[0]), row[1:]) for row in rows)
        return [record for record in records if record is not None]

    def list_all(self, tenant: TenantId, wanted: DeadFilter) -> list[JobRecord]:
        """All of them, newest first."""
        found: list[JobRecord] = []
        while page := self.list_dead(tenant, wanted, limit=_PAGE, offset=len(found)):
            found += page
        return found

    def get(self, tenant: TenantId, jobs: Sequence[JobId]) -> list[JobRecord]:
        """The records of these dead letters. Raises NotFound for one that is unknown or not dead."""
        records = self._records.get(tenant, jobs)
        for record in records:
            if record.state is not JobState.DEAD:
                raise NotFound(f"job {record.id} is {record.state}, not dead")
        return records

    def replay(self, records: Sequence[JobRecord], *, per_s: float) -> Generator[tuple[JobRecord, bool]]:
        """Let them run again, so many a second, oldest first; yields each with whether it waits now.

        False means that it is no dead letter any more, or that its words were dropped. Raises InvalidRequest.
        """
        if not 0 < per_s <= MAX_RATE:
            raise InvalidRequest(f"the rate must be above 0 and at most {MAX_RATE:g} jobs a second, not {per_s:g}")
        # Lists are newest first, within a millisecond as well.
        oldest_last = sorted(records, key=lambda each: -each.submitted_at_ms)
        for number, record in enumerate(reversed(oldest_last)):
            if number:
                self._clock.sleep_s(1 / per_s)
            yield record, self._mailbox.replay(record.lane, record.id)

    def drop(self, records: Sequence[JobRecord]) -> int:
        """Remove their words for good; returns how many were dead letters still."""
        return sum(self._mailbox.drop(record.lane, record.id) for record in records)
