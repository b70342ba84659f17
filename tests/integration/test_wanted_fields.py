"""What an application wants of each fact is kept with the memory, and can be asked for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from memos.configs.mem_os import MOSConfig
from memos.mem_os.main import MOS
from memos.settings import Settings
from tests.support.openai_server import answer, serving


class Complaint(BaseModel):
    part: str
    pain: int | None = None


def a_fact(text: str, **fields: Any) -> dict[str, Any]:
    return {"text": text, "evidence": [1], **fields}


@pytest.fixture
def mos(tmp_path: Path) -> Iterator[MOS]:
    facts = [
        a_fact("Ana's knee hurts.", tags=["health"], info={"part": "knee", "pain": 7}),
        a_fact("Ana's back hurts.", tags=["health"], info={"part": "back", "pain": 2}),
    ]
    with serving() as server:
        server.replies = [answer(json.dumps({"facts": facts}))]
        model = {"model_name_or_path": "m", "api_base": server.url, "api_key": "k"}
        wanted = {"categories": ["health"], "fact_schema": Complaint.model_json_schema()}
        config = {"llm": {"backend": "openai", "config": model}, **wanted}
        reader = {"backend": "simple_struct", "config": config}
        settings = Settings(neo4j_url="memory://", milvus_url="memory://", data_dir=tmp_path)
        with MOS(MOSConfig(user_id="root", mem_reader=reader), settings=settings) as opened:
            opened.create_cube_for_user("clinic", owner_id="root")
            opened.add(memory_content="My knee hurts a lot, my back a little.")
            yield opened


def test_fields_and_categories_come_back_with_the_memory(mos: MOS) -> None:
    items = mos.search("What hurts?")["text_mem"][0]["memories"]
    assert {item.metadata.info["part"]: item.metadata.info["pain"] for item in items} == {"knee": 7, "back": 2}
    assert {item.metadata.tags for item in items} == {("health",)}


def test_a_search_can_ask_for_them(mos: MOS) -> None:
    (item,) = mos.search("What hurts?", filters={"info.pain": {"gte": 5}})["text_mem"][0]["memories"]
    assert item.metadata.info["part"] == "knee"
    assert mos.search("What hurts?", filters={"info.part": "foot"})["text_mem"][0]["memories"] == []
