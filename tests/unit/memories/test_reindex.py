"""An index that was lost or damaged is made anew from the graph, while others go on writing."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from memos.clock import ManualClock
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import CubeId, MemoryId, SessionId, TenantId
from memos.memories.textual.indexing import INDEX_PAGE
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.types import Lane, Memory, MemoryStatus
from memos.vec_dbs.base import IndexFilter, IndexRow
from memos.vec_dbs.memory import MemoryIndex
from tests.support.text import LANE, WordEmbedder, open_twins, work, write

HERE = (LANE.tenant, LANE.cube)
LATER = replace(LANE, session=SessionId("s2"))
THERE = Lane(tenant=TenantId("other"), cube=LANE.cube, session=LANE.session)
WHERE = IndexFilter(cubes=(LANE.cube,))
Then = Callable[[], None]


def found(stores: TextStores, text: str, lane: Lane = LANE) -> list[str]:
    hits = stores.index.search_text(lane.tenant, text, WHERE, limit=10, timeout_s=5)
    return [hit.memory_id for hit in hits]


def near(stores: TextStores, text: str) -> dict[str, float]:
    """How near each memory is to a text."""
    (vector,) = stores.embedder.embed([text])
    hits = stores.index.search_dense(LANE.tenant, vector, WHERE, limit=10, timeout_s=5)
    return {hit.memory_id: hit.score for hit in hits}


def memories(stores: TextStores) -> list[Memory]:
    return stores.graph.list_memories(*HERE, status=None)


def lose_index(stores: TextStores) -> None:
    stores.index.drop()
    stores.ensure()


def a_stray(stores: TextStores, name: str = "stray", lane: Lane = LANE) -> None:
    """A row that stands for no memory."""
    memory = replace(memories(stores)[0], id=MemoryId(name), cube=lane.cube, text="a stray fish")
    (vector,) = stores.embedder.embed([memory.text])
    stores.index.upsert(lane.tenant, [IndexRow(memory=memory, vector=vector)])


@pytest.fixture
def stores() -> TextStores:
    opened = open_twins()
    write(opened, work("j1", "a red fish"))
    write(opened, work("j2", "a blue bird", lane=LATER), lane=LATER)
    write(opened, work("j3", "a green frog", lane=THERE), lane=THERE)
    return opened


@pytest.fixture
def writer(stores: TextStores) -> TextWriter:
    return TextWriter(stores, ManualClock())


class TestReindex:
    def test_what_was_lost_is_found_again_by_words_and_by_what_was_said_around(
        self, stores: TextStores, writer: TextWriter
    ) -> None:
        write(stores, work("j4", "It swims."))
        (swims,) = found(stores, "swims")
        before, vectors = found(stores, "fish"), near(stores, "a red fish")
        assert (swims in before, len(before), len(vectors)) == (True, 2, 3)
        lose_index(stores)
        assert (found(stores, "fish"), near(stores, "a red fish")) == ([], {})
        assert writer.reindex(*HERE) == 3
        assert (found(stores, "fish"), near(stores, "a red fish")) == (before, vectors)

    def test_only_the_cube_of_the_tenant_is_indexed(self, stores: TextStores, writer: TextWriter) -> None:
        lose_index(stores)
        writer.reindex(*HERE)
        assert found(stores, "frog", THERE) == []
        assert writer.reindex(THERE.tenant, THERE.cube) == 1
        assert len(found(stores, "frog", THERE)) == 1
        assert writer.reindex(LANE.tenant, CubeId("empty")) == 0

    def test_archived_memories_have_their_rows_too_and_are_not_found(
        self, stores: TextStores, writer: TextWriter
    ) -> None:
        fish = memories(stores)[0]
        stores.graph.update_memory(LANE.tenant, replace(fish, status=MemoryStatus.ARCHIVED))
        lose_index(stores)
        assert writer.reindex(*HERE) == 2
        assert len(stores.index.list_ids(*HERE)) == 2
        assert found(stores, "fish") == []

    def test_more_than_a_page_is_indexed_page_by_page(self) -> None:
        embedder = WordEmbedder()
        stores = open_twins(embedder)
        count = 2 * INDEX_PAGE + 1
        write(stores, work("j1", *(f"fish {number}" for number in range(count))))
        lose_index(stores)
        embedder.batches.clear()
        assert TextWriter(stores, ManualClock()).reindex(*HERE) == count
        assert len(stores.index.list_ids(*HERE)) == count
        assert len(embedder.batches) == 3

    def test_a_lagging_memory_lags_no_more(self, stores: TextStores, writer: TextWriter) -> None:
        stores.graph.update_memory(LANE.tenant, replace(memories(stores)[0], text="a grey fish"))
        assert len(stores.graph.list_lagging(*HERE, limit=10)) == 1
        writer.reindex(*HERE)
        assert stores.graph.list_lagging(*HERE, limit=10) == []
        assert len(found(stores, "grey")) == 1


class TestVerify:
    def test_nothing_differs_after_writing(self, writer: TextWriter) -> None:
        checked = writer.verify(*HERE)
        assert (checked.memories, bool(checked)) == (2, False)

    def test_missing_and_surplus_rows_are_named_and_left_alone(self, stores: TextStores, writer: TextWriter) -> None:
        fish, bird = memories(stores)
        stores.index.delete(*HERE, [fish.id])
        a_stray(stores)
        checked = writer.verify(*HERE)
        assert (checked.missing, checked.surplus) == ((fish.id,), ("stray",))
        assert sorted(stores.index.list_ids(*HERE)) == sorted([bird.id, "stray"])
        assert writer.verify(*HERE) == checked

    def test_repairing_indexes_what_is_missing_and_removes_what_is_surplus(
        self, stores: TextStores, writer: TextWriter
    ) -> None:
        fish, bird = memories(stores)
        stores.index.delete(*HERE, [fish.id])
        a_stray(stores)
        assert writer.verify(*HERE, repair=True)
        assert not writer.verify(*HERE)
        assert sorted(stores.index.list_ids(*HERE)) == sorted([fish.id, bird.id])
        assert found(stores, "fish") == [fish.id]

    def test_another_tenants_rows_are_neither_counted_nor_removed(self, stores: TextStores, writer: TextWriter) -> None:
        a_stray(stores, lane=THERE)
        assert not writer.verify(*HERE, repair=True)
        assert writer.verify(THERE.tenant, THERE.cube).surplus == ("stray",)

    def test_a_cube_that_the_graph_has_no_more_is_emptied(self, stores: TextStores, writer: TextWriter) -> None:
        stores.graph.delete_cube(*HERE)
        assert len(writer.verify(*HERE, repair=True).surplus) == 2
        assert stores.index.list_ids(*HERE) == []

    def test_an_archived_memory_is_not_surplus(self, stores: TextStores, writer: TextWriter) -> None:
        fish = memories(stores)[0]
        stores.graph.update_memory(LANE.tenant, replace(fish, status=MemoryStatus.ARCHIVED))
        assert not writer.verify(*HERE)


class InterruptedIndex(MemoryIndex):
    """Somebody else does something in the moment before the first rows are written."""

    then: Then | None = None

    def upsert(self, tenant: TenantId, rows: Sequence[IndexRow]) -> None:
        then, self.then = self.then, None
        if then is not None:
            then()
        super().upsert(tenant, rows)


class TestMeanwhile:
    @pytest.fixture
    def index(self) -> InterruptedIndex:
        return InterruptedIndex()

    @pytest.fixture
    def stores(self, index: InterruptedIndex) -> TextStores:
        opened = replace(open_twins(), index=index)
        opened.ensure()
        write(opened, work("j1", "a red fish", "a blue bird"))
        return opened

    def test_a_memory_that_was_changed_is_indexed_as_it_is_now(
        self, stores: TextStores, writer: TextWriter, index: InterruptedIndex
    ) -> None:
        fish = memories(stores)[0]

        def change() -> None:
            stores.graph.update_memory(LANE.tenant, replace(fish, text="a grey whale"))
            writer.index_lagging(*HERE)

        index.then = change
        assert writer.reindex(*HERE) == 2
        assert near(stores, "a grey whale")[fish.id] == pytest.approx(1)

    def test_a_memory_that_was_deleted_does_not_come_back(
        self, stores: TextStores, writer: TextWriter, index: InterruptedIndex
    ) -> None:
        fish = memories(stores)[0]

        def delete() -> None:
            stores.graph.delete_memories(*HERE, [fish.id])
            index.delete(*HERE, [fish.id])

        index.then = delete
        assert writer.reindex(*HERE) == 1
        assert fish.id not in index.list_ids(*HERE)

    def test_a_crash_half_way_is_completed_by_another_run(
        self, stores: TextStores, writer: TextWriter, index: InterruptedIndex
    ) -> None:
        def die() -> None:
            raise KeyboardInterrupt

        lose_index(stores)
        index.then = die
        with pytest.raises(KeyboardInterrupt):
            writer.reindex(*HERE)
        assert writer.reindex(*HERE) == 2
        assert not writer.verify(*HERE)


def test_listing_goes_on_when_the_last_one_listed_was_deleted() -> None:
    class ForgetfulGraph(MemoryGraph):
        """Each memory at a page's end is deleted once the page was read, the first time."""

        forgetful = False

        def list_memories(self, *where: object, **options: object) -> list[Memory]:
            page = super().list_memories(*where, **options)
            if self.forgetful and page:
                self.forgetful = False
                self.delete_memories(*HERE, [page[-1].id])
            return page

    graph = ForgetfulGraph()
    stores = replace(open_twins(), graph=graph)
    write(stores, work("j1", *(f"fish {number}" for number in range(INDEX_PAGE + 2))))
    lose_index(stores)
    graph.forgetful = True
    assert TextWriter(stores, ManualClock()).reindex(*HERE) == INDEX_PAGE + 1
    assert len(stores.index.list_ids(*HERE)) == INDEX_PAGE + 1
