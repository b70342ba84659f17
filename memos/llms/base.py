"""What every language model does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

ChatMessages = Sequence[Mapping[str, str]]
"""A chat: ``{"role": ..., "content": ...}`` mappings, oldest first."""


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
