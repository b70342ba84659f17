"""From mem0's ``vector_store`` section to an index of ours: Milvus, by its URL or as the settings say."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr

from memos.configs.base import BaseConfig
from memos.configs.secret import Secret
from memos.configs.vec_db import MilvusVecDBConfig
from memos.errors import InvalidConfig
from memos.mem0.section import parse_config, parse_section

DEFAULT_COLLECTION: Final = "mem0"
_ADVICE: Final = (
    "memories are kept in Milvus here, and to keep them anywhere but where you say would lose them: leave vector_store "
    "out, or name a Milvus, and bring the old memories over with add(..., infer=False)"
)
_METRIC: Final = "scores are cosines here, by which unit vectors rank as by L2 and IP; leave metric_type out"


def _check_metric(value: object) -> object:
    if value != "COSINE":
        raise InvalidConfig(f"vector_store milvus field metric_type is {value!r:.40}: {_METRIC}")
    return value


class CollectionConfig(BaseConfig):
    """A collection on the servers of the settings."""

    collection_name: str = Field(default=DEFAULT_COLLECTION, min_length=1, max_length=128)
    embedding_model_dims: int | None = Field(
        default=None, ge=1, description="The embedder's dimension: another one is an error at once."
    )


class MilvusConfig(CollectionConfig):
    """A collection on a Milvus server."""

    url: str = "http://localhost:19530"
    token: Secret = SecretStr("")
    metric_type: Annotated[Literal["COSINE"], BeforeValidator(_check_metric)] = "COSINE"
    db_name: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")

    @property
    def server(self) -> MilvusVecDBConfig:
        """The server with its database, and the collection."""
        url = f"{self.url.rstrip('/')}/{self.db_name}" if self.db_name else self.url
        return MilvusVecDBConfig.model_validate({"url": url, "token": self.token, "collection": self.collection_name})


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorStore:
    """Where memories are: on ``server``, or where the settings say."""

    collection: str = DEFAULT_COLLECTION
    server: MilvusVecDBConfig | None = None
    dimension: int | None = None


def store_from_mem0(section: object) -> VectorStore:
    """The same store in our terms; ``memos`` is that of the settings. Raises InvalidConfig for any other provider."""
    known = ("milvus", "memos")
    name, given = parse_section("vector_store", section, default="qdrant", known=known, advice=_ADVICE)
    fields: dict[str, Any] = parse_config(f"vector_store {name}", given)
    if name == "memos":
        config = CollectionConfig.model_validate(fields)
        return VectorStore(collection=config.collection_name, dimension=config.embedding_model_dims)
    milvus = MilvusConfig.model_validate(fields)
    return VectorStore(collection=milvus.collection_name, server=milvus.server, dimension=milvus.embedding_model_dims)
