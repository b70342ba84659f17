"""The lanes that want to be woken, as the dispatcher sees them in Redis. See scheduler/keys.py for alarms and turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from redis import Redis

from memos.ids import CubeId, TenantId
from memos.types import Lane
from scheduler import keys
from scheduler.connection import redis_guard
from scheduler.keys import Queue
from scheduler.limits import TenantPolicy
from scheduler.scripts import Scripts
from scheduler.signals import Signals

# Tenants of one shard and queue that one look sees; the others come nearer with each turn taken.
_MOST_TENANTS: Final = 32
# For how long a claim that other tenants wait holds; the dispatcher repeats it while it is true.
_CONTEND_MS: Final = 500
_MOST_COUNTED: Final = 500
_MOST_REAPED: Final = 1000
# Longer than any lease or hint; what lies further ahead comes from a clock that was put back.
_LONGEST_LEASE_MS: Final = 120_000
_ALL: Final = range(keys.SHARDS)
# What the shards of a cluster's node that is away are taken to say, so that the others go on: look again in a second.
_NOTHING_DUE: Final = (0, 1000, *([0] for _ in Queue))
_NOTHING_WAITS: Final = (0, 0, 0, 0, ())


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A tenant whose turn has come: since when (µs), and how many more of its lanes may be in flight."""

    at_us: int
    tenant: TenantId
    weight: float
    room: int


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One shard: the turns that have come, the slots in use, and how long until the next of all other turns."""

    shard: int
    due: Mapping[Queue, list[Turn]]
    in_flight: Mapping[Queue, int]
    next_in_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """What waits in a queue now. ``ready_by_tenant`` has the tenants with most ready lanes; it need not be complete."""

    tenants: int = 0
    ready: int = 0
    oldest_ms: int = 0
    in_flight: int = 0
    ready_by_tenant: Mapping[TenantId, int] = field(default_factory=dict[TenantId, int])


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaped:
    """What the reaper put right: slots that had expired, leases in an impossible future, lanes woken after a step."""

    slots: int
    leases: int
    lanes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CubePage:
    """Cubes of one shard, and the time behind which to go on; None at the end."""

    cubes: list[tuple[TenantId, CubeId]]
    goes_on_above_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A lane to be hinted at. ``cost_tokens`` estimates its next batch, and is at least 1."""

    lane: Lane
    cost_tokens: int


