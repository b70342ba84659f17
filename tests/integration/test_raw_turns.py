"""What was said is found while a real server of the protocol has not answered yet, and keeps its id when it has."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from memos.configs.mem_os import MOSConfig
from memos.mem_os.main import MOS
from memos.memories.textual.item import TextualMemoryItem
from memos.organize.provisional import PROVISIONAL_CONFIDENCE, PROVISIONAL_TAG
from memos.settings import Settings
from tests.conftest import Eventually
from tests.support.openai_server import OpenAIServer, Reply, answer, serving

pytestmark = pytest.mark.models

SAID = "I moved to Lisbon."
REFINED = "Ana has lived in Lisbon since March 2025."
GOOD = answer(json.dumps({"facts": [{"text": REFINED, "evidence": [1]}]})).body


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        yield running


@pytest.fixture(params=["memory", pytest.param("server", marks=pytest.mark.servers)])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Stores of this test's own, without a scheduler."""
    if request.param == "memory":
        return Settings(data_dir=tmp_path, neo4j_url="memory://", milvus_url="memory://")
    own = {"data_dir": tmp_path, "milvus_collection": f"test_{uuid4().hex}", "redis_url": None}
    tenant = request.getfixturevalue("tenant")
    return request.getfixturevalue("settings").model_copy(update={**own, "tenant": tenant})


@pytest.fixture
def mos(server: OpenAIServer, stores: Settings) -> Iterator[MOS]:
    model = {"model_name_or_path": "m", "api_base": server.url, "max_retries": 0, "timeout_s": 30}
    reader = {"backend": "simple_struct", "config": {"llm": {"backend": "openai", "config": model}}}
    with MOS(MOSConfig(user_id="ana", mem_reader=reader), settings=stores) as opened:
        opened.create_cube_for_user("notes", owner_id="ana")
        yield opened


def search(mos: MOS) -> list[TextualMemoryItem]:
    return mos.search("Where did Ana move?")["text_mem"][0]["memories"]


def add(mos: MOS) -> Any:
    return mos.add([{"role": "user", "name": "Ana", "content": SAID}], idempotency_key="k")


def test_a_raw_turn_is_found_before_the_model_has_answered_and_refined_after(
    mos: MOS, server: OpenAIServer, eventually: Eventually
) -> None:
    thought = Event()
    server.replies = [Reply(body=GOOD, waits_for=thought)]
    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(add, mos)
        try:
            eventually(lambda: server.requests or adding.done(), within_s=60)
            (raw,) = search(mos)
            assert (raw.memory, raw.sources[0].content) == (f"Ana said: {SAID}", SAID)
            assert (raw.metadata.tags, raw.metadata.confidence) == ((PROVISIONAL_TAG,), PROVISIONAL_CONFIDENCE)
            assert not adding.done()
        finally:
            thought.set()
        assert adding.result().memory_ids == (raw.id,)
    (refined,) = search(mos)
    assert (refined.id, refined.memory) == (raw.id, REFINED)
    assert (refined.metadata.tags, refined.metadata.confidence) == ((), 1.0)
    assert refined.sources[0].content == SAID
    assert add(mos).memory_ids == (raw.id,)
    assert len(server.requests) == 1
