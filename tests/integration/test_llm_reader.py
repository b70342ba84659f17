"""The simple_struct reader over real HTTP, as the workers build it."""

import json
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from memos.errors import QuotaExceeded, Unavailable
from memos.mem_reader.factory import build_reader
from memos.settings import Settings
from tests.support.openai_server import OpenAIServer, Reply, answer, failure, serving
from tests.unit.mem_reader.conversations import conversation, message

TURNS = conversation(message("I moved to Lisbon last month."))
GOOD = answer(json.dumps({"facts": [{"text": "Ana moved to Lisbon in February 2025.", "evidence": [1]}]}))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        yield running


def _settings(server: OpenAIServer) -> Settings:
    return Settings(llm_base_url=server.url, llm_model="m", llm_api_key=SecretStr("sk-test"))


def test_facts_come_from_the_server_that_the_settings_name(server: OpenAIServer) -> None:
    server.replies = [GOOD]
    facts = build_reader("simple_struct", _settings(server)).read([TURNS])
    assert [fact.text for fact in facts[0]] == ["Ana moved to Lisbon in February 2025."]
    assert server.keys == ["Bearer sk-test"]
    assert server.requests[0]["temperature"] == 0
    assert server.requests[0]["response_format"]["type"] == "json_schema"


def test_a_server_without_schemas_is_asked_without_one(server: OpenAIServer) -> None:
    server.replies = [failure(400, "response_format is not supported"), GOOD]
    assert len(build_reader("simple_struct", _settings(server)).read([TURNS])[0]) == 1


def test_an_empty_answer_twice_is_unavailable(server: OpenAIServer) -> None:
    server.replies = [answer(None)]
    with pytest.raises(Unavailable, match="it is empty"):
        build_reader("simple_struct", _settings(server)).read([TURNS])
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("reply", "error"),
    [(failure(429, Retry_After="7"), QuotaExceeded), (failure(503), Unavailable), (Reply(body="{}"), Unavailable)],
)
def test_a_failing_server_is_not_asked_again_here(server: OpenAIServer, reply: Reply, error: type[Exception]) -> None:
    server.replies = [reply]
    with pytest.raises(error):
        build_reader("simple_struct", _settings(server)).read([TURNS])
    assert len(server.requests) == 1
