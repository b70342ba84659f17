"""From a configuration to a language model."""

from typing import Final, cast

from memos.configs.llm import HuggingFaceLLMConfig, LLMConfigFactory, OpenAILLMConfig
from memos.llms.base import LLM
from memos.registry import Registry
from memos.settings import Settings

BACKENDS: Final = Registry(
    "LLM backend",
    {
        "openai": "memos.llms.factory:build_openai",
        "huggingface": "memos.llms.factory:build_huggingface",
    },
)


class LLMFactory:
    """Makes language models; a backend's packages are imported only when it is chosen."""

    @staticmethod
    def from_config(config: LLMConfigFactory, *, settings: Settings | None = None) -> LLM:
        """The model that ``config`` describes. Raises InvalidConfig.

        ``settings`` say where models and aliases are; without them, the environment does.
        """
        return cast(LLM, BACKENDS.load(config.backend)(config.config, settings))


def build_openai(config: OpenAILLMConfig, settings: Settings | None) -> LLM:
    """A model over HTTP; nothing of it depends on the settings."""
    del settings
    from memos.llms.openai import OpenAILLM

    return OpenAILLM(config)


def build_huggingface(config: HuggingFaceLLMConfig, settings: Settings | None) -> LLM:
    """A model in this process."""
    from memos.llms.huggingface import HuggingFaceLLM

    return HuggingFaceLLM(config, settings=settings)
