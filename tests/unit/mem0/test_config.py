"""mem0's dictionary: what each section becomes, and what is refused with its reason."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos.configs.llm import AzureLLMConfig, LLMConfigFactory, RemoteLLMConfig
from memos.configs.secret import reveal
from memos.configs.vec_db import MilvusVecDBConfig
from memos.errors import InvalidConfig
from memos.mem0 import Memory
from memos.mem0.config import config_from_mem0
from memos.mem0.llm import llm_from_mem0
from memos.mem0.reranker import reranker_from_mem0
from memos.mem0.vector_store import VectorStore, store_from_mem0
from memos.settings import Settings


def no_variable(_: str) -> str | None:
    return None


def variables(**values: str) -> Callable[[str], str | None]:
    return values.get


def remote(found: LLMConfigFactory) -> RemoteLLMConfig:
    assert isinstance(found.config, RemoteLLMConfig)
    return found.config


def llm(provider: str, find: Callable[[str], str | None] = no_variable, **config: Any) -> LLMConfigFactory:
    return llm_from_mem0({"provider": provider, "config": config}, find_variable=find)


@pytest.mark.parametrize(
    ("provider", "backend", "model", "url", "key"),
    [
        ("openai", "openai", "gpt-5-mini", "https://api.openai.com/v1", None),
        ("openai_structured", "openai", "gpt-5-mini", "https://api.openai.com/v1", None),
        ("deepseek", "deepseek", "deepseek-chat", "https://api.deepseek.com", None),
        ("groq", "openai", "llama-3.3-70b-versatile", "https://api.groq.com/openai/v1", "env:GROQ_API_KEY"),
        ("together", "openai", "MiniMaxAI/MiniMax-M3", "https://api.together.xyz/v1", "env:TOGETHER_API_KEY"),
        ("xai", "openai", "grok-4.3", "https://api.x.ai/v1", "env:XAI_API_KEY"),
        ("minimax", "openai", "MiniMax-M2.7", "https://api.minimax.io/v1", "env:MINIMAX_API_KEY"),
        ("sarvam", "openai", "sarvam-m", "https://api.sarvam.ai/v1", "env:SARVAM_API_KEY"),
        ("vllm", "vllm", "Qwen/Qwen2.5-32B-Instruct", "http://localhost:8000/v1", None),
        ("ollama", "ollama", "llama3.1:70b", "http://localhost:11434", None),
    ],
)
def test_each_provider_has_mem0s_defaults(provider: str, backend: str, model: str, url: str, key: str | None) -> None:
    found = llm(provider)
    config = remote(found)
    assert (found.backend, config.model_name_or_path, config.url) == (backend, model, url)
    assert (config.api_key.get_secret_value() if config.api_key else None) == key
    assert (config.temperature, config.max_tokens, config.top_p) == (0.1, 2000, 0.1)


def test_lmstudio_is_on_this_machine() -> None:
    assert remote(llm("lmstudio", model="m")).url == "http://localhost:1234/v1"


def test_common_parameters_are_kept() -> None:
    given = {"model": "m", "temperature": 0.7, "max_tokens": 50, "top_p": 0.5, "top_k": 3, "api_key": "sk"}
    for provider in ("openai", "groq", "ollama", "vllm"):
        config = remote(llm(provider, **given))
        assert (config.model_name_or_path, config.temperature, config.max_tokens) == ("m", 0.7, 50)
        assert (config.top_p, config.top_k) == (0.5, 3)
        assert config.api_key is not None
        assert reveal(config.api_key) == "sk"


@pytest.mark.parametrize(
    ("provider", "field"),
    [
        ("openai", "openai_base_url"),
        ("deepseek", "deepseek_base_url"),
        ("lmstudio", "lmstudio_base_url"),
        ("minimax", "minimax_base_url"),
        ("ollama", "ollama_base_url"),
        ("vllm", "vllm_base_url"),
        ("xai", "xai_base_url"),
    ],
)
def test_an_address_of_ones_own_gets_no_key_of_the_providers(provider: str, field: str) -> None:
    config = remote(llm(provider, **{field: "http://my.host/v1"}))
    assert config.url == "http://my.host/v1"
    assert config.api_key is None


@pytest.mark.parametrize(
    ("provider", "variable", "key"),
    [
        ("openai", "OPENAI_BASE_URL", "env:OPENAI_API_KEY"),
        ("deepseek", "DEEPSEEK_API_BASE", "env:DEEPSEEK_API_KEY"),
        ("xai", "XAI_API_BASE", "env:XAI_API_KEY"),
        ("minimax", "MINIMAX_API_BASE", "env:MINIMAX_API_KEY"),
        ("sarvam", "SARVAM_API_BASE", "env:SARVAM_API_KEY"),
    ],
)
def test_an_address_in_the_providers_variable_gets_its_key(provider: str, variable: str, key: str) -> None:
    config = remote(llm(provider, variables(**{variable: "https://proxy/v1"})))
    assert config.url == "https://proxy/v1"
    assert config.api_key is not None
    assert config.api_key.get_secret_value() == key


def test_vllms_variables() -> None:
    config = remote(llm("vllm", variables(VLLM_BASE_URL="http://gpu/v1", VLLM_API_KEY="k")))
    assert config.url == "http://gpu/v1"
    assert config.api_key is not None
    assert config.api_key.get_secret_value() == "env:VLLM_API_KEY"


def test_azure_takes_its_deployment_from_the_configuration_or_the_variables() -> None:
    own = {"azure_endpoint": "https://r.openai.azure.com", "azure_deployment": "d", "api_key": "k", "api_version": "v"}
    found = llm("azure_openai", azure_kwargs={**own, "default_headers": {"h": "1"}}, model="unused")
    assert isinstance(found.config, AzureLLMConfig)
    assert (found.config.url, found.config.model_name_or_path) == ("https://r.openai.azure.com", "d")
    assert (found.config.api_version, reveal(found.config.headers["h"])) == ("v", "1")
    told = variables(
        LLM_AZURE_ENDPOINT="https://e.openai.azure.com", LLM_AZURE_DEPLOYMENT="x", LLM_AZURE_OPENAI_API_KEY="k"
    )
    config = remote(llm("azure_openai_structured", told))
    assert (config.url, config.model_name_or_path) == ("https://e.openai.azure.com", "x")
    assert config.api_key is not None
    assert config.api_key.get_secret_value() == "env:LLM_AZURE_OPENAI_API_KEY"


def test_effort_and_storing_go_into_each_request() -> None:
    found = llm("openai", reasoning_effort="low", store=False)
    assert getattr(found.config, "extra_body", None) == {"reasoning_effort": "low", "store": False}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ([], "llm must be a mapping"),
        ({"provider": "anthropic"}, "unknown provider 'anthropic'; known: azure_openai, .*xai; .*openai_base_url"),
        ({"provider": "openai", "model": "m"}, "unknown field 'model'; known fields: config, provider"),
        ({"config": {"modle": "m"}}, "llm openai field config: unknown field 'modle'; known fields: .*model"),
        ({"config": []}, "expected a mapping, not list"),
        ({"config": {"enable_vision": True}}, "enable_vision cannot be honoured: memories are made of text"),
        ({"config": {"vision_details": "high"}}, "vision_details cannot be honoured"),
        ({"config": {"is_reasoning_model": True}}, "is_reasoning_model cannot be honoured"),
        ({"config": {"http_client_proxies": "http://p"}}, "HTTPS_PROXY"),
        ({"config": {"temperature": 9}}, "temperature"),
        ({"provider": "groq", "config": {"store": True}}, "unknown field 'store'"),
        ({"provider": "azure_openai", "config": {"azure_kwargs": {"x": 1}}}, "azure_kwargs: unknown field 'x'"),
    ],
)
def test_an_llm_section_that_cannot_be_honoured_is_refused(section: Any, message: str) -> None:
    with pytest.raises(InvalidConfig, match=message):
        llm_from_mem0(section, find_variable=no_variable)


def test_what_says_nothing_new_is_accepted() -> None:
    assert remote(llm("openai", enable_vision=False, vision_details="auto", model=None, is_reasoning_model=None))


def test_a_milvus_section() -> None:
    config = {"url": "http://h:1", "token": "t", "collection_name": "c", "embedding_model_dims": 3, "db_name": "d"}
    found = store_from_mem0({"provider": "milvus", "config": {**config, "metric_type": "COSINE"}})
    assert (found.collection, found.dimension) == ("c", 3)
    assert isinstance(found.server, MilvusVecDBConfig)
    assert (found.server.url, reveal(found.server.token), found.server.collection) == ("http://h:1/d", "t", "c")
    plain = store_from_mem0({"provider": "milvus", "config": {"token": None}}).server
    assert plain == MilvusVecDBConfig.model_validate({"url": "http://localhost:19530", "collection": "mem0"})


def test_without_a_section_the_settings_say_where() -> None:
    assert config_from_mem0({}).vector_store == VectorStore(collection="mem0")
    section = {"provider": "memos", "config": {"collection_name": "notes", "embedding_model_dims": 5}}
    assert store_from_mem0(section) == VectorStore(collection="notes", dimension=5)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "unknown provider 'qdrant'; known: milvus, memos; memories are kept in Milvus"),
        ({"provider": "chroma", "config": {"path": "x"}}, "unknown provider 'chroma'"),
        ({"provider": "milvus", "config": {"host": "x"}}, "known fields: collection_name, db_name, .*url"),
        ({"provider": "milvus", "config": {"metric_type": "L2"}}, "scores are cosines here"),
        ({"provider": "milvus", "config": {"db_name": "a/b"}}, "db_name"),
        ({"provider": "milvus", "config": {"url": "./milvus.db"}}, "url"),
        ({"provider": "milvus", "config": {"collection_name": "a b"}}, "collection"),
        ({"provider": "memos", "config": {"url": "http://h"}}, "known fields: collection_name, embedding_model_dims"),
    ],
)
def test_a_store_that_cannot_be_honoured_is_refused(section: Any, message: str) -> None:
    with pytest.raises(InvalidConfig, match=message):
        config_from_mem0({"vector_store": section})


def test_rerankers_become_ours() -> None:
    cohere = reranker_from_mem0({"config": {"top_k": 3}})
    assert (cohere.config.backend, cohere.top_k) == ("http_bge", 3)
    assert getattr(cohere.config.config, "url", "") == "https://api.cohere.com/v2/rerank"
    local = reranker_from_mem0({"provider": "sentence_transformer", "config": {"device": "cpu", "batch_size": 4}})
    assert local.config.backend == "cross_encoder"
    assert getattr(local.config.config, "model_name_or_path", "") == "cross-encoder/ms-marco-MiniLM-L-6-v2"
    face = reranker_from_mem0({"provider": "huggingface", "config": {"model": "m", "max_length": 64}})
    assert getattr(face.config.config, "max_length", 0) == 64
    ours = reranker_from_mem0({"provider": "memos", "config": {"backend": "cosine_local", "config": {}}})
    assert ours.config.backend == "cosine_local"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"provider": "llm_reranker"}, "known: cohere, huggingface, sentence_transformer, memos"),
        ({"config": {"max_chunks_per_doc": 2}}, "unknown field 'max_chunks_per_doc'; known fields: api_key, model"),
        ({"config": {"top_k": 0}}, "top_k must be a whole number above 0"),
    ],
)
def test_a_reranker_that_cannot_be_honoured_is_refused(section: Any, message: str) -> None:
    with pytest.raises(InvalidConfig, match=message):
        reranker_from_mem0(section)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "must be a dictionary"),
        ({"graph_store": {}}, "known fields: custom_instructions, embedder, history_db_path, llm, reranker"),
        ({"custom_fact_extraction_prompt": "x"}, "custom_instructions"),
        ({"version": "v1.0"}, "'v1.1'"),
        ({"custom_instructions": "Only food."}, "add an llm section"),
        ({"embedder": {"provider": "cohere"}}, "unknown provider 'cohere'; known: openai"),
        ({"embedder": "openai"}, "embedder must be a mapping"),
    ],
)
def test_a_configuration_that_cannot_be_honoured_is_a_value_error_too(given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=message) as caught:
        Memory.from_config(given, settings=Settings(data_dir=tmp_path, milvus_url="memory://"))
    assert isinstance(caught.value, ValueError)


def test_sections_may_be_none_and_version_is_known() -> None:
    given = {"llm": None, "embedder": None, "reranker": None, "history_db_path": None, "version": "v1.1"}
    assert config_from_mem0(given) == config_from_mem0({})


def test_importing_the_package_is_light() -> None:
    heavy = ("pydantic", "sqlalchemy", "pymilvus", "torch")
    program = f"import sys, memos.mem0; print([name for name in {heavy!r} if name in sys.modules])"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert imported.stdout.strip() == "[]"


def test_the_package_knows_its_names_and_no_others() -> None:
    import memos.mem0

    assert memos.mem0.MemoryConfig() == config_from_mem0({})
    with pytest.raises(AttributeError, match="AsyncMemory"):
        getattr(memos.mem0, "AsyncMemory")  # noqa: B009
