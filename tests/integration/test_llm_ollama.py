"""What is Ollama's own: its options, its variables, its thoughts and its errors. The rest is in the contract."""

import json
import logging
import subprocess
import sys
from collections.abc import Generator
from typing import Any

import httpx
import ollama
import pytest

from memos.configs.llm import OllamaLLMConfig
from memos.errors import InvalidConfig, InvalidRequest, Unavailable
from memos.llms.base import Usage
from memos.llms.ollama import OllamaLLM
from memos.settings import child_environment
from tests.support.ollama_replies import answer, failure, stream
from tests.support.ollama_server import OllamaServer
from tests.support.scripted_server import Reply, ScriptedServer, running

ASK = [{"role": "user", "content": "2 + 2?"}]


@pytest.fixture
def server() -> Generator[ScriptedServer]:
    with running(ScriptedServer()) as started:
        started.replies = [answer("Four.")]
        yield started


def _llm(server: ScriptedServer, **changes: Any) -> OllamaLLM:
    values = {"model_name_or_path": "qwen3:0.6b", "api_base": server.url, "timeout_s": 5, "max_retries": 0}
    return OllamaLLM(OllamaLLMConfig.model_validate({**values, **changes}))


def test_only_what_is_configured_is_said(server: ScriptedServer) -> None:
    _llm(server).generate(ASK)
    (sent,) = server.requests
    assert sent["options"] == {"temperature": 0.8, "top_p": 0.9, "top_k": 50, "num_predict": 1024}
    assert not {"think", "format"} & set(sent)
    assert server.paths == ["/api/chat"]


@pytest.mark.parametrize("is_wanted", [True, False])
def test_thinking_is_switched(server: ScriptedServer, is_wanted: bool) -> None:
    _llm(server, enable_thinking=is_wanted).generate(ASK)
    assert server.requests[0]["think"] is is_wanted


def test_the_context_may_be_made_longer_than_the_servers_own(server: ScriptedServer) -> None:
    _llm(server, num_ctx=16_384).generate(ASK)
    assert server.requests[0]["options"]["num_ctx"] == 16_384


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_the_server_may_be_named_by_the_environment(
    server: ScriptedServer, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"{scheme}{server.url.removeprefix('http://')}")
    assert _llm(server, api_base=None).generate(ASK) == "Four."


def test_a_configured_server_goes_before_the_environments(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    assert _llm(server).generate(ASK) == "Four."


def test_the_key_of_ollamas_cloud_is_asked_for_there_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_API_KEY", raising=False)
    with pytest.raises(InvalidConfig, match="OLLAMA_API_KEY is not set"):
        OllamaLLM(OllamaLLMConfig(model_name_or_path="m", api_base="https://ollama.com"))
    OllamaLLM(OllamaLLMConfig(model_name_or_path="m", api_base="http://127.0.0.1:1")).close()


def test_an_error_inside_a_stream_is_raised_after_its_pieces(server: ScriptedServer) -> None:
    lines = [*stream("Fo", done=False).lines, json.dumps({"error": "out of memory"}) + "\n"]
    server.replies = [Reply(lines=lines)]
    pieces = _llm(server).generate_stream(ASK)
    assert next(pieces) == "Fo"
    with pytest.raises(Unavailable, match="out of memory"):
        next(pieces)


@pytest.mark.parametrize("line", ["{not json\n", "[]\n", "3\n", '{"message": 3}\n', "\n"])
def test_what_is_not_a_stream_is_unavailable(server: ScriptedServer, line: str) -> None:
    server.replies = [Reply(lines=[line])]
    with pytest.raises(Unavailable, match="cannot be used"):
        list(_llm(server).generate_stream(ASK))


def test_a_model_that_cannot_think_says_so(server: ScriptedServer) -> None:
    server.replies = [failure(400, '"m" does not support thinking')]
    with pytest.raises(InvalidRequest, match="does not support thinking"):
        _llm(server, enable_thinking=True).generate(ASK)


def test_a_cut_answer_is_logged(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    server.replies = [answer("Fo", done_reason="length")]
    with caplog.at_level(logging.WARNING):
        assert _llm(server, max_tokens=1).generate(ASK) == "Fo"
    assert "cut at max_tokens=1" in caplog.text


def test_a_prompt_that_the_server_had_computed_counts_as_nothing_told(server: ScriptedServer) -> None:
    told: list[Usage] = []
    server.replies = [answer("Four.", usage={"eval_count": 2})]
    _llm(server).generate(ASK, on_usage=told.append)
    assert told == [Usage(prompt_tokens=0, completion_tokens=2)]


def test_a_missing_package_is_named(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ollama", None)
    with pytest.raises(InvalidConfig, match="needs the package 'ollama'"):
        _llm(server)


@pytest.mark.models
def test_the_stand_in_answers_like_ollama() -> None:
    with OllamaServer() as server:
        client = ollama.Client(server.url)
        assert [found.model for found in client.list().models] == ["qwen3:0.6b", "nomic-embed-text:latest"]
        assert client.show("nomic-embed-text").capabilities == ["embedding"]
        rows = client.embed("nomic-embed-text", ["a cat", "a kitten", "tax law"]).embeddings
        assert [len(row) for row in rows] == [384] * 3
        near, far = (sum(a * b for a, b in zip(rows[0], row, strict=True)) for row in rows[1:])
        assert near > far
        for model, thinks, status in (
            ("absent", None, 404),
            ("qwen3:0.6b", True, 400),
            ("nomic-embed-text", None, 400),
        ):
            with pytest.raises(ollama.ResponseError) as caught:
                client.chat(model, ASK, think=thinks)
            assert caught.value.status_code == status
        assert client.chat("qwen3:0.6b", []).done_reason == "load"
        assert client.chat("qwen3:0.6b", ASK, options={"num_predict": 1}).done_reason == "length"


def test_the_stand_in_runs_as_a_process_of_its_own() -> None:
    argv = [sys.executable, "-m", "tests.support.ollama_server", "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=child_environment(PYTHONPATH=".")) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert httpx.get(f"{url}/api/version").json() == {"version": "0.12.0"}
        finally:
            process.terminate()
