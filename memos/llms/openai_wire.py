"""What we need of OpenAI's answers; the SDK does not check what a server really sent."""

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from memos.llms.base import Usage
from memos.llms.think import Part


class _Wire(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class Text(_Wire):
    """A message, or a piece of one."""

    content: str | None = None
    refusal: str | None = None
    # DeepSeek, Qwen and vLLM say the first, newer vLLM and others the second.
    thought: str | None = Field(default=None, validation_alias=AliasChoices("reasoning_content", "reasoning"))

    @property
    def part(self) -> Part:
        """What the model thought and said; a refusal is an answer as well."""
        return Part(thought=self.thought or "", text=self.content or self.refusal or "")


def _or_zero(value: Any) -> Any:
    return 0 if value is None else value


_Count = Annotated[int, BeforeValidator(_or_zero)]


class _CountedPrompt(_Wire):
    cached_tokens: _Count = 0


class _Counts(_Wire):
    """Tokens of an answer; DeepSeek tells cached ones at the top."""

    prompt_tokens: int
    completion_tokens: _Count = 0
    prompt_tokens_details: _CountedPrompt | None = None
    prompt_cache_hit_tokens: _Count = 0


def find_usage(told: object) -> Usage | None:
    """What an answer cost, or None where the server told nothing that can be understood."""
    try:
        counts = _Counts.model_validate(told)
    except ValidationError:
        return None
    details = counts.prompt_tokens_details or _CountedPrompt()
    return Usage(
        prompt_tokens=counts.prompt_tokens,
        completion_tokens=counts.completion_tokens,
        cached_tokens=details.cached_tokens or counts.prompt_cache_hit_tokens,
    )


class Choice(_Wire):
    """One answer of those that were asked for."""

    message: Text
    finish_reason: str | None = None


class Completion(_Wire):
    """A whole answer."""

    choices: list[Choice] = Field(min_length=1)
    usage: Any = None


class ChunkChoice(_Wire):
    """A piece of one answer."""

    delta: Text | None = None
    finish_reason: str | None = None


class Chunk(_Wire):
    """A piece of a stream; the last one may have no choices."""

    choices: list[ChunkChoice]
    usage: Any = None


class EmbeddingRow(_Wire):
    """One vector and the position of its text."""

    index: int
    embedding: list[float]


class Embeddings(_Wire):
    """The vectors of one request, in any order."""

    data: list[EmbeddingRow]
