"""Reads what the stores hold after a run, through the product's own ports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from memos.clock import Clock
from memos.ids import CubeId, TenantId
from memos.memories.textual.stores import TextStores
from memos.organize.surroundings import is_summary
from memos.types import JobKind, JobRecord, Lane, Memory
from scheduler import MemScheduler, keys
from scheduler.connection import connect
from workers.chaos.answers import find_op
from workers.chaos.checker import Held, JobView, SessionState, Snapshot
from workers.chaos.generator import session_name

_PAGE: Final = 1000
_MANY: Final = 1_000_000
_POLL_S: Final = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where to look: the lanes that the run used, and with them its tenants and cubes."""

    lanes: Sequence[Lane]

    def cubes(self) -> list[tuple[TenantId, CubeId]]:
        """Each once."""
        return list(dict.fromkeys((lane.tenant, lane.cube) for lane in self.lanes))

    def tenants(self) -> list[TenantId]:
        """Each once."""
        return list(dict.fromkeys(lane.tenant for lane in self.lanes))

    def all_lanes(self) -> list[Lane]:
        """The lanes, and those of the jobs that belong to whole cubes."""
        own = [
            Lane(tenant=tenant, cube=cube, session=session)
            for tenant, cube in self.cubes()
            for session in keys.CUBE_SESSIONS.values()
        ]
        return [*self.lanes, *own]


class MailboxReader:
    """Looks into Redis behind the scheduler's back."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)

    def list_busy_lanes(self, lanes: Iterable[Lane]) -> list[str]:
        """Lanes that hold jobs."""
        return [_show(lane) for lane in lanes if self._redis.exists(keys.lane_keys(lane)[0])]

    def list_held_slots(self, lanes: Iterable[Lane]) -> list[str]:
        """Slots that are taken, tenants whose count of them is not zero, and lanes with a lease."""
        return [*self._slots(), *(f"lease {_show(lane)}" for lane in lanes if self._is_leased(lane))]

    def count_fenced(self) -> int:
        """How often somebody who had been overtaken was refused."""
        stats = (cast(dict[str, str], self._redis.hgetall(keys.stats_key(shard))) for shard in range(keys.SHARDS))
        return sum(int(value) for shard in stats for name, value in shard.items() if name.startswith("fenced|"))

    def close(self) -> None:
        """Disconnect."""
        self._redis.close()

    def _slots(self) -> Iterable[str]:
        for shard in range(keys.SHARDS):
            for queue in keys.Queue:
                _, flight, flying = keys.queue_keys(shard, queue)
                yield from (f"slot {queue} {_printable(member)}" for member in self._members(flight))
                yield from (f"count {queue} {tenant}={count}" for tenant, count in self._counts(flying))

    def _members(self, name: str) -> list[str]:
        return cast(list[str], self._redis.zrange(name, 0, -1))

    def _counts(self, name: str) -> Iterable[tuple[str, str]]:
        return cast(dict[str, str], self._redis.hgetall(name)).items()

    def _is_leased(self, lane: Lane) -> bool:
        till = cast(Any, self._redis.hget(keys.lane_keys(lane)[1], "till"))
        return int(till or 0) > 0


def wait_until_quiet(reader: MailboxReader, places: Places, clock: Clock, *, within_s: float) -> None:
    """Return when no lane holds a job and no slot is taken, or when patience ends."""
    lanes = places.all_lanes()
    deadline_s = clock.monotonic_s() + within_s
    while clock.monotonic_s() < deadline_s and (reader.list_busy_lanes(lanes) or reader.list_held_slots(lanes)):
        clock.sleep_s(_POLL_S)


def take_snapshot(reader: MailboxReader, scheduler: MemScheduler, stores: TextStores, places: Places) -> Snapshot:
    """All of it. Raises Unavailable."""
    lanes = places.all_lanes()
    records = [record for tenant in places.tenants() for record in _list_jobs(scheduler, tenant)]
    return Snapshot(
        sessions=_read_sessions(stores, places),
        rows=tuple(row for tenant, cube in places.cubes() for row in stores.index.list_ids(tenant, cube)),
        jobs={record.id: JobView(state=record.state.value, memory_ids=record.memory_ids) for record in records},
        busy_lanes=tuple(reader.list_busy_lanes(lanes)),
        held_slots=tuple(reader.list_held_slots(lanes)),
        fenced=reader.count_fenced(),
    )


def _read_sessions(stores: TextStores, places: Places) -> dict[str, SessionState]:
    memories = [memory for tenant, cube in places.cubes() for memory in _list_memories(stores, tenant, cube)]
    held: dict[str, list[Held]] = {}
    for memory in memories:
        op = find_op(memory.text)
        session = op.rpartition("/")[0]
        # A summary says again what facts of its session say, and is none of them.
        held.setdefault(session, []).append(
            Held(id=memory.id, op=f"{session}/{memory.id}" if is_summary(memory) else op)
        )
    return {
        session_name(lane): SessionState(
            messages=_read_messages(stores, lane), memories=tuple(held.get(session_name(lane), ()))
        )
        for lane in places.lanes
    }


def _read_messages(stores: TextStores, lane: Lane) -> tuple[str, ...]:
    found = stores.graph.list_messages(lane.tenant, lane.cube, lane.session, limit=_MANY)
    return tuple(find_op(message.text) for _, message in found)


def _list_memories(stores: TextStores, tenant: TenantId, cube: CubeId) -> Iterable[Memory]:
    after = None
    while page := stores.graph.list_memories(tenant, cube, after=after, limit=_PAGE):
        yield from page
        after = page[-1].id


def _list_jobs(scheduler: MemScheduler, tenant: TenantId) -> Iterable[JobRecord]:
    offset = 0
    while page := scheduler.list_jobs(tenant, kind=JobKind.EXTRACT, limit=_PAGE, offset=offset):
        yield from page
        offset += len(page)


def _show(lane: Lane) -> str:
    return f"{lane.tenant}/{lane.cube}/{lane.session}{' bulk' if lane.bulk else ''}"


def _printable(member: str) -> str:
    return member.replace(keys.KEY_SEPARATOR, "/")
