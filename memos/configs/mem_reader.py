"""Configuration of readers."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, StringConstraints, model_validator

from memos.configs.base import BaseConfig
from memos.configs.chunker import ChunkerConfigFactory
from memos.configs.fact_fields import FactSchema
from memos.configs.llm import LLMConfigFactory
from memos.configs.union import BackendConfig
from memos.errors import InvalidConfig

DEFAULT_MAX_CHARS: Final = 12_000
MAX_INSTRUCTIONS_CHARS: Final = 4_000
MAX_CATEGORIES: Final = 32

CategoryName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


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
    instructions: str = Field(
        default="", max_length=MAX_INSTRUCTIONS_CHARS, description="What is worth remembering here, in your own words."
    )
    categories: tuple[CategoryName, ...] = Field(
        default=(), max_length=MAX_CATEGORIES, description="Your own; the model gives those that fit as tags."
    )
    fact_schema: FactSchema | None = Field(
        default=None, description="Fields that the model fills in for each fact; they become the memory's info."
    )

    @model_validator(mode="after")
    def _check_categories(self) -> Self:
        folded = [name.casefold() for name in self.categories]
        twice = next((name for name in folded if folded.count(name) > 1), None)
        if twice is not None:
            raise InvalidConfig(f"categories has {twice!r} twice; name each once, whatever its letters' case")
        return self


class MemReaderConfigFactory(BackendConfig):
    """``{"backend": "rules" | "simple_struct", "config": {...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "document": DocumentMemReaderConfig,
        "rules": RulesMemReaderConfig,
        "simple_struct": SimpleStructMemReaderConfig,
    }
