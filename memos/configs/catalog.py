"""Every configuration that can be a file of its own."""

from typing import Final

from memos.configs.activation import KVCacheMemoryConfig, VLLMKVCacheMemoryConfig
from memos.configs.base import BaseConfig
from memos.configs.chunker import ChunkerConfigFactory
from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.graph_db import GraphDBConfigFactory
from memos.configs.llm import LLMConfigFactory
from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.mem_os import MOSConfig
from memos.configs.mem_reader import MemReaderConfigFactory, SimpleStructMemReaderConfig
from memos.configs.mem_user import UserManagerConfigFactory
from memos.configs.memory import (
    GeneralTextMemoryConfig,
    MemoryConfigFactory,
    NaiveTextMemoryConfig,
    TreeTextMemoryConfig,
)
from memos.configs.parametric import LoRAMemoryConfig
from memos.configs.reranker import RerankerConfigFactory
from memos.configs.scheduler import SchedulerConfigFactory
from memos.configs.vec_db import VectorDBConfigFactory

CONFIGS: Final[tuple[type[BaseConfig], ...]] = (
    MOSConfig,
    MemoryConfigFactory,
    NaiveTextMemoryConfig,
    GeneralTextMemoryConfig,
    TreeTextMemoryConfig,
    KVCacheMemoryConfig,
    VLLMKVCacheMemoryConfig,
    LoRAMemoryConfig,
    GeneralMemCubeConfig,
    ChunkerConfigFactory,
    MemReaderConfigFactory,
    SimpleStructMemReaderConfig,
    LLMConfigFactory,
    EmbedderConfigFactory,
    RerankerConfigFactory,
    SchedulerConfigFactory,
    VectorDBConfigFactory,
    GraphDBConfigFactory,
    UserManagerConfigFactory,
)
