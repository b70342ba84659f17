"""What every language model does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

ChatMessages = Sequence[Mapping[str, str]]
"""A chat: ``{"role": ..., "content": ...}`` mappings, oldest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What one answer cost. ``cached_tokens`` are those of the prompt that the server had computed before."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


OnUsage = Callable[[Usage], object]
"""Called at most once an answer, in the caller's thread, at the answer's end; never if the server told nothing."""


class LLM(Protocol):
    """A chat model. Raises Unavailable when it is away or silent, InvalidRequest when the input can never work."""

    @property
    def model(self) -> str: ...

    def generate(self, messages: ChatMessages, *, json_schema: Mapping[str, Any] | None = None) -> str:
        """The whole answer. ``json_schema`` constrains it where the server can; the caller validates all the same."""
        ...

    def generate_stream(self, messages: ChatMessages) -> Iterator[str]:
        """The answer in pieces, as they are produced."""
        ...


class MeteredLLM(LLM, Protocol):
    """A chat model that tells what its answers cost, as all of this project's own do."""

    def generate(
        self,
        messages: ChatMessages,
        *,
        json_schema: Mapping[str, Any] | None = None,
        on_usage: OnUsage | None = None,
    ) -> str: ...

    def generate_stream(self, messages: ChatMessages, *, on_usage: OnUsage | None = None) -> Iterator[str]: ...
