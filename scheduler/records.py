"""Reading the records of jobs. Another tenant's job is as unknown as one that never was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from redis import Redis

from memos.errors import NotFound
from memos.ids import JobId, TenantId
from memos.types import FINAL_STATES, JobKind, JobRecord, JobState
from scheduler import codec, keys
from scheduler.connection import redis_guard
from scheduler.scripts import Scripts

# Index entries that one script call looks at: bounds how long Redis is busy with it.
_SPAN: Final = 1000
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Which records to list; None means any. Times are those of submission, both ends included."""

    kind: JobKind | None = None
    state: JobState | None = None
    cube: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


class Records:
    """The records of all tenants; each method reads one tenant's. Raises Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts = Scripts(redis)

    def get(self, tenant: TenantId, jobs: Sequence[JobId]) -> list[JobRecord]:
        """The records in the order asked for, in one round trip. Raises NotFound for the first that is missing."""
        rows = self._read(tenant, jobs, codec.RECORD_FIELDS)
        found = [codec.decode_record(tenant, job, row) for job, row in zip(jobs, rows, strict=True)]
        return [_existing(record, job) for record, job in zip(found, jobs, strict=True)]

    def any_unfinished(self, tenant: TenantId, jobs: Sequence[JobId]) -> bool:
        """True while one of the jobs has not ended. Raises NotFound."""
        states = [row[0] for row in self._read(tenant, jobs, ("state",))]
        return any(_existing(state, job) not in FINAL_STATES for state, job in zip(states, jobs, strict=True))

    def list_records(self, tenant: TenantId, wanted: JobFilter, *, limit: int, offset: int) -> list[JobRecord]:
        """Newest first. One round trip for each thousand entries that the filter passes over."""
        records: list[JobRecord] = []
        position, skip = 0, offset
        while position >= 0 and len(records) < limit:
            window = (position, _SPAN, skip, limit - len(records))
            page = self._page(tenant, window, wanted)
            position, skip = int(page[0]), skip - int(page[1])
            found = (codec.decode_record(tenant, JobId(row[0]), row[1:]) for row in page[2:])
            records += [record for record in found if record is not None]
        return records

    def _page(self, tenant: TenantId, window: tuple[int, ...], wanted: JobFilter) -> list[Any]:
        since_us = "-inf" if wanted.since_ms is None else wanted.since_ms * 1000
        until_us = "+inf" if wanted.until_ms is None else wanted.until_ms * 1000 + 999
        filters = (wanted.kind or "", wanted.state or "", wanted.cube or "", since_us, until_us)
        answer = self._scripts.run("list", keys.tenant_keys(tenant), *window, *filters, *codec.RECORD_FIELDS)
        return cast(list[Any], answer)

    def _read(self, tenant: TenantId, jobs: Sequence[JobId], fields: Sequence[str]) -> list[list[str | None]]:
        _, prefix = keys.tenant_keys(tenant)
        pipeline = self._redis.pipeline(transaction=False)
        for job in jobs:
            pipeline.hmget(prefix + _checked(job), list(fields))
        with redis_guard():
            return cast(list[list[str | None]], pipeline.execute())


def _checked(job: JobId) -> JobId:
    """Ids of ours are hexadecimal; anything else names no job, and need not reach Redis."""
    if not (job.isascii() and job.isalnum()):
        raise NotFound(f"no job {job!r:.60}")
    return job


def _existing(value: _T | None, job: JobId) -> _T:
    if value is None:
        raise NotFound(f"no job {job:.60}; records are kept for 7 days after a job's end")
    return value
