"""From a configuration to an embedder."""

from typing import Final, cast

from memos.configs.embedder import (
    AzureOpenAIEmbedderConfig,
    EmbedderConfig,
    EmbedderConfigFactory,
    GeminiEmbedderConfig,
    HuggingFaceEmbedderConfig,
    LMStudioEmbedderConfig,
    OllamaEmbedderConfig,
    OpenAIEmbedderConfig,
    SentenceTransformerEmbedderConfig,
    TogetherEmbedderConfig,
    UniversalAPIEmbedderConfig,
    VertexAIEmbedderConfig,
)
from memos.embedders.base import Embedder
from memos.embedders.cache import CachedEmbedder
from memos.registry import Registry
from memos.settings import Settings

BACKENDS: Final = Registry(
    "embedder backend",
    {name: f"memos.embedders.factory:build_{name}" for name in EmbedderConfigFactory.known},
)


class EmbedderFactory:
    """Makes embedders, each with a cache; a backend's packages are imported only when it is chosen."""

    @staticmethod
    def from_config(config: EmbedderConfigFactory, *, settings: Settings | None = None) -> Embedder:
        """The embedder that ``config`` describes. Raises InvalidConfig.

        ``settings`` say where models and aliases are; without them, the environment does.
        """
        size = cast(EmbedderConfig, config.config).cache_size
        embedder = cast(Embedder, BACKENDS.load(config.backend)(config.config, settings))
        return CachedEmbedder(embedder, size=size) if size else embedder


def build_sentence_transformer(config: SentenceTransformerEmbedderConfig, settings: Settings | None) -> Embedder:
    """A model in this process, loaded at its first use."""
    from memos.embedders.sentence_transformer import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder.from_config(config, name=config.model_name_or_path, settings=settings)


def build_huggingface(config: HuggingFaceEmbedderConfig, settings: Settings | None) -> Embedder:
    """text-embeddings-inference, or a model in this process."""
    from memos.embedders.huggingface import open_huggingface

    return open_huggingface(config, settings)


# Of a model over HTTP nothing depends on the settings.


def build_universal_api(config: UniversalAPIEmbedderConfig, _: Settings | None) -> Embedder:
    """Whatever speaks OpenAI's protocol."""
    from memos.embedders.openai import UniversalAPIEmbedder

    return UniversalAPIEmbedder(config)


def build_openai(config: OpenAIEmbedderConfig, _: Settings | None) -> Embedder:
    """OpenAI."""
    from memos.embedders.openai import open_openai

    return open_openai(config)


def build_together(config: TogetherEmbedderConfig, _: Settings | None) -> Embedder:
    """Together."""
    from memos.embedders.openai import open_together

    return open_together(config)


def build_lmstudio(config: LMStudioEmbedderConfig, _: Settings | None) -> Embedder:
    """LM Studio."""
    from memos.embedders.openai import open_lmstudio

    return open_lmstudio(config)


def build_azure_openai(config: AzureOpenAIEmbedderConfig, _: Settings | None) -> Embedder:
    """A deployment of Azure OpenAI."""
    from memos.embedders.azure import open_azure

    return open_azure(config)


def build_ollama(config: OllamaEmbedderConfig, _: Settings | None) -> Embedder:
    """An Ollama server."""
    from memos.embedders.ollama import open_ollama

    return open_ollama(config)


def build_gemini(config: GeminiEmbedderConfig, _: Settings | None) -> Embedder:
    """The Gemini API."""
    from memos.embedders.google import open_gemini

    return open_gemini(config)


def build_vertexai(config: VertexAIEmbedderConfig, _: Settings | None) -> Embedder:
    """Vertex AI."""
    from memos.embedders.google import open_vertexai

    return open_vertexai(config)
