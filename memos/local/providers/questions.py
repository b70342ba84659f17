"""From what is configured to what will be asked: one question a provider, however often it is named."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from memos.configs.base import BaseConfig
from memos.configs.embedder import (
    AzureOpenAIEmbedderConfig,
    EmbedderConfigFactory,
    HuggingFaceEmbedderConfig,
    OllamaEmbedderConfig,
    SentenceTransformerEmbedderConfig,
)
from memos.configs.llm import HuggingFaceLLMConfig, LLMConfigFactory, OllamaLLMConfig
from memos.embedders.huggingface import full_name
from memos.errors import InvalidConfig
from memos.local.providers.embedder import find_embedder
from memos.local.providers.environment import Known
from memos.local.providers.finding import Finding
from memos.local.providers.llm import find_llm
from memos.local.providers.local_model import find_local_model
from memos.local.providers.masking import find_secrets
from memos.local.providers.mentions import Mention, Provider
from memos.local.providers.ollama import find_ollama_embedder, find_ollama_llm
from memos.settings import Settings, read_secret

_ADDRESSES: Final = ("url", "api_base", "base_url", "huggingface_base_url")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A provider that will be asked. ``subject`` is its model and address, ``places`` are where it is named.

    ``ask`` raises MemosError. What is wrong with a provider that is not ``is_required`` is a warning.
    """

    name: str
    subject: str
    places: Sequence[str]
    ask: Callable[[], Finding]
    secrets: Sequence[str]
    is_required: bool = True


def about_mentions(mentions: Iterable[Mention], settings: Settings) -> list[Question]:
    """One question for all mentions of equal providers, in the order of the first of each."""
    grouped: list[tuple[Provider, list[str]]] = []
    for mention in mentions:
        same = next((places for provider, places in grouped if provider == mention.provider), None)
        if same is None:
            grouped.append((mention.provider, [mention.place]))
        else:
            same.append(mention.place)
    return [_about(provider, places, settings) for provider, places in grouped]


def about_known(known: Known) -> Question:
    """The question about a provider that a variable stands for."""
    return Question(
        name=f"provider {known.name}",
        subject="",
        places=known.set_variables,
        ask=known.ask,
        secrets=[secret for secret in map(read_secret, known.key_variables) if secret],
        is_required=False,
    )


def _about(provider: Provider, places: Sequence[str], settings: Settings) -> Question:
    kind = "llm" if isinstance(provider, LLMConfigFactory) else "embedder"
    address = _find_address(provider.config)
    return Question(
        name=f"{kind} {provider.backend}",
        subject=f"{_name_of(provider)}{' at ' if address else ''}{address}",
        places=places,
        ask=partial(_ask, provider, settings),
        secrets=list(find_secrets(provider)),
    )


def _ask(provider: Provider, settings: Settings) -> Finding:
    if isinstance(provider, LLMConfigFactory):
        return _ask_llm(provider, settings)
    return _ask_embedder(provider, settings)


def _ask_llm(provider: LLMConfigFactory, settings: Settings) -> Finding:
    match provider.config:
        case HuggingFaceLLMConfig() as local:
            return find_local_model(local.model_name_or_path, settings)
        case OllamaLLMConfig() as ollama:
            return find_ollama_llm(ollama)
        case _:
            return find_llm(provider)


def _ask_embedder(provider: EmbedderConfigFactory, settings: Settings) -> Finding:
    match provider.config:
        case HuggingFaceEmbedderConfig(huggingface_base_url=None) as local:
            return find_local_model(full_name(local.model_name_or_path, settings), settings)
        case HuggingFaceEmbedderConfig():
            return find_embedder(provider)
        case SentenceTransformerEmbedderConfig() as local:
            return find_local_model(local.model_name_or_path, settings)
        case OllamaEmbedderConfig(http_client_proxies=None) as ollama:
            return find_ollama_embedder(ollama)
        case _:
            return find_embedder(provider)


def _name_of(provider: Provider) -> str:
    return str(getattr(provider.config, "model_name_or_path", ""))


def _find_address(config: BaseConfig) -> str:
    """Where requests go, without a query, as far as the configuration says it."""
    if isinstance(config, AzureOpenAIEmbedderConfig):
        return config.azure_kwargs.azure_endpoint or ""
    try:
        found = [str(getattr(config, name)) for name in _ADDRESSES if getattr(config, name, None)]
    except InvalidConfig:  # Azure's endpoint is to be in a variable that is not set
        return ""
    return found[0].partition("?")[0] if found else ""
