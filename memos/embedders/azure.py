"""Embeddings by a deployment of Azure OpenAI."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import openai
from pydantic import SecretStr

from memos.configs.embedder import AzureOpenAIEmbedderConfig, RemoteEmbedderConfig
from memos.configs.secret import reveal
from memos.embedders.openai import OpenAIWire
from memos.embedders.proxies import choose_proxy
from memos.embedders.remote import RemoteEmbedder
from memos.errors import InvalidConfig
from memos.llms.ambient import withhold
from memos.llms.openai_client import Endpoint, limit_time, reveal_all
from memos.settings import read_secret

_PREFIX: Final = "EMBEDDING_AZURE_"
_API_VERSION: Final = "2024-10-21"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """Where a model is deployed, and what opens the door."""

    endpoint: str
    name: str
    api_version: str
    key: SecretStr
    headers: Mapping[str, SecretStr] = field(default_factory=dict[str, SecretStr])


def open_azure(config: AzureOpenAIEmbedderConfig) -> RemoteEmbedder:
    """The deployment that the configuration or EMBEDDING_AZURE_* name. Raises InvalidConfig when neither does."""
    given = config.azure_kwargs
    endpoint = given.azure_endpoint or read_secret(f"{_PREFIX}ENDPOINT")
    if not endpoint:
        raise InvalidConfig(f"azure_openai embedder: give azure_kwargs.azure_endpoint or set {_PREFIX}ENDPOINT")
    deployment = Deployment(
        endpoint=endpoint,
        name=given.azure_deployment or read_secret(f"{_PREFIX}DEPLOYMENT") or config.model_name_or_path,
        api_version=given.api_version or read_secret(f"{_PREFIX}API_VERSION") or _API_VERSION,
        key=_choose_key(given.api_key),
        headers=given.default_headers,
    )
    return RemoteEmbedder(config, open_azure_wire(config, deployment), shortens=True)


def open_azure_wire(config: RemoteEmbedderConfig, deployment: Deployment) -> OpenAIWire:
    """A connection to the deployment. It follows no redirection, so that headers stay with the host they are for."""
    endpoint = Endpoint(
        dependency="embedder",
        url=deployment.endpoint,
        timeout_s=config.timeout_s,
        missing=f"check the deployment {deployment.name!r} and api_version",
    )
    proxy = choose_proxy(config.http_client_proxies, deployment.endpoint)
    key = reveal(deployment.key)
    client = openai.AzureOpenAI(
        azure_endpoint=deployment.endpoint,
        azure_deployment=deployment.name,
        api_version=deployment.api_version,
        api_key=key,
        default_headers=withhold({"api-key": key}, reveal_all(deployment.headers)),
        timeout=limit_time(endpoint),
        max_retries=config.max_retries,
        http_client=openai.DefaultHttpxClient(proxy=proxy, follow_redirects=False),
    )
    return OpenAIWire(client, endpoint, model=config.model_name_or_path, request_texts=config.batch_size)


def _choose_key(given: SecretStr | None) -> SecretStr:
    return given if given and given.get_secret_value() else SecretStr(f"env:{_PREFIX}OPENAI_API_KEY")
