"""Configuration of activation memories."""

from typing import ClassVar

from pydantic import Field, model_validator

from memos.configs.base import BaseConfig
from memos.configs.llm import LLMConfigFactory
from memos.errors import InvalidConfig


class ActivationMemoryConfig(BaseConfig):
    """What every activation memory understands. ``memory_filename`` names the dump; its suffix plays no role."""

    _backends: ClassVar[tuple[str, ...]] = ()
    _needs: ClassVar[str] = ""

    extractor_llm: LLMConfigFactory = Field(description="The model whose states these are.")
    memory_filename: str = Field(default="activation_memory", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")

    @model_validator(mode="after")
    def _check_llm(self) -> "ActivationMemoryConfig":
        if self.extractor_llm.backend not in self._backends:
            raise InvalidConfig(f"extractor_llm {self.extractor_llm.backend!r} cannot be used here; {self._needs}")
        return self

    @property
    def dump_name(self) -> str:
        """What the files of a dump are called, without a suffix."""
        return self.memory_filename.partition(".")[0]


class KVCacheMemoryConfig(ActivationMemoryConfig):
    """KV states of a model that runs in this process. A dump is NAME.json and the directory NAME."""

    _backends = ("huggingface", "huggingface_singleton")
    _needs = "KV states are held of a model in this process: choose backend huggingface"


class VLLMKVCacheMemoryConfig(ActivationMemoryConfig):
    """Prompts that a vLLM server holds in its prefix cache. A dump is NAME.jsonl."""

    _backends = ("vllm", "openai")
    _needs = "a server with OpenAI's protocol is needed: choose vllm, or openai with the server's api_base"
