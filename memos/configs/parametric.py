"""Configuration of parametric memories."""

from pydantic import Field, model_validator

from memos.configs.base import BaseConfig
from memos.configs.llm import HuggingFaceLLMConfig, LLMConfigFactory
from memos.errors import InvalidConfig


class LoRAMemoryConfig(BaseConfig):
    """LoRA adapters. ``memory_filename`` names the dump, NAME.json and the directory NAME; its suffix plays no role."""

    extractor_llm: LLMConfigFactory | None = Field(
        default=None, description="The base model; with it, an adapter whose shapes do not fit its weights is refused."
    )
    memory_filename: str = Field(default="parametric_memory", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")

    @model_validator(mode="after")
    def _check_llm(self) -> "LoRAMemoryConfig":
        if self.extractor_llm and not isinstance(self.extractor_llm.config, HuggingFaceLLMConfig):
            raise InvalidConfig(
                f"extractor_llm {self.extractor_llm.backend!r} shows no weights to compare an adapter with; "
                "choose backend huggingface, or leave it out"
            )
        return self

    @property
    def dump_name(self) -> str:
        """What the files of a dump are called, without a suffix."""
        return self.memory_filename.partition(".")[0]
