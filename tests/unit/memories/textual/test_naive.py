"""Memories in RAM, and what all memories of one index share; the rest is in tests/contract/test_textual_memories.py."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from memos.clock import ManualClock
from memos.configs.memory import NaiveTextMemoryConfig
from memos.embedders.base import Purpose
from memos.errors import Corrupt, InvalidRequest, Unavailable
from memos.ids import CubeId, TenantId
from memos.memories.textual.indexed import IndexedTextMemory, RecordStores
from memos.memories.textual.item import TextualMemoryItem
from memos.memories.textual.naive import NaiveTextMemory
from memos.memories.textual.records import build_record, parse_record
from memos.settings import Settings
from memos.types import MemoryType
from memos.vec_dbs.base import IndexFilter, RecordIndex
from tests.support.openai_server import OpenAIServer, answer, serving, vectors
from tests.support.text import Patchy, WordEmbedder

CONFIG = NaiveTextMemoryConfig(cube_id="cube")
SETTINGS = Settings(tenant="acme")


class Embedder(WordEmbedder):
    """Remembers what it was asked for; ``away`` makes it refuse."""

    away = False

    def __init__(self, model: str = "words") -> None:
        super().__init__()
        self.model = model
        self.asked: list[tuple[Purpose, list[str]]] = []

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[list[float]]:
        if self.away:
            raise Unavailable("embedder", "gone")
        self.asked.append((purpose, list(texts)))
        return [self._embed_one(text) for text in texts]


class OnRows(IndexedTextMemory):
    """A memory on an index of the test's own."""

    backend = "naive_text"

    def close(self) -> None:
        self._index.close()


def on_rows(index: RecordIndex, embedder: Embedder) -> OnRows:
    index.ensure(dimension=embedder.dimension, model=embedder.model)
    return OnRows(CONFIG, SETTINGS, RecordStores(index=index, embedder=embedder), ManualClock())


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        yield running


def test_without_an_embedder_words_alone_are_found() -> None:
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS)
    memory.add(["Ann drinks tea", "Bob owns a boat"])
    assert [item.memory for item in memory.search("boats")] == ["Bob owns a boat"]
    assert memory.search("ship") == []
    assert "dense" not in (memory.search("boats")[0].parts or {})


def test_with_an_embedder_meaning_is_a_part_of_the_score() -> None:
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=Embedder())
    memory.add(["Ann drinks tea", "Bob owns a boat"])
    found = memory.search("the")
    assert len(found) == 2
    assert all(set(item.parts or {}) >= {"dense"} for item in found)


def test_a_configured_embedder_is_opened(server: OpenAIServer) -> None:
    server.replies = [vectors([1.0, 0.0, 0.0])]
    embedder = {"model_name_or_path": "e", "base_url": server.url, "api_key": "k"}
    values = {"embedder": {"backend": "universal_api", "config": embedder}}
    memory = NaiveTextMemory(NaiveTextMemoryConfig.model_validate(values), settings=SETTINGS)
    memory.add("Ann drinks tea")
    assert [item.memory for item in memory.search("anything")] == ["Ann drinks tea"]
    assert ["Ann drinks tea"] in [request["input"] for request in server.requests]


def test_a_configured_language_model_extracts(server: OpenAIServer) -> None:
    server.replies = [answer(json.dumps({"facts": [{"text": "Ana lives in Lisbon.", "evidence": [1]}]}))]
    model = {"model_name_or_path": "m", "api_base": server.url, "api_key": "k"}
    values = {"extractor_llm": {"backend": "openai", "config": model}}
    memory = NaiveTextMemory(NaiveTextMemoryConfig.model_validate(values), settings=SETTINGS)
    [item] = memory.extract([{"role": "user", "content": "Lisbon is my home."}])
    assert item.memory == "Ana lives in Lisbon."


@pytest.mark.parametrize("wrong", [{"cube_id": "a\nb"}, {"tenant": "a\nb"}])
def test_names_that_cannot_be_are_refused(wrong: dict[str, str]) -> None:
    config = NaiveTextMemoryConfig(cube_id=wrong.get("cube_id", "cube"))
    with pytest.raises(InvalidRequest):
        NaiveTextMemory(config, settings=Settings(tenant=wrong.get("tenant", "acme")))


