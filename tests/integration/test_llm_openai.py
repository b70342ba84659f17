"""The OpenAI client against a real HTTP server that answers well, badly, and not at all."""

import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from memos.configs.llm import OpenAILLMConfig
from memos.errors import InvalidRequest, QuotaExceeded, Unavailable
from memos.llms.openai import OpenAILLM
from tests.support.openai_server import OpenAIServer, Reply, answer, failure, serving, stream

ASK = [{"role": "user", "content": "2 + 2?"}]
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        yield running


def _llm(server: OpenAIServer, **changes: Any) -> OpenAILLM:
    values = {"model_name_or_path": "m", "api_base": server.url, "timeout_s": 5, "max_retries": 0}
    return OpenAILLM(OpenAILLMConfig.model_validate({**values, **changes}))


def test_answers_and_sends_every_parameter(server: OpenAIServer) -> None:
    server.replies = [answer("Four.")]
    llm = _llm(server, temperature=0.1, top_p=0.5, top_k=7, max_tokens=9, api_key=SecretStr("sk-test"))
    assert llm.generate(ASK) == "Four."
    sent = server.requests[0]
    assert sent["messages"] == ASK
    assert (sent["model"], sent["temperature"], sent["top_p"], sent["top_k"], sent["max_tokens"]) == (
        "m",
        0.1,
        0.5,
        7,
        9,
    )
    assert server.keys == ["Bearer sk-test"]


def test_the_key_of_openai_does_not_go_to_another_server(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    _llm(server).generate(ASK)
    assert server.keys == ["Bearer none"]


def test_a_thought_is_dropped_unless_it_is_wanted(server: OpenAIServer) -> None:
    server.replies = [answer("<think>hm</think>\nFour.")]
    assert _llm(server).generate(ASK) == "Four."
    assert _llm(server, remove_think_prefix=False).generate(ASK) == "<think>hm</think>\nFour."


def test_streams_pieces_without_the_thought(server: OpenAIServer) -> None:
    server.replies = [stream("<thi", "nk>h", "m</think>", "\n", "Fo", "ur.")]
    assert list(_llm(server).generate_stream(ASK)) == ["Fo", "ur."]
    server.replies = [stream("<think>x</think>", "Four.")]
    assert list(_llm(server, remove_think_prefix=False).generate_stream(ASK)) == ["<think>x</think>", "Four."]


@pytest.mark.parametrize("is_cut", [True, False])
def test_a_stream_that_stops_early_is_an_error_after_its_pieces(server: OpenAIServer, is_cut: bool) -> None:
    server.replies = [stream("Fo", finish_reason=None, is_cut=is_cut)]
    pieces = _llm(server).generate_stream(ASK)
    assert next(pieces) == "Fo"
    with pytest.raises(Unavailable, match="llm is unavailable"):
        next(pieces)


def test_an_error_inside_a_stream_is_raised(server: OpenAIServer) -> None:
    server.replies = [Reply(lines=['data: {"error": {"message": "out of memory"}}\n\n'])]
    with pytest.raises(Unavailable, match="out of memory"):
        list(_llm(server).generate_stream(ASK))


def test_a_schema_is_sent_strictly(server: OpenAIServer) -> None:
    _llm(server).generate(ASK, json_schema=SCHEMA)
    assert server.requests[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
    }


@pytest.mark.parametrize(
    ("refusal", "name"),
    [
        (failure(400, "response_format json_schema is not supported"), "response_format"),
        (failure(400, "unsupported", param="response_format.type"), "response_format"),
        (failure(422, "extra fields: top_k"), "top_k"),
        (failure(400, "only the default is supported", param="temperature"), "temperature"),
    ],
)
def test_what_a_server_refuses_is_left_out_with_a_warning(
    server: OpenAIServer, refusal: Reply, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.replies = [refusal, answer("{}")]
    llm = _llm(server)
    with caplog.at_level(logging.WARNING):
        assert llm.generate(ASK, json_schema=SCHEMA) == "{}"
    assert f"refuses {name}" in caplog.text
    assert [name in sent for sent in server.requests] == [True, False]
    llm.generate(ASK, json_schema=SCHEMA)
    assert name not in server.requests[2]


def test_a_server_that_refuses_everything_is_an_invalid_request(server: OpenAIServer) -> None:
    server.replies = [failure(400, "temperature top_p top_k response_format")]
    with pytest.raises(InvalidRequest, match="answered 400"):
        _llm(server).generate(ASK, json_schema=SCHEMA)
    assert len(server.requests) == 5


def test_a_limit_tells_how_long_to_wait(server: OpenAIServer) -> None:
    server.replies = [failure(429, Retry_After="7")]
    with pytest.raises(QuotaExceeded) as caught:
        _llm(server).generate(ASK)
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_said_to_be_refused(server: OpenAIServer, status: int) -> None:
    server.replies = [failure(status, "sk-secret is wrong")]
    with pytest.raises(Unavailable, match=rf"refused the API key \({status}\); check api_key") as caught:
        _llm(server).generate(ASK)
    assert "sk-secret" not in str(caught.value)


def test_a_wrong_model_says_where_to_look(server: OpenAIServer) -> None:
    server.replies = [failure(404, "no model m")]
    with pytest.raises(InvalidRequest, match=r"no model m.*check the model's name"):
        _llm(server).generate(ASK)


def test_a_failing_server_is_unavailable(server: OpenAIServer) -> None:
    server.replies = [failure(500, "boom")]
    with pytest.raises(Unavailable, match=r"answered 500: .*boom"):
        _llm(server).generate(ASK)


def test_a_failure_is_repeated_as_often_as_configured(server: OpenAIServer) -> None:
    server.replies = [failure(500), answer("Four.")]
    assert _llm(server, max_retries=1).generate(ASK) == "Four."
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body="<html>login</html>", headers={"Content-Type": "text/html"}),
        Reply(body="{not json"),
        Reply(body="{}"),
        Reply(body='{"choices": []}'),
        Reply(body='{"choices": [{"message": 3}]}'),
        Reply(body="[]"),
        Reply(body="null"),
    ],
)
def test_what_is_not_a_completion_is_unavailable(server: OpenAIServer, reply: Reply) -> None:
    server.replies = [reply]
    with pytest.raises(Unavailable, match="answered what cannot be used"):
        _llm(server).generate(ASK)


