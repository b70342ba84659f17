"""The known memories that a batch may concern: near, of the same user, bounded, and none where the index is away."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from memos.graph_dbs.base import JobWrite
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import CubeId, JobId, MemoryId, TenantId, UserId
from memos.memories.textual.neighbours import MAX_CANDIDATES, MAX_READ, NEIGHBOURS, Embedded, find_neighbours
from memos.memories.textual.stores import TextStores
from memos.organize.provisional import provisional
from memos.organize.surroundings import Place
from memos.types import Memory, MemoryStatus, MemoryType
from memos.vec_dbs.base import IndexHit, IndexRow
from memos.vec_dbs.memory import MemoryIndex
from tests.support.text import LANE, USER, Patchy, WordEmbedder, open_twins

PLACE = Place(tenant=LANE.tenant, cube=LANE.cube)


def said(name: str, text: str, **fields: Any) -> Memory:
    known = Memory(id=MemoryId(name), cube=LANE.cube, user=USER, session=LANE.session, text=text, speaker="Ana")
    return replace(known, **fields)


def keep(stores: TextStores, *memories: Memory, tenant: TenantId = LANE.tenant) -> None:
    """Write and index them."""
    where = (tenant, memories[0].cube, LANE.session)
    write = JobWrite(job=JobId(f"of-{memories[0].id}"), user=USER, messages=(), memories=memories)
    stores.graph.apply_jobs(*where, [write], fence=None)
    stores.index.upsert(tenant, [IndexRow(memory=each.memory, vector=each.vector) for each in embedded(*memories)])


def embedded(*memories: Memory) -> list[Embedded]:
    vectors = WordEmbedder().embed([memory.text for memory in memories])
    return [Embedded(memory=memory, vector=vector) for memory, vector in zip(memories, vectors, strict=True)]


def near(stores: TextStores, *new: Memory, known: Sequence[Memory] = (), place: Place = PLACE) -> list[str]:
    return [memory.id for memory in find_neighbours(stores, place, embedded(*new), known)]


@pytest.fixture
def stores() -> TextStores:
    return open_twins()


NEW = said("new", "violin lessons on friday")


def test_what_is_near_is_found_and_what_is_far_is_not(stores: TextStores) -> None:
    keep(
        stores, said("far", "nuts are forbidden"), said("near", "violin lessons"), said("next", "violin on friday too")
    )
    assert near(stores, NEW) == ["next", "near"]


def test_what_is_known_comes_first_and_once(stores: TextStores) -> None:
    known, other = said("known", "violin lessons"), said("other", "lessons on friday")
    keep(stores, known, other)
    assert near(stores, NEW, known=[known]) == ["known", "other"]
    assert near(stores, known=[known]) == ["known"]


@pytest.mark.parametrize(
    "change",
    [
        {"user": UserId("ben")},
        {"memory_type": MemoryType.OUTER},
        {"memory_type": MemoryType.WORKING},
        {"status": MemoryStatus.ARCHIVED},
        {"id": NEW.id},
    ],
    ids=str,
)
def test_what_cannot_be_concerned_is_left_out(stores: TextStores, change: dict[str, Any]) -> None:
    keep(stores, said("other", NEW.text, **change) if "id" not in change else NEW)
    assert near(stores, NEW) == []


def test_what_is_provisional_is_neither_compared_nor_found(stores: TextStores) -> None:
    keep(stores, provisional(said("raw", NEW.text)), said("near", "violin lessons"))
    assert near(stores, NEW) == ["near"]
    assert near(stores, provisional(NEW)) == []


def test_other_tenants_and_cubes_are_not_searched(stores: TextStores) -> None:
    keep(stores, said("theirs", NEW.text), tenant=TenantId("other"))
    keep(stores, said("elsewhere", NEW.text, cube=CubeId("elsewhere")))
    assert near(stores, NEW) == []
    assert near(stores, NEW, place=Place(tenant=TenantId("other"), cube=LANE.cube)) == ["theirs"]


def test_what_the_graph_no_longer_has_is_left_out(stores: TextStores) -> None:
    keep(stores, said("gone", "violin lessons"))
    stores.graph.delete_memories(LANE.tenant, LANE.cube, [MemoryId("gone")])
    assert near(stores, NEW) == []


def test_a_memory_has_few_neighbours_and_a_batch_no_more_than_fit(stores: TextStores) -> None:
    keep(stores, *(said(f"v{number}", f"violin lessons {number}") for number in range(NEIGHBOURS + 2)))
    assert near(stores, NEW) == [f"v{number}" for number in range(NEIGHBOURS)]
    keep(stores, *(said(f"w{topic}-{n}", f"word{topic} word{topic} {n}") for topic in range(20) for n in range(9)))
    batch = [said(f"b{topic}", f"word{topic}") for topic in range(20)]
    assert len(set(near(stores, *batch))) == MAX_CANDIDATES
    known = [said(f"k{number}", "nothing near") for number in range(MAX_CANDIDATES - 1)]
    assert len(near(stores, NEW, known=known)) == MAX_CANDIDATES
    assert near(stores, NEW, known=[*known, NEW, NEW]) == [memory.id for memory in (*known, NEW, NEW)]


@pytest.mark.parametrize(
    ("count", "theirs"), [(NEIGHBOURS, {"user": UserId("ben")}), (50, {"memory_type": MemoryType.OUTER})], ids=str
)
def test_others_do_not_crowd_out_ones_own(stores: TextStores, count: int, theirs: dict[str, Any]) -> None:
    keep(stores, *(said(f"b{number}", NEW.text, **theirs) for number in range(count)), said("own", "violin lessons"))
    assert near(stores, NEW) == ["own"]


class Counting(MemoryGraph):
    """Remembers what was read at once."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[Sequence[MemoryId]] = []

    def find_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> dict[MemoryId, Memory]:
        self.reads.append(ids)
        return super().find_memories(tenant, cube, ids)


