"""What a tree's configuration names, on the twins in RAM; the rest is in tests/contract/test_textual_memories.py."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos.configs.memory import MemoryConfigFactory
from memos.errors import InvalidConfig, Unavailable
from memos.memories.factory import MemoryFactory
from memos.memories.textual.tree import TreeTextMemory
from memos.settings import Settings
from tests.support.openai_server import OpenAIServer, answer, serving, vectors

# Nothing of these settings can be used: what works was named by the configuration.
USELESS: dict[str, Any] = {
    "neo4j_url": "bolt://127.0.0.1:1",
    "milvus_url": "http://127.0.0.1:1",
    "embedder_model": "no/such/model",
}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        running.replies = [vectors([1.0, 0.0, 0.0])]
        yield running


def parts_at(server: OpenAIServer) -> dict[str, Any]:
    """Everything that a tree stands on."""
    embedder = {"model_name_or_path": "e", "base_url": server.url, "api_key": "k"}
    return {
        "graph_db": {"backend": "memory"},
        "vector_db": {"backend": "memory"},
        "embedder": {"backend": "universal_api", "config": embedder},
    }


def open_tree(directory: Path, parts: dict[str, Any]) -> TreeTextMemory:
    config = MemoryConfigFactory.model_validate({"backend": "tree_text", "config": parts})
    return MemoryFactory.from_config(config, settings=Settings(data_dir=directory, **USELESS))


def test_a_configuration_may_name_all_that_a_tree_stands_on(server: OpenAIServer, tmp_path: Path) -> None:
    memory = open_tree(tmp_path, parts_at(server))
    memory.add("Ann drinks tea")
    assert [item.memory for item in memory.search("anything")] == ["Ann drinks tea"]
    memory.close()


@pytest.mark.parametrize(
    ("left_out", "error", "names"),
    [
        ("graph_db", Unavailable, "neo4j"),
        ("vector_db", Unavailable, "milvus"),
        ("embedder", (InvalidConfig, Unavailable), "no/such/model"),
    ],
)
def test_what_it_leaves_open_is_that_of_the_settings(
    server: OpenAIServer, tmp_path: Path, left_out: str, error: Any, names: str
) -> None:
    parts = {name: part for name, part in parts_at(server).items() if name != left_out}
    with pytest.raises(error, match=names):
        open_tree(tmp_path, parts)


def test_a_configured_language_model_extracts(server: OpenAIServer, tmp_path: Path) -> None:
    model = {"backend": "openai", "config": {"model_name_or_path": "m", "api_base": server.url, "api_key": "k"}}
    said = [{"role": "user", "content": "I live in Lisbon."}]
    plain = open_tree(tmp_path, parts_at(server))
    assert [item.memory for item in plain.extract(said)] == ["I live in Lisbon."]
    asking = open_tree(tmp_path, {**parts_at(server), "extractor_llm": model})
    server.replies = [answer(json.dumps({"facts": [{"text": "Ana lives in Lisbon.", "evidence": [1]}]}))]
    assert [item.memory for item in asking.extract(said)] == ["Ana lives in Lisbon."]
    assert asking.get_all() == []
