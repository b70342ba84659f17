"""Configuration of graph stores."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, SecretStr

from memos.configs.base import BaseConfig
from memos.configs.secret import Secret
from memos.configs.union import BackendConfig


class MemoryGraphDBConfig(BaseConfig):
    """The graph in RAM: for tests, and gone with the process."""


class Neo4jGraphDBConfig(BaseConfig):
    """A server that speaks Bolt: Neo4j 5.26 or later, or ArcadeDB."""

    url: str = Field("bolt://127.0.0.1:7687", pattern=r"^(bolt|neo4j)(\+s|\+ssc)?://")
    user: str = "neo4j"
    password: Secret = Field(SecretStr(""), description="The password, or env:NAME.")
    database: str = Field("neo4j", min_length=1)


class GraphDBConfigFactory(BackendConfig):
    """``{"backend": "neo4j" | "memory", "config": {...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {
        "memory": MemoryGraphDBConfig,
        "neo4j": Neo4jGraphDBConfig,
    }
