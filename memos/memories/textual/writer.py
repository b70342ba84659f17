"""From messages to memories, once: read, write the graph, embed, fill the index.

    find_applied ──> read (stored answers are replayed) ──> graph (one transaction, fenced) ──> embed ──> index
         └── applied already: only what the index lacks is written ─────────────────────────────┘

A crash between any two steps is repaired by running the same jobs again: ids are derived from the job, the graph
refuses a second effect, and the index catches up from the graph.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from memos.clock import Clock
from memos.errors import NotFound
from memos.graph_dbs.base import JobWrite
from memos.ids import CubeId, JobId, MemoryId, TenantId, UserId, memory_id
from memos.mem_reader.base import Conversation, Fact, Reader
from memos.memories.textual.context import describe
from memos.memories.textual.difference import Difference, compare
from memos.memories.textual.stores import TextStores
from memos.organize.decay import DecayPolicy
from memos.types import Lane, Memory, Message
from memos.vec_dbs.base import IndexRow

_FACTS: Final = TypeAdapter(list[Fact])
_INDEX_PAGE: Final = 500

KeepAnswers = Callable[[Mapping[JobId, str]], None]
"""Stores each job's answer before it is applied."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteJob:
    """One job's messages. ``answer`` is what an earlier attempt read from them, if it got so far."""

    job: JobId
    user: UserId
    messages: tuple[Message, ...]
    answer: str | None = None


