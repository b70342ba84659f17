"""From a configuration to a chunker."""

from typing import Final, cast

from memos.configs.chunker import ChunkerConfigFactory, SentenceChunkerConfig
from memos.documents.chunk import SentenceChunker
from memos.documents.tokens import load_counter
from memos.registry import Registry
from memos.settings import Settings

BACKENDS: Final = Registry("chunker backend", {"sentence": "memos.documents.factory:build_sentence_chunker"})


class ChunkerFactory:
    """Makes chunkers."""

    @staticmethod
    def from_config(config: ChunkerConfigFactory, *, settings: Settings | None = None) -> SentenceChunker:
        """The chunker that ``config`` describes. Raises InvalidConfig, also when its token counter cannot be had.

        ``settings`` say where models and aliases are; without them, the environment does.
        """
        return cast(SentenceChunker, BACKENDS.load(config.backend)(config.config, settings))


def build_sentence_chunker(config: SentenceChunkerConfig, settings: Settings | None) -> SentenceChunker:
    """By sentences, with the counter that the configuration names."""
    return SentenceChunker(config, load_counter(config.tokenizer_or_token_counter, settings))
