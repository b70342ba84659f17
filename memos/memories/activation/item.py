"""What activation memories hold. Items answer to attributes and to keys, as MemOS users expect, and show no tensors."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, cast

from pydantic import AfterValidator, Field, InstanceOf

from memos.errors import InvalidRequest
from memos.kv.manifest import ModelFingerprint
from memos.kv.state import KVState
from memos.memories.item import ItemPart
from memos.wellformed import well_formed

if TYPE_CHECKING:
    from transformers.cache_utils import Cache

SourceType = Literal["text", "messages", "merged"]
_SHOWN_CHARS: Final = 80
I = TypeVar("I", bound="HeldItem")  # noqa: E741


class HeldItem(ItemPart):
    """One memory: ``memory`` says in words what is held."""

    id: str = Field(default_factory=lambda: str(uuid.uuid4()), min_length=1, max_length=128)
    memory: str = Field(min_length=1)

    def with_id(self: I, memory_id: str) -> I:
        """The same content under another id."""
        return self.model_copy(update={"id": memory_id})


class SourceMessage(ItemPart):
    """One message of what a state was computed from."""

    role: str = Field(min_length=1)
    content: Annotated[str, AfterValidator(well_formed)]


class KVCacheMetadata(ItemPart):
    """Where a KV state comes from and what it weighs. ``merged_from`` has the ids of a merged item's parts."""

    source_type: SourceType
    messages: tuple[SourceMessage, ...]
    created_at: datetime
    model: str
    dtype: str
    token_count: int = Field(ge=1)
    size_bytes: int = Field(ge=1)
    merged_from: tuple[str, ...] = ()


class KVCacheItem(HeldItem):
    """The KV state of a text. Nobody writes into ``state``; ``open_cache`` gives a copy to write into."""

    metadata: KVCacheMetadata
    fingerprint: ModelFingerprint = Field(repr=False)
    state: InstanceOf[KVState] = Field(repr=False, exclude=True)

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The tokens that the state is of."""
        return self.state.token_ids

    def open_cache(self, *, room: int = 256, device: str = "cpu") -> "Cache":
        """A copy as ``past_key_values`` for transformers, with room for ``room`` more tokens before it must grow."""
        from memos.kv.engines.roomy_cache import open_cache

        tokens = self.state.token_count
        return open_cache(self.fingerprint.layers, state=self.state, room=tokens + room, device=device)


class VLLMKVCacheMetadata(ItemPart):
    """What a server said when it was last asked to compute this prompt.

    ``cached_tokens`` is how many of ``prompt_tokens`` it had in its cache at that moment, None when it does not tell.
    Whether it has them still, only ``refresh`` can find out.
    """

    source_type: SourceType
    messages: tuple[SourceMessage, ...] = Field(min_length=1)
    created_at: datetime
    warmed_at: datetime
    model: str
    server: str
    prompt_tokens: int = Field(ge=1)
    cached_tokens: int | None = Field(default=None, ge=0)
    merged_from: tuple[str, ...] = ()


class VLLMKVCacheItem(HeldItem):
    """A prompt that a server has computed. The state itself is the server's: it may drop it at any time."""

    metadata: VLLMKVCacheMetadata


def parse_source(given: str | Sequence[Mapping[str, Any]]) -> tuple[SourceType, tuple[SourceMessage, ...]]:
    """A conversation, or a text, which becomes a system message. Raises InvalidRequest, naming the position."""
    if isinstance(given, str):
        return "text", (SourceMessage(role="system", content=given),)
    if not isinstance(given, Sequence) or not given:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidRequest("extract needs a text or a list of messages with at least one")
    return "messages", tuple(_parse_message(message, position) for position, message in enumerate(given))


def summarise(messages: Sequence[SourceMessage]) -> str:
    """The beginning of a conversation on one line."""
    line = " ".join(f"{message.role}: {' '.join(message.content.split())}" for message in messages)
    return line if len(line) <= _SHOWN_CHARS else f"{line[: _SHOWN_CHARS - 1]}…"


def _parse_message(message: object, position: int) -> SourceMessage:
    fields = cast(Mapping[str, Any], message) if isinstance(message, Mapping) else {}
    role, content = fields.get("role"), fields.get("content")
    if not isinstance(role, str) or not isinstance(content, str):
        raise InvalidRequest(f"messages[{position}] must be a mapping with the strings role and content")
    return SourceMessage(role=role, content=content)
