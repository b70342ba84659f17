"""Configuration of readers."""

from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import Field

from memos.configs.base import BaseConfig
from memos.configs.chunker import ChunkerConfigFactory
from memos.configs.fact_fields import FactSchema
from memos.configs.llm import LLMConfigFactory
from memos.configs.reading import Categories, Instructions
from memos.configs.union import BackendConfig

DEFAULT_MAX_CHARS: Final = 12_000


class DocumentMemReaderConfig(BaseConfig):
    """The reader of documents: a memory for each message, word for word."""


class RulesMemReaderConfig(BaseConfig):
    """The reader that needs no model, and nothing to configure."""


class SimpleStructMemReaderConfig(BaseConfig):
    """The reader that asks a language model for facts by a JSON schema."""

    llm: LLMConfigFactory
    max_chars: int = Field(
        default=DEFAULT_MAX_CHARS, ge=1000, description="Characters of conversation in one call; more makes several."
    )
    chunker: ChunkerConfigFactory | None = Field(
        default=None, description="Cuts a message that is longer than max_chars; by default at that character."
    )
    instructions: Instructions = Field(default="", description="What is worth remembering here, in your own words.")
    categories: Categories = Field(default=(), description="Your own; the model gives those that fit as tags.")
    fact_schema: FactSchema | None = Field(
        default=None, description="Fields that the model fills in for each fact; they become the memory's info."
    )


class MemReaderConfigFactory(BackendConfig):
    """``{"backend": "rules" | "simple_struct", "config": {...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "document": DocumentMemReaderConfig,
        "rules": RulesMemReaderConfig,
        "simple_struct": SimpleStructMemReaderConfig,
    }
