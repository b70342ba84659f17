"""Configuration of memories: textual, activation and parametric."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from memos.configs.activation import KVCacheMemoryConfig, VLLMKVCacheMemoryConfig
from memos.configs.base import BaseConfig
from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.graph_db import GraphDBConfigFactory
from memos.configs.llm import LLMConfigFactory
from memos.configs.parametric import LoRAMemoryConfig
from memos.configs.reranker import RerankerConfigFactory
from memos.configs.union import BackendConfig
from memos.configs.vec_db import VectorDBConfigFactory
from memos.recall.paths import HOPS


class BaseTextMemoryConfig(BaseConfig):
    """What every textual memory understands."""

    cube_id: str = Field(default="default", min_length=1, max_length=128, description="Whose memories these are.")
    extractor_llm: LLMConfigFactory | None = Field(
        default=None, description="Reads conversations in `extract`; without it the rules reader does, with no model."
    )


class NaiveTextMemoryConfig(BaseTextMemoryConfig):
    """Items in RAM, found by their words and, with an embedder, by their meaning. Needs no server."""

    embedder: EmbedderConfigFactory | None = None


class GeneralTextMemoryConfig(BaseTextMemoryConfig):
    """Rows of a vector store. Without ``vector_db`` and ``embedder`` they are those of the settings."""

    vector_db: VectorDBConfigFactory | None = None
    embedder: EmbedderConfigFactory | None = None


class TreeTextMemoryConfig(BaseTextMemoryConfig):
    """A graph with an index beside it. What is not given is that of the settings; a reranker there is none."""

    graph_db: GraphDBConfigFactory | None = None
    vector_db: VectorDBConfigFactory | None = None
    embedder: EmbedderConfigFactory | None = None
    reranker: RerankerConfigFactory | None = Field(
        default=None, description="Has the last word on the order of what a search found; by default nobody."
    )
    max_hops: int = Field(
        default=HOPS, ge=0, le=4, description="Steps along relations that a search goes from what matches its words."
    )


class MemoryConfigFactory(BackendConfig):
    """``{"backend": NAME, "config": {...}}``: a textual, an activation or a parametric memory."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "naive_text": NaiveTextMemoryConfig,
        "general_text": GeneralTextMemoryConfig,
        "tree_text": TreeTextMemoryConfig,
        "kv_cache": KVCacheMemoryConfig,
        "vllm_kv_cache": VLLMKVCacheMemoryConfig,
        "lora": LoRAMemoryConfig,
    }