class TextWriter:
    """Applies extract jobs of one lane; safe to repeat."""

    def __init__(self, stores: TextStores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock

    def write(
        self, lane: Lane, jobs: Sequence[WriteJob], reader: Reader, *, fence: int | None, keep: KeepAnswers
    ) -> dict[JobId, list[MemoryId]]:
        """Apply the jobs in order and return the memories of each.

        One reading, one embedding batch, one transaction and one upsert for all of them. Raises Fenced when a newer
        holder of the lane has written, Unavailable when a store or the model is away; then nothing is half done that
        the next attempt does not complete.
        """
        applied = self._stores.graph.find_applied(lane.tenant, lane.cube, [item.job for item in jobs])
        fresh = [item for item in jobs if item.job not in applied]
        writes = self._build_writes(lane, fresh, self._read(fresh, reader, keep))
        if writes:
            where = (lane.tenant, lane.cube, lane.session)
            self._stores.graph.apply_jobs(*where, writes, fence=fence, bulk=lane.bulk)
        self._index(lane.tenant, lane.cube, [memory for write in writes for memory in write.memories])
        if applied:
            self.index_lagging(lane.tenant, lane.cube)
        written = {write.job: [memory.id for memory in write.memories] for write in writes}
        return {item.job: written.get(item.job) or applied.get(item.job, []) for item in jobs}

    def index_lagging(self, tenant: TenantId, cube: CubeId) -> int:
        """Bring the index up to the graph; returns how many memories it lacked."""
        total = 0
        while lagging := self._stores.graph.list_lagging(tenant, cube, limit=_INDEX_PAGE):
            self._index(tenant, cube, lagging)
            total += len(lagging)
        return total

    def reindex(self, tenant: TenantId, cube: CubeId) -> int:
        """Index every memory of a cube anew, of any status; returns how many.

        Others may write meanwhile: what they change or delete is in the index as they left it. Rows that stand for
        nothing stay; ``verify`` removes them.
        """
        return self._bring_up(tenant, cube, self._list_ids(tenant, cube))

    def verify(self, tenant: TenantId, cube: CubeId, *, repair: bool = False) -> Difference:
        """How the index differs from the graph in a cube; with ``repair`` it does no more afterwards.

        Only which memories have rows is compared, not what is in the rows: ``reindex`` writes these.
        """
        rows = self._stores.index.list_ids(tenant, cube)  # first: what is written meanwhile is in the graph by then
        found = compare(self._list_ids(tenant, cube), rows)
        if repair:
            self._bring_up(tenant, cube, [*found.missing, *found.surplus])
        return found

    def decay(self, tenant: TenantId, cube: CubeId, policy: DecayPolicy) -> int:
        """Let the importance of a cube's memories fade up to now; returns how many were archived for it.

        Search finds none of those any more; their index rows lag until ``index_lagging``.
        """
        return len(self._stores.graph.decay(tenant, cube, policy, now_ms=self._clock.now_ms()))

    def _read(self, jobs: Sequence[WriteJob], reader: Reader, keep: KeepAnswers) -> dict[JobId, list[Fact]]:
        facts = {item.job: _FACTS.validate_json(item.answer) for item in jobs if item.answer is not None}
        unread = [item for item in jobs if item.answer is None]
        if not unread:
            return facts
        found = reader.read([Conversation(job=item.job, user=item.user, messages=item.messages) for item in unread])
        read = dict(zip((item.job for item in unread), found, strict=True))
        if reader.keeps_answers:
            keep({job: _FACTS.dump_json(answer).decode() for job, answer in read.items()})
        return facts | read

    def _build_writes(
        self, lane: Lane, jobs: Sequence[WriteJob], facts: Mapping[JobId, Sequence[Fact]]
    ) -> list[JobWrite]:
        now_ms = self._clock.now_ms()
        return [
            JobWrite(
                job=item.job,
                user=item.user,
                messages=item.messages,
                memories=tuple(
                    build_memory(lane, item, ordinal, fact, now_ms) for ordinal, fact in enumerate(facts[item.job])
                ),
            )
            for item in jobs
        ]

    def _list_ids(self, tenant: TenantId, cube: CubeId) -> list[MemoryId]:
        """All memories of a cube, of any status, the oldest first."""
        listed: list[MemoryId] = []
        while page := self._list_page(tenant, cube, listed):
            listed += [memory.id for memory in page]
        return listed

    def _list_page(self, tenant: TenantId, cube: CubeId, listed: list[MemoryId]) -> list[Memory]:
        """The memories behind the last one listed, which is taken off when it was deleted meanwhile."""
        while True:
            after = listed[-1] if listed else None
            try:
                return self._stores.graph.list_memories(tenant, cube, status=None, after=after, limit=_INDEX_PAGE)
            except NotFound:
                listed.pop()

    def _bring_up(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> int:
        """Have the index say of these what the graph says; returns how many of them the graph has."""
        total = 0
        for start in range(0, len(ids), _INDEX_PAGE):
            page = ids[start : start + _INDEX_PAGE]
            total += self._bring_up_page(tenant, cube, page)
        return total

    def _bring_up_page(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> int:
        """Again until nobody has changed one since it was read: else an older row might have replaced a newer one."""
        indexed: dict[MemoryId, int] = {}
        while True:
            stored = self._stores.graph.find_memories(tenant, cube, ids)
            self._stores.index.delete(tenant, cube, [each for each in ids if each not in stored])
            changed = [memory for memory in stored.values() if indexed.get(memory.id) != memory.version]
            if not changed:
                return len(stored)
            self._index(tenant, cube, changed)
            indexed |= {memory.id: memory.version for memory in changed}

    def _index(self, tenant: TenantId, cube: CubeId, memories: Sequence[Memory]) -> None:
        for start in range(0, len(memories), _INDEX_PAGE):
            page = memories[start : start + _INDEX_PAGE]
            self._stores.index.upsert(tenant, self._build_rows(tenant, cube, page))
            self._stores.graph.mark_indexed(tenant, cube, {memory.id: memory.version for memory in page})

    def _build_rows(self, tenant: TenantId, cube: CubeId, memories: Sequence[Memory]) -> list[IndexRow]:
        """One embedding batch for all, and what was said around each."""
        spoken = self._stores.graph.find_contexts(tenant, cube, [memory.id for memory in memories])
        vectors = self._stores.embedder.embed([memory.text for memory in memories])
        return [
            IndexRow(memory=memory, vector=vector, context=describe(memory, spoken.get(memory.id, ())))
            for memory, vector in zip(memories, vectors, strict=True)
        ]


def build_memory(lane: Lane, item: WriteJob, ordinal: int, fact: Fact, now_ms: int) -> Memory:
    """The memory that a fact becomes; pure, so that every attempt builds the same one but for its times."""
    evidence = [item.messages[position] for position in fact.evidence]
    return Memory(
        id=memory_id(lane.tenant, lane.cube, item.job, ordinal),
        cube=lane.cube,
        user=item.user,
        session=lane.session,
        text=fact.text,
        memory_type=fact.memory_type,
        category=fact.category,
        speaker=fact.speaker,
        key=fact.key,
        entities=fact.entities,
        tags=fact.tags,
        confidence=fact.confidence,
        importance_at_ms=now_ms,
        said_at_ms=max(message.said_at_ms for message in evidence),
        valid_at_ms=fact.valid_at_ms,
        invalid_at_ms=fact.invalid_at_ms,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        source_ids=tuple(message.id for message in evidence),
    )
