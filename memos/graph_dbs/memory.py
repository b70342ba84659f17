"""The graph's twin in RAM: the same walls, fences and order, nothing kept."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from memos.configs.graph_db import MemoryGraphDBConfig
from memos.errors import Fenced, NotFound
from memos.graph_dbs.base import DeletedCounts, JobWrite
from memos.graph_dbs.rows import distinct_edges, once_each
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.organize.decay import DecayPolicy, age
from memos.types import Edge, Memory, MemoryStatus, Message, Source


@dataclass(kw_only=True, slots=True)
class _Lane:
    fence: int = 0
    bulk_fence: int = 0
    next_seq: int = 1

    def raise_fence(self, fence: int | None, *, bulk: bool) -> bool:
        """False, and nothing changed, when a larger one has been seen."""
        seen = self.bulk_fence if bulk else self.fence
        if fence is not None and fence < seen:
            return False
        if bulk:
            self.bulk_fence = max(seen, fence or 0)
        else:
            self.fence = max(seen, fence or 0)
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class _Turn:
    session: SessionId
    seq: int
    user: UserId
    message: Message

    def as_source(self) -> Source:
        return Source(
            message_id=self.message.id,
            session=self.session,
            role=self.message.role,
            speaker=self.message.speaker,
            text=self.message.text,
            said_at_ms=self.message.said_at_ms,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cube:
    memories: dict[MemoryId, Memory] = field(default_factory=dict[MemoryId, Memory])
    turns: dict[MessageId, _Turn] = field(default_factory=dict[MessageId, _Turn])
    edges: dict[MemoryId, list[MessageId]] = field(default_factory=dict[MemoryId, list[MessageId]])
    jobs: dict[JobId, list[MemoryId]] = field(default_factory=dict[JobId, list[MemoryId]])
    relations: dict[Edge, None] = field(default_factory=dict[Edge, None])
    lanes: dict[SessionId, _Lane] = field(default_factory=dict[SessionId, _Lane])


class MemoryGraph:
    """A GraphStore for tests and for running without a server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cubes: dict[tuple[TenantId, CubeId], _Cube] = {}

    def ensure_schema(self) -> None:
        """Dictionaries need none."""

    def find_applied(self, tenant: TenantId, cube: CubeId, jobs: Sequence[JobId]) -> dict[JobId, list[MemoryId]]:
        """Of these jobs, the ones already applied, each with the memories it wrote."""
        with self._lock:
            applied = self._cube(tenant, cube).jobs
            return {job: list(applied[job]) for job in jobs if job in applied}

    def apply_jobs(
        self,
        tenant: TenantId,
        cube: CubeId,
        session: SessionId,
        writes: Sequence[JobWrite],
        *,
        fence: int | None,
        bulk: bool = False,
    ) -> None:
        """Write jobs, messages and memories. What has an id that exists already stays as it is."""
        distinct = once_each(cube, writes)
        with self._lock:
            kept = self._cubes.setdefault((tenant, cube), _Cube())
            lane = kept.lanes.setdefault(session, _Lane())
            if not lane.raise_fence(fence, bulk=bulk):
                raise Fenced(f"lane {cube}/{session}: fence {fence} is stale, somebody newer has written here")
            for write in distinct:
                if write.job not in kept.jobs:
                    _apply(kept, lane, session, write)

    def find_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> dict[MemoryId, Memory]:
        """Those of the ids that exist in this cube, whatever their status."""
        with self._lock:
            memories = self._cube(tenant, cube).memories
            return {memory: memories[memory] for memory in ids if memory in memories}

    def find_sources(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]
    ) -> dict[MemoryId, tuple[Source, ...]]:
        """The messages behind each memory, oldest first."""
        with self._lock:
            kept = self._cube(tenant, cube)
            found = {memory: tuple(_sources(kept, memory)) for memory in ids}
            return {memory: sources for memory, sources in found.items() if sources}

    def find_contexts(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]
    ) -> dict[MemoryId, tuple[Source, ...]]:
        """The messages behind each memory, each behind the message before it in its session."""
        with self._lock:
            kept = self._cube(tenant, cube)
            places = {(turn.session, turn.seq): turn for turn in kept.turns.values()}
            found = {memory: tuple(_context(kept, places, memory)) for memory in ids}
        return {memory: spoken for memory, spoken in found.items() if spoken}

    def list_memories(
        self,
        tenant: TenantId,
        cube: CubeId,
        *,
        status: MemoryStatus | None = MemoryStatus.ACTIVATED,
        after: MemoryId | None = None,
        limit: int = 1000,
    ) -> list[Memory]:
        """A page of memories, oldest first. Raises NotFound when ``after`` was deleted: then list from the start."""
        with self._lock:
            memories = self._cube(tenant, cube).memories
            start = None if after is None else _place(_get(memories, cube, after))
            wanted = [memory for memory in memories.values() if status in (None, memory.status)]
        behind = sorted((memory for memory in wanted if start is None or _place(memory) > start), key=_place)
        return behind[: max(limit, 0)]

    def list_messages(
        self, tenant: TenantId, cube: CubeId, session: SessionId, *, limit: int
    ) -> list[tuple[UserId, Message]]:
        """The last ``limit`` messages of a session, oldest first, each with the user whose turn it was."""
        with self._lock:
            turns = [turn for turn in self._cube(tenant, cube).turns.values() if turn.session == session]
        newest = sorted(turns, key=lambda turn: -turn.seq)[: max(limit, 0)]
        return [(turn.user, turn.message) for turn in reversed(newest)]

    def list_lagging(self, tenant: TenantId, cube: CubeId, *, limit: int) -> list[Memory]:
        """Memories whose ``indexed_version`` is behind their ``version``."""
        with self._lock:
            memories = self._cube(tenant, cube).memories.values()
            return [memory for memory in memories if memory.indexed_version < memory.version][: max(limit, 0)]

    def mark_indexed(self, tenant: TenantId, cube: CubeId, versions: Mapping[MemoryId, int]) -> None:
        """Record what the index holds now."""
        with self._lock:
            memories = self._cube(tenant, cube).memories
            for memory in (memories[each] for each in versions if each in memories):
                newest = max(memory.indexed_version, versions[memory.id])
                memories[memory.id] = replace(memory, indexed_version=newest)

    def update_memory(self, tenant: TenantId, memory: Memory) -> Memory:
        """Replace a memory's text and attributes; returns it with the next ``version``."""
        with self._lock:
            memories = self._cube(tenant, memory.cube).memories
            old = _get(memories, memory.cube, memory.id)
            memories[memory.id] = replace(
                memory,
                user=old.user,
                session=old.session,
                created_at_ms=old.created_at_ms,
                source_ids=old.source_ids,
                version=old.version + 1,
                indexed_version=old.indexed_version,
            )
            return memories[memory.id]

    def decay(self, tenant: TenantId, cube: CubeId, policy: DecayPolicy, *, now_ms: int) -> list[MemoryId]:
        """Let importance fade up to now; returns the memories archived for it."""
        with self._lock:
            memories = self._cube(tenant, cube).memories
            aged = [(memory, age(memory, policy, now_ms=now_ms)) for memory in memories.values()]
            memories.update({after.id: after for _, after in aged})
            return [after.id for before, after in aged if after.status is not before.status]

    def link(self, tenant: TenantId, cube: CubeId, edges: Sequence[Edge]) -> None:
        """Relate memories, all or none."""
        distinct = distinct_edges(edges)
        with self._lock:
            kept = self._cube(tenant, cube)
            for end in (end for edge in distinct for end in (edge.source, edge.target)):
                _get(kept.memories, cube, end)
            kept.relations.update(dict.fromkeys(distinct))

    def unlink(self, tenant: TenantId, cube: CubeId, edges: Sequence[Edge]) -> int:
        """Remove these relations; returns how many there were."""
        distinct = distinct_edges(edges)
        with self._lock:
            relations = self._cube(tenant, cube).relations
            present = [edge for edge in distinct if edge in relations]
            for edge in present:
                del relations[edge]
        return len(present)

    def find_edges(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId], *, limit: int | None = None
    ) -> list[Edge]:
        """The relations that begin or end at these memories, each once; ``limit`` of them at most."""
        wanted = set(ids)
        with self._lock:
            relations = list(self._cube(tenant, cube).relations)
        touching = [edge for edge in relations if edge.source in wanted or edge.target in wanted]
        return touching if limit is None else touching[: max(limit, 0)]

    def delete_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> int:
        """Remove memories for good; returns how many there were."""
        with self._lock:
            kept = self._cube(tenant, cube)
            for memory in ids:
                kept.edges.pop(memory, None)
            for edge in [edge for edge in kept.relations if edge.source in ids or edge.target in ids]:
                del kept.relations[edge]
            return sum(kept.memories.pop(memory, None) is not None for memory in ids)

    def delete_cube(self, tenant: TenantId, cube: CubeId) -> DeletedCounts:
        """Remove a cube with all that is in it."""
        with self._lock:
            kept = self._cubes.pop((tenant, cube), _Cube())
        return DeletedCounts(memories=len(kept.memories), messages=len(kept.turns), jobs=len(kept.jobs))

    def ping(self) -> str:
        """Always there."""
        return "memory"

    def close(self) -> None:
        """Nothing to let go of."""

    def _cube(self, tenant: TenantId, cube: CubeId) -> _Cube:
        return self._cubes.get((tenant, cube), _Cube())


