"""Configuration of chunkers: how a document's text is cut into pieces."""

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from memos.configs.base import BaseConfig
from memos.configs.union import BackendConfig


class SentenceChunkerConfig(BaseConfig):
    """Whole sentences, as many as the token bound allows. Words are counted unless a model's tokens are asked for."""

    tokenizer_or_token_counter: str = Field(
        default="word", min_length=1, description="word, character, or a model whose tokenizer counts."
    )
    chunk_size: int = Field(default=512, ge=32, le=32_768, description="Tokens of a chunk, at most.")
    chunk_overlap: int = Field(
        default=128, ge=0, description="Tokens, at most, of the last sentences of a chunk that the next one repeats."
    )
    min_sentences_per_chunk: int = Field(
        default=1, ge=1, description="A section with fewer sentences shares its chunk with what follows it."
    )

    @model_validator(mode="after")
    def _check_overlap(self) -> Self:
        if self.chunk_overlap >= self.chunk_size:
            raise ValueError(f"chunk_overlap is {self.chunk_overlap}; it must be below chunk_size, {self.chunk_size}")
        return self


class ChunkerConfigFactory(BackendConfig):
    """``{"backend": "sentence", "config": {...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {"sentence": SentenceChunkerConfig}
