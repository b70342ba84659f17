"""What the rules cannot tell of two facts, the reader's model judges, behind HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_os import MOSConfig
from memos.mem_os.main import MOS
from memos.settings import Settings
from tests.support.openai_server import OpenAIServer, answer, failure, serving

pytestmark = pytest.mark.models

OLD, NEW = "Ana takes 20 mg of lisinopril.", "Ana's doctor raised her lisinopril to 40 mg."


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        yield running


@pytest.fixture
def mos(server: OpenAIServer, tmp_path: Path) -> Iterator[MOS]:
    model = {"model_name_or_path": "m", "api_base": server.url, "api_key": "k", "max_retries": 0}
    reader = {"backend": "simple_struct", "config": {"llm": {"backend": "openai", "config": model}}}
    settings = Settings(neo4j_url="memory://", milvus_url="memory://", data_dir=tmp_path)
    with MOS(MOSConfig(user_id="root", mem_reader=reader), settings=settings) as opened:
        opened.create_cube_for_user("clinic", owner_id="root")
        yield opened


def says(fact: str) -> Any:
    return answer(json.dumps({"facts": [{"text": fact, "evidence": [1]}]}))


def decides(action: str) -> Any:
    return answer(json.dumps({"decisions": [{"new": 2, "action": action, "known": 1}]}))


def tell(mos: MOS, day: str, fact: str) -> str:
    said = {"role": "user", "name": "Ana", "content": fact, "chat_time": day}
    return mos.add([said]).memory_ids[0]


def test_a_new_value_that_no_rule_knows_supersedes_the_old_one(mos: MOS, server: OpenAIServer) -> None:
    server.replies = [says(OLD), says(NEW), decides("replaces")]
    first, second = tell(mos, "2025-03-10", OLD), tell(mos, "2025-06-02", NEW)
    old, new = mos.history(second)
    assert (old.id, new.id) == (first, second)
    assert old.metadata.invalid_at == new.metadata.said_at
    material = json.loads(server.requests[2]["messages"][-1]["content"])
    assert [each["text"] for each in (*material["known"], *material["new"])] == [OLD, NEW]
    assert len(server.requests) == 3  # the first fact had nothing to be compared with
    assert mos.search("lisinopril", as_of="2025-04-01")["text_mem"][0]["memories"][0].id == first


def test_a_judge_that_is_away_leaves_both_facts_as_they_are(mos: MOS, server: OpenAIServer) -> None:
    server.replies = [says(OLD), says(NEW), failure(500)]
    first, second = tell(mos, "2025-03-10", OLD), tell(mos, "2025-06-02", NEW)
    assert [item.id for item in mos.history(second)] == [second]
    assert mos.get("clinic", first).metadata.invalid_at is None
