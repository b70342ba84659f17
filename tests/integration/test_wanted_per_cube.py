"""Two cubes of one object, each read as it wants: at once over twins, and by a worker over real servers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from memos.configs.mem_os import MOSConfig
from memos.ids import CubeId, SessionId, TenantId
from memos.mem_os.main import MOS
from memos.memories.textual.item import TextualMemoryItem
from memos.settings import Settings
from memos.types import Lane
from scheduler.broker import sibling_url
from tests.support.openai_server import OpenAIServer, answer, serving
from workers.bootstrap import Resources
from workers.drain import Drain
from workers.handlers.extract import handle

pytestmark = pytest.mark.models

DATABASE = 6
SAID = {"clinic": "My knee hurts a lot since Monday.", "trips": "I fly to Rome in May."}
FACT = {"text": "Ana told something of herself.", "evidence": [1], "tags": ["health", "travel", "common"]}
ANSWER = answer(json.dumps({"facts": [{**FACT, "info": {"part": "knee", "place": "Rome"}}]}))


class Complaint(BaseModel):
    part: str


class Trip(BaseModel):
    place: str


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        running.replies = [ANSWER]
        yield running


def open_mos(server: OpenAIServer, settings: Settings, *, enable_mem_scheduler: bool) -> MOS:
    model = {"model_name_or_path": "m", "api_base": server.url, "max_retries": 0}
    wanted = {"instructions": "As the reader says.", "categories": ["common"]}
    reader = {"backend": "simple_struct", "config": {"llm": {"backend": "openai", "config": model}, **wanted}}
    config = MOSConfig(user_id="ana", mem_reader=reader, enable_mem_scheduler=enable_mem_scheduler)
    mos = MOS(config, settings=settings)
    for cube in SAID:
        mos.create_cube_for_user(cube, owner_id="ana")
    mos.set_reading("clinic", instructions="Remember pains.", categories=["health"], fact_schema=Complaint)
    mos.set_reading("trips", instructions="Remember trips.", fact_schema=Trip)
    return mos


def assert_each_cube_was_read_as_it_wants(mos: MOS, server: OpenAIServer) -> None:
    asked = {spoken_of(request): request for request in server.requests}
    assert len(server.requests) == len(asked) == 2
    for cube, ending, field, tags in (
        ("clinic", "Remember pains.", "part", ["health"]),
        ("trips", "Remember trips.", "place", ["common"]),
    ):
        request = asked[SAID[cube]]
        assert request["messages"][0]["content"].endswith(ending)
        fact = request["response_format"]["json_schema"]["schema"]["properties"]["facts"]["items"]["properties"]
        assert list(fact["info"]["properties"]) == [field]
        assert fact["tags"]["items"]["enum"] == tags
    assert [(item.metadata.info, item.metadata.tags) for item in (only(mos, "clinic"), only(mos, "trips"))] == [
        ({"part": "knee"}, ("health",)),
        ({"place": "Rome"}, ("common",)),
    ]


def spoken_of(request: dict[str, Any]) -> str:
    """The one message that the model was shown."""
    ((shown,),) = json.loads(request["messages"][1]["content"])["conversations"]
    return str(shown["text"])


def only(mos: MOS, cube: str) -> TextualMemoryItem:
    (item,) = mos.get_all(cube)["text_mem"][0]["memories"]["nodes"]
    return item


def test_at_once(server: OpenAIServer, tmp_path: Path) -> None:
    settings = Settings(neo4j_url="memory://", milvus_url="memory://", data_dir=tmp_path)
    with open_mos(server, settings, enable_mem_scheduler=False) as mos:
        for cube, text in SAID.items():
            mos.add(memory_content=text, mem_cube_id=cube)
        assert_each_cube_was_read_as_it_wants(mos, server)
        mos.set_reading("trips")
        mos.add(memory_content="I like Rome.", mem_cube_id="trips")
        assert server.requests[2]["messages"][0]["content"].endswith("As the reader says.")


@pytest.fixture
def own(settings: Settings, tenant: TenantId, tmp_path: Path) -> Settings:
    """The servers, with a Redis database where nobody else works."""
    return settings.model_copy(
        update={"tenant": tenant, "redis_url": sibling_url(settings, DATABASE), "data_dir": tmp_path}
    )


@pytest.fixture
def drain(own: Settings, tenant: TenantId) -> Iterator[Callable[[str], None]]:
    """A worker that works what waits in a cube."""
    resources = Resources(own)

    def work(cube: str) -> None:
        lane = Lane(tenant=tenant, cube=CubeId(cube), session=SessionId(MOSConfig().session_id))
        assert Drain(mailbox=resources.mailbox, handler=handle, resources=resources).run(lane).dead == 0

    yield work
    resources.close()


@pytest.mark.servers
def test_by_a_worker(server: OpenAIServer, own: Settings, drain: Callable[[str], None]) -> None:
    with open_mos(server, own, enable_mem_scheduler=True) as mos:
        for cube, text in SAID.items():
            mos.add(memory_content=text, mem_cube_id=cube)
        for cube in SAID:
            drain(cube)
        assert_each_cube_was_read_as_it_wants(mos, server)
