"""Configuration of vector indexes."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, SecretStr

from memos.configs.base import BaseConfig
from memos.configs.secret import Secret
from memos.configs.union import BackendConfig


class MemoryVecDBConfig(BaseConfig):
    """The index in RAM: for tests, and gone with the process."""


class MilvusVecDBConfig(BaseConfig):
    """A Milvus server."""

    url: str = Field("http://127.0.0.1:19530", pattern=r"^(https?|tcp)://", description="Where Milvus is.")
    token: Secret = Field(SecretStr(""), description="user:password or an API key, or env:NAME.")
    collection: str = Field("memos_memories", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,200}$")
    flush_after_rows: int = Field(500, ge=1, description="Milvus Lite only: flush behind every so many new rows.")


class VectorDBConfigFactory(BackendConfig):
    """``{"backend": "milvus" | "memory", "config": {...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "memory": MemoryVecDBConfig,
        "milvus": MilvusVecDBConfig,
    }