def test_items_may_be_as_long_as_a_message() -> None:
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS)
    memory.add({"id": "m", "memory": "ü" * 500_000})
    assert len(memory.get("m").memory) == 500_000


def test_a_search_may_be_limited_to_types() -> None:
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=Embedder())
    for kind in MemoryType:
        memory.add({"id": kind.name, "memory": "tea", "metadata": {"memory_type": kind}})
    found = memory.search("tea", memory_types=(MemoryType.WORKING, MemoryType.OUTER))
    assert sorted(item.id for item in found) == ["OUTER", "WORKING"]


def test_one_add_is_one_batch_and_each_call_says_what_it_is_for() -> None:
    embedder = Embedder()
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=embedder)
    memory.add([{"id": "m", "memory": "tea"}, "milk"])
    memory.update("m", "coffee")
    memory.search("what?")
    assert embedder.asked == [("document", ["tea", "milk"]), ("update", ["coffee"]), ("query", ["what?"])]


def test_a_text_that_stays_is_not_embedded_again() -> None:
    embedder = Embedder()
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=embedder)
    memory.add({"id": "m", "memory": "tea"})
    memory.update("m", {"metadata": {"key": "drink"}})
    assert len(embedder.asked) == 1
    assert [item.metadata.key for item in memory.search("tea")] == ["drink"]


def test_vectors_of_the_same_model_are_used_again_when_loaded(tmp_path: Path) -> None:
    embedder = Embedder()
    NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=Embedder()).dump(tmp_path / "nothing")
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=Embedder())
    memory.add("Ann drinks tea")
    memory.dump(tmp_path / "dump")
    copy = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=embedder)
    copy.load(tmp_path / "dump")
    assert embedder.asked == []
    assert copy.search("tea")[0].parts == memory.search("tea")[0].parts


@pytest.mark.parametrize("written_with", [None, Embedder("another model")], ids=["no vectors", "another model"])
def test_other_vectors_are_made_anew_when_loaded(tmp_path: Path, written_with: Embedder | None) -> None:
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=written_with)
    memory.add(["tea", "milk"])
    memory.dump(tmp_path / "dump")
    embedder = Embedder()
    copy = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=embedder)
    assert copy.load(tmp_path / "dump") == 2
    assert [(purpose, sorted(texts)) for purpose, texts in embedder.asked] == [("document", ["milk", "tea"])]
    assert len(copy.search("tea")) == 2


def test_vectors_are_left_aside_where_there_is_no_embedder(tmp_path: Path) -> None:
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=Embedder())
    memory.add(["tea", "milk"])
    memory.dump(tmp_path / "dump")
    copy = NaiveTextMemory(CONFIG, settings=SETTINGS)
    copy.load(tmp_path / "dump")
    assert [item.memory for item in copy.search("tea")] == ["tea"]


def test_archived_items_are_dumped_too(tmp_path: Path) -> None:
    memory, copy = (NaiveTextMemory(CONFIG, settings=SETTINGS) for _ in range(2))
    memory.add({"id": "old", "memory": "tea", "metadata": {"status": "archived"}})
    memory.dump(tmp_path / "dump")
    copy.load(tmp_path / "dump")
    assert copy.get("old") == memory.get("old")


def test_an_embedder_that_is_away_leaves_everything_as_it_was(tmp_path: Path) -> None:
    embedder = Embedder()
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=embedder)
    memory.add({"id": "m", "memory": "tea"})
    other = NaiveTextMemory(CONFIG, settings=SETTINGS)
    other.add("milk")
    other.dump(tmp_path / "dump")
    before, embedder.away = memory.get_all(), True
    for call in (lambda: memory.add("x"), lambda: memory.update("m", "x"), lambda: memory.load(tmp_path / "dump")):
        with pytest.raises(Unavailable):
            call()
    assert memory.get_all() == before


