"""From a configuration to an embedder."""

from typing import Final, cast

from memos.configs.embedder import (
    EmbedderConfig,
    EmbedderConfigFactory,
    SentenceTransformerEmbedderConfig,
    UniversalAPIEmbedderConfig,
)
from memos.embedders.base import Embedder
from memos.embedders.cache import CachedEmbedder
from memos.registry import Registry
from memos.settings import Settings

BACKENDS: Final = Registry(
    "embedder backend",
    {
        "sentence_transformer": "memos.embedders.factory:build_sentence_transformer",
        "universal_api": "memos.embedders.factory:build_universal_api",
    },
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

    return SentenceTransformerEmbedder(
        config.model_name_or_path, settings=settings, device=config.device, dtype=config.dtype
    )


def build_universal_api(config: UniversalAPIEmbedderConfig, settings: Settings | None) -> Embedder:
    """A model over HTTP; nothing of it depends on the settings."""
    del settings
    from memos.embedders.openai import UniversalAPIEmbedder

    return UniversalAPIEmbedder(config)
