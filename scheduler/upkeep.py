"""The table of periodic work: what the leader does beside dispatching, and how often.

reaper        5 s      slots and leases that time alone does not put right
index_sweep   5 min    an organize job for every cube that had an extraction since the last sweep
expiry        1 h      forgets dead letters whose records are gone, and what tenants used more than a month ago
"""

import logging
from dataclasses import dataclass
from typing import Final, Protocol, cast

from redis import Redis

from memos.errors import QuotaExceeded
from memos.ids import CubeId, JobId, TenantId, UserId
from memos.types import JobKind, JobSpec, Lane
from scheduler.connection import redis_guard
from scheduler.expiry import Expiry
from scheduler.keys import CUBE_SESSIONS
from scheduler.reaper import Reaper
from scheduler.schedule import Periodic
from scheduler.wakes import Wakes

log = logging.getLogger(__name__)

# In whose name jobs run that no user asked for.
SCHEDULER_USER: Final = UserId("memos-scheduler")
# ms of Redis's clock: what was extracted before has been swept.
SWEPT_KEY: Final = "memos:swept"
_CUBES_KEPT_MS: Final = 2 * 24 * 3600 * 1000


class Submits(Protocol):
    """Accepts a job: scheduler.MemScheduler, or a list in a test."""

    def submit(self, spec: JobSpec) -> JobId: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexSweep:
    """Has every cube's index checked that may lag, should the job that follows an extraction have gone missing."""

    redis: Redis
    wakes: Wakes
    jobs: Submits

    def run(self) -> None:
        """Submit the jobs; one that waits already absorbs ours. Raises Unavailable, and then begins anew next time."""
        since_ms, now_ms = self._read_marks()
        cubes = self.wakes.list_active_cubes(since_ms)
        refused = sum(not self._submit(tenant, cube) for tenant, cube in cubes)
        with redis_guard():
            self.redis.set(SWEPT_KEY, now_ms)
        self.wakes.forget_cubes(now_ms - _CUBES_KEPT_MS)
        if cubes:
            log.info("swept %d cubes, %d refused by their tenant's limits", len(cubes), refused)

    def _read_marks(self) -> tuple[int, int]:
        with redis_guard():
            seconds, micros = self.redis.time()
            swept = cast(str | None, self.redis.get(SWEPT_KEY))
        return int(swept or 0), seconds * 1000 + micros // 1000

    def _submit(self, tenant: TenantId, cube: CubeId) -> bool:
        lane = Lane(tenant=tenant, cube=cube, session=CUBE_SESSIONS[JobKind.ORGANIZE])
        spec = JobSpec(kind=JobKind.ORGANIZE, lane=lane, user=SCHEDULER_USER, payload={}, coalesce_key=JobKind.ORGANIZE)
        try:
            self.jobs.submit(spec)
        except QuotaExceeded:
            return False
        return True


def build_table(redis: Redis, wakes: Wakes, jobs: Submits) -> tuple[Periodic, ...]:
    """What runs when; one line each."""
    return (
        Periodic(name="reaper", every_s=5, run=Reaper(wakes=wakes).run),
        Periodic(name="expiry", every_s=3600, run=Expiry(redis=redis).run),
        Periodic(name="index_sweep", every_s=300, run=IndexSweep(redis=redis, wakes=wakes, jobs=jobs).run),
    )
