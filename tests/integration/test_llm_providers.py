"""What is a provider's own among those of OpenAI's protocol. The rest is in the contract."""

from collections.abc import Generator
from typing import Any

import pytest

from memos.configs.llm import (
    AzureLLMConfig,
    DeepSeekLLMConfig,
    LLMConfigFactory,
    OpenAILLMConfig,
    QwenLLMConfig,
    VLLMLLMConfig,
)
from memos.errors import InvalidConfig, InvalidRequest, Unavailable
from memos.llms.azure import AzureLLM
from memos.llms.base import Usage
from memos.llms.factory import LLMFactory
from memos.llms.openai import OpenAILLM
from tests.support.openai_server import OpenAIServer, answer, failure, serving, stream

ASK = [{"role": "user", "content": "2 + 2?"}]


@pytest.fixture
def server() -> Generator[OpenAIServer]:
    with serving() as running:
        yield running


def _llm(config: type[OpenAILLMConfig], server: OpenAIServer, **changes: Any) -> OpenAILLM:
    values = {"model_name_or_path": "m", "api_base": server.url, "timeout_s": 5, "max_retries": 0}
    return OpenAILLM(config.model_validate({**values, **changes}))


def _azure(server: OpenAIServer, **changes: Any) -> AzureLLM:
    values = {"model_name_or_path": "chat-1", "base_url": server.url.removesuffix("/v1"), "api_key": "k-1"}
    return AzureLLM(AzureLLMConfig.model_validate({**values, "max_retries": 0, **changes}))


def test_azure_is_asked_by_its_own_url_and_header(server: OpenAIServer) -> None:
    assert _azure(server, api_version="2025-01-01-preview").generate(ASK) == "ok"
    assert server.paths == ["/openai/deployments/chat-1/chat/completions?api-version=2025-01-01-preview"]
    assert server.headers[0]["api-key"] == "k-1"
    assert "authorization" not in server.headers[0]


def test_azures_endpoint_may_be_named_by_the_environment(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.url.removesuffix("/v1"))
    assert _azure(server, base_url=None).generate(ASK) == "ok"


def test_azure_without_an_endpoint_or_a_key_says_what_to_set(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidConfig, match="give api_base or set AZURE_OPENAI_ENDPOINT"):
        _azure(server, base_url=None)
    with pytest.raises(InvalidConfig, match="AZURE_OPENAI_API_KEY is not set"):
        _azure(server, base_url="https://me.openai.azure.com", api_key=None)
    with pytest.raises(InvalidConfig, match="azure needs api_key for http://127"):
        _azure(server, api_key=None)


@pytest.mark.parametrize(("backend", "variable"), [("qwen", "DASHSCOPE_API_KEY"), ("deepseek", "DEEPSEEK_API_KEY")])
def test_a_provider_at_home_wants_its_own_key(backend: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.delenv(variable, raising=False)
    config = LLMConfigFactory.model_validate({"backend": backend, "config": {"model_name_or_path": "m"}})
    with pytest.raises(InvalidConfig, match=f"{variable} is not set"):
        LLMFactory.from_config(config)
    monkeypatch.setenv(variable, "sk-own")
    assert LLMFactory.from_config(config).model == "m"


def test_vllm_needs_no_key_anywhere(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    OpenAILLM(VLLMLLMConfig(model_name_or_path="m")).close()
    _llm(VLLMLLMConfig, server, api_key="").generate(ASK)
    assert server.keys == ["Bearer none"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (QwenLLMConfig, {"enable_thinking": False}),
        (VLLMLLMConfig, {"chat_template_kwargs": {"enable_thinking": False}}),
    ],
)
def test_thinking_is_switched_in_the_providers_words(
    server: OpenAIServer, config: type[OpenAILLMConfig], said: dict[str, Any]
) -> None:
    _llm(config, server).generate(ASK)
    _llm(config, server, enable_thinking=False).generate(ASK)
    (name,) = said
    assert name not in server.requests[0]
    assert server.requests[1][name] == said[name]


def test_what_is_given_beyond_the_protocol_is_merged_into_the_request(server: OpenAIServer) -> None:
    _llm(OpenAILLMConfig, server, extra_body={"seed": 5, "temperature": 0.3}).generate(ASK)
    _azure(server, extra_body={"seed": 6}).generate(ASK)
    assert (server.requests[0]["seed"], server.requests[0]["temperature"]) == (5, 0.3)
    assert server.requests[1]["seed"] == 6


def test_what_is_given_and_refused_is_not_left_out(server: OpenAIServer) -> None:
    server.replies = [failure(400, "top_k is unknown")]
    with pytest.raises(InvalidRequest, match="top_k is unknown"):
        _llm(OpenAILLMConfig, server, extra_body={"top_k": 5}).generate(ASK)


def test_a_server_that_refuses_to_count_a_stream_is_asked_without(server: OpenAIServer) -> None:
    told: list[Usage] = []
    server.replies = [failure(400, "unknown field: stream_options"), stream("Four.")]
    llm = _llm(OpenAILLMConfig, server)
    assert list(llm.generate_stream(ASK, on_usage=told.append)) == ["Four."]
    assert ["stream_options" in sent for sent in server.requests] == [True, False]
    assert told == []


def test_a_stream_is_counted_only_for_who_asks(server: OpenAIServer) -> None:
    server.replies = [stream("Four.")]
    list(_llm(OpenAILLMConfig, server).generate_stream(ASK))
    assert "stream_options" not in server.requests[0]


def test_tokens_that_were_cached_are_told(server: OpenAIServer) -> None:
    told: list[Usage] = []
    deepseek = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 8}
    server.replies = [answer("Four.", usage=deepseek)]
    _llm(DeepSeekLLMConfig, server).generate(ASK, on_usage=told.append)
    assert told == [Usage(prompt_tokens=9, completion_tokens=1, cached_tokens=8)]


def test_an_empty_account_is_not_the_callers_fault(server: OpenAIServer) -> None:
    server.replies = [failure(402, "Insufficient Balance")]
    with pytest.raises(Unavailable, match="Insufficient Balance"):
        _llm(DeepSeekLLMConfig, server).generate(ASK)
