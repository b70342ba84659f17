"""mem0's embedder section becomes ours."""

from typing import Any, cast

import pytest

from memos.configs.mem0_embedder import embedder_from_mem0
from memos.configs.secret import reveal
from memos.errors import InvalidConfig


def _translate(provider: str, variables: dict[str, str] | None = None, **config: Any) -> Any:
    section = {"provider": provider, "config": config}
    translated = embedder_from_mem0(section, find_variable=(variables or {}).get)
    assert translated.backend == provider
    return cast(Any, translated.config)


@pytest.mark.parametrize(
    ("provider", "model", "dims"),
    [
        ("openai", "text-embedding-3-small", 1536),
        ("azure_openai", "text-embedding-3-small", 1536),
        ("ollama", "nomic-embed-text", 512),
        ("huggingface", "multi-qa-MiniLM-L6-cos-v1", None),
        ("gemini", "models/text-embedding-004", 768),
        ("vertexai", "text-embedding-004", 256),
        ("together", "togethercomputer/m2-bert-80M-8k-retrieval", 768),
        ("lmstudio", "nomic-embed-text-v1.5-GGUF/nomic-embed-text-v1.5.f16.gguf", 1536),
    ],
)
def test_each_provider_has_mem0s_defaults(provider: str, model: str, dims: int | None) -> None:
    config = _translate(provider)
    assert (config.model_name_or_path, config.embedding_dims) == (model, dims)


def test_without_a_provider_it_is_openai() -> None:
    for section in ({}, {"provider": None, "config": None}):
        assert embedder_from_mem0(section, find_variable={}.get).backend == "openai"


def test_given_values_go_before_the_defaults() -> None:
    config = _translate("ollama", model="mxbai-embed-large", embedding_dims=1024, ollama_base_url="http://o:1")
    assert (config.model_name_or_path, config.embedding_dims, config.api_base) == (
        "mxbai-embed-large",
        1024,
        "http://o:1",
    )
    assert _translate("lmstudio").base_url == "http://localhost:1234/v1"
    assert _translate("lmstudio", lmstudio_base_url="http://l/v1").base_url == "http://l/v1"
    assert _translate("together", together_base_url="http://t/v1").base_url == "http://t/v1"
    assert _translate("gemini", output_dimensionality=3).embedding_dims == 3
    assert _translate("huggingface", model_kwargs={"device": "cpu"}).model_kwargs.device == "cpu"
    assert _translate("openai", http_client_proxies="http://p").http_client_proxies.get_secret_value() == "http://p"


def test_the_parameters_of_azure_and_vertex_are_taken_over() -> None:
    azure = _translate("azure_openai", azure_kwargs={"azure_endpoint": "https://a", "api_version": ""}).azure_kwargs
    assert (azure.azure_endpoint, azure.api_version) == ("https://a", "")
    types = {f"memory_{action}_embedding_type": "CLUSTERING" for action in ("add", "update", "search")}
    vertex = _translate("vertexai", vertex_credentials_json="f.json", google_project_id="p", **types)
    assert (vertex.vertex_credentials_json, vertex.google_project_id) == ("f.json", "p")
    assert {getattr(vertex, name) for name in types} == {"CLUSTERING"}
    assert _translate("vertexai", google_service_account_json={"a": 1}).google_service_account_json is not None


def test_the_other_spelling_of_mem0s_pages_is_understood() -> None:
    config = _translate("openai", apiKey="k", embeddingDims=8)
    assert (reveal(config.api_key), config.embedding_dims) == ("k", 8)
    assert _translate("huggingface", huggingfaceBaseUrl="http://t/v1").huggingface_base_url == "http://t/v1"


def test_a_served_model_needs_no_name() -> None:
    assert _translate("huggingface", huggingface_base_url="http://t/v1").model_name_or_path == "tei"
    assert _translate("huggingface", huggingface_base_url="http://t/v1", model="m").model_name_or_path == "m"


def test_openais_address_in_a_variable_comes_with_its_key() -> None:
    both = {"OPENAI_API_BASE": "http://old/v1", "OPENAI_BASE_URL": "http://new/v1"}
    config = _translate("openai", both)
    assert (config.base_url, config.api_key.get_secret_value()) == ("http://old/v1", "env:OPENAI_API_KEY")
    assert _translate("openai", {"OPENAI_BASE_URL": "http://new/v1"}).base_url == "http://new/v1"
    own = _translate("openai", both, openai_base_url="http://mine/v1")
    assert (own.base_url, own.api_key) == ("http://mine/v1", None)
    assert reveal(_translate("openai", both, api_key="k").api_key) == "k"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("http://gpu:8080", "http://gpu:8080"),
        ("gpu:8080", "http://gpu:8080"),
        ("gpu", "http://gpu:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("https://ollama.example/", "https://ollama.example/"),
    ],
)
def test_ollamas_host_may_be_in_a_variable(host: str, url: str) -> None:
    assert _translate("ollama", {"OLLAMA_HOST": host}).api_base == url
    assert _translate("ollama", {"OLLAMA_HOST": host}, ollama_base_url="http://o").api_base == "http://o"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"provider": "aws_bedrock"}, "known: openai, azure_openai, ollama, huggingface, gemini, vertexai"),
        ({"provider": "ollama", "config": {"lmstudio_base_url": "http://l"}}, "known fields: api_key, embedding_dims"),
        ({"provider": "ollama", "settings": {}}, "known fields: config, provider"),
        ({"provider": "huggingface", "config": {"api_key": "k"}}, "huggingface_base_url"),
        ({"provider": "openai", "config": ["model"]}, "mapping"),
        ({"provider": ["openai"]}, "unknown provider"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_is(section: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidConfig, match=said):
        embedder_from_mem0(section, find_variable={}.get)
