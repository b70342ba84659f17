"""Searches in every mode through MOS, with a chat model behind HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_os import MOSConfig
from memos.errors import InvalidRequest
from memos.mem_os.main import MOS
from memos.settings import Settings
from tests.support.openai_server import OpenAIServer, answer, failure, serving

SAID = ["I adopted a cat and called it Fado.", "The garden needs water.", "I fly to Oslo in May."]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        yield running


@pytest.fixture
def mos(server: OpenAIServer, tmp_path: Path) -> Iterator[MOS]:
    model = {"model_name_or_path": "m", "api_base": server.url, "api_key": "k", "max_retries": 0}
    config = MOSConfig(user_id="root", chat_model={"backend": "openai", "config": model})
    settings = Settings(neo4j_url="memory://", milvus_url="memory://", data_dir=tmp_path)
    with MOS(config, settings=settings) as opened:
        opened.create_cube_for_user("talk", owner_id="root")
        for text in SAID:
            opened.add(memory_content=text)
        yield opened


def texts(found: dict[str, Any]) -> list[str]:
    return [item.memory for item in found["text_mem"][0]["memories"]]


def test_a_fast_search_asks_no_model(mos: MOS, server: OpenAIServer) -> None:
    assert texts(mos.search("pet", top_k=3)) == texts(mos.search("pet", top_k=3, mode="fast"))
    assert server.requests == []


def test_fine_searches_for_what_the_model_names_and_puts_first_what_it_picks(mos: MOS, server: OpenAIServer) -> None:
    server.replies = [answer(json.dumps({"queries": ["adopted a cat"]})), answer(json.dumps({"relevant": [2]}))]
    found = mos.search("pet", top_k=2, mode="fine")
    shown = json.loads(server.requests[1]["messages"][-1]["content"])["memories"]
    assert texts(found)[0] == shown[1]["text"]
    assert (len(server.requests), found["degraded"]) == (2, [])


def test_a_mixture_asks_once_a_question_and_each_has_its_own_answer(mos: MOS, server: OpenAIServer) -> None:
    server.replies = [answer(json.dumps({"queries": ["a cat called Fado"]}))]
    pet, journey = mos.search_many(["pet", "Oslo in May"], top_k=1, mode="mixture")
    assert len(server.requests) == 2
    assert "Oslo" in texts(journey)[0]
    assert texts(pet) != texts(journey)


def test_a_model_that_is_away_leaves_a_fast_search_and_says_so(mos: MOS, server: OpenAIServer) -> None:
    server.replies = [failure(503)]
    found = mos.search("garden water", top_k=1, mode="fine")
    assert "garden" in texts(found)[0]
    assert [missing.partition(":")[0] for missing in found["degraded"]] == ["expansion", "judging"]


def test_an_unknown_mode_is_refused_before_anything_is_asked(mos: MOS, server: OpenAIServer) -> None:
    with pytest.raises(InvalidRequest, match="fast, fine, mixture"):
        mos.search("garden", mode="quick")
    assert server.requests == []