def test_what_is_not_a_stream_is_unavailable(server: OpenAIServer) -> None:
    for lines in (["data: {not json\n\n"], ['data: {"choices": 3}\n\n'], ["\n\n"]):
        server.replies = [Reply(lines=lines)]
        with pytest.raises(Unavailable, match="cannot be used"):
            list(_llm(server).generate_stream(ASK))


def test_no_content_is_an_empty_answer(server: OpenAIServer) -> None:
    server.replies = [answer(None)]
    assert _llm(server).generate(ASK) == ""


def test_a_cut_answer_is_logged(server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    server.replies = [answer("Fo", finish_reason="length")]
    with caplog.at_level(logging.WARNING):
        assert _llm(server, max_tokens=1).generate(ASK) == "Fo"
    assert "cut at max_tokens=1" in caplog.text


def test_a_silent_server_is_given_up_in_time(server: OpenAIServer) -> None:
    server.replies = [Reply(hangs=True)]
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"no answer from .* within 0\.2 s"):
        _llm(server, timeout_s=0.2).generate(ASK)
    assert time.monotonic() - started < 5


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    started = time.monotonic()
    with pytest.raises(Unavailable, match=f"no connection to {url}"):
        OpenAILLM(OpenAILLMConfig(model_name_or_path="m", api_base=url)).generate(ASK)
    assert time.monotonic() - started < 5


def test_text_that_utf8_cannot_hold_is_sent_all_the_same(server: OpenAIServer) -> None:
    _llm(server).generate([{"role": "user", "content": "a\ud800b\x00"}])
    assert server.requests[0]["messages"][0]["content"] == "a\ufffdb\x00"


def test_an_abandoned_stream_gives_its_connection_back(server: OpenAIServer) -> None:
    server.replies = [stream(*["x"] * 50), answer("Four.")]
    llm = _llm(server)
    pieces = llm.generate_stream(ASK)
    assert next(pieces) == "x"
    del pieces
    assert llm.generate(ASK) == "Four."
    llm.close()


def test_a_request_is_json_without_surprises(server: OpenAIServer) -> None:
    _llm(server).generate(ASK)
    assert set(json.loads(json.dumps(server.requests[0]))) == {
        "messages", "model", "temperature", "top_p", "top_k", "max_tokens", "stream"
    }  # fmt: skip
