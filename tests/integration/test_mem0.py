"""mem0's Memory on a real Milvus, with the packaged embedder: as an application opens it, and opens it again."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymilvus import MilvusClient

from memos.configs.memory import GeneralTextMemoryConfig
from memos.errors import InvalidConfig, Unavailable
from memos.mem0 import Memory
from memos.memories.textual.general import GeneralTextMemory
from memos.settings import Settings
from tests.support.openai_server import answer, serving

pytestmark = [pytest.mark.servers, pytest.mark.models]

ANA, BEN = {"user_id": "ana"}, {"user_id": "ben"}


@pytest.fixture
def own(settings: Settings, tenant: str, tmp_path: Path) -> Settings:
    """The servers, with a collection, a tenant and users that no other test has."""
    apart = {"milvus_collection": f"test_{uuid4().hex}", "tenant": tenant, "data_dir": tmp_path}
    return settings.model_copy(update=apart)


def texts(found: dict[str, Any]) -> list[str]:
    return [result["memory"] for result in found["results"]]


def test_a_mem0_user_changes_the_import_and_goes_on(own: Settings) -> None:
    with Memory.from_config({}, settings=own) as memory:
        memory.add("I love sci-fi movies. I play the saxophone.", user_id="ana", metadata={"category": "taste"})
        memory.add("I own a boat.", user_id="ben", agent_id="harbour")
        best = memory.search("Which instrument does she play?", filters=ANA, top_k=1)["results"][0]
        assert best["memory"] == "I play the saxophone."
        assert best["metadata"] == {"category": "taste"}
        assert 0.3 < best["score"] < 1
        assert texts(memory.search("a vessel on the water", filters=BEN)) == ["I own a boat."]
        assert texts(memory.search("saxophone", filters=BEN, threshold=0.3)) == []
        memory.update(best["id"], text="I play the trumpet.", metadata={"category": "music"})
    with Memory(settings=own) as again:
        assert texts(again.search("saxophone", filters={**ANA, "category": {"ne": "music"}}, threshold=0)) == [
            "I love sci-fi movies."
        ]
        shown = again.get(best["id"])
        assert shown is not None
        assert (shown["memory"], shown["metadata"]) == ("I play the trumpet.", {"category": "music"})
        again.delete(best["id"])
        assert [entry["event"] for entry in again.history(best["id"])] == ["ADD", "UPDATE", "DELETE"]
        assert again.add("I love sci-fi movies.", user_id="ana") == {"results": []}
        again.delete_all(user_id="ana")
        assert again.get_all(filters=ANA) == {"results": []}
        assert texts(again.get_all(filters={"agent_id": "harbour"})) == ["I own a boat."]
        again.reset()
        assert again.get_all(filters={"user_id": "*"}) == {"results": []}


def test_two_tenants_of_one_server_never_see_each_other(own: Settings) -> None:
    other = own.model_copy(update={"tenant": f"t-{uuid4().hex}"})
    with Memory(settings=own) as mine, Memory(settings=other) as theirs:
        [added] = mine.add("green tea", user_id="ana", infer=False)["results"]
        theirs.add("green tea", user_id="ana", infer=False)
        assert [found["id"] for found in mine.search("tea", filters=ANA)["results"]] == [added["id"]]
        assert theirs.get(added["id"]) is None
        assert theirs.history(added["id"]) == []
        theirs.delete_all(user_id="ana")
        theirs.reset()
        assert texts(mine.get_all(filters=ANA)) == ["green tea"]


def test_one_users_search_is_exact_among_many_users(own: Settings) -> None:
    with Memory(settings=own) as memory:
        for number in range(4):
            said = [{"role": "user", "content": f"green tea, cup {cup} of {number}"} for cup in range(100)]
            memory.add(said, user_id=f"u{number}", infer=False, metadata={"n": number})
        memory.add("an old boat", user_id="u0", infer=False, metadata={"rare": True})
        found = memory.search("green tea", filters={"user_id": "u0", "rare": True}, threshold=0)
        assert texts(found) == ["an old boat"]
        listed = memory.get_all(filters={"user_id": "u3"}, top_k=1000)["results"]
        assert {shown["user_id"] for shown in listed} == {"u3"}
        assert len(listed) == 100
        nasty = {"user_id": 'u0"]_or_tenant_key_!="', "note": '" or 1 == 1'}
        assert memory.search("green tea", filters=nasty, threshold=0) == {"results": []}


def test_a_named_milvus_has_a_collection_of_that_name(own: Settings) -> None:
    name = f"notes_{uuid4().hex}"
    server = {"url": own.milvus_url, "collection_name": name, "embedding_model_dims": 384}
    section = {"provider": "milvus", "config": server}
    with Memory.from_config({"vector_store": section}, settings=Settings(data_dir=own.data_dir)) as memory:
        memory.add("green tea", user_id="ana", infer=False)
        assert texts(memory.search("tea", filters=ANA)) == ["green tea"]
        assert len(memory.get_all(filters={**ANA, "role": "user"})["results"]) == 1
    client: Any = MilvusClient(own.milvus_url or "", dedicated=True)
    assert f"{name}_labelled" in client.list_collections()
    client.close()
    wrong = {"provider": "milvus", "config": {**server, "embedding_model_dims": 1536}}
    with pytest.raises(InvalidConfig, match=r"embedding_model_dims is 1536, .* 384"):
        Memory.from_config({"vector_store": wrong}, settings=own)
    elsewhere = {"provider": "milvus", "config": {**server, "db_name": "nowhere"}}
    with pytest.raises(Unavailable, match="nowhere"):
        Memory.from_config({"vector_store": elsewhere}, settings=own)


def test_a_milvus_that_is_away_is_told_of(own: Settings) -> None:
    section = {"provider": "milvus", "config": {"url": "http://127.0.0.1:9"}}
    with pytest.raises(Unavailable, match="milvus"):
        Memory.from_config({"vector_store": section}, settings=own)


def test_with_a_model_facts_are_extracted_and_found(own: Settings) -> None:
    facts = [
        {"text": "Ana is allergic to peanuts.", "evidence": [1]},
        {"text": "Ana lives in Lisbon.", "evidence": [1]},
    ]
    with serving() as server:
        server.replies = [answer(json.dumps({"facts": facts}))]
        llm = {"provider": "openai", "config": {"model": "m", "openai_base_url": server.url, "api_key": "k"}}
        config = {"llm": llm, "custom_instructions": "Health first."}
        with Memory.from_config(config, settings=own) as memory:
            added = memory.add("No peanuts for me here in Lisbon!", user_id="ana")
            assert texts(added) == ["Ana is allergic to peanuts.", "Ana lives in Lisbon."]
            assert memory.add("Told you: no peanuts in Lisbon!", user_id="ana") == {"results": []}
            best = memory.search("What must Ana not eat?", filters=ANA)["results"][0]
            assert best["memory"] == "Ana is allergic to peanuts."
    assert "Health first." in server.requests[0]["messages"][0]["content"]
    assert server.requests[0]["response_format"]["type"] == "json_schema"


def test_what_an_application_keeps_with_a_memory_survives_in_general_text(own: Settings, tmp_path: Path) -> None:
    info: dict[str, Any] = {"text": "Zoë \U0001f408 \x00", "deep": {"list": [1, 0.5, None, True]}}
    memory = GeneralTextMemory(GeneralTextMemoryConfig(), settings=own)
    memory.add({"id": "m", "memory": "tea", "metadata": {"info": info}})
    memory.update("m", "milk")
    assert memory.get("m").metadata.info == memory.search("milk")[0].metadata.info == info
    memory.dump(tmp_path / "dump")
    memory.delete_all()
    memory.load(tmp_path / "dump")
    assert memory.get("m").metadata.info == info
    memory.close()
