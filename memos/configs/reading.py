"""Configuration of what an application wants of facts: said by a reader, and by a cube, whose word goes before."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from memos.configs.base import BaseConfig
from memos.configs.fact_fields import FactSchema
from memos.errors import InvalidConfig

MAX_INSTRUCTIONS_CHARS: Final = 4_000
MAX_CATEGORIES: Final = 32


def _check_distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    folded = [name.casefold() for name in names]
    twice = next((name for name in folded if folded.count(name) > 1), None)
    if twice is not None:
        raise InvalidConfig(f"categories has {twice!r} twice; name each once, whatever its letters' case")
    return names


Instructions = Annotated[str, Field(max_length=MAX_INSTRUCTIONS_CHARS)]
CategoryName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Categories = Annotated[tuple[CategoryName, ...], Field(max_length=MAX_CATEGORIES), AfterValidator(_check_distinct)]


class ReadingConfig(BaseConfig):
    """What one cube wants of its facts. A field that is left out is the reader's."""

    instructions: Instructions | None = Field(
        default=None, description="What is worth remembering in this cube; empty for nothing in particular."
    )
    categories: Categories | None = Field(
        default=None, description="The cube's own; the model gives those that fit as tags. Empty for none."
    )
    fact_schema: FactSchema | None = Field(
        default=None, description="Fields that the model fills in for each fact; they become the memory's info."
    )
