"""A reorganisation over twins: page by page, within its budget, beside others, and safe to repeat."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from memos.clock import ManualClock
from memos.errors import Unavailable
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import CubeId, MemoryId, TenantId
from memos.mem_reader.base import Conversation, Fact
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.organize.plan import Plan
from memos.organize.reorganise import PAGE, Budget, Reorganised, Reorganiser
from memos.organize.report import count
from memos.organize.surroundings import Place, is_summary
from memos.types import EdgeType, Memory, MemoryStatus
from memos.vec_dbs.base import IndexFilter, IndexHit
from memos.vec_dbs.memory import MemoryIndex
from tests.support.text import LANE, WordEmbedder, forget, work

PLACE = Place(tenant=LANE.tenant, cube=LANE.cube)
CLAY = ("I make bowls of clay", "I make cups of clay", "I make blue cups of clay", "I make vases of clay")


class Subjects:
    """Each message is a fact about pottery, word for word."""

    keeps_answers = False
    llm = None

    def read(self, conversations: Sequence[Conversation]) -> list[list[Fact]]:
        return [
            [
                Fact(text=f"Ana said: {each.text}", evidence=(place,), speaker="Ana", key="pottery")
                for place, each in enumerate(item.messages)
            ]
            for item in conversations
        ]


class Busy(MemoryGraph):
    """A graph in which somebody does something before a plan is applied."""

    def __init__(self) -> None:
        super().__init__()
        self.interruptions: list[Callable[[], object]] = []

    def apply_plan(self, tenant: TenantId, cube: CubeId, plan: Plan) -> bool:
        if self.interruptions:
            self.interruptions.pop(0)()
        return super().apply_plan(tenant, cube, plan)


class Counting(MemoryIndex):
    """An index that counts searches and lets time pass in each."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.searches = 0
        self.search_ms = 0
        self._clock = clock

    def search_dense(self, *args: Any, **options: Any) -> list[IndexHit]:
        self.searches += 1
        self._clock.advance_ms(self.search_ms)
        return super().search_dense(*args, **options)


@dataclass
class Bench:
    clock: ManualClock = field(default_factory=ManualClock)
    graph: Busy = field(default_factory=Busy)
    embedder: WordEmbedder = field(default_factory=WordEmbedder)
    index: Counting = field(init=False)

    def __post_init__(self) -> None:
        self.index = Counting(self.clock)
        self.index.ensure(dimension=self.embedder.dimension, model=self.embedder.model)

    @property
    def stores(self) -> TextStores:
        return TextStores(graph=self.graph, index=self.index, embedder=self.embedder)

    @property
    def writer(self) -> TextWriter:
        return TextWriter(self.stores, self.clock)

    def write(self, job: str, *texts: str) -> None:
        self.clock.advance_ms(1000)
        self.writer.write(LANE, [work(job, *texts)], Subjects(), fence=None, keep=forget)

    def run(self, **budget: Any) -> Reorganised:
        done = Reorganiser(self.stores, self.clock, budget=Budget(**budget)).run(PLACE)
        self.writer.index_lagging(*self.place)
        return done

    @property
    def place(self) -> tuple[TenantId, CubeId]:
        return PLACE.tenant, PLACE.cube

    def memories(self, status: MemoryStatus | None = MemoryStatus.ACTIVATED) -> list[Memory]:
        return self.graph.list_memories(*self.place, status=status)

    @property
    def summaries(self) -> list[Memory]:
        return [memory for memory in self.memories() if is_summary(memory)]

    def delete(self, text: str) -> None:
        gone = [memory.id for memory in self.memories() if memory.text.endswith(text)]
        self.graph.delete_memories(*self.place, gone)

    def found(self, text: str) -> list[MemoryId]:
        (vector,) = self.embedder.embed([text])
        hits = self.index.search_dense(PLACE.tenant, vector, IndexFilter(cubes=(PLACE.cube,)), limit=50, timeout_s=1)
        return [hit.memory_id for hit in hits]


def test_what_is_new_is_summed_up_and_the_summary_can_be_found() -> None:
    bench = Bench()
    bench.write("j", *CLAY)
    done = bench.run()
    (summary,) = bench.summaries
    assert count(done.report) == {
        "looked_at": 4, "merged": 0, "related": 0, "summaries": 1, "refreshed": 0, "retired": 0,
        "asked": 0, "tokens": 0, "dropped": 0,
    }  # fmt: skip
    assert [each["text"] for each in done.report["summaries"]] == [summary.text]
    assert summary.id in bench.found(summary.text)
    assert (done.left, done.contended) == (False, False)


def test_a_second_run_finds_nothing_to_do_and_asks_no_model() -> None:
    bench = Bench()
    bench.write("j", *CLAY)
    bench.run()
    batches, before = list(bench.embedder.batches), bench.memories(None)
    assert count(bench.run().report)["looked_at"] == 0
    assert (bench.embedder.batches, bench.memories(None)) == (batches, before)


def test_one_more_memory_is_one_search_whatever_the_size_of_the_cube() -> None:
    bench = Bench()
    bench.write("j", *(f"I make pot number{number}" for number in range(80)))
    bench.run()
    searches = bench.index.searches
    bench.write("k", "I make lamps of clay")
    batches = len(bench.embedder.batches)
    Reorganiser(bench.stores, bench.clock).run(PLACE)
    assert bench.index.searches == searches + 1
    assert bench.embedder.batches[batches:] == [1]


