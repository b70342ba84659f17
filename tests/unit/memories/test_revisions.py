"""What a writer does to earlier memories: nothing is lost, and of a state what was said last holds."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos.clock import ManualClock
from memos.errors import Fenced
from memos.ids import JobId, MemoryId, TenantId
from memos.mem_reader.rules import RulesReader
from memos.memories.textual.history import find_chain
from memos.memories.textual.stores import TextStores
from memos.memories.textual.write_job import WriteJob
from memos.memories.textual.writer import TextWriter
from memos.organize.decay import DAY_MS
from memos.organize.rules import state_of
from memos.types import Edge, EdgeType, Memory, MemoryStatus
from memos.vec_dbs.base import IndexRow
from memos.vec_dbs.memory import MemoryIndex
from tests.support.text import LANE, WordEmbedder, forget, open_twins, work

T0 = 1_700_000_000_000


def told(job: str, *texts: str, day: int = 0) -> WriteJob:
    """What Ana said in a job, on one day."""
    item = work(job, *texts)
    return replace(
        item,
        messages=tuple(replace(each, said_at_ms=each.said_at_ms + day * DAY_MS) for each in item.messages),
    )


def write(stores: TextStores, *jobs: WriteJob, fence: int | None = None) -> dict[JobId, list[MemoryId]]:
    writer = TextWriter(stores, ManualClock())
    return writer.write(LANE, jobs, RulesReader(), fence=fence, keep=forget)


def kept(stores: TextStores) -> list[Memory]:
    return stores.graph.list_memories(LANE.tenant, LANE.cube, status=None)


def edges(stores: TextStores) -> list[Edge]:
    return stores.graph.find_edges(LANE.tenant, LANE.cube, [memory.id for memory in kept(stores)])


def supersedes(newer: MemoryId, older: MemoryId) -> Edge:
    return Edge(source=newer, target=older, type=EdgeType.SUPERSEDES)


@pytest.mark.parametrize("together", [True, False])
def test_a_new_value_supersedes_and_the_old_one_stays(together: bool) -> None:
    stores = open_twins()
    jobs = [told("j1", "I live in Rome."), told("j2", "I moved to Turin.", day=9)]
    written = write(stores, *jobs) if together else write(stores, jobs[0]) | write(stores, jobs[1])
    (rome,), (turin,) = written[JobId("j1")], written[JobId("j2")]
    found = stores.graph.find_memories(LANE.tenant, LANE.cube, [rome, turin])
    assert (found[rome].invalid_at_ms, found[turin].invalid_at_ms) == (T0 + 9 * DAY_MS, None)
    assert (found[rome].status, found[rome].text) == (MemoryStatus.ACTIVATED, "Ana said: I live in Rome.")
    assert edges(stores) == [supersedes(turin, rome)]
    assert find_chain(stores.graph, LANE.tenant, LANE.cube, rome) == [rome, turin]


def test_a_correction_in_one_message_is_ordered_by_its_words() -> None:
    stores = open_twins()
    written = write(stores, told("j1", "I live in Rome. Actually I moved to Turin. Well, I'm living in Milan now."))
    ids = written[JobId("j1")]
    assert [memory.invalid_at_ms is None for memory in map(dict(_by_id(stores)).get, ids) if memory] == [0, 0, 1]
    assert all(find_chain(stores.graph, LANE.tenant, LANE.cube, each) == ids for each in ids)


def test_what_is_said_again_is_one_memory_with_both_sources() -> None:
    stores = open_twins()
    first = write(stores, told("j1", "I like tea with milk."))
    second = write(stores, told("j2", "i like tea, with milk!", "I collect stamps.", day=1))
    (tea,) = first[JobId("j1")]
    assert second[JobId("j2")][-1] == tea
    assert len(kept(stores)) == 2
    memory = stores.graph.find_memories(LANE.tenant, LANE.cube, [tea])[tea]
    assert (memory.importance, memory.said_at_ms, memory.valid_at_ms) == (0.625, T0 + DAY_MS, T0)
    sources = stores.graph.find_sources(LANE.tenant, LANE.cube, [tea])[tea]
    assert [source.text for source in sources] == ["I like tea with milk.", "i like tea, with milk!"]
    assert memory.source_ids == tuple(source.message_id for source in sources)


def test_a_job_that_only_repeats_has_its_effect_once() -> None:
    stores = open_twins()
    write(stores, told("j1", "I like tea with milk."))
    first = write(stores, told("j2", "I like tea with milk.", day=1))
    before = kept(stores)
    assert write(stores, told("j2", "I like tea with milk.", day=1)) == first
    assert kept(stores) == before


def test_a_stale_holder_revises_nothing() -> None:
    stores = open_twins()
    write(stores, told("j1", "I live in Rome.", "I like tea with milk."), fence=7)
    before = kept(stores)
    with pytest.raises(Fenced):
        write(stores, told("j2", "I moved to Turin.", "I like tea with milk.", day=1), fence=6)
    assert (kept(stores), edges(stores)) == (before, [])


def test_one_query_finds_what_a_batch_concerns_and_none_is_asked_for_nothing() -> None:
    stores, asked = open_twins(), []

    class Counting(type(stores.graph)):
        def find_by_subjects(self, tenant: TenantId, cube: str, subjects: Sequence[str], *, limit: int) -> list[Memory]:
            asked.append(len(subjects))
            return super().find_by_subjects(tenant, cube, subjects, limit=limit)

    counted = replace(stores, graph=Counting())
    write(counted, told("j1", "I live in Rome.", "I like tea with milk."), told("j2", "I moved to Turin.", day=1))
    write(counted, told("j3", "Hello!"))
    assert asked == [2]


def test_what_was_revised_is_embedded_and_indexed_with_what_is_new() -> None:
    class Counting(MemoryIndex):
        upserts = 0

        def upsert(self, tenant: TenantId, rows: Sequence[IndexRow]) -> None:
            self.upserts += 1
            super().upsert(tenant, rows)

    embedder, index = WordEmbedder(), Counting()
    stores = replace(open_twins(embedder), index=index)
    stores.ensure()
    write(stores, told("j1", "I live in Rome."))
    write(stores, told("j2", "I moved to Turin.", day=1))
    assert (embedder.batches, index.upserts) == ([1, 2], 2)
    assert stores.graph.list_lagging(LANE.tenant, LANE.cube, limit=10) == []


def test_an_archived_memory_is_neither_revised_nor_said_again() -> None:
    stores = open_twins()
    (rome,) = write(stores, told("j1", "I live in Rome."))[JobId("j1")]
    memory = stores.graph.find_memories(LANE.tenant, LANE.cube, [rome])[rome]
    archived = stores.graph.update_memory(LANE.tenant, replace(memory, status=MemoryStatus.ARCHIVED))
    write(stores, told("j2", "I live in Rome.", day=1), told("j3", "I moved to Turin.", day=2))
    assert stores.graph.find_memories(LANE.tenant, LANE.cube, [rome])[rome].version == archived.version
    assert len(kept(stores)) == 3


def test_an_edited_memory_is_found_by_what_it_says_now() -> None:
    stores = open_twins()
    (rome,) = write(stores, told("j1", "I live in Rome."))[JobId("j1")]
    memory = stores.graph.find_memories(LANE.tenant, LANE.cube, [rome])[rome]
    stores.graph.update_memory(LANE.tenant, replace(memory, text="I like Rome."))
    write(stores, told("j2", "I moved to Turin.", day=1))
    assert edges(stores) == []


SAYINGS = ("I live in Rome.", "I moved to Turin.", "I'm living in Milan now.", "I don't live in Rome.", "I like tea.")
STORIES = st.lists(st.tuples(st.sampled_from(SAYINGS), st.integers(0, 200)), min_size=1, max_size=8)


@given(story=STORIES, cut=st.integers(0, 8))
@settings(deadline=None, max_examples=60)
def test_whatever_is_said_in_whatever_order_nothing_is_lost_and_the_last_holds(
    story: list[tuple[str, int]], cut: int
) -> None:
    stores = open_twins()
    jobs = [told(f"j{n}", text, day=day) for n, (text, day) in enumerate(story)]
    written = {job: ids for batch in (jobs[:cut], jobs[cut:]) if batch for job, ids in write(stores, *batch).items()}
    memories = {memory.id: memory for memory in kept(stores)}
    assert {each for ids in written.values() for each in ids} == set(memories)
    _assert_every_message_is_a_source(stores, jobs, written)
    _assert_the_last_said_holds(list(memories.values()))
    _assert_no_circle(edges(stores))
    before = kept(stores), set(edges(stores))
    assert write(stores, *jobs) == written
    assert (kept(stores), set(edges(stores))) == before


def _assert_every_message_is_a_source(
    stores: TextStores, jobs: Sequence[WriteJob], written: dict[JobId, list[MemoryId]]
) -> None:
    for job in jobs:
        (memory,) = written[job.job]
        sources = stores.graph.find_sources(LANE.tenant, LANE.cube, [memory])[memory]
        assert job.messages[0].id in {source.message_id for source in sources}


def _assert_the_last_said_holds(memories: Sequence[Memory]) -> None:
    stated = [(memory, state) for memory in memories if (state := state_of(memory)) and not state.denied]
    if stated:
        last_ms = max(memory.said_at_ms for memory, _ in stated)
        newest = {state.value for memory, state in stated if memory.said_at_ms == last_ms}
        holding = {state.value for memory, state in stated if memory.invalid_at_ms is None}
        assert len(holding) == 1
        assert holding <= newest


def _assert_no_circle(found: Sequence[Edge]) -> None:
    left = {edge for edge in found if edge.type is EdgeType.SUPERSEDES}
    while left:
        ends = {edge for edge in left if edge.target not in {each.source for each in left}}
        assert ends, f"a circle in {left}"
        left -= ends


def _by_id(stores: TextStores) -> list[tuple[MemoryId, Memory]]:
    return [(memory.id, memory) for memory in kept(stores)]
