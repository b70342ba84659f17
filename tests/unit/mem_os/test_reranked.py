"""A search of MOS, and a cube of its own, in the order of the reranker that its configuration names."""

from collections.abc import Iterator

import pytest

from memos.mem_os.main import MOS
from tests.support.embedding_server import Fault, serving
from tests.support.rerank_server import CohereRanks
from tests.unit.mem_os.conftest import OpenMOS, texts

pytestmark = pytest.mark.models

FACTS = ["I keep two cats.", "I play the violin.", "I drink tea."]


class LastFirst(CohereRanks):
    """Likes the text that it is shown last."""

    def list_ranks(self, request: object) -> list[dict[str, float]]:
        shown = self.sent_texts[-1]
        return [{"index": place, "relevance_score": place / 10} for place in reversed(range(len(shown)))]


@pytest.fixture
def server() -> Iterator[LastFirst]:
    with serving(LastFirst()) as server:
        yield server


def open_with(open_mos: OpenMOS, server: LastFirst) -> MOS:
    config = {"url": server.url, "api_key": server.key, "max_retries": 0}
    mos = open_mos(reranker={"backend": "http_bge", "config": config})
    for fact in FACTS:
        mos.add(memory_content=fact)
    return mos


def test_hits_come_in_the_rerankers_order(open_mos: OpenMOS, server: LastFirst) -> None:
    mos = open_with(open_mos, server)
    found = texts(mos.search("Do you play the violin?", top_k=3))
    (shown,) = server.sent_texts
    assert found == shown[::-1]
    assert shown[0] == FACTS[1]


def test_a_cube_of_its_own_has_the_same_reranker(open_mos: OpenMOS, server: LastFirst) -> None:
    mos = open_with(open_mos, server)
    mos.register_mem_cube("notes")
    text_memory = mos.mem_cubes["notes"].text_mem
    assert text_memory is not None
    items = text_memory.search("Do you play the violin?", 3)
    assert [item.memory for item in items] == server.sent_texts[-1][::-1]
    assert len(server.requests) == 1


def test_a_search_while_it_is_away_says_so(open_mos: OpenMOS, server: LastFirst) -> None:
    mos = open_with(open_mos, server)
    server.faults = [Fault(status=503, message="loading")]
    found = mos.search("Do you play the violin?", top_k=1)
    assert texts(found) == [FACTS[1]]
    (missing,) = found["degraded"]
    assert missing.startswith("rerank: reranker is unavailable: ")


def test_with_noop_nothing_is_different(open_mos: OpenMOS) -> None:
    mos = open_mos(reranker={"backend": "noop"})
    mos.add(memory_content=FACTS[0])
    (item,) = mos.search("cats", top_k=1)["text_mem"][0]["memories"]
    assert "rerank" not in item.parts
