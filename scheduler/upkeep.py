"""The table of periodic work: what the leader does beside dispatching, and how often.

reaper        5 s      slots and leases that time alone does not put right
index_sweep   5 min    an organize job for every cube that had an extraction since the last sweep
expiry        1 h      forgets dead letters whose records are gone, and what tenants used more than a month ago
decay         1 min    a step of the daily round in which every cube's memories fade, also of cubes long unused
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from redis import Redis

from memos.errors import QuotaExceeded
from memos.ids import CubeId, JobId, TenantId, UserId
from memos.types import JobKind, JobSpec, Lane
from scheduler.connection import redis_guard
from scheduler.expiry import Expiry
from scheduler.keys import CUBE_SESSIONS, SHARDS
from scheduler.reaper import Reaper
from scheduler.schedule import Periodic
from scheduler.wakes import CubePage, Wakes

log = logging.getLogger(__name__)

# In whose name jobs run that no user asked for.
SCHEDULER_USER: Final = UserId("memos-scheduler")
# ms of Redis's clock: what was extracted before has been swept.
SWEPT_KEY: Final = "memos:swept"
# How far the sweep looks back when it does not know what it has swept.
_SWEEP_MS: Final = 2 * 24 * 3600 * 1000
# Where the round of decay is.
DECAY_KEY: Final = "memos:decay"
DECAYS_A_STEP: Final = 1000
_DAY_S: Final = 24 * 3600
# The payload of a job that decays (workers/handlers/organize.py). Its key is its own: a job that waits already and does
# not decay must not absorb it.
DECAY: Final[Mapping[str, Any]] = {"decay": True}
DECAY_COALESCED: Final = "decay"


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
        refused = sum(not _submit(self.jobs, tenant, cube, {}, JobKind.ORGANIZE) for tenant, cube in cubes)
        with redis_guard():
            self.redis.set(SWEPT_KEY, now_ms)
        if cubes:
            log.info("swept %d cubes, %d refused by their tenant's limits", len(cubes), refused)

    def _read_marks(self) -> tuple[int, int]:
        with redis_guard():
            seconds, micros = self.redis.time()
            swept = cast(str | None, self.redis.get(SWEPT_KEY))
        now_ms = seconds * 1000 + micros // 1000
        return int(swept) if swept else now_ms - _SWEEP_MS, now_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a day's round over the shards is: the next cubes are those of ``shard`` later than ``above_ms``."""

    day: int
    shard: int = 0
    above_ms: int = -1

    @property
    def is_end(self) -> bool:
        """True when the round is over."""
        return self.shard == SHARDS

    def behind(self, page: CubePage) -> "Place":
        """The place after a page: in the same shard, or at the next one's beginning."""
        if page.goes_on_above_ms is None:
            return Place(day=self.day, shard=self.shard + 1)
        return Place(day=self.day, shard=self.shard, above_ms=page.goes_on_above_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class DecayRound:
    """Has every cube that ever had an extraction decay once a day, ``most`` cubes at each run."""

    redis: Redis
    wakes: Wakes
    jobs: Submits
    most: int = DECAYS_A_STEP

    def run(self) -> None:
        """Submit the next jobs of today's round. Raises Unavailable, and then repeats them next time."""
        place, asked, refused = self._read_place(), 0, 0
        if place.is_end:
            return
        while not place.is_end and asked < self.most:
            page = self.wakes.list_cubes(place.shard, above_ms=place.above_ms, limit=self.most - asked)
            asked += len(page.cubes)
            refused += sum(not _submit(self.jobs, tenant, cube, DECAY, DECAY_COALESCED) for tenant, cube in page.cubes)
            place = place.behind(page)
        if asked:
            log.info("asked %d cubes to decay, %d refused by their tenant's limits", asked, refused)
        self._write_place(place)

    def _read_place(self) -> Place:
        with redis_guard():
            today = self.redis.time()[0] // _DAY_S
            stored = cast(dict[str, str], self.redis.hgetall(DECAY_KEY))
        place = Place(**{name: int(value) for name, value in stored.items()}) if stored else Place(day=today)
        return Place(day=today) if place.is_end and place.day != today else place

    def _write_place(self, place: Place) -> None:
        with redis_guard():
            self.redis.hset(DECAY_KEY, mapping={"day": place.day, "shard": place.shard, "above_ms": place.above_ms})


def _submit(jobs: Submits, tenant: TenantId, cube: CubeId, payload: Mapping[str, Any], coalesce_key: str) -> bool:
    """Ask for an organize job; False when the tenant's limits refuse it."""
    lane = Lane(tenant=tenant, cube=cube, session=CUBE_SESSIONS[JobKind.ORGANIZE])
    spec = JobSpec(kind=JobKind.ORGANIZE, lane=lane, user=SCHEDULER_USER, payload=payload, coalesce_key=coalesce_key)
    try:
        jobs.submit(spec)
    except QuotaExceeded:
        return False
    return True


def build_table(redis: Redis, wakes: Wakes, jobs: Submits) -> tuple[Periodic, ...]:
    """What runs when; one line each."""
    return (
        Periodic(name="reaper", every_s=5, run=Reaper(wakes=wakes).run),
        Periodic(name="expiry", every_s=3600, run=Expiry(redis=redis).run),
        Periodic(name="decay", every_s=60, run=DecayRound(redis=redis, wakes=wakes, jobs=jobs).run),
        Periodic(name="index_sweep", every_s=300, run=IndexSweep(redis=redis, wakes=wakes, jobs=jobs).run),
    )
