"""What every engine does that can reuse a stored KV state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from memos.errors import InvalidRequest
from memos.kv.manifest import ModelFingerprint
from memos.kv.state import KVState
from memos.llms.base import ChatMessages


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoding:
    """How an answer is chosen. ``temperature`` 0 is greedy and then the rest plays no role; ``top_k`` 0 means all."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.top_k < 0:
            raise InvalidRequest(f"max_new_tokens must be at least 1 and top_k at least 0: {self}")
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            raise InvalidRequest(f"temperature must be at least 0 and top_p in (0, 1]: {self}")


class KVEngine(Protocol):
    """A chat model that computes KV states and starts from them. Thread-safe; writes into no state that it is given.

    Raises InvalidRequest for messages that its template refuses and for prompts that do not fit into its context.
    """

    @property
    def fingerprint(self) -> ModelFingerprint: ...

    def encode(self, messages: ChatMessages, *, add_generation_prompt: bool = True) -> list[int]:
        """The token ids of a chat. Special tokens inside the messages' text count as text."""
        ...

    def prefill(self, ids: Sequence[int], *, base: KVState | None = None) -> KVState:
        """The state after these tokens; ``base`` must be the state of a prefix of them, and is extended."""
        ...

    def stream(
        self, ids: Sequence[int], *, state: KVState | None = None, options: Decoding | None = None
    ) -> Iterator[str]:
        """The answer to a prompt in pieces of text, none empty; ``state`` must be of a prefix of the prompt."""
        ...


class Adapter(Protocol):
    """Trained changes of a model's weights."""

    @property
    def digest(self) -> str:
        """What names these changes: others have another."""
        ...

    def apply(self, model: Any) -> Any:
        """Put the changes into this model and return it, with its own weights untouched. Raises InvalidRequest."""
        ...
