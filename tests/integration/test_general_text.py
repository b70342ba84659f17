"""General text on a real server: opened as an application opens it, and opened again."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymilvus import MilvusClient

from memos.configs.memory import GeneralTextMemoryConfig
from memos.errors import InvalidConfig, Unavailable
from memos.local.ports import choose_ports
from memos.memories.textual.general import GeneralTextMemory
from memos.settings import Settings, child_environment
from tests.conftest import Eventually
from tests.support.openai_server import OpenAIServer, serving, vectors

pytestmark = pytest.mark.servers


@pytest.fixture
def own(settings: Settings, tenant: str) -> Settings:
    """The servers, with a collection and a tenant that no other test has."""
    return settings.model_copy(update={"milvus_collection": f"test_{uuid4().hex}", "tenant": tenant})


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        running.replies = [vectors([1.0, 0.0, 0.0])]
        yield running


def embedder(server: OpenAIServer, model: str = "e") -> dict[str, Any]:
    config = {"model_name_or_path": model, "base_url": server.url, "api_key": "k"}
    return {"backend": "universal_api", "config": config}


def open_memory(own: Settings, **config: Any) -> GeneralTextMemory:
    return GeneralTextMemory(GeneralTextMemoryConfig.model_validate(config), settings=own)


def collections(own: Settings, prefix: str) -> list[str]:
    client: Any = MilvusClient(own.milvus_url or "", dedicated=True)
    found = [name for name in client.list_collections() if name.startswith(prefix)]
    client.close()
    return found


def test_memories_outlive_the_object(own: Settings, server: OpenAIServer) -> None:
    first = open_memory(own, embedder=embedder(server), cube_id="notes")
    first.add([{"id": "m", "memory": "Zoë drinks tea", "metadata": {"tags": ["北京"]}}])
    changed = first.update("m", "Zoë drinks coffee")
    first.close()
    second = open_memory(own, embedder=embedder(server), cube_id="notes")
    assert second.get("m") == changed
    assert [item.id for item in second.search("coffee")] == ["m"]
    second.close()


def test_two_objects_see_each_others_changes_at_once(own: Settings, server: OpenAIServer) -> None:
    one, two = (open_memory(own, embedder=embedder(server)) for _ in range(2))
    one.add({"id": "m", "memory": "tea"})
    assert two.update("m", "milk").metadata.version == 2
    assert one.get("m").memory == "milk"
    assert two.delete_all() == 1
    assert one.get_all() == []
    for each in (one, two):
        each.close()


def test_an_embedder_of_its_own_has_a_collection_of_its_own(own: Settings, server: OpenAIServer) -> None:
    for model in ("one", "two"):
        memory = open_memory(own, embedder=embedder(server, model))
        memory.add({"id": "m", "memory": model})
        assert [item.memory for item in memory.get_all()] == [model]
        memory.close()
    made = collections(own, own.milvus_collection)
    assert len(made) == 2
    assert all(name.endswith("_records") for name in made)


def test_a_collection_that_is_named_holds_one_model(own: Settings, server: OpenAIServer) -> None:
    config = {"url": own.milvus_url, "collection": f"named_{uuid4().hex}"}
    vector_db = {"backend": "milvus", "config": config}
    open_memory(own, vector_db=vector_db, embedder=embedder(server)).close()
    assert collections(own, config["collection"] or "") == [f"{config['collection']}_records"]
    with pytest.raises(InvalidConfig, match="'another'"):
        open_memory(own, vector_db=vector_db, embedder=embedder(server, "another"))


def test_what_is_not_named_is_started_on_demand(settings: Settings, server: OpenAIServer, tenant: str) -> None:
    unnamed = Settings(data_dir=settings.data_dir, tenant=tenant)
    memory = open_memory(unnamed, embedder=embedder(server))
    memory.add("tea")
    assert len(memory.get_all()) == 1
    memory.drop()
    memory.close()


@pytest.mark.models
def test_without_an_embedder_it_is_that_of_the_settings(own: Settings, tmp_path: Path) -> None:
    memory = open_memory(own)
    memory.add(["Ann plays the saxophone", "Bob owns a boat", "It rained all day"])
    assert memory.search("Which instrument does Ann play?", 1)[0].memory == "Ann plays the saxophone"
    assert memory.search("a vessel on the water", 1)[0].memory == "Bob owns a boat"
    memory.dump(tmp_path / "dump")
    assert memory.delete_all() == memory.load(tmp_path / "dump") == 3
    memory.close()


def start_milvus(directory: Path, port: int) -> "subprocess.Popen[bytes]":
    arguments = [sys.executable, "-m", "memos.local.milvus", "--directory", str(directory), "--port", str(port)]
    return subprocess.Popen(
        arguments,
        env=child_environment(OMP_NUM_THREADS="1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_killed_server_is_unavailable_and_has_every_memory_after_a_restart(
    tmp_path: Path, server: OpenAIServer, eventually: Eventually, request: pytest.FixtureRequest
) -> None:
    port = choose_ports(["milvus"], {})["milvus"]
    process = start_milvus(tmp_path, port)
    request.addfinalizer(process.kill)
    own = Settings(milvus_url=f"http://127.0.0.1:{port}")
    made: list[GeneralTextMemory] = []
    eventually(lambda: opened(own, server, made), within_s=60)
    [memory] = made
    memory.add({"id": "a", "memory": "green tea"})
    memory.add({"id": "b", "memory": "black tea"})
    memory.update("a", "white tea")
    before = memory.get_all()
    process.send_signal(signal.SIGKILL)
    process.wait()
    for call in calls(memory, tmp_path):
        began_s = time.monotonic()
        with pytest.raises(Unavailable, match="milvus"):
            call()
        assert time.monotonic() - began_s < 5
    request.addfinalizer(start_milvus(tmp_path, port).kill)
    eventually(lambda: answers(memory), within_s=60)
    assert memory.get_all() == before
    assert len(memory.search("tea")) == 2
    memory.close()


def opened(own: Settings, server: OpenAIServer, made: list[GeneralTextMemory]) -> bool:
    try:
        made.append(open_memory(own, embedder=embedder(server)))
    except Unavailable:
        return False
    return True


def answers(memory: GeneralTextMemory) -> bool:
    try:
        memory.get_all()
    except Unavailable:
        return False
    return True


def calls(memory: GeneralTextMemory, tmp_path: Path) -> list[Callable[[], object]]:
    return [
        lambda: memory.add("milk"),
        lambda: memory.get("a"),
        memory.get_all,
        lambda: memory.update("a", "milk"),
        lambda: memory.delete(["a"]),
        memory.delete_all,
        lambda: memory.search("tea"),
        lambda: memory.dump(tmp_path / "dump"),
        memory.drop,
    ]