def test_a_merge_leaves_one_in_the_index_and_both_in_the_graph() -> None:
    bench = Bench()
    bench.write("j", "I really do love the clay of this town and also the kiln by the river with its old red roof")
    bench.write("k", "I really really do love the clay of this town and the kiln by the river with its old red roof")
    done = bench.run()
    (merge,) = done.report["merges"]
    assert bench.found("clay") == [merge["kept"]["id"]]
    assert len(bench.memories(None)) == 2


def test_no_more_is_looked_at_than_the_budget_has_and_the_rest_stays_fresh() -> None:
    bench = Bench()
    bench.write("j", *CLAY)
    done = bench.run(memories=3)
    assert (count(done.report)["looked_at"], done.left) == (3, True)
    rest = bench.run()
    assert (count(rest.report)["looked_at"], rest.left) == (1, False)
    assert len(bench.summaries) == 1


def test_after_its_time_no_further_page_is_begun() -> None:
    bench = Bench()
    bench.write("j", *(f"I make pot number{number}" for number in range(PAGE + 10)))
    bench.index.search_ms = 1000
    done = bench.run(seconds=5)
    assert (count(done.report)["looked_at"], done.left) == (PAGE, True)
    assert count(bench.run(seconds=100).report)["looked_at"] == 10


def test_what_changes_once_before_a_plan_is_applied_is_planned_for_again() -> None:
    bench = Bench()
    bench.write("j", *CLAY, "I make plates of clay")
    bench.graph.interruptions = [lambda: bench.delete(CLAY[2])]
    done = bench.run()
    (summary,) = bench.summaries
    assert (done.contended, "blue cups" in summary.text) == (False, False)
    assert len(bench.graph.find_edges(*bench.place, [summary.id])) == 4


def test_what_changes_again_and_again_stays_fresh_for_another_run() -> None:
    bench = Bench()
    bench.write("j", *CLAY)
    bench.graph.interruptions = [lambda: bench.delete(CLAY[0]), lambda: bench.delete(CLAY[1])]
    done = bench.run()
    assert (count(done.report)["looked_at"], done.left, done.contended) == (0, True, True)
    assert len(bench.graph.list_fresh(*bench.place, limit=9)) == 2


def test_another_reorganiser_at_the_same_moment_leaves_one_summary() -> None:
    bench = Bench()
    bench.write("j", *CLAY)
    bench.graph.interruptions = [lambda: Reorganiser(bench.stores, bench.clock).run(PLACE)]
    assert count(bench.run().report)["looked_at"] == 0
    assert len(bench.summaries) == 1


def test_a_summary_that_is_removed_leaves_the_index() -> None:
    bench = Bench()
    bench.write("j", *CLAY)
    bench.run()
    (summary,) = bench.summaries
    for text in CLAY[:3]:
        bench.delete(text)
    done = bench.run()
    assert [each["id"] for each in done.report["retired"]] == [summary.id]
    assert summary.id not in bench.found(summary.text)


def test_a_child_that_is_archived_leaves_its_summary() -> None:
    bench = Bench()
    bench.write("j", *CLAY)
    bench.run()
    first = next(memory for memory in bench.memories() if memory.text.endswith(CLAY[0]))
    bench.graph.update_memory(PLACE.tenant, replace(first, status=MemoryStatus.ARCHIVED))
    assert count(bench.run().report)["refreshed"] == 1
    parents = [edge for edge in bench.graph.find_edges(*bench.place, [first.id]) if edge.type is EdgeType.PARENT]
    assert parents == []


def test_a_preview_shows_the_plan_and_changes_nothing() -> None:
    bench = Bench()
    bench.write("j", *CLAY)
    before = bench.memories(None)
    shown = Reorganiser(bench.stores, bench.clock, budget=Budget(memories=4)).preview(PLACE)
    assert len(shown.report["summaries"]) == 1
    assert (bench.memories(None), len(bench.graph.list_fresh(*bench.place, limit=9))) == (before, 4)
    assert shown.left is False
    assert Reorganiser(bench.stores, bench.clock, budget=Budget(memories=3)).preview(PLACE).left is True
    assert bench.run().report == shown.report


def test_reasons_are_drawn_from_the_messages_that_lie_behind_memories() -> None:
    bench = Bench()
    bench.write("j", "I lost the kiln", "That's why I paint")
    (relation,) = bench.run().report["relations"]
    assert (relation["type"], relation["reason"]) == ("CAUSE", 'the text says "That\'s why"')


def test_an_index_that_is_away_is_told_and_everything_stays_fresh() -> None:
    bench = Bench()
    bench.write("j", *CLAY)

    class Away(Counting):
        def search_dense(self, *args: Any, **options: Any) -> list[IndexHit]:
            raise Unavailable("milvus", "no dense search")

    stores = TextStores(graph=bench.graph, index=Away(bench.clock), embedder=bench.embedder)
    with pytest.raises(Unavailable, match="no dense search"):
        Reorganiser(stores, bench.clock).run(PLACE)
    assert len(bench.graph.list_fresh(*bench.place, limit=9)) == 4
