"""Deployments of Azure OpenAI, whose URLs and key header are Azure's own."""

import openai
from pydantic import SecretStr

from memos.configs.llm import AzureLLMConfig
from memos.configs.secret import reveal
from memos.errors import InvalidConfig
from memos.llms.ambient import withhold
from memos.llms.openai import Line, OpenAIProtocolLLM
from memos.llms.openai_client import Endpoint, limit_time, plain_connection, reveal_all


class AzureLLM(OpenAIProtocolLLM):
    """A deployed chat model. Raises InvalidConfig when the endpoint or the key is missing."""

    def __init__(self, config: AzureLLMConfig) -> None:
        endpoint = Endpoint(
            dependency="llm",
            url=config.url,
            timeout_s=config.timeout_s,
            missing=f"check the deployment {config.model_name_or_path!r} and api_version",
        )
        super().__init__(config, Line(client=_build_client(config, endpoint), endpoint=endpoint, is_openai=True))


def _build_client(config: AzureLLMConfig, endpoint: Endpoint) -> openai.OpenAI:
    key = reveal(_choose_key(config, endpoint.url))
    return openai.AzureOpenAI(
        azure_endpoint=endpoint.url,
        azure_deployment=config.model_name_or_path,
        api_version=config.api_version,
        api_key=key,
        timeout=limit_time(endpoint),
        max_retries=config.max_retries,
        default_headers=withhold({"api-key": key}, reveal_all(config.headers)),
        http_client=plain_connection(),
    )


def _choose_key(config: AzureLLMConfig, url: str) -> SecretStr:
    key = config.api_key or config.home.find_key(url)
    if key is None:
        raise InvalidConfig(f"azure needs api_key for {url}: AZURE_OPENAI_API_KEY goes to Azure's own hosts alone")
    return key
