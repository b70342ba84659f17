"""From messages to memories, once."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from memos.clock import ManualClock
from memos.errors import Fenced, Unavailable
from memos.ids import JobId, TenantId, memory_id
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.organize.decay import DAY_MS, DecayPolicy
from memos.vec_dbs.base import IndexFilter, IndexRow
from memos.vec_dbs.memory import MemoryIndex
from tests.support.text import LANE, DictationReader, WordEmbedder, forget, open_twins, work, write

WHERE = IndexFilter(cubes=(LANE.cube,))


def found(stores: TextStores, text: str) -> list[str]:
    hits = stores.index.search_text(LANE.tenant, text, WHERE, limit=10, timeout_s=5)
    return [hit.memory_id for hit in hits]


def test_several_jobs_take_one_reading_one_embedding_batch_and_one_upsert() -> None:
    class CountingIndex(MemoryIndex):
        upserts = 0

        def upsert(self, tenant: TenantId, rows: Sequence[IndexRow]) -> None:
            self.upserts += 1
            super().upsert(tenant, rows)

    embedder, reader, index = WordEmbedder(), DictationReader(), CountingIndex()
    stores = replace(open_twins(embedder), index=index)
    stores.ensure()
    write(stores, work("j1", "one fish", "two fish"), work("j2", "red fish"), reader=reader)
    assert (reader.calls, embedder.batches, index.upserts) == ([2], [3], 1)


def test_the_ids_of_memories_come_from_the_job_and_their_place_in_it() -> None:
    stores = open_twins()
    writer = TextWriter(stores, ManualClock())
    written = writer.write(LANE, [work("j1", "a", "b")], DictationReader(), fence=None, keep=forget)
    assert written == {JobId("j1"): [memory_id(LANE.tenant, LANE.cube, JobId("j1"), n) for n in (0, 1)]}


def test_a_job_run_twice_has_its_effect_once_and_names_the_same_memories() -> None:
    stores, reader = open_twins(), DictationReader()
    writer = TextWriter(stores, ManualClock())
    first = writer.write(LANE, [work("j1", "a fish")], reader, fence=None, keep=forget)
    second = writer.write(LANE, [work("j1", "a fish")], reader, fence=None, keep=forget)
    assert first == second
    assert reader.calls == [1]
    assert len(stores.graph.list_memories(LANE.tenant, LANE.cube)) == 1


def test_a_crash_between_graph_and_index_is_repaired_by_the_next_attempt() -> None:
    class DeadIndex(MemoryIndex):
        def upsert(self, *_: object) -> None:
            raise Unavailable("milvus", "gone")

    stores = open_twins()
    broken = TextStores(graph=stores.graph, index=DeadIndex(), embedder=stores.embedder)
    with pytest.raises(Unavailable, match="milvus"):
        write(broken, work("j1", "a lost fish"))
    assert found(stores, "fish") == []
    write(stores, work("j1", "a lost fish"))
    assert len(found(stores, "fish")) == 1
    assert stores.graph.list_lagging(LANE.tenant, LANE.cube, limit=10) == []


def test_an_answer_is_stored_before_it_is_applied_and_replayed_instead_of_asked_again() -> None:
    stores, reader, kept = open_twins(), DictationReader(keeps_answers=True), {}
    writer = TextWriter(stores, ManualClock())

    def keep_then_die(answers: dict[JobId, str]) -> None:
        kept.update(answers)
        raise Unavailable("redis", "gone")

    with pytest.raises(Unavailable):
        writer.write(LANE, [work("j1", "a fish")], reader, fence=None, keep=keep_then_die)
    assert stores.graph.find_applied(LANE.tenant, LANE.cube, [JobId("j1")]) == {}
    again = work("j1", "a fish", answer=kept[JobId("j1")])
    writer.write(LANE, [again], reader, fence=None, keep=keep_then_die)
    assert reader.calls == [1]
    assert [memory.text for memory in stores.graph.list_memories(LANE.tenant, LANE.cube)] == ["a fish"]


def test_a_stale_holder_writes_neither_graph_nor_index() -> None:
    stores = open_twins()
    writer = TextWriter(stores, ManualClock())
    writer.write(LANE, [work("j2", "a newer fish")], DictationReader(), fence=7, keep=forget)
    with pytest.raises(Fenced):
        writer.write(LANE, [work("j1", "a stale fish")], DictationReader(), fence=6, keep=forget)
    assert [memory.text for memory in stores.graph.list_memories(LANE.tenant, LANE.cube)] == ["a newer fish"]
    assert len(found(stores, "fish")) == 1


def test_a_job_without_facts_is_applied_all_the_same() -> None:
    class NothingReader(DictationReader):
        def read(self, conversations: object) -> list[list[object]]:
            super().read(conversations)
            return [[] for _ in conversations]

    stores, reader = open_twins(), NothingReader()
    write(stores, work("j1", "hello"), reader=reader)
    write(stores, work("j1", "hello"), reader=reader)
    assert reader.calls == [1]
    assert len(stores.graph.list_messages(LANE.tenant, LANE.cube, LANE.session, limit=10)) == 1


def test_a_new_memory_has_the_default_importance_as_of_its_creation() -> None:
    stores = open_twins()
    write(stores, work("j1", "a fish"))
    (memory,) = stores.graph.list_memories(LANE.tenant, LANE.cube)
    assert (memory.importance, memory.importance_at_ms) == (0.5, memory.created_at_ms)


def test_decay_counts_what_it_archives_and_the_index_follows() -> None:
    stores, clock = open_twins(), ManualClock()
    write(stores, work("j1", "a fish", "a bird"))
    clock.advance_ms(30 * DAY_MS)
    writer = TextWriter(stores, clock)
    assert writer.decay(TenantId("other"), LANE.cube, DecayPolicy(half_life_days=10, archive_below=0.2)) == 0
    assert writer.decay(LANE.tenant, LANE.cube, DecayPolicy(half_life_days=10, archive_below=0.2)) == 2
    assert writer.index_lagging(LANE.tenant, LANE.cube) == 2
    assert found(stores, "fish") == []


def test_a_memory_rests_on_the_messages_it_names() -> None:
    stores = open_twins()
    write(stores, work("j1", "the first", "the second"))
    (first, second) = stores.graph.list_memories(LANE.tenant, LANE.cube)
    sources = stores.graph.find_sources(LANE.tenant, LANE.cube, [first.id, second.id])
    assert {memory.text: sources[memory.id][0].text for memory in (first, second)} == {
        "the first": "the first",
        "the second": "the second",
    }