class Wakes:
    """Reads turns and claims lanes. Raises Unavailable. Several dispatchers may share one Redis."""

    def __init__(self, redis: Redis, default: TenantPolicy | None = None) -> None:
        self._redis = redis
        self._scripts = Scripts(redis)
        self._signals = Signals(redis, keys.signal_keys())
        self._slots = (default or TenantPolicy()).max_in_flight

    def look(self, shards: Sequence[int]) -> list[View]:
        """These shards, in one round trip."""
        calls = [(keys.look_keys(shard), (_MOST_TENANTS, self._slots)) for shard in shards]
        answers = self._scripts.run_many("look", calls, away=_NOTHING_DUE)
        return [_view(shard, answer) for shard, answer in zip(shards, answers, strict=True)]

    def claim(self, queue: Queue, shares: Mapping[TenantId, int]) -> dict[TenantId, list[Claim]]:
        """For each tenant up to its share of lanes whose alarm has rung; they ring again after WAKE_MS.

        No lane is claimed twice within that time, whoever asks, and no tenant gets more slots than its cap. A share of
        0 sends the tenant to the end of the line. One round trip.
        """
        calls = [
            (keys.turn_keys(tenant, queue), (tenant, share, keys.WAKE_MS, self._slots, queue, keys.BATCH_JOBS))
            for tenant, share in shares.items()
        ]
        answers = self._scripts.run_many("claim", calls, away=())
        return {tenant: _claims(tenant, answer) for tenant, answer in zip(shares, answers, strict=True)}

    def contend(self, queue: Queue) -> None:
        """Say that others wait: whoever drains a lane of this queue lets it go after its batch, for half a second."""
        calls = [([keys.overload_key(shard)], (queue, _CONTEND_MS)) for shard in _ALL]
        self._scripts.run_many("contend", calls, away=None)

    def wait_for_signal(self, timeout_s: float) -> int | None:
        """Sleep until some shard got work or the time is over; returns the shard."""
        return self._signals.wait(timeout_s)

    def set_overload(self, level: int, *, noisy: Sequence[TenantId] = ()) -> None:
        """Set the level of the overload ladder everywhere. It lapses after 30 s unless it is set again."""
        by_shard = {shard: [tenant for tenant in noisy if keys.shard_of(tenant) == shard] for shard in _ALL}
        calls = [([keys.overload_key(shard)], (level, *tenants)) for shard, tenants in by_shard.items()]
        self._scripts.run_many("overload", calls, away=None)

    def overload(self) -> int:
        """The level of the overload ladder, 0 when none was set lately."""
        with redis_guard():
            return int(cast(str | None, self._redis.hget(keys.overload_key(0), "level")) or 0)

    def backlog(self) -> dict[Queue, Backlog]:
        """What waits, by queue; looks at up to 500 tenants a shard. One round trip, some milliseconds of Redis."""
        calls = [(keys.reap_keys(shard, queue), (_MOST_COUNTED,)) for queue in Queue for shard in _ALL]
        answers = self._scripts.run_many("snapshot", calls, away=_NOTHING_WAITS)
        size = keys.SHARDS
        return {queue: _backlog(answers[size * place : size * (place + 1)]) for place, queue in enumerate(Queue)}

    def reap(self) -> Reaped:
        """Free expired slots, and put right what a step of Redis' clock has left behind; harmless at any time."""
        places = [(queue, shard) for queue in Queue for shard in _ALL]
        calls = [(keys.reap_keys(shard, queue), (queue, _LONGEST_LEASE_MS, _MOST_REAPED)) for queue, shard in places]
        answers = self._scripts.run_many("reap", calls, away=(0, 0, 0))
        slots, leases, lanes = (sum(column) for column in zip(*answers, strict=True))
        return Reaped(slots=slots, leases=leases, lanes=lanes)

    def list_active_cubes(self, since_ms: int) -> list[tuple[TenantId, CubeId]]:
        """Cubes that had an extraction since then, in no order."""
        pipeline = self._redis.pipeline(transaction=False)
        for shard in _ALL:
            pipeline.zrange(keys.cubes_key(shard), since_ms, "+inf", byscore=True)
        with redis_guard():
            members = [member for page in cast(list[list[str]], pipeline.execute()) for member in page]
        return [_cube(member) for member in members]

    def list_cubes(self, shard: int, *, above_ms: int, limit: int) -> CubePage:
        """A shard's cubes whose last extraction was later than ``above_ms``, the longest ago first.

        ``limit`` bounds the page, but for those of its last millisecond, which are never torn apart.
        """
        key = keys.cubes_key(shard)
        with redis_guard():
            rows = self._redis.zrangebyscore(key, f"({above_ms}", "+inf", start=0, num=limit, withscores=True)
            found = cast(list[tuple[str, float]], rows)
            if len(found) < limit:
                return CubePage(cubes=[_cube(member) for member, _ in found], goes_on_above_ms=None)
            last_ms = int(found[-1][1])
            beside = cast(list[str], self._redis.zrange(key, last_ms, last_ms, byscore=True))
        members = dict.fromkeys([member for member, _ in found] + beside)
        return CubePage(cubes=[_cube(member) for member in members], goes_on_above_ms=last_ms)


def _cube(member: str) -> tuple[TenantId, CubeId]:
    tenant, _, cube = member.partition(keys.KEY_SEPARATOR)
    return TenantId(tenant), CubeId(cube)


def _view(shard: int, answer: list[Any]) -> View:
    now_ms, soonest_ms, *rows = answer
    by_queue = dict(zip(Queue, cast(list[list[Any]], rows), strict=True))
    return View(
        shard=shard,
        due={queue: _turns(row[1:]) for queue, row in by_queue.items() if len(row) > 1},
        in_flight={queue: int(row[0]) for queue, row in by_queue.items()},
        next_in_ms=None if soonest_ms < 0 else soonest_ms - now_ms,
    )


def _backlog(rows: Sequence[list[Any]]) -> Backlog:
    return Backlog(
        tenants=sum(row[0] for row in rows),
        ready=sum(row[1] for row in rows),
        oldest_ms=max(row[2] for row in rows),
        in_flight=sum(row[3] for row in rows),
        ready_by_tenant={
            TenantId(heavy[at]): int(heavy[at + 1]) for *_, heavy in rows for at in range(0, len(heavy), 2)
        },
    )


def _turns(row: Sequence[Any]) -> list[Turn]:
    return [
        Turn(at_us=int(at_us), tenant=TenantId(tenant), weight=float(weight), room=int(room))
        for tenant, at_us, weight, room in zip(row[::4], row[1::4], row[2::4], row[3::4], strict=True)
    ]


def _claims(tenant: TenantId, answer: list[Any]) -> list[Claim]:
    pairs = zip(answer[::2], answer[1::2], strict=True)
    return [Claim(lane=keys.lane_of(tenant, member), cost_tokens=int(cost)) for member, cost in pairs]
