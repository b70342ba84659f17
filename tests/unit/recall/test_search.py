"""Search over graph and index: fused, sourced, walled, and honest about what failed."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from memos.errors import Unavailable
from memos.ids import CubeId, SessionId, TenantId
from memos.memories.textual.stores import TextStores
from memos.organize.surroundings import SUMMARY_SESSION
from memos.recall.fields import parse_condition
from memos.recall.options import SearchOptions
from memos.recall.search import MIN_CANDIDATES, Recall, SearchResult
from memos.types import Edge, EdgeType, MemoryStatus, MemoryType
from memos.vec_dbs.memory import MemoryIndex
from tests.support.text import LANE, Patchy, WordEmbedder, open_twins, work, write


def stores_with(index: MemoryIndex) -> TextStores:
    stores = replace(open_twins(), index=index)
    stores.ensure()
    write(stores, work("j1", "Ana keeps two cats", "Ana plays the violin"))
    return stores


@pytest.fixture
def stores() -> TextStores:
    return stores_with(MemoryIndex())


@pytest.fixture
def silence() -> Iterator[Event]:
    event = Event()
    yield event
    event.set()


class Gone(WordEmbedder):
    def embed(self, texts: object, *, purpose: str = "document") -> Any:
        raise Unavailable("embedder", "gone")


def texts(stores: TextStores, query: str, **options: Any) -> list[str]:
    top_k = options.pop("top_k", 5)
    result = Recall(stores).search(LANE.tenant, [LANE.cube], query, top_k=top_k, options=SearchOptions(**options))
    return [hit.memory.text for hit in result.hits]


def test_the_best_match_comes_first_with_its_source_and_parts(stores: TextStores) -> None:
    (hit, *_) = Recall(stores).search(LANE.tenant, [LANE.cube], "Who plays the violin?", top_k=2).hits
    assert hit.memory.text == "Ana plays the violin"
    assert [source.text for source in hit.sources] == ["Ana plays the violin"]
    assert hit.parts.keys() == {"dense", "text", "recency", "importance"}
    assert sum(hit.parts.values()) == pytest.approx(hit.score)


def test_of_two_equal_statements_the_more_important_one_comes_first() -> None:
    stores = stores_with(MemoryIndex())
    for text in ("Ben keeps bees", "bees Ben keeps"):  # each in a session where nothing was said before it
        lane = replace(LANE, session=SessionId(text))
        write(stores, work(text, text, lane=lane), lane=lane)
    bees = [memory for memory in stores.graph.list_memories(LANE.tenant, LANE.cube) if "bees" in memory.text]
    for important, dull in (bees, bees[::-1]):
        stores.graph.update_memory(LANE.tenant, replace(important, importance=1.0))
        stores.graph.update_memory(LANE.tenant, replace(dull, importance=0.1))
        hits = Recall(stores).search(LANE.tenant, [LANE.cube], "bees", top_k=2).hits
        assert [hit.memory.id for hit in hits] == [important.id, dull.id]
        assert hits[0].parts["importance"] > hits[1].parts["importance"]


def test_top_k_bounds_the_answer(stores: TextStores) -> None:
    assert len(texts(stores, "Ana", top_k=1)) == 1


def test_another_tenant_finds_nothing_in_a_cube_of_the_same_name(stores: TextStores) -> None:
    assert Recall(stores).search(TenantId("globex"), [LANE.cube], "violin", top_k=5).hits == []


def test_another_cube_finds_nothing(stores: TextStores) -> None:
    assert Recall(stores).search(LANE.tenant, [CubeId("other")], "violin", top_k=5).hits == []


def test_a_memory_type_filters(stores: TextStores) -> None:
    assert texts(stores, "violin", memory_types=(MemoryType.OUTER,)) == []
    assert texts(stores, "violin", memory_types=(MemoryType.LONG_TERM,))


def test_what_the_graph_has_archived_or_deleted_is_not_shown_whatever_the_index_says(stores: TextStores) -> None:
    cats, violin = stores.graph.list_memories(LANE.tenant, LANE.cube)
    stores.graph.update_memory(LANE.tenant, replace(cats, status=MemoryStatus.ARCHIVED))
    stores.graph.delete_memories(LANE.tenant, LANE.cube, [violin.id])
    assert texts(stores, "cats violin") == []


@pytest.mark.parametrize(("index", "name"), [(Patchy(dense=False), "dense"), (Patchy(text=False), "text")])
def test_one_half_of_the_index_away_is_said(index: Patchy, name: str) -> None:
    result = Recall(stores_with(index)).search(LANE.tenant, [LANE.cube], "violin", top_k=5)
    assert result.hits
    assert len(result.degraded) == 1
    assert result.degraded[0].startswith(name)


def test_a_silent_half_is_given_up_at_the_deadline(silence: Event) -> None:
    recall = Recall(stores_with(Patchy(silent=silence)), deadline_s=0.05)
    result = recall.search(LANE.tenant, [LANE.cube], "violin", top_k=5)
    assert result.hits
    assert "no text candidates within the deadline" in result.degraded[0]


def test_both_halves_away_raise_instead_of_an_empty_answer() -> None:
    stores = stores_with(Patchy(dense=False, text=False))
    with pytest.raises(Unavailable, match="milvus"):
        texts(stores, "violin")


def test_an_embedder_that_is_away_leaves_the_text_search(stores: TextStores) -> None:
    result = Recall(replace(stores, embedder=Gone())).search(LANE.tenant, [LANE.cube], "violin", top_k=5)
    assert result.hits[0].memory.text == "Ana plays the violin"
    assert result.degraded == ("dense: embedder is unavailable: gone",)


def relate(stores: TextStores, source: str, target: str, kind: EdgeType = EdgeType.RELATES) -> None:
    named = {memory.text: memory.id for memory in stores.graph.list_memories(LANE.tenant, LANE.cube)}
    stores.graph.link(LANE.tenant, LANE.cube, [Edge(source=named[source], target=named[target], type=kind)])


@pytest.fixture
def related() -> TextStores:
    """A chain that leads from a hit to memories without a word of the question, among many others."""
    stores = stores_with(MemoryIndex())
    others = [f"note {number} about weather {number * 7}" for number in range(2 * MIN_CANDIDATES)]
    chain = ["Zoe moved to Lisbon", "The office by the river closed"]
    write(stores, work("j2", *others, *chain))
    relate(stores, "Ana plays the violin", chain[0])
    relate(stores, chain[1], chain[0], EdgeType.CAUSE)
    return stores


def found_with(stores: TextStores, *, hops: int, **options: Any) -> list[str]:
    top_k = options.pop("top_k", 3)
    recall = Recall(stores, hops=hops)
    result = recall.search(LANE.tenant, [LANE.cube], "violin", top_k=top_k, options=SearchOptions(**options))
    return [hit.memory.text for hit in result.hits]


def test_relations_lead_from_a_hit_to_what_has_no_word_of_the_question(related: TextStores) -> None:
    assert "Zoe moved to Lisbon" not in found_with(related, hops=0, top_k=10)
    assert "Zoe moved to Lisbon" in found_with(related, hops=1, top_k=10)
    assert "The office by the river closed" not in found_with(related, hops=1, top_k=20)
    assert "The office by the river closed" in found_with(related, hops=2, top_k=20)


def test_what_was_reached_has_its_sources_and_says_why_it_is_there(related: TextStores) -> None:
    hits = Recall(related).search(LANE.tenant, [LANE.cube], "violin", top_k=10).hits
    (zoe,) = [hit for hit in hits if "Zoe" in hit.memory.text]
    assert zoe.parts["graph"] > 0
    assert sum(zoe.parts.values()) == pytest.approx(zoe.score)
    assert zoe.sources[0].text == "Zoe moved to Lisbon"


def test_what_was_reached_is_filtered_like_any_hit(related: TextStores) -> None:
    (zoe,) = [each for each in related.graph.list_memories(LANE.tenant, LANE.cube) if "Zoe" in each.text]
    related.graph.update_memory(LANE.tenant, replace(zoe, memory_type=MemoryType.OUTER))
    assert "Zoe moved to Lisbon" not in found_with(related, hops=2, memory_types=(MemoryType.LONG_TERM,))
    related.graph.update_memory(LANE.tenant, replace(zoe, status=MemoryStatus.ARCHIVED))
    assert "Zoe moved to Lisbon" not in found_with(related, hops=2)


def test_several_questions_are_embedded_together_and_answered_in_order(stores: TextStores) -> None:
    embedder, queries = WordEmbedder(), ["Who plays the violin?", "Who keeps cats?"]
    recall = Recall(replace(stores, embedder=embedder))
    found = recall.search_many(LANE.tenant, [LANE.cube], queries, top_k=1)
    assert [result.hits[0].memory.text for result in found] == ["Ana plays the violin", "Ana keeps two cats"]
    assert embedder.batches == [2]
    assert found == [recall.search(LANE.tenant, [LANE.cube], query, top_k=1) for query in queries]
    assert recall.search_many(LANE.tenant, [LANE.cube], [], top_k=1) == []


def test_several_questions_are_asked_within_the_same_options(stores: TextStores) -> None:
    options = SearchOptions(memory_types=(MemoryType.OUTER,))
    found = Recall(stores).search_many(LANE.tenant, [LANE.cube], ["cats", "violin"], top_k=5, options=options)
    assert [result.hits for result in found] == [[], []]


def test_several_questions_without_an_embedder_each_say_what_they_lacked(stores: TextStores) -> None:
    found = Recall(replace(stores, embedder=Gone())).search_many(LANE.tenant, [LANE.cube], ["cats", "violin"], top_k=1)
    assert [result.hits[0].memory.text for result in found] == ["Ana keeps two cats", "Ana plays the violin"]
    assert {result.degraded for result in found} == {("dense: embedder is unavailable: gone",)}


def filtered(stores: TextStores, filters: Any, **options: Any) -> SearchResult:
    told = SearchOptions(condition=parse_condition(filters))
    return Recall(stores, **options).search(LANE.tenant, [LANE.cube], "note weather", top_k=3, options=told)


def test_a_filter_looks_no_further_than_it_may_and_says_so(related: TextStores) -> None:
    (cats,) = [each for each in related.graph.list_memories(LANE.tenant, LANE.cube) if "cats" in each.text]
    related.graph.update_memory(LANE.tenant, replace(cats, info={"place": "Lisbon"}))
    wanted = {"info.place": "Lisbon"}
    reach = MIN_CANDIDATES + 7
    near, far = (filtered(related, wanted, max_candidates=limit) for limit in (reach, 1000))
    assert near.hits == []
    assert near.degraded == (f"filters: evaluated on the {reach} best candidates only",)
    assert [hit.memory.text for hit in far.hits] == ["Ana keeps two cats"]
    assert far.degraded == ()


def test_a_filter_without_the_nearest_looks_through_all_that_has_its_words() -> None:
    stores = stores_with(Patchy(dense=False))
    write(stores, work("j2", *(f"note {number} about weather" for number in range(2 * MIN_CANDIDATES))))
    first, *_ = [each for each in stores.graph.list_memories(LANE.tenant, LANE.cube) if each.text.startswith("note")]
    stores.graph.update_memory(LANE.tenant, replace(first, info={"place": "Lisbon"}))
    found = filtered(stores, {"info.place": "Lisbon"})
    assert [hit.memory.id for hit in found.hits] == [first.id]
    assert [part.split(":")[0] for part in found.degraded] == ["dense"]


class Silent(WordEmbedder):
    """Answers when it is told to."""

    def __init__(self, told: Event) -> None:
        super().__init__()
        self.told = told

    def embed(self, texts: Any, *, purpose: Any = "document") -> list[list[float]]:
        self.told.wait()
        return super().embed(texts, purpose=purpose)


def test_an_embedder_that_hangs_holds_several_questions_up_for_one_deadline(stores: TextStores, silence: Event) -> None:
    recall = Recall(replace(stores, embedder=Silent(silence)), deadline_s=0.2)
    found = recall.search_many(LANE.tenant, [LANE.cube], ["cats", "violin", "cats again"], top_k=1)
    assert [result.hits[0].memory.text for result in found][:2] == ["Ana keeps two cats", "Ana plays the violin"]
    assert all(result.degraded and result.degraded[0].startswith("dense") for result in found)


def test_without_an_explanation_a_hit_has_a_score_and_no_parts(stores: TextStores) -> None:
    recall, where = Recall(stores), (LANE.tenant, [LANE.cube], "violin")
    (told,) = recall.search(*where, top_k=1).hits
    (plain,) = recall.search(*where, top_k=1, options=SearchOptions(explain=False)).hits
    assert (plain.memory, plain.score, plain.parts) == (told.memory, told.score, {})


def test_a_summary_stands_only_where_nothing_that_it_sums_up_does(stores: TextStores) -> None:
    (violin,) = [each for each in stores.graph.list_memories(LANE.tenant, LANE.cube) if "violin" in each.text]
    lane = replace(LANE, session=SUMMARY_SESSION)
    write(stores, work("sum", "Ana plays the violin and the viola", lane=lane), lane=lane)
    relate(stores, "Ana plays the violin and the viola", violin.text, EdgeType.PARENT)
    assert texts(stores, "violin", top_k=1) == ["Ana plays the violin"]
    stores.graph.update_memory(LANE.tenant, replace(violin, status=MemoryStatus.ARCHIVED))
    assert texts(stores, "violin", top_k=1) == ["Ana plays the violin and the viola"]
