"""Memories in an index alone, on its twin in RAM; on Milvus: tests/integration/test_general_text.py."""

from collections.abc import Sequence

import pytest

from memos.configs.memory import GeneralTextMemoryConfig, MemoryConfigFactory
from memos.embedders.base import Purpose
from memos.errors import Corrupt, InvalidConfig, InvalidRequest, Unavailable
from memos.ids import CubeId, MemoryId, SessionId, TenantId, UserId
from memos.memories.factory import MemoryFactory
from memos.memories.textual.general import GeneralTextMemory
from memos.memories.textual.indexed import RecordStores
from memos.settings import Settings
from memos.types import Memory
from memos.vec_dbs.base import IndexRow
from memos.vec_dbs.memory import MemoryIndex
from memos.vec_dbs.rows import MAX_RECORD_BYTES
from tests.support.openai_server import answer, serving, vectors
from tests.support.text import WordEmbedder

CONFIG = GeneralTextMemoryConfig(cube_id="cube")
SETTINGS = Settings(tenant="acme")


class Embedder(WordEmbedder):
    """Words as vectors, whatever they are for."""

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[list[float]]:
        return [self._embed_one(text) for text in texts]


class Index(MemoryIndex):
    """Counts how often it was closed."""

    def __init__(self) -> None:
        super().__init__(max_record_bytes=MAX_RECORD_BYTES)
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def index() -> Index:
    made = Index()
    made.ensure(dimension=WordEmbedder.dimension, model=WordEmbedder.model)
    return made


@pytest.fixture
def memory(index: Index) -> GeneralTextMemory:
    return GeneralTextMemory(CONFIG, settings=SETTINGS, stores=RecordStores(index=index, embedder=Embedder()))


def test_an_item_beyond_the_servers_limit_is_refused_with_the_limit(memory: GeneralTextMemory) -> None:
    with pytest.raises(InvalidRequest, match=r"takes 7\d,\d{3} bytes .* at most 65,535"):
        memory.add(["short", "x" * 70_000])
    assert memory.get_all() == []
    memory.add({"id": "m", "memory": "x" * 60_000})
    with pytest.raises(InvalidRequest, match="65,535"):
        memory.update("m", {"metadata": {"tags": ["long" * 2000]}})
    assert memory.get("m").metadata.version == 1


def test_a_row_that_somebody_else_wrote_is_corrupt(index: Index, memory: GeneralTextMemory) -> None:
    row = Memory(id=MemoryId("m"), cube=CubeId("cube"), user=UserId("u"), session=SessionId("s"), text="tea")
    vector = WordEmbedder().embed(["tea"])[0]
    index.upsert(TenantId("acme"), [IndexRow(memory=row, vector=vector, record="?")])
    for call in (memory.get_all, lambda: memory.get("m"), lambda: memory.search("tea")):
        with pytest.raises(Corrupt):
            call()
    assert memory.delete(["m"]) == 1


def test_connections_of_somebody_else_are_not_closed(index: Index, memory: GeneralTextMemory) -> None:
    memory.close()
    assert index.closed == 0


def test_a_configuration_may_name_its_own_index_and_embedder() -> None:
    with serving() as server:
        server.replies = [vectors([1.0, 0.0, 0.0])]
        embedder = {"model_name_or_path": "e", "base_url": server.url, "api_key": "k"}
        named = {"vector_db": {"backend": "memory"}, "embedder": {"backend": "universal_api", "config": embedder}}
        config = MemoryConfigFactory.model_validate({"backend": "general_text", "config": named})
        memory = MemoryFactory.from_config(config, settings=SETTINGS)
        assert isinstance(memory, GeneralTextMemory)
        memory.add("Ann drinks tea")
        assert [item.memory for item in memory.search("anything")] == ["Ann drinks tea"]
        memory.close()


def test_a_configured_language_model_extracts(index: Index) -> None:
    stores, said = RecordStores(index=index, embedder=Embedder()), [{"role": "user", "content": "Lisbon is my home."}]
    with serving() as server:
        server.replies = [answer('{"facts": [{"text": "Ana lives in Lisbon.", "evidence": [1]}]}')]
        model = {"backend": "openai", "config": {"model_name_or_path": "m", "api_base": server.url, "api_key": "k"}}
        config = GeneralTextMemoryConfig.model_validate({"extractor_llm": model})
        [item] = GeneralTextMemory(config, settings=SETTINGS, stores=stores).extract(said)
    assert item.memory == "Ana lives in Lisbon."


def test_a_server_that_is_away_is_told_of_before_a_model_is_looked_for() -> None:
    away = Settings(milvus_url="http://127.0.0.1:1", embedder_model="no/such/model")
    with pytest.raises(Unavailable, match="milvus"):
        GeneralTextMemory(CONFIG, settings=away)


def test_an_embedder_that_does_not_exist_is_told_of() -> None:
    with pytest.raises(InvalidConfig):
        GeneralTextMemory(CONFIG, settings=Settings(milvus_url="memory://", embedder_model="no/such/model"))