def test_a_search_does_without_what_is_away_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    embedder = Embedder()
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS, embedder=embedder)
    memory.add("tea")
    embedder.away = True
    with caplog.at_level(logging.WARNING):
        assert [item.memory for item in memory.search("tea")] == ["tea"]
    assert "went without dense candidates: embedder is unavailable" in caplog.text


@pytest.mark.parametrize("missing", [{"text": False}, {"dense": False}])
def test_either_half_of_an_index_will_do(missing: dict[str, Any]) -> None:
    memory = on_rows(Patchy(**missing), Embedder())
    memory.add("tea")
    assert [item.memory for item in memory.search("tea")] == ["tea"]


def test_a_search_that_could_ask_nothing_fails() -> None:
    memory = on_rows(Patchy(text=False, dense=False), Embedder())
    memory.add("tea")
    with pytest.raises(Unavailable, match="milvus"):
        memory.search("tea")


class Gone(Patchy):
    """An index whose searches still name rows that it has no more."""

    def search_text(self, tenant: TenantId, text: str, where: IndexFilter, **options: Any) -> Any:
        found = super().search_text(tenant, text, where, **options)
        self.delete(tenant, CubeId("cube"), [hit.memory_id for hit in found][:1])
        return found


def test_what_was_deleted_during_a_search_is_not_shown() -> None:
    memory = on_rows(Gone(), Embedder())
    memory.add(["green tea", "black tea"])
    assert len(memory.search("tea")) == 1


def test_without_settings_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_TENANT", "not\na tenant")
    with pytest.raises(InvalidRequest, match="tenant"):
        NaiveTextMemory(CONFIG)


def test_after_close_it_is_still_there() -> None:
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS)
    memory.add("tea")
    memory.close()
    assert len(memory.get_all()) == 1


def test_no_server_and_no_model_is_imported() -> None:
    program = (
        "import sys; from memos.memories.textual.naive import NaiveTextMemory\n"
        "from memos.configs.memory import NaiveTextMemoryConfig\n"
        "memory = NaiveTextMemory(NaiveTextMemoryConfig()); memory.add('tea'); memory.search('tea')\n"
        "sys.exit(', '.join({'pymilvus', 'neo4j', 'torch', 'openai', 'celery'} & set(sys.modules)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", program], timeout=60, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_record_leaves_out_what_a_search_added() -> None:
    item = TextualMemoryItem(id="m", memory="tea", score=1.0, parts={"text": 1.0})
    assert parse_record(build_record(item)) == TextualMemoryItem(id="m", memory="tea")


@pytest.mark.parametrize("record", ["", "{", "[]", '{"id": "m"}', '{"id": "m", "memory": "tea", "colour": "green"}'])
def test_a_record_that_is_none_is_corrupt(record: str) -> None:
    with pytest.raises(Corrupt, match="stored memory"):
        parse_record(record)


def test_ids_that_are_none_are_refused() -> None:
    memory: Any = NaiveTextMemory(CONFIG, settings=SETTINGS)
    for call in (lambda: memory.get(5), lambda: memory.delete([None]), lambda: memory.update(5, "tea")):
        with pytest.raises(InvalidRequest, match="must be a string"):
            call()


@pytest.mark.parametrize("asked", [["WorkingMemory"], "WorkingMemory", {MemoryType.WORKING}])
def test_memory_types_may_be_given_by_name(asked: Any) -> None:
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS)
    memory.add(["green tea", {"memory": "black tea", "metadata": {"memory_type": "WorkingMemory"}}])
    assert [item.memory for item in memory.search("tea", memory_types=asked)] == ["black tea"]


@pytest.mark.parametrize("wrong", [["Working"], "working", [None], None, 7])
def test_an_unknown_memory_type_is_refused_and_the_known_ones_are_told(wrong: Any) -> None:
    memory = NaiveTextMemory(CONFIG, settings=SETTINGS)
    with pytest.raises(InvalidRequest, match=r"memory_types must be a list of .*WorkingMemory.*OuterMemory"):
        memory.search("tea", memory_types=wrong)
