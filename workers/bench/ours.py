"""Our job path as a side of the benchmark: MemScheduler in front, jobs' records behind."""

from typing import TYPE_CHECKING, Final

from memos.errors import Unavailable
from memos.ids import CubeId, JobId, SessionId, TenantId, UserId
from memos.types import JobKind, JobRecord, JobSpec, JobState, Lane
from scheduler import MemScheduler
from workers.bench.side import Job

if TYPE_CHECKING:
    from redis import Redis

_CUBE: Final = CubeId("bench")
_USER: Final = UserId("bench")
_WITHIN_S: Final = 300.0


class Ours:
    """``observer`` is asked how far the jobs are, so that this is not counted as the job path's work."""

    def __init__(self, url: str, *, observer: "Redis") -> None:
        self._scheduler = MemScheduler.from_url(url)
        self._observer = MemScheduler(observer)
        self._last: dict[TenantId, dict[str, JobId]] = {}

    def send(self, job: Job) -> None:
        """One submission."""
        tenant = TenantId(job.tenant)
        self._last.setdefault(tenant, {})[job.session] = self._scheduler.submit(build_spec(job))

    def wait_drained(self, *, tenant: str | None = None) -> float:
        """A lane's jobs end in order: its last one's record tells of all."""
        waited = [of for of in self._last if tenant in (None, of)]
        ended = [record for of in waited for record in self._wait(of, list(self._last.pop(of).values()))]
        return max(record.finished_at_ms or 0 for record in ended) / 1000

    def close(self) -> None:
        """Close the connections, the observer's excepted."""
        self._scheduler.close()

    def _wait(self, tenant: TenantId, jobs: list[JobId]) -> list[JobRecord]:
        records = self._observer.wait(tenant, jobs, timeout_s=_WITHIN_S)
        for record in records:
            if record.state is not JobState.SUCCEEDED:
                raise Unavailable("bench", f"job {record.id} is {record.state} ({record.error_message or 'no error'})")
        return records


def build_spec(job: Job) -> JobSpec:
    """The job as an extract job."""
    lane = Lane(tenant=TenantId(job.tenant), cube=_CUBE, session=SessionId(job.session))
    return JobSpec(kind=JobKind.EXTRACT, lane=lane, user=_USER, payload=job.payload)
