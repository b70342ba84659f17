"""A second look at the results, over HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from memos.mem0.memory import Memory
from tests.support.scripted_server import Reply, ScriptedServer, running
from tests.unit.mem0.conftest import OpenMemory, kept, texts

ANA = {"user_id": "ana"}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with running(ScriptedServer()) as made:
        yield made


def scores(*values: float) -> Reply:
    results = [{"index": position, "relevance_score": value} for position, value in enumerate(values)]
    return Reply(body=json.dumps({"results": results}))


def reranked_by(server: ScriptedServer, open_memory: OpenMemory, **more: Any) -> Memory:
    ours = {"backend": "http_bge", "config": {"url": f"{server.url}/rerank", "max_retries": 0}}
    memory = open_memory(reranker={"provider": "memos", "config": {**ours, **more}})
    kept(memory, "green tea", "green tea with milk", "tea")
    return memory


def test_the_rerankers_order_wins_on_demand_alone(server: ScriptedServer, open_memory: OpenMemory) -> None:
    memory = reranked_by(server, open_memory)
    server.replies = [scores(0.1, 0.2, 0.9)]
    plain = memory.search("green tea", filters=ANA)["results"]
    assert server.requests == []
    found = memory.search("green tea", filters=ANA, rerank=True)
    assert found["results"] == [
        {**plain[position], "rerank_score": score} for position, score in ((2, 0.9), (1, 0.2), (0, 0.1))
    ]
    assert "degraded" not in found


def test_the_reranker_leaves_as_many_as_it_is_told_to(server: ScriptedServer, open_memory: OpenMemory) -> None:
    memory = reranked_by(server, open_memory, top_k=2)
    server.replies = [scores(0.1, 0.2, 0.9)]
    assert len(memory.search("green tea", filters=ANA, rerank=True)["results"]) == 2
    assert len(memory.search("green tea", filters=ANA)["results"]) == 3


def test_a_reranker_that_is_away_is_told_of(server: ScriptedServer, open_memory: OpenMemory) -> None:
    memory = reranked_by(server, open_memory)
    server.replies = [Reply(status=503)]
    found = memory.search("green tea", filters=ANA, rerank=True)
    assert found["results"] == memory.search("green tea", filters=ANA)["results"]
    assert [reason.partition(":")[0] for reason in found["degraded"]] == ["rerank"]


def test_nothing_found_is_not_looked_at_again(server: ScriptedServer, open_memory: OpenMemory) -> None:
    memory = reranked_by(server, open_memory)
    assert texts(memory.search("zebra", filters={"user_id": "ben"}, rerank=True)) == []
    assert server.requests == []
