"""What we need of OpenAI's answers; the SDK does not check what a server really sent."""

from pydantic import BaseModel, ConfigDict, Field


class _Wire(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class Text(_Wire):
    """A message, or a piece of one."""

    content: str | None = None
    refusal: str | None = None

    @property
    def text(self) -> str:
        """What the model said; a refusal is an answer as well."""
        return self.content or self.refusal or ""


class Choice(_Wire):
    """One answer of those that were asked for."""

    message: Text
    finish_reason: str | None = None


class Completion(_Wire):
    """A whole answer."""

    choices: list[Choice] = Field(min_length=1)


class ChunkChoice(_Wire):
    """A piece of one answer."""

    delta: Text | None = None
    finish_reason: str | None = None


class Chunk(_Wire):
    """A piece of a stream; the last one may have no choices."""

    choices: list[ChunkChoice]


class EmbeddingRow(_Wire):
    """One vector and the position of its text."""

    index: int
    embedding: list[float]


class Embeddings(_Wire):
    """The vectors of one request, in any order."""

    data: list[EmbeddingRow]
