"""Configuration of rerankers: what looks again at the memories that a search found."""

from collections.abc import Mapping
from typing import ClassVar, Final, Literal

from pydantic import AliasChoices, Field

from memos.configs.base import BaseConfig
from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.secret import Secret
from memos.configs.union import BackendConfig

_MODEL: Final = AliasChoices("model_name_or_path", "model")


class NoopRerankerConfig(BaseConfig):
    """No second look, and nothing to configure."""


class CosineLocalRerankerConfig(BaseConfig):
    """How near the meanings are, by an embedder."""

    embedder: EmbedderConfigFactory | None = Field(default=None, description="By default the one of the settings.")


class CrossEncoderRerankerConfig(BaseConfig):
    """A model in this process that reads question and text together."""

    model_name_or_path: str = Field(
        min_length=1, validation_alias=_MODEL, description="A local path, an alias or a hub id."
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_size: int = Field(default=32, ge=1, le=1024, description="Texts computed at once.")
    max_length: int | None = Field(
        default=None,
        ge=8,
        description="Tokens of question and text together, more are cut off; by default as many as the model takes.",
    )


class HTTPRerankerConfig(BaseConfig):
    """A server that reranks: vLLM, Infinity, Xinference, Jina, Cohere, or text-embeddings-inference."""

    url: str = Field(pattern=r"^https?://[^/\s]+", description="The whole address: http://localhost:8000/v1/rerank.")
    api: Literal["cohere", "tei"] = Field(
        default="cohere", description="tei is text-embeddings-inference; cohere is what all others speak."
    )
    model_name_or_path: str = Field(
        default="bge-reranker-v2-m3",
        min_length=1,
        validation_alias=_MODEL,
        description="As the server calls it. A tei server has one model and is not told.",
    )
    api_key: Secret | None = Field(default=None, description="The key, or env:NAME.")
    headers: dict[str, Secret] = Field(
        default_factory=dict,
        validation_alias=AliasChoices("headers", "headers_extra"),
        description="Sent with every request; a value may be env:NAME.",
    )
    batch_size: int = Field(default=32, ge=1, le=1000, description="Texts in one request.")
    timeout_s: float = Field(default=5.0, gt=0, description="The longest silence of the server while it answers.")
    max_retries: int = Field(default=1, ge=0, le=10, description="Repetitions inside one call; honours Retry-After.")


class RerankerConfigFactory(BackendConfig):
    """``{"backend": "cosine_local" | "cross_encoder" | "http_bge" | "noop", "config": {...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "cosine_local": CosineLocalRerankerConfig,
        "cross_encoder": CrossEncoderRerankerConfig,
        "http_bge": HTTPRerankerConfig,
        "noop": NoopRerankerConfig,
    }
