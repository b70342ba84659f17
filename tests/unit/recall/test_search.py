"""Search over graph and index: fused, sourced, walled, and honest about what failed."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from memos.errors import Unavailable
from memos.ids import CubeId, SessionId, TenantId
from memos.memories.textual.stores import TextStores
from memos.recall.search import MIN_CANDIDATES, Recall
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


def texts(stores: TextStores, query: str, **options: Any) -> list[str]:
    result = Recall(stores).search(LANE.tenant, [LANE.cube], query, **{"top_k": 5, **options})
    return [hit.memory.text for hit in result.hits]


def test_the_best_match_comes_first_with_its_source_and_parts(stores: TextStores) -> None:
    (hit, *_) = Recall(stores).search(LANE.tenant, [LANE.cube], "Who plays the violin?", top_k=2).hits
    assert hit.memory.text == "Ana plays the violin"
    assert [source.text for source in hit.sources] == ["Ana plays the violin"]
    assert hit.parts.keys() == {"dense", "text", "recency", "importance"}
    assert sum(hit.parts.values()) == pytest.approx(hit.score)


def test_of_two_equal_statements_the_more_important_one_comes_first() -> None:
    stores = stores_with(MemoryIndex())
    for number in range(2):  # in a session of its own each, so that the same was said before them: nothing
        session = replace(LANE, session=SessionId(f"bees-{number}"))
        write(stores, work(f"b{number}", "Ben keeps bees", lane=session), lane=session)
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
    assert texts(stores, "violin", memory_types=[MemoryType.OUTER]) == []
    assert texts(stores, "violin", memory_types=[MemoryType.LONG_TERM])


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
    class Gone(WordEmbedder):
        def embed(self, texts: object, *, purpose: str = "document") -> Any:
            raise Unavailable("embedder", "gone")

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
    result = Recall(stores, hops=hops).search(LANE.tenant, [LANE.cube], "violin", **{"top_k": 3, **options})
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
    assert "Zoe moved to Lisbon" not in found_with(related, hops=2, memory_types=[MemoryType.LONG_TERM])
    related.graph.update_memory(LANE.tenant, replace(zoe, status=MemoryStatus.ARCHIVED))
    assert "Zoe moved to Lisbon" not in found_with(related, hops=2)
