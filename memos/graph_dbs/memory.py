"""The graph's twin in RAM: the same walls, fences and order, nothing kept."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from memos.configs.graph_db import MemoryGraphDBConfig
from memos.configs.reading import ReadingConfig
from memos.errors import Fenced, NotFound
from memos.graph_dbs.base import DeletedCounts, JobWrite, SaidCounts
from memos.graph_dbs.edge_rows import distinct_edges
from memos.graph_dbs.memory_changes import apply, carry_out, delete, forget, holds
from memos.graph_dbs.memory_cube import Cube, Lane
from memos.graph_dbs.message_rows import once_each
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.organize.decay import DecayPolicy, age, archived
from memos.organize.plan import Plan
from memos.organize.retention import Retention
from memos.types import Edge, Memory, MemoryStatus, Message, Source


class MemoryGraph:
    """A GraphStore for tests and for running without a server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cubes: dict[tuple[TenantId, CubeId], Cube] = {}
        self._retentions: dict[tuple[TenantId, CubeId], Retention] = {}
        self._readings: dict[tuple[TenantId, CubeId], ReadingConfig] = {}

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
            kept = self._cubes.setdefault((tenant, cube), Cube())
            lane = kept.lanes.setdefault(session, Lane())
            if not lane.raise_fence(fence, bulk=bulk):
                raise Fenced(f"lane {cube}/{session}: fence {fence} is stale, somebody newer has written here")
            for write in distinct:
                if write.job not in kept.jobs:
                    apply(kept, lane, session, write)

    def find_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> dict[MemoryId, Memory]:
        """Those of the ids that exist in this cube, whatever their status."""
        with self._lock:
            memories = self._cube(tenant, cube).memories
            return {memory: memories[memory] for memory in ids if memory in memories}

    def find_by_subjects(self, tenant: TenantId, cube: CubeId, subjects: Sequence[str], *, limit: int) -> list[Memory]:
        """The active memories of these subjects, at most ``limit``: those without an end first, then the last said."""
        with self._lock:
            kept = self._cube(tenant, cube)
            found = [memory for subject in dict.fromkeys(subjects) for memory in kept.about(subject)]
        active = [memory for memory in found if memory.status is MemoryStatus.ACTIVATED]
        ranked = sorted(active, key=lambda memory: (memory.invalid_at_ms is not None, -memory.said_at_ms))
        return ranked[: max(limit, 0)]

    def find_sources(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]
    ) -> dict[MemoryId, tuple[Source, ...]]:
        """The messages behind each memory, oldest first."""
        with self._lock:
            kept = self._cube(tenant, cube)
            found = {memory: tuple(turn.as_source() for turn in kept.turns_of(memory)) for memory in ids}
            return {memory: sources for memory, sources in found.items() if sources}

    def find_contexts(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]
    ) -> dict[MemoryId, tuple[Source, ...]]:
        """The messages behind each memory, each behind the message before it in its session."""
        with self._lock:
            kept = self._cube(tenant, cube)
            places = {turn.place: turn for turn in kept.turns.values()}
            found = {memory: kept.context_of(memory, places) for memory in ids}
        return {memory: tuple(turn.as_source() for turn in turns) for memory, turns in found.items() if turns}

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

    def freshen(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> None:
        """Have the next reorganisation look at these again."""
        with self._lock:
            kept = self._cube(tenant, cube)
            kept.fresh.update(dict.fromkeys(each for each in ids if each in kept.memories))

    def list_fresh(self, tenant: TenantId, cube: CubeId, *, limit: int) -> list[Memory]:
        """Memories that no reorganisation has seen as they are now."""
        with self._lock:
            kept = self._cube(tenant, cube)
            return [kept.memories[each] for each in kept.fresh if each in kept.memories][: max(limit, 0)]

    def apply_plan(self, tenant: TenantId, cube: CubeId, plan: Plan) -> bool:
        """Do all that a plan says; False, and nothing done, when something changed since."""
        with self._lock:
            kept = self._cube(tenant, cube)
            if not holds(kept, plan):
                return False
            carry_out(kept, plan)
        return True

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
            kept = self._cube(tenant, memory.cube)
            old = _get(kept.memories, memory.cube, memory.id)
            if (old.text, old.status) != (memory.text, memory.status):
                kept.fresh[memory.id] = None
            kept.keep(
                replace(
                    memory,
                    user=old.user,
                    session=old.session,
                    created_at_ms=old.created_at_ms,
                    source_ids=old.source_ids,
                    version=old.version + 1,
                    indexed_version=old.indexed_version,
                )
            )
            return kept.memories[memory.id]

    def decay(self, tenant: TenantId, cube: CubeId, policy: DecayPolicy, *, now_ms: int) -> list[MemoryId]:
        """Let importance fade up to now, and end what has expired; returns the memories archived."""
        with self._lock:
            kept = self._cube(tenant, cube)
            aged = [(memory, age(memory, policy, now_ms=now_ms)) for memory in kept.memories.values()]
            kept.memories.update({after.id: after for _, after in aged})
            ended = [after.id for before, after in aged if after.status is not before.status]
            kept.fresh.update(dict.fromkeys(ended))
            return ended

    def archive_memories(
        self, tenant: TenantId, cube: CubeId, versions: Mapping[MemoryId, int], *, now_ms: int
    ) -> list[MemoryId]:
        """Archive the active ones among these memories that still have the version given; returns which."""
        with self._lock:
            kept = self._cube(tenant, cube)
            found = [kept.memories[each] for each in versions if each in kept.memories]
            active = [each for each in found if each.status is MemoryStatus.ACTIVATED]
            same = [each.id for each in active if each.version == versions[each.id]]
            kept.memories.update({each: archived(kept.memories[each], now_ms=now_ms) for each in same})
            kept.fresh.update(dict.fromkeys(same))
            return same

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
            return delete(self._cube(tenant, cube), ids)

    def list_said(self, tenant: TenantId, cube: CubeId, user: UserId) -> list[MessageId]:
        """All messages of a user's turns in a cube."""
        with self._lock:
            return [turn.message.id for turn in self._cube(tenant, cube).turns.values() if turn.user == user]

    def forget_said(self, tenant: TenantId, cube: CubeId, user: UserId, *, now_ms: int) -> SaidCounts:
        """Remove a user's messages and jobs from a cube."""
        with self._lock:
            return forget(self._cube(tenant, cube), user, now_ms=now_ms)

    def set_retention(self, tenant: TenantId, cube: CubeId, retention: Retention) -> None:
        """Have a cube say how long its memories stay."""
        with self._lock:
            self._retentions[tenant, cube] = retention

    def find_retention(self, tenant: TenantId, cube: CubeId) -> Retention | None:
        """What a cube said last, or None."""
        with self._lock:
            return self._retentions.get((tenant, cube))

    def set_reading(self, tenant: TenantId, cube: CubeId, reading: ReadingConfig) -> None:
        """Have a cube say what it wants of its facts."""
        with self._lock:
            self._readings[tenant, cube] = reading

    def find_reading(self, tenant: TenantId, cube: CubeId) -> ReadingConfig | None:
        """What a cube said last, or None."""
        with self._lock:
            return self._readings.get((tenant, cube))

    def delete_cube(self, tenant: TenantId, cube: CubeId, *, keep_settings: bool = False) -> DeletedCounts:
        """Remove a cube with all that is in it, or all but its retention and reading."""
        with self._lock:
            kept = self._cubes.pop((tenant, cube), Cube())
            if not keep_settings:
                self._retentions.pop((tenant, cube), None)
                self._readings.pop((tenant, cube), None)
        return DeletedCounts(memories=len(kept.memories), messages=len(kept.turns), jobs=len(kept.jobs))

    def ping(self) -> str:
        """Always there."""
        return "memory"

    def close(self) -> None:
        """Nothing to let go of."""

    def _cube(self, tenant: TenantId, cube: CubeId) -> Cube:
        return self._cubes.get((tenant, cube), Cube())


def build_graph(config: MemoryGraphDBConfig) -> MemoryGraph:
    """An empty graph; a MemoryGraphDBConfig has nothing to say."""
    return MemoryGraph()


def _get(memories: Mapping[MemoryId, Memory], cube: CubeId, memory: MemoryId) -> Memory:
    if memory not in memories:
        raise NotFound(f"no memory {memory!r} in cube {cube!r}")
    return memories[memory]


def _place(memory: Memory) -> tuple[int, str]:
    return memory.created_at_ms, memory.id