def build_graph(config: MemoryGraphDBConfig) -> MemoryGraph:
    """An empty graph; a MemoryGraphDBConfig has nothing to say."""
    return MemoryGraph()


def _apply(kept: _Cube, lane: _Lane, session: SessionId, write: JobWrite) -> None:
    for message in write.messages:
        turn = _Turn(session=session, seq=lane.next_seq, user=write.user, message=message)
        kept.turns.setdefault(message.id, turn)
        lane.next_seq += 1
    for memory in write.memories:
        if write.replaces:
            kept.edges.pop(memory.id, None)
            kept.memories[memory.id] = memory
        kept.memories.setdefault(memory.id, memory)
        edges = kept.edges.setdefault(memory.id, [])
        edges.extend(each for each in memory.source_ids if each in kept.turns and each not in edges)
    kept.jobs[write.job] = [memory.id for memory in write.memories]


def _sources(kept: _Cube, memory: MemoryId) -> Iterator[Source]:
    turns = [kept.turns[message] for message in kept.edges.get(memory, [])]
    for turn in sorted(turns, key=lambda turn: (turn.message.said_at_ms, turn.seq)):
        yield turn.as_source()


def _context(kept: _Cube, places: Mapping[tuple[SessionId, int], _Turn], memory: MemoryId) -> Iterator[Source]:
    turns = [kept.turns[message] for message in kept.edges.get(memory, [])]
    wanted = {(turn.session, seq) for turn in turns for seq in (turn.seq - 1, turn.seq)}
    for place in sorted(wanted & places.keys()):
        yield places[place].as_source()


def _get(memories: Mapping[MemoryId, Memory], cube: CubeId, memory: MemoryId) -> Memory:
    if memory not in memories:
        raise NotFound(f"no memory {memory!r} in cube {cube!r}")
    return memories[memory]


def _place(memory: Memory) -> tuple[int, str]:
    return memory.created_at_ms, memory.id
