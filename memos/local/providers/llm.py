"""Asking language models over HTTP: for the list of models, and where there is none, for one token."""

from contextlib import closing
from typing import Any, Final, cast

import openai
from pydantic import BaseModel, TypeAdapter, ValidationError

from memos.configs.llm import AzureLLMConfig, LLMConfigFactory, OpenAILLMConfig
from memos.configs.secret import reveal
from memos.errors import InvalidConfig, InvalidRequest
from memos.llms.ambient import withhold
from memos.llms.factory import LLMFactory
from memos.llms.openai_client import (
    SDK_ERRORS,
    Endpoint,
    build_client,
    limit_time,
    plain_connection,
    protocol_error,
    translate,
)
from memos.local.providers.explain import status_of
from memos.local.providers.finding import TIMEOUT_S, Finding, shorten

_NO_LIST: Final = (404, 405, 501)
_QUESTION: Final = [{"role": "user", "content": "ok"}]


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


# Together sends the list without anything round it.
_LIST: Final = TypeAdapter[_Models | list[_Model]](_Models | list[_Model])


def find_llm(chosen: LLMConfigFactory) -> Finding:
    """Whether the server has the model, for a model over OpenAI's protocol or Azure's. Raises MemosError.

    A deployment of Azure's is in no list, so it is asked for one token.
    """
    config = chosen.config
    listed = _list_models(config) if isinstance(config, OpenAILLMConfig) else None
    return _ask_for_a_token(chosen) if listed is None else look_up(cast(OpenAILLMConfig, config), listed)


def find_server(config: OpenAILLMConfig) -> Finding:
    """Whether the server answers and takes the key, whatever its models. Raises MemosError."""
    listed = _list_models(config)
    return Finding(detail="answers" if listed is None else f"answers and lists {len(listed)} models")


def find_azure(config: AzureLLMConfig) -> Finding:
    """The same of a resource of Azure's, whatever its deployments. Raises MemosError."""
    endpoint = _endpoint_of(config.url)
    found = config.api_key or config.home.find_key(config.url)
    if found is None:
        raise InvalidConfig(f"{config.home.key_variable} goes to Azure's own hosts alone, not to {config.url}")
    key = reveal(found)
    client = openai.AzureOpenAI(
        azure_endpoint=config.url,
        api_version=config.api_version,
        api_key=key,
        timeout=limit_time(endpoint),
        max_retries=0,
        default_headers=withhold({"api-key": key}, {}),
        http_client=plain_connection(),
    )
    listed = _get_list(client, endpoint) or []
    return Finding(detail=f"answers and lists {len(listed)} models")


def look_up(config: OpenAILLMConfig, listed: list[str]) -> Finding:
    """A provider's own list is complete; a server that stands in for one may take names that it does not list."""
    if config.model_name_or_path in listed:
        return Finding(detail="answers and lists the model")
    return Finding(
        detail=f"answers, but the model is none of the {len(listed)} that it lists",
        advice=f"check the model's name; there are {shorten(listed)}" if listed else "load a model there",
        is_warning=not config.home.owns(config.url),
    )


def _list_models(config: OpenAILLMConfig) -> list[str] | None:
    """The names, or None where the server has no list."""
    endpoint = _endpoint_of(config.url)
    client = build_client(endpoint, api_key=config.api_key, max_retries=0, home=config.home, headers=config.headers)
    return _get_list(client, endpoint)


def _get_list(client: openai.OpenAI, endpoint: Endpoint) -> list[str] | None:
    try:
        with client:
            answer: object = client.get("/models", cast_to=object)
        listed = _LIST.validate_python(answer)
    except ValidationError as error:
        raise protocol_error(endpoint, "no list of models; check that the address ends in /v1") from error
    except SDK_ERRORS as error:
        if status_of(error) in _NO_LIST:
            return None
        raise translate(error, endpoint) from error
    return [model.id for model in (listed.data if isinstance(listed, _Models) else listed)]


def _ask_for_a_token(chosen: LLMConfigFactory) -> Finding:
    config = chosen.config.model_copy(update={"max_tokens": 1, "timeout_s": TIMEOUT_S, "max_retries": 0})
    llm = LLMFactory.from_config(chosen.model_copy(update={"config": config}))
    try:
        with closing(cast(Any, llm)):
            llm.generate(_QUESTION)
    except InvalidRequest as error:
        if status_of(error.__cause__) != 400:
            raise
        # Some models that think first cannot answer in one token.
        return Finding(detail=f"answers, but not in one token: {error}", advice="try a chat with it", is_warning=True)
    return Finding(detail="answers")


def _endpoint_of(url: str) -> Endpoint:
    return Endpoint(dependency="llm", url=url, timeout_s=TIMEOUT_S)
