"""Configuration of embedders."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from memos.configs.base import BaseConfig
from memos.configs.secret import Secret
from memos.configs.union import BackendConfig


class EmbedderConfig(BaseConfig):
    """What every embedder understands."""

    model_name_or_path: str = Field(min_length=1, description="A provider's model name, a local path or an alias.")
    cache_size: int = Field(
        default=4096, ge=0, description="Vectors of queries kept in RAM, the least recently used go first; 0 is off."
    )


class SentenceTransformerEmbedderConfig(EmbedderConfig):
    """A model that runs in this process with sentence-transformers."""

    model_name_or_path: str = Field(default="all-minilm-l6-v2", min_length=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto is bfloat16 where the processor computes it in hardware, else float32."
    )


class UniversalAPIEmbedderConfig(EmbedderConfig):
    """A server that speaks OpenAI's embeddings protocol. Without ``base_url`` it is OpenAI with OPENAI_API_KEY."""

    api_key: Secret | None = Field(default=None, description="The key, or env:NAME.")
    base_url: str | None = Field(default=None, pattern=r"^https?://", description="The URL up to and with /v1.")
    batch_size: int = Field(default=64, ge=1, le=2048, description="Texts in one request.")
    timeout_s: float = Field(default=30.0, gt=0)
    max_retries: int = Field(default=1, ge=0, le=10, description="Repetitions inside one call; honours Retry-After.")


class EmbedderConfigFactory(BackendConfig):
    """``{"backend": "sentence_transformer" | "universal_api", "config": {...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "sentence_transformer": SentenceTransformerEmbedderConfig,
        "universal_api": UniversalAPIEmbedderConfig,
    }
