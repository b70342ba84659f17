"""A search with a reranker: its order, and the fused one when it is away, late, limited or at a loss."""

from collections.abc import Iterator, Sequence
from threading import Event
from typing import Any

import pytest

from memos.configs.memory import TreeTextMemoryConfig
from memos.errors import InvalidConfig, InvalidRequest, MemosError, QuotaExceeded, Unavailable
from memos.memories.textual.stores import TextStores
from memos.memories.textual.tree import TreeTextMemory
from memos.recall.search import Recall, SearchResult
from memos.rerankers.base import Reranker
from memos.settings import Settings
from tests.support.embedding_server import serving
from tests.support.rerank_server import CohereRanks
from tests.support.text import LANE, open_twins, work, write


class Shortest:
    """The shorter the better; remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[list[str]] = []
        self.closed = 0

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        self.shown.append([query, *texts])
        return [-float(len(text)) for text in texts]

    def close(self) -> None:
        self.closed += 1


class Failing(Shortest):
    """Raises, or waits."""

    def __init__(self, error: MemosError | None = None, silence: Event | None = None) -> None:
        super().__init__()
        self._error, self._silence = error, silence

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        if self._silence is not None:
            self._silence.wait(30)
        if self._error is not None:
            raise self._error
        return super().rerank(query, texts)


@pytest.fixture
def silence() -> Iterator[Event]:
    event = Event()
    yield event
    event.set()


@pytest.fixture
def stores() -> TextStores:
    """Thirty memories that a question about the violin fits the better the longer they are."""
    stores = open_twins()
    write(stores, work("j1", *(f"violin {'violin ' * number}{number}" for number in range(30))))
    return stores


def search(stores: TextStores, reranker: Reranker | None, *, top_k: int = 3, **options: Any) -> SearchResult:
    return Recall(stores, reranker, **options).search(LANE.tenant, [LANE.cube], "violin", top_k=top_k)


def texts(found: SearchResult) -> list[str]:
    return [hit.memory.text for hit in found.hits]


def test_the_first_candidates_come_in_the_rerankers_order(stores: TextStores) -> None:
    reranker = Shortest()
    found = search(stores, reranker)
    ((query, *shown),) = reranker.shown
    assert (query, len(shown)) == ("violin", 20)
    assert texts(found) == sorted(shown, key=len)[:3] != texts(search(stores, None))
    assert set(texts(search(stores, None))) <= set(shown)
    assert found.degraded == ()


def test_the_score_of_a_hit_is_the_rerankers_and_what_it_was_found_by_is_told(stores: TextStores) -> None:
    for hit in search(stores, Shortest()).hits:
        assert hit.score == hit.parts["rerank"] == -len(hit.memory.text)
        assert {"dense", "text", "importance"} <= hit.parts.keys()
        assert hit.sources


def test_a_larger_answer_has_more_candidates_to_choose_from(stores: TextStores) -> None:
    reranker = Shortest()
    assert len(search(stores, reranker, top_k=14).hits) == 14
    assert len(reranker.shown[0]) == 1 + 28


@pytest.mark.parametrize(
    "error",
    [Unavailable("reranker", "gone"), QuotaExceeded("slow down", retry_after_s=7), InvalidRequest("text too long")],
    ids=lambda error: type(error).__name__,
)
def test_a_reranker_that_cannot_leaves_the_fused_order_and_is_named(stores: TextStores, error: MemosError) -> None:
    found, fused = search(stores, Failing(error)), search(stores, None)
    assert texts(found) == texts(fused)
    assert found.hits[0].parts.keys() == fused.hits[0].parts.keys()
    assert found.degraded == (f"rerank: {error}",)


def test_a_silent_reranker_is_given_up_at_the_deadline_and_holds_nobody_up(stores: TextStores, silence: Event) -> None:
    recall = Recall(stores, Failing(silence=silence), deadline_s=0.05)
    fused = texts(search(stores, None))
    for _ in range(12):  # more often than there are threads
        found = recall.search(LANE.tenant, [LANE.cube], "violin", top_k=3)
        assert texts(found) == fused
        assert found.degraded == ("rerank: reranker is unavailable: no scores within the deadline",)
    recall.close()


def test_a_reranker_that_can_never_work_is_an_error(stores: TextStores) -> None:
    with pytest.raises(InvalidConfig, match="no such model"):
        search(stores, Failing(InvalidConfig("no such model")))


def test_nothing_found_is_nothing_to_rank() -> None:
    reranker = Shortest()
    assert search(open_twins(), reranker).hits == []
    assert reranker.shown == []


def test_a_tree_has_the_reranker_of_its_configuration_unless_it_is_lent_one(stores: TextStores) -> None:
    settings = Settings(tenant=LANE.tenant)
    with serving(CohereRanks()) as server:
        server.ranks = [{"index": place, "relevance_score": float(place)} for place in range(20)]
        named = {"backend": "http_bge", "config": {"url": server.url, "api_key": server.key}}
        config = TreeTextMemoryConfig.model_validate({"cube_id": LANE.cube, "reranker": named})
        tree = TreeTextMemory(config, settings=settings, stores=stores)
        best, *_ = tree.search("violin", top_k=3)
        assert best.memory == server.sent_texts[0][-1]
        tree.close()
    lent = Shortest()
    tree = TreeTextMemory(config, settings=settings, stores=stores, reranker=lent)
    assert len(tree.search("violin", top_k=3)) == 3
    tree.close()
    assert (len(lent.shown), lent.closed) == (1, 0)
