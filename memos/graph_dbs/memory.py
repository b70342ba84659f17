"""The graph's twin in RAM: the same walls, fences and order, nothing kept."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from memos.configs.graph_db import MemoryGraphDBConfig
from memos.errors import Fenced, NotFound
from memos.graph_dbs.base import DeletedCounts, JobWrite, SaidCounts
from memos.graph_dbs.rows import distinct_edges, once_each
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.organize.decay import DecayPolicy, age, archived
from memos.organize.forget import loosen
from memos.organize.plan import Plan
from memos.organize.revise import end, reinforce, subject_of
from memos.organize.surroundings import is_plain, is_summary
from memos.types import Edge, EdgeType, Memory, MemoryStatus, Message, Source


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
    doers: dict[JobId, UserId] = field(default_factory=dict[JobId, UserId])
    relations: dict[Edge, None] = field(default_factory=dict[Edge, None])
    subjects: dict[str | None, set[MemoryId]] = field(default_factory=dict[str | None, set[MemoryId]])
    fresh: dict[MemoryId, None] = field(default_factory=dict[MemoryId, None])
    lanes: dict[SessionId, _Lane] = field(default_factory=dict[SessionId, _Lane])

    def keep(self, memory: Memory) -> None:
        """Write a memory, and under its subject its id, which stays there when the subject changes."""
        self.memories[memory.id] = memory
        self.subjects.setdefault(subject_of(memory), set()).add(memory.id)

    def about(self, subject: str) -> Iterator[Memory]:
        """The memories that have this subject now."""
        for memory in self.subjects.get(subject, ()):
            if memory in self.memories and subject_of(self.memories[memory]) == subject:
                yield self.memories[memory]


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
            if not _holds(kept, plan):
                return False
            _carry_out(kept, plan)
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
            kept = self._cube(tenant, cube)
            _hide_summaries(kept, ids)
            for memory in ids:
                kept.fresh.pop(memory, None)
                kept.edges.pop(memory, None)
            for edge in [edge for edge in kept.relations if edge.source in ids or edge.target in ids]:
                del kept.relations[edge]
            return sum(kept.memories.pop(memory, None) is not None for memory in ids)

    def list_said(self, tenant: TenantId, cube: CubeId, user: UserId) -> list[MessageId]:
        """All messages of a user's turns in a cube."""
        with self._lock:
            return [turn.message.id for turn in self._cube(tenant, cube).turns.values() if turn.user == user]

    def forget_said(self, tenant: TenantId, cube: CubeId, user: UserId, *, now_ms: int) -> SaidCounts:
        """Remove a user's messages and jobs from a cube."""
        with self._lock:
            kept = self._cube(tenant, cube)
            said = {each: turn for each, turn in kept.turns.items() if turn.user == user}
            for memory in _resting(kept, said.values()):
                turns = [kept.turns[each] for each in kept.edges[memory] if each not in said]
                others = [turn.user for turn in sorted(turns, key=_age)]
                kept.keep(loosen(kept.memories[memory], said, others, user=user, now_ms=now_ms))
                kept.edges[memory] = [turn.message.id for turn in turns]
            for each in said:
                del kept.turns[each]
            jobs = [job for job, doer in kept.doers.items() if doer == user]
            for job in jobs:
                del kept.jobs[job], kept.doers[job]
        return SaidCounts(messages=len(said), jobs=len(jobs))

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
    for memory in write.made:
        if write.replaces or memory.id not in kept.memories:
            _put(kept, memory)
        _derive(kept, memory.id, memory.source_ids)
    for memory in write.rewritten:
        if memory.id in kept.memories and kept.memories[memory.id].version == memory.version - 1:
            _put(kept, memory)
            _derive(kept, memory.id, memory.source_ids)
    _revise(kept, write)
    kept.jobs[write.job] = write.memory_ids
    kept.doers[write.job] = write.user


def _put(kept: _Cube, memory: Memory) -> None:
    """Write a memory in the place of what has its id, sources included."""
    kept.edges.pop(memory.id, None)
    kept.keep(memory)
    kept.fresh.pop(memory.id, None)
    kept.fresh.update(dict.fromkeys([memory.id] if is_plain(memory) else []))


def _derive(kept: _Cube, memory: MemoryId, sources: Sequence[MessageId]) -> None:
    edges = kept.edges.setdefault(memory, [])
    edges.extend(each for each in sources if each in kept.turns and each not in edges)


def _revise(kept: _Cube, write: JobWrite) -> None:
    memories = kept.memories
    for again in (each for each in write.revision.reinforced if each.memory in memories):
        memories[again.memory] = reinforce(memories[again.memory], again)
        _derive(kept, again.memory, again.source_ids)
    for ending in (each for each in write.revision.ended if each.memory in memories):
        memories[ending.memory] = end(memories[ending.memory], ending)
        kept.fresh[ending.memory] = None
    edges = (each for each in write.revision.edges if each.source in memories and each.target in memories)
    kept.relations.update(dict.fromkeys(edges))


def _holds(kept: _Cube, plan: Plan) -> bool:
    versions = {each: kept.memories[each].version for each in plan.rests_on if each in kept.memories}
    is_new = not any(memory.id in kept.memories for memory in plan.made)
    return versions == plan.rests_on and is_new and all(each in kept.fresh for each in plan.seen)


def _carry_out(kept: _Cube, plan: Plan) -> None:
    for summary in plan.refreshed:
        kept.edges.pop(summary.memory.id, None)
    for memory in (*plan.written, *plan.made):
        kept.keep(memory)
        _derive(kept, memory.id, memory.source_ids)
    retired = {memory.id for memory in plan.retired}
    ended = {*plan.unlinked, *(edge for edge in kept.relations if retired & {edge.source, edge.target})}
    for edge in ended & kept.relations.keys():
        del kept.relations[edge]
    kept.relations.update(dict.fromkeys(plan.edges))
    for memory in retired:
        del kept.memories[memory]
        kept.edges.pop(memory, None)
    for seen in plan.seen:
        del kept.fresh[seen]


def _hide_summaries(kept: _Cube, ids: Iterable[MemoryId]) -> None:
    """Archive the summaries of memories that go, and have them made anew."""
    pairs = {(edge.source, edge.target) for edge in kept.relations if edge.type is EdgeType.PARENT}
    for parent in sorted({source for source, target in pairs if target in ids and target in kept.memories}):
        if is_summary(kept.memories[parent]):
            hidden = kept.memories[parent]
            kept.memories[parent] = replace(hidden, status=MemoryStatus.ARCHIVED, version=hidden.version + 1)
            kept.fresh[parent] = None


def _sources(kept: _Cube, memory: MemoryId) -> Iterator[Source]:
    turns = [kept.turns[message] for message in kept.edges.get(memory, [])]
    for turn in sorted(turns, key=_age):
        yield turn.as_source()


def _age(turn: _Turn) -> tuple[int, int]:
    return turn.message.said_at_ms, turn.seq


def _resting(kept: _Cube, said: Iterable[_Turn]) -> list[MemoryId]:
    """The memories that rest on one of these turns, or on the one after it in its session."""
    places = {(turn.session, seq) for turn in said for seq in (turn.seq, turn.seq + 1)}
    around = {each for each, turn in kept.turns.items() if (turn.session, turn.seq) in places}
    return [memory for memory, sources in kept.edges.items() if not around.isdisjoint(sources)]


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
