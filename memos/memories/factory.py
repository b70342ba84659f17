"""From a configuration to a memory."""

from typing import Any, Final

from memos.configs.memory import MemoryConfigFactory
from memos.registry import Registry
from memos.settings import Settings, load_settings

BACKENDS: Final = Registry(
    "memory backend",
    {
        "naive_text": "memos.memories.textual.naive:NaiveTextMemory",
        "general_text": "memos.memories.textual.general:GeneralTextMemory",
        "tree_text": "memos.memories.textual.tree:TreeTextMemory",
        "kv_cache": "memos.memories.activation.kv:KVCacheMemory",
        "vllm_kv_cache": "memos.memories.activation.vllm_kv:VLLMKVCacheMemory",
        "lora": "memos.memories.parametric.lora:LoRAMemory",
    },
)


class MemoryFactory:
    """Makes memories; a backend's packages are imported only when it is chosen."""

    @staticmethod
    def from_config(config: MemoryConfigFactory, *, settings: Settings | None = None) -> Any:
        """The memory that ``config`` describes: a BaseTextMemory, BaseActMemory or BaseParaMemory.

        ``settings`` say where servers and models are and which tenant's memories these are; without them, the
        environment does. Raises InvalidConfig, or Unavailable when a server that is needed is away.
        """
        return BACKENDS.load(config.backend)(config.config, settings=settings or load_settings())
