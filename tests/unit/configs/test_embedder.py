"""The configuration of embedders: two spellings, strict fields, secrets."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from memos.configs.embedder import EmbedderConfig, EmbedderConfigFactory, VertexAIEmbedderConfig
from memos.embedders.factory import BACKENDS
from memos.errors import InvalidConfig


def _config(backend: str, **values: Any) -> Any:
    return cast(Any, EmbedderConfigFactory.model_validate({"backend": backend, "config": values}).config)


def test_every_configuration_has_its_builder() -> None:
    assert set(BACKENDS.names) == set(EmbedderConfigFactory.known)
    assert all(callable(BACKENDS.load(name)) for name in BACKENDS.names)


@pytest.mark.parametrize("backend", EmbedderConfigFactory.known)
def test_the_model_has_two_names(backend: str) -> None:
    ours, theirs = _config(backend, model_name_or_path="m"), _config(backend, model="m")
    assert ours == theirs
    assert ours.model_name_or_path == "m"
    with pytest.raises(InvalidConfig):
        _config(backend, model="m", model_name_or_path="m")


@pytest.mark.parametrize(
    ("backend", "field", "names"),
    [
        ("ollama", "api_base", ["api_base", "base_url", "ollama_base_url"]),
        ("openai", "base_url", ["base_url", "openai_base_url", "api_base"]),
        ("together", "base_url", ["base_url", "together_base_url"]),
        ("lmstudio", "base_url", ["base_url", "lmstudio_base_url"]),
        ("huggingface", "huggingface_base_url", ["huggingface_base_url", "base_url"]),
    ],
)
def test_a_url_may_be_called_as_either_product_calls_it(backend: str, field: str, names: list[str]) -> None:
    for name in names:
        assert getattr(_config(backend, **{name: "http://e"}), field) == "http://e"
    with pytest.raises(InvalidConfig):
        _config(backend, **{names[0]: "ftp://e"})


def test_google_calls_the_dimension_otherwise() -> None:
    assert _config("gemini", output_dimensionality=256).embedding_dims == 256
    assert _config("vertexai", google_project="p").google_project_id == "p"


@pytest.mark.parametrize("backend", EmbedderConfigFactory.known)
def test_an_unknown_field_is_refused_with_the_known_ones(backend: str) -> None:
    with pytest.raises(InvalidConfig, match=r"known fields: .*embedding_dims"):
        _config(backend, model="m", embeding_dims=3)


@pytest.mark.parametrize(
    ("backend", "values"),
    [
        ("gemini", {"batch_size": 101}),
        ("vertexai", {"batch_size": 251}),
        ("openai", {"batch_size": 2049}),
        ("ollama", {"timeout_s": 0}),
        ("ollama", {"embedding_dims": 0}),
        ("ollama", {"max_retries": 11}),
        ("gemini", {"memory_search_embedding_type": "GUESSING"}),
        ("vertexai", {"api_key": "k", "vertex_credentials_json": "f"}),
        ("huggingface", {"api_key": "k"}),
        ("huggingface", {"huggingface_base_url": "http://e", "model_kwargs": {"device": "cpu"}}),
        ("sentence_transformer", {"model_kwargs": {"trust_remote_code": True}}),
        ("sentence_transformer", {"model_kwargs": {"model_kwargs": {"trust_remote_code": True}}}),
        ("sentence_transformer", {"model_kwargs": {"truncate_dim": 0}}),
        ("azure_openai", {"azure_kwargs": {"azure_endpoint": "nowhere"}}),
        ("universal_api", {"model": "m", "provider": "bedrock"}),
    ],
)
def test_a_value_that_cannot_work_is_refused(backend: str, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig):
        _config(backend, **values)


def test_secrets_are_masked_wherever_they_are(tmp_path: Path) -> None:
    secrets = {
        "azure_openai": {"azure_kwargs": {"api_key": "s3cret", "default_headers": {"X-Key": "s3cret"}}},
        "vertexai": {"google_service_account_json": {"private_key": "s3cret"}},
        "ollama": {"api_key": "s3cret", "http_client_proxies": {"all://": "http://me:s3cret@p"}},
    }
    for backend, values in secrets.items():
        config = EmbedderConfigFactory.model_validate({"backend": backend, "config": values})
        config.to_json_file(tmp_path / "config.json")
        assert "s3cret" not in (tmp_path / "config.json").read_text(encoding="utf-8")
        assert "s3cret" not in repr(config)


@pytest.mark.parametrize("backend", EmbedderConfigFactory.known)
def test_a_configuration_survives_being_written_and_read(backend: str) -> None:
    config = EmbedderConfigFactory.model_validate({"backend": backend, "config": {"model": "m", "embedding_dims": 3}})
    assert EmbedderConfigFactory.model_validate(json.loads(config.model_dump_json())) == config


@pytest.mark.parametrize(
    ("backend", "values"),
    [
        ("huggingface", {"api_key": "s3cret"}),
        ("vertexai", {"api_key": "s3cret", "google_service_account_json": {"a": "s3cret"}}),
    ],
)
def test_a_refusal_shows_no_key(backend: str, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig) as caught:
        _config(backend, **values)
    assert "s3cret" not in str(caught.value)


def test_a_service_account_may_be_an_object_or_its_json() -> None:
    account = {"type": "service_account"}
    given = VertexAIEmbedderConfig(google_service_account_json=account)
    assert given == VertexAIEmbedderConfig(google_service_account_json=json.dumps(account))


@pytest.mark.parametrize("backend", EmbedderConfigFactory.known)
def test_every_field_is_described_in_the_schema(backend: str) -> None:
    known = EmbedderConfigFactory.known[backend]
    assert issubclass(known, EmbedderConfig)
    assert known.model_json_schema()["properties"]