def test_one_read_and_a_search_for_each_at_the_same_time() -> None:
    meeting, graph = Barrier(2, timeout=30), Counting()

    class Meeting(MemoryIndex):
        def search_dense(self, *args: Any, **options: Any) -> list[IndexHit]:
            meeting.wait()
            return super().search_dense(*args, **options)

    stores = TextStores(graph=graph, index=Meeting(), embedder=WordEmbedder())
    stores.ensure()
    assert near(stores, NEW, said("other", "nuts are forbidden")) == []
    keep(stores, said("near", "violin lessons"), said("nuts", "nuts forbidden"))
    assert sorted(near(stores, NEW, said("other", "nuts are forbidden"))) == ["near", "nuts"]
    assert [sorted(ids) for ids in graph.reads] == [["near", "nuts"]]


def test_no_more_is_read_than_can_be_chosen_from() -> None:
    graph = Counting()
    stores = replace(open_twins(), graph=graph)
    keep(stores, *(said(f"w{topic}-{n}", f"word{topic} word{topic} {n}") for topic in range(50) for n in range(10)))
    near(stores, *(said(f"b{topic}", f"word{topic}") for topic in range(50)))
    assert [len(ids) for ids in graph.reads] == [MAX_READ]


def test_with_the_index_away_there_is_what_is_known(caplog: pytest.LogCaptureFixture) -> None:
    stores = TextStores(graph=MemoryGraph(), index=Patchy(dense=False), embedder=WordEmbedder())
    known = said("known", "violin lessons")
    assert near(stores, NEW, known=[known]) == ["known"]
    assert "1 new memories are compared with no neighbours" in caplog.text


def test_for_documents_nothing_is_searched(caplog: pytest.LogCaptureFixture) -> None:
    stores = TextStores(graph=MemoryGraph(), index=Patchy(dense=False), embedder=WordEmbedder())
    assert near(stores, replace(NEW, memory_type=MemoryType.OUTER)) == []
    assert caplog.text == ""
