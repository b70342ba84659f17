"""Prompts on a server with a prefix cache: what is asked of it, what is recorded, what is done after a restart."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memos.clock import ManualClock
from memos.configs.activation import VLLMKVCacheMemoryConfig
from memos.errors import InvalidConfig, InvalidRequest, NotFound, Unavailable
from memos.memories.activation.vllm_kv import VLLMKVCacheMemory
from tests.support.prefix_server import CachingServer, caching_server

START = datetime.fromtimestamp(1_750_000_000, UTC)
LONG = "Ann likes football and tea. " * 4


@pytest.fixture
def server() -> Iterator[CachingServer]:
    with caching_server() as running:
        yield running


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_750_000_000_000)


@pytest.fixture
def memory(server: CachingServer, clock: ManualClock) -> Iterator[VLLMKVCacheMemory]:
    opened = open_memory(server.url, clock)
    yield opened
    opened.close()


def open_memory(
    url: str | None, clock: ManualClock | None = None, *, backend: str = "openai", **llm: Any
) -> VLLMKVCacheMemory:
    values = {"model_name_or_path": "qwen", "api_base": url, "max_retries": 0, "timeout_s": 5, **llm}
    config = {"extractor_llm": {"backend": backend, "config": values}}
    return VLLMKVCacheMemory(VLLMKVCacheMemoryConfig.model_validate(config), clock=clock)


def test_extracting_asks_for_one_token_of_exactly_this_prompt(memory: VLLMKVCacheMemory, server: CachingServer) -> None:
    chat = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."}]
    item = memory.extract(chat)
    (request,) = server.requests
    assert request == {
        "model": "qwen",
        "messages": chat,
        "max_tokens": 1,
        "temperature": 0,
        "add_generation_prompt": False,
    }
    assert item.metadata.prompt_tokens == len("<user>Hello<assistant>Hi.")
    assert item.memory == "Prompt of 25 tokens on a vLLM server: user: Hello assistant: Hi."
    assert (item.metadata.model, item.metadata.server) == ("qwen", server.url)
    assert memory.get_all() == []


def test_what_the_server_had_already_is_recorded(memory: VLLMKVCacheMemory) -> None:
    first, again = memory.extract(LONG), memory.extract(LONG)
    assert first.metadata.cached_tokens == 0
    assert again.metadata.prompt_tokens == len(f"<system>{LONG}")
    assert again.metadata.cached_tokens == again.metadata.prompt_tokens // 16 * 16


def test_a_server_that_does_not_tell_is_not_guessed_for(memory: VLLMKVCacheMemory, server: CachingServer) -> None:
    server.tells = False
    assert memory.extract(LONG).metadata.cached_tokens is None


def test_a_refresh_shows_that_the_server_forgot_and_warms_it_again(
    memory: VLLMKVCacheMemory, server: CachingServer, clock: ManualClock
) -> None:
    items = [memory.extract(f"{number} {LONG}") for number in range(2)]
    memory.add(items)
    server.forget()
    clock.advance_ms(5000)
    (refreshed,) = memory.refresh([items[0].id])
    assert refreshed.metadata.cached_tokens == 0
    assert (refreshed.metadata.created_at, refreshed.metadata.warmed_at) == (START, START + timedelta(seconds=5))
    assert memory.get_all() == [refreshed, items[1]]
    cached = [item.metadata.cached_tokens for item in memory.refresh()]
    assert cached == [refreshed.metadata.prompt_tokens // 16 * 16, 0]


def test_a_refresh_of_an_unknown_id_asks_nothing(memory: VLLMKVCacheMemory, server: CachingServer) -> None:
    with pytest.raises(NotFound, match="'unknown'"):
        memory.refresh(["unknown"])
    assert server.requests == []


def test_joining_warms_the_joined_prompt_behind_the_first(memory: VLLMKVCacheMemory, server: CachingServer) -> None:
    one, two = memory.extract(LONG), memory.extract([{"role": "user", "content": "A joke, please."}])
    memory.add([one, two])
    joined = memory.get_cache([one.id, two.id])
    assert [message["role"] for message in server.requests[-1]["messages"]] == ["system", "user"]
    assert joined.metadata.merged_from == (one.id, two.id)
    assert joined.metadata.cached_tokens == one.metadata.prompt_tokens // 16 * 16
    assert joined.metadata.prompt_tokens == one.metadata.prompt_tokens + two.metadata.prompt_tokens
    with pytest.raises(InvalidRequest, match="at least one id"):
        memory.get_cache([])


def test_an_item_may_be_given_as_its_fields(memory: VLLMKVCacheMemory) -> None:
    item = memory.extract("one")
    memory.add(item.model_dump())
    assert memory.get_all() == [item]
    with pytest.raises(InvalidRequest, match="VLLMKVCacheItem field metadata"):
        memory.add({"memory": "no metadata"})


def test_a_dump_is_read_without_asking_the_server(
    memory: VLLMKVCacheMemory, server: CachingServer, tmp_path: Path
) -> None:
    memory.add(memory.extract("Zürich 🐈\u2028\x85 \ud800"))
    memory.dump(tmp_path)
    asked = len(server.requests)
    before = memory.get_all()
    memory.drop()
    assert memory.load(tmp_path) == 1
    assert memory.get_all() == before
    assert len(server.requests) == asked


def test_half_a_character_is_replaced(memory: VLLMKVCacheMemory, server: CachingServer) -> None:
    item = memory.extract("one \ud800")
    assert server.requests[0]["messages"][0]["content"] == item.metadata.messages[0].content == "one \ufffd"


def test_what_the_model_is_configured_with_reaches_the_server(server: CachingServer) -> None:
    memory = open_memory(
        server.url,
        backend="vllm",
        api_key="sk-own",
        headers={"X-Team": "a"},
        extra_body={"cache_salt": "acme"},
    )
    memory.extract("one")
    assert (server.requests[0]["cache_salt"], server.requests[0]["add_generation_prompt"]) == ("acme", False)
    assert (server.headers[0]["Authorization"], server.headers[0]["X-Team"]) == ("Bearer sk-own", "a")
    memory.close()


def test_a_slow_server_is_given_up_after_the_configured_time(server: CachingServer) -> None:
    server.delay_s = 0.5
    with pytest.raises(Unavailable, match=r"within 0.1 s"):
        open_memory(server.url, timeout_s=0.1).extract("one")


def test_a_server_that_fails_once_is_asked_as_often_as_configured(server: CachingServer) -> None:
    server.status = 503
    with pytest.raises(Unavailable):
        open_memory(server.url, max_retries=1).extract("one")
    assert len(server.requests) == 2


def test_a_server_that_fails_or_is_away_is_said_to(memory: VLLMKVCacheMemory, server: CachingServer) -> None:
    server.status = 503
    with pytest.raises(Unavailable, match="503"):
        memory.extract("one")
    with pytest.raises(Unavailable, match="no connection"):
        open_memory("http://127.0.0.1:9/v1").extract("one")


def test_openai_itself_is_no_server_of_ours() -> None:
    with pytest.raises(InvalidConfig, match="needs api_base"):
        open_memory(None)


@pytest.mark.parametrize("backend", ["huggingface", "deepseek", "ollama"])
def test_only_servers_with_such_a_cache_can_be_named(backend: str) -> None:
    other = {"backend": backend, "config": {"model_name_or_path": "m"}}
    with pytest.raises(InvalidConfig, match=f"'{backend}' cannot be used here; .*choose vllm"):
        VLLMKVCacheMemoryConfig.model_validate({"extractor_llm": other})
