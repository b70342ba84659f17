"""Prompts that a vLLM server holds in its prefix cache: here are their texts and what was measured, there the states.

extract ──> the server computes the prompt (one token is asked for) ──> item: messages, prompt_tokens, cached_tokens
refresh ──> the same again, after a restart of the server or when it may have dropped the prompt
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from memos.clock import Clock, SystemClock
from memos.configs.activation import VLLMKVCacheMemoryConfig
from memos.configs.llm import OpenAILLMConfig
from memos.errors import InvalidRequest
from memos.memories.activation.base import BaseActMemory
from memos.memories.activation.item import (
    SourceMessage,
    SourceType,
    VLLMKVCacheItem,
    VLLMKVCacheMetadata,
    parse_source,
    summarise,
)
from memos.memories.activation.prefix_server import PrefixServer
from memos.memories.activation.vllm_dump import dump_lines, load_lines
from memos.memories.textual.item import time_of
from memos.settings import Settings


class VLLMKVCacheMemory(BaseActMemory[VLLMKVCacheItem]):
    """Prompts that were computed by one server. Thread-safe.

    Nothing here pins a state: the server drops what it has least use for. ``cached_tokens`` needs a server started
    with ``--enable-prompt-tokens-details``, and is None without.
    """

    def __init__(
        self, config: VLLMKVCacheMemoryConfig, settings: Settings | None = None, *, clock: Clock | None = None
    ) -> None:
        del settings  # every memory is made with them; this one's server is named in its configuration alone
        super().__init__()
        self._name = config.dump_name
        self._server = PrefixServer(cast(OpenAILLMConfig, config.extractor_llm.config))
        self._clock = clock or SystemClock()

    def extract(self, messages: str | Sequence[Mapping[str, Any]]) -> VLLMKVCacheItem:
        """Have the server compute a conversation, or a text as the system message. Holds nothing."""
        kind, source = parse_source(messages)
        return self._warm(kind, source)

    def get_cache(self, memory_ids: Sequence[str]) -> VLLMKVCacheItem:
        """The items' messages as one prompt, in this order, computed by the server now; reused is what it still has."""
        if not memory_ids:
            raise InvalidRequest("get_cache needs at least one id")
        items = self._require(memory_ids)
        messages = tuple(message for item in items for message in item.metadata.messages)
        return self._warm("merged", messages, merged_from=tuple(memory_ids))

    def refresh(self, memory_ids: Sequence[str] | None = None) -> list[VLLMKVCacheItem]:
        """Have the server compute items again, all without ids, and hold what it says now. Raises NotFound."""
        items = self.get_all() if memory_ids is None else self._require(memory_ids)
        return [self._refresh(item) for item in items]

    def dump(self, directory: str | Path) -> None:
        """Write the prompts and figures as JSON Lines, whole or not at all; replaces the dump that is there."""
        dump_lines(Path(directory), self._name, self.get_all())

    def load(self, directory: str | Path) -> int:
        """Add the items of a dump, all or none; returns how many. Their figures are old until ``refresh``."""
        items = load_lines(Path(directory), self._name)
        self._hold(items)
        return len(items)

    def close(self) -> None:
        """Give the connections back."""
        self._server.close()

    def _accept(self, given: object, what: str) -> VLLMKVCacheItem:
        if isinstance(given, VLLMKVCacheItem):
            return given
        if isinstance(given, Mapping):
            return VLLMKVCacheItem(**cast(Mapping[str, Any], given))
        raise InvalidRequest(f"{what} must be a VLLMKVCacheItem or its fields, not {type(given).__name__}")

    def _refresh(self, item: VLLMKVCacheItem) -> VLLMKVCacheItem:
        known = item.metadata
        warmed = self._warm(known.source_type, known.messages, merged_from=known.merged_from)
        metadata = warmed.metadata.model_copy(update={"created_at": known.created_at})
        return self.update(item.id, warmed.model_copy(update={"metadata": metadata}))

    def _warm(
        self, kind: SourceType, messages: tuple[SourceMessage, ...], *, merged_from: tuple[str, ...] = ()
    ) -> VLLMKVCacheItem:
        warmed = self._server.warm([message.model_dump() for message in messages])
        now = time_of(self._clock.now_ms())
        return VLLMKVCacheItem(
            memory=f"Prompt of {warmed.prompt_tokens} tokens on a vLLM server: {summarise(messages)}",
            metadata=VLLMKVCacheMetadata(
                source_type=kind,
                messages=messages,
                created_at=now,
                warmed_at=now,
                model=self._server.model,
                server=self._server.url,
                prompt_tokens=warmed.prompt_tokens,
                cached_tokens=warmed.cached_tokens,
                merged_from=merged_from,
            ),
        )
