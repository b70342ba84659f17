"""Configurations of language models: where each provider lives, and what may be said of it."""

from typing import Any

import pytest

from memos.configs.llm import (
    AzureLLMConfig,
    DeepSeekLLMConfig,
    HuggingFaceLLMConfig,
    LLMConfig,
    LLMConfigFactory,
    OllamaLLMConfig,
    OpenAILLMConfig,
    QwenLLMConfig,
    RemoteLLMConfig,
    VLLMLLMConfig,
)
from memos.configs.secret import reveal
from memos.errors import InvalidConfig

# A configuration as MemOS's documents write it, for each backend.
PUBLISHED: dict[str, dict[str, Any]] = {
    "azure": {"base_url": "https://me.openai.azure.com/", "api_version": "2024-10-21", "api_key": "k"},
    "deepseek": {"api_key": "k", "api_base": "https://api.deepseek.com", "extra_body": None},
    "huggingface": {"do_sample": True, "add_generation_prompt": True},
    "huggingface_singleton": {"do_sample": False},
    "ollama": {"api_base": "http://localhost:11434", "enable_thinking": False},
    "openai": {"api_key": "k", "api_base": "https://api.openai.com/v1", "extra_body": {"seed": 1}},
    "qwen": {"api_key": "k", "extra_body": {"enable_thinking": True}},
    "vllm": {"api_key": "", "api_base": "http://localhost:8088/v1", "enable_thinking": True},
}
COMMON = {
    "model_name_or_path": "m",
    "temperature": 0.1,
    "max_tokens": 8,
    "top_p": 0.5,
    "top_k": 3,
    "remove_think_prefix": True,
}


@pytest.mark.parametrize("backend", LLMConfigFactory.known)
def test_a_published_configuration_is_read_and_written(backend: str) -> None:
    given = LLMConfigFactory.model_validate({"backend": backend, "config": {**COMMON, **PUBLISHED[backend]}})
    for name, value in {**COMMON, **PUBLISHED[backend]}.items():
        if name not in ("api_key", "base_url", "extra_body"):
            assert getattr(given.config, name) == value
    written = given.model_dump(mode="json")["config"]
    assert {*COMMON} <= {*written}


@pytest.mark.parametrize(
    ("config", "url"),
    [
        (OpenAILLMConfig, "https://api.openai.com/v1"),
        (QwenLLMConfig, "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
        (DeepSeekLLMConfig, "https://api.deepseek.com"),
        (VLLMLLMConfig, "http://localhost:8088/v1"),
    ],
)
def test_each_provider_has_a_home_that_another_url_replaces(config: type[OpenAILLMConfig], url: str) -> None:
    assert config(model_name_or_path="m").url == url
    assert config(model_name_or_path="m", api_base=None).url == url
    assert config(model_name_or_path="m", api_base="http://127.0.0.1:1/v1").url == "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("config", "url", "variable"),
    [
        (OpenAILLMConfig, "https://api.openai.com/v1/", "OPENAI_API_KEY"),
        (OpenAILLMConfig, "https://eu.api.openai.com/v1", "OPENAI_API_KEY"),
        (OpenAILLMConfig, "http://api.openai.com/v1", None),
        (OpenAILLMConfig, "https://api.openai.com.evil.example/v1", None),
        (OpenAILLMConfig, "https://evilapi.openai.com/v1", None),
        (OpenAILLMConfig, "https://user:api.openai.com@evil.example/v1", None),
        (OpenAILLMConfig, "https://api.deepseek.com", None),
        (QwenLLMConfig, "https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
        (QwenLLMConfig, "https://oss.aliyuncs.com", None),
        (DeepSeekLLMConfig, "https://api.deepseek.com/beta", "DEEPSEEK_API_KEY"),
        (DeepSeekLLMConfig, "https://api.openai.com/v1", None),
        (VLLMLLMConfig, "https://api.openai.com/v1", None),
        (AzureLLMConfig, "https://me.openai.azure.com/", "AZURE_OPENAI_API_KEY"),
        (AzureLLMConfig, "https://gateway.example/", None),
        (OllamaLLMConfig, "https://ollama.com", "OLLAMA_API_KEY"),
        (OllamaLLMConfig, "http://localhost:11434", None),
    ],
)
def test_a_providers_key_is_for_its_own_hosts_alone(
    config: type[RemoteLLMConfig], url: str, variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = config.home.find_key(url)
    if variable is None:
        assert found is None
    else:
        monkeypatch.setenv(variable, "sk-1")
        assert found is not None
        assert reveal(found) == "sk-1"


@pytest.mark.parametrize("name", ["model", "messages", "stream", "n"])
def test_what_each_call_decides_cannot_be_given_for_all(name: str) -> None:
    with pytest.raises(InvalidConfig, match=f"extra_body.*{name} cannot be given here"):
        OpenAILLMConfig(model_name_or_path="m", extra_body={name: 1})


def test_thinking_is_switched_in_each_providers_words() -> None:
    assert QwenLLMConfig(model_name_or_path="m").extras == {}
    assert QwenLLMConfig(model_name_or_path="m", enable_thinking=False).extras == {"enable_thinking": False}
    both = QwenLLMConfig(model_name_or_path="m", enable_thinking=False, extra_body={"seed": 1})
    assert both.extras == {"enable_thinking": False, "seed": 1}
    assert VLLMLLMConfig(model_name_or_path="m", extra_body={"seed": 1}).extras == {"seed": 1}
    given = {"chat_template_kwargs": {"tone": "dry"}, "seed": 1}
    values = {"model_name_or_path": "m", "enable_thinking": True, "extra_body": given}
    assert VLLMLLMConfig.model_validate(values).extras == {
        "chat_template_kwargs": {"enable_thinking": True, "tone": "dry"},
        "seed": 1,
    }


def test_headers_are_secrets_by_either_name() -> None:
    for name in ("headers", "default_headers"):
        config = OpenAILLMConfig.model_validate({"model_name_or_path": "m", name: {"x-door": "open-sesame"}})
        assert reveal(config.headers["x-door"]) == "open-sesame"
        assert "open-sesame" not in config.model_dump_json()
    assert OpenAILLMConfig.model_validate({"model_name_or_path": "m", "default_headers": None}).headers == {}


@pytest.mark.parametrize("name", ["api_base", "base_url", "azure_endpoint"])
def test_azures_endpoint_has_three_names(name: str) -> None:
    config = AzureLLMConfig.model_validate({"model_name_or_path": "m", name: "https://me.openai.azure.com"})
    assert config.url == "https://me.openai.azure.com"


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [
        (OpenAILLMConfig, "timeout_s", 0),
        (OpenAILLMConfig, "max_retries", 11),
        (QwenLLMConfig, "api_base", "dashscope"),
        (AzureLLMConfig, "api_version", ""),
        (AzureLLMConfig, "base_url", "me.openai.azure.com"),
        (OllamaLLMConfig, "api_base", "localhost:11434"),
        (OllamaLLMConfig, "num_ctx", 0),
        (HuggingFaceLLMConfig, "device", "tpu"),
    ],
)
def test_a_value_out_of_range_names_its_field(config: type[LLMConfig], field: str, value: object) -> None:
    with pytest.raises(InvalidConfig, match=field):
        config.model_validate({"model_name_or_path": "m", field: value})
