"""Configuration of language models."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from memos.configs.base import BaseConfig
from memos.configs.secret import Secret
from memos.configs.union import BackendConfig


class LLMConfig(BaseConfig):
    """What every language model understands."""

    model_name_or_path: str = Field(min_length=1, description="A provider's model name, a local path or an alias.")
    temperature: float = Field(default=0.8, ge=0, le=2, description="0 makes the answer greedy.")
    max_tokens: int = Field(default=1024, ge=1, description="The longest answer, in tokens.")
    top_p: float = Field(default=0.9, gt=0, le=1)
    top_k: int = Field(default=50, ge=1)
    remove_think_prefix: bool = Field(default=True, description="Drop a leading <think>...</think> from answers.")


class OpenAILLMConfig(LLMConfig):
    """A server that speaks OpenAI's chat protocol: OpenAI itself, vLLM, llama.cpp and most providers.

    Without ``api_base`` it is OpenAI, with the key of OPENAI_API_KEY. A server that refuses ``top_k``,
    ``temperature``, ``top_p`` or a JSON schema is asked without it, and a warning is logged once; ``top_k`` is
    never sent to OpenAI's own servers, which do not know it.
    """

    api_key: Secret | None = Field(default=None, description="The key, or env:NAME.")
    api_base: str | None = Field(default=None, pattern=r"^https?://", description="The URL up to and with /v1.")
    timeout_s: float = Field(default=60.0, gt=0, description="The longest silence of the server while it answers.")
    max_retries: int = Field(default=1, ge=0, le=10, description="Repetitions inside one call; honours Retry-After.")


class HuggingFaceLLMConfig(LLMConfig):
    """A model that runs in this process with transformers."""

    add_generation_prompt: bool = Field(
        default=True, description="End the prompt with the opening of the assistant's turn."
    )
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"


class LLMConfigFactory(BackendConfig):
    """``{"backend": "openai" | "huggingface", "config": {...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "openai": OpenAILLMConfig,
        "huggingface": HuggingFaceLLMConfig,
    }
