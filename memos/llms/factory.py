"""From a configuration to a language model."""

from typing import Final, cast

from memos.configs.llm import (
    AzureLLMConfig,
    HuggingFaceLLMConfig,
    LLMConfigFactory,
    OllamaLLMConfig,
    OpenAILLMConfig,
)
from memos.llms.base import MeteredLLM
from memos.registry import Registry
from memos.settings import Settings

BACKENDS: Final = Registry(
    "LLM backend",
    {
        "azure": "memos.llms.factory:build_azure",
        "deepseek": "memos.llms.factory:build_openai",
        "huggingface": "memos.llms.factory:build_huggingface",
        "huggingface_singleton": "memos.llms.factory:build_huggingface_singleton",
        "ollama": "memos.llms.factory:build_ollama",
        "openai": "memos.llms.factory:build_openai",
        "qwen": "memos.llms.factory:build_openai",
        "vllm": "memos.llms.factory:build_openai",
    },
)


class LLMFactory:
    """Makes language models; a backend's packages are imported only when it is chosen."""

    @staticmethod
    def from_config(config: LLMConfigFactory, *, settings: Settings | None = None) -> MeteredLLM:
        """The model that ``config`` describes. Raises InvalidConfig.

        ``settings`` say where models and aliases are; without them, the environment does.
        """
        return cast(MeteredLLM, BACKENDS.load(config.backend)(config.config, settings))


def build_openai(config: OpenAILLMConfig, settings: Settings | None) -> MeteredLLM:
    """A model over OpenAI's protocol; nothing of it depends on the settings."""
    del settings
    from memos.llms.openai import OpenAILLM

    return OpenAILLM(config)


def build_azure(config: AzureLLMConfig, settings: Settings | None) -> MeteredLLM:
    """A deployment of Azure OpenAI."""
    del settings
    from memos.llms.azure import AzureLLM

    return AzureLLM(config)


def build_ollama(config: OllamaLLMConfig, settings: Settings | None) -> MeteredLLM:
    """A model of an Ollama server. Raises InvalidConfig when the SDK is not installed."""
    del settings
    from memos.llms.ollama import OllamaLLM

    return OllamaLLM(config)


def build_huggingface(config: HuggingFaceLLMConfig, settings: Settings | None) -> MeteredLLM:
    """A model in this process."""
    from memos.llms.huggingface import HuggingFaceLLM

    return HuggingFaceLLM(config, settings=settings)


def build_huggingface_singleton(config: HuggingFaceLLMConfig, settings: Settings | None) -> MeteredLLM:
    """The model in this process that every equal configuration shares."""
    from memos.llms.huggingface import shared_llm

    return shared_llm(config, settings=settings)
