"""KV states as items: computed by a model in this process, reused for exact prefixes, kept in safetensors.

extract ──> item ──add──> held ──dump──> NAME.json, NAME/HASH.safetensors ──load──> held
                            │
                            └─get_cache([a, b])──> the tokens of a, then of b; a's state is reused, b's are computed
                                                   behind it, since b on its own has never seen a
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from memos.clock import Clock, SystemClock
from memos.configs.activation import KVCacheMemoryConfig
from memos.configs.llm import HuggingFaceLLMConfig
from memos.errors import InvalidRequest
from memos.kv.bundle import Bundle
from memos.kv.engines.base import KVEngine
from memos.kv.engines.registry import shared_engine
from memos.kv.state import KVState
from memos.memories.activation.base import BaseActMemory
from memos.memories.activation.item import (
    KVCacheItem,
    KVCacheMetadata,
    SourceMessage,
    SourceType,
    parse_source,
    summarise,
)
from memos.memories.activation.kv_dump import dump_items, load_items, refuse_other_model
from memos.memories.textual.item import time_of
from memos.models.resolve import resolve_model
from memos.settings import Settings, load_settings


class KVCacheMemory(BaseActMemory[KVCacheItem]):
    """KV states of one model. Thread-safe; no state that it holds is ever written into.

    A state serves prompts that begin with exactly its tokens. States are never joined approximately: joining ones
    that were computed apart gives answers that the model would not have given, so ``get_cache`` computes instead.
    """

    def __init__(
        self,
        config: KVCacheMemoryConfig,
        settings: Settings | None = None,
        *,
        engine: KVEngine | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self._name = config.dump_name
        self._engine = engine or _engine_of(cast(HuggingFaceLLMConfig, config.extractor_llm.config), settings)
        self._clock = clock or SystemClock()

    @property
    def engine(self) -> KVEngine:
        """What computes the states, and can answer from them."""
        return self._engine

    def extract(self, messages: str | Sequence[Mapping[str, Any]]) -> KVCacheItem:
        """Compute the state of a conversation, or of a text as the system message. Holds nothing.

        No assistant's turn is opened at its end, so that its tokens are those with which the longer chat begins.
        """
        kind, source = parse_source(messages)
        chat = [{"role": message.role, "content": message.content} for message in source]
        ids = self._engine.encode(chat, add_generation_prompt=False)
        return self._item(kind, source, self._engine.prefill(ids))

    def get_cache(self, memory_ids: Sequence[str]) -> KVCacheItem:
        """The state of the items' tokens, one after the other in this order: what plain prefill gives for them.

        The first item's state is reused; the tokens of the others are computed behind it. One id gives the item itself.
        """
        if not memory_ids:
            raise InvalidRequest("get_cache needs at least one id")
        items = self._require(memory_ids)
        if len(items) == 1:
            return items[0]
        joined = [token for item in items for token in item.token_ids]
        state = self._engine.prefill(joined, base=items[0].state)
        messages = tuple(message for item in items for message in item.metadata.messages)
        return self._item("merged", messages, state, merged_from=tuple(memory_ids))

    def dump(self, directory: str | Path) -> None:
        """Write all items as safetensors with a manifest, whole or not at all; replaces the dump that is there."""
        dump_items(Bundle(directory, self._name), self._engine.fingerprint, self.get_all())

    def load(self, directory: str | Path) -> int:
        """Add the items of a dump, all or none; returns how many.

        Raises NotFound, Corrupt, and InvalidRequest for a pickle or for states of another model, dtype or tokenizer.
        """
        items = load_items(Bundle(directory, self._name), self._engine.fingerprint)
        self._hold(items)
        return len(items)

    def _accept(self, given: object, what: str) -> KVCacheItem:
        if not isinstance(given, KVCacheItem):
            raise InvalidRequest(f"{what} must be a KVCacheItem, as extract makes it, not {type(given).__name__}")
        refuse_other_model(given.fingerprint, self._engine.fingerprint, what)
        return given

    def _item(
        self, kind: SourceType, messages: tuple[SourceMessage, ...], state: KVState, merged_from: tuple[str, ...] = ()
    ) -> KVCacheItem:
        model = self._engine.fingerprint
        return KVCacheItem(
            memory=f"KV state of {state.token_count} tokens: {summarise(messages)}",
            metadata=KVCacheMetadata(
                source_type=kind,
                messages=messages,
                created_at=time_of(self._clock.now_ms()),
                model=model.model_id,
                dtype=model.dtype,
                token_count=state.token_count,
                size_bytes=state.size_bytes,
                merged_from=merged_from,
            ),
            fingerprint=model,
            state=state,
        )


def _engine_of(config: HuggingFaceLLMConfig, settings: Settings | None) -> KVEngine:
    model_dir = resolve_model(config.model_name_or_path, settings or load_settings())
    return shared_engine(model_dir, dtype=config.dtype, device=config.device)
