"""Where an Azure deployment is found, and what is sent to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from memos.configs.embedder import EmbedderConfigFactory
from memos.embedders.base import Embedder
from memos.embedders.factory import EmbedderFactory
from memos.errors import InvalidConfig, InvalidRequest
from tests.support.embedding_server import AzureEmbeddings, serving


@pytest.fixture
def server() -> Iterator[AzureEmbeddings]:
    with serving(AzureEmbeddings()) as running:
        yield running


def _embedder(azure_kwargs: dict[str, Any], **values: Any) -> Embedder:
    config = {"azure_kwargs": azure_kwargs, "max_retries": 0, **values}
    return EmbedderFactory.from_config(
        EmbedderConfigFactory.model_validate({"backend": "azure_openai", "config": config})
    )


def test_what_is_not_configured_comes_from_the_environment(
    server: AzureEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDING_AZURE_OPENAI_API_KEY", server.key)
    monkeypatch.setenv("EMBEDDING_AZURE_ENDPOINT", server.url)
    monkeypatch.setenv("EMBEDDING_AZURE_DEPLOYMENT", server.deployment)
    monkeypatch.setenv("EMBEDDING_AZURE_API_VERSION", "2025-01-01-preview")
    empty = {"api_key": "", "azure_endpoint": "", "azure_deployment": "", "api_version": ""}
    assert _embedder(empty).embed(["a"])
    [request] = server.requests
    assert request.query["api-version"] == ["2025-01-01-preview"]
    assert request.body["model"] == "text-embedding-3-small"


def test_what_is_configured_goes_before_the_environment(
    server: AzureEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ENDPOINT", "DEPLOYMENT", "API_VERSION"):
        monkeypatch.setenv(f"EMBEDDING_AZURE_{name}", "wrong")
    given = {
        "api_key": server.key,
        "azure_endpoint": server.url,
        "azure_deployment": server.deployment,
        "api_version": "2024-02-01",
        "default_headers": {"X-Team": "memory"},
    }
    assert _embedder(given).embed(["a"])
    [request] = server.requests
    assert request.query["api-version"] == ["2024-02-01"]
    assert request.headers["x-team"] == "memory"


def test_the_model_is_the_deployment_when_none_is_named(server: AzureEmbeddings) -> None:
    given = {"api_key": server.key, "azure_endpoint": server.url}
    assert _embedder(given, model="embed-small").embed(["a"])
    assert server.requests[0].query["api-version"] == ["2024-10-21"]
    with pytest.raises(InvalidRequest, match=r"DeploymentNotFound.*check the deployment 'other'"):
        _embedder(given, model="other").embed(["a"])


def test_a_missing_endpoint_or_key_is_told(server: AzureEmbeddings) -> None:
    with pytest.raises(InvalidConfig, match="EMBEDDING_AZURE_ENDPOINT"):
        _embedder({"api_key": "k"})
    with pytest.raises(InvalidConfig, match="EMBEDDING_AZURE_OPENAI_API_KEY"):
        _embedder({"azure_endpoint": server.url})


def test_the_universal_backend_needs_endpoint_and_key_for_azure(server: AzureEmbeddings) -> None:
    values = {"provider": "azure", "model_name_or_path": server.deployment, "base_url": server.url}
    with pytest.raises(InvalidConfig, match=r"needs base_url .* and api_key"):
        EmbedderFactory.from_config(
            EmbedderConfigFactory.model_validate({"backend": "universal_api", "config": values})
        )
    values |= {"api_key": server.key, "api_version": "2024-06-01"}
    embedder = EmbedderFactory.from_config(
        EmbedderConfigFactory.model_validate({"backend": "universal_api", "config": values})
    )
    assert embedder.embed(["a"])
    assert server.requests[0].query["api-version"] == ["2024-06-01"]
