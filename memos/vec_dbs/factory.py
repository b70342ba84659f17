"""From settings or a configuration to a vector index."""

from typing import Final, cast

from memos.configs.vec_db import VectorDBConfigFactory
from memos.errors import InvalidConfig
from memos.registry import Registry
from memos.settings import Settings
from memos.vec_dbs.base import RecordIndex, VecIndex

TWIN_URL: Final = "memory://"
BACKENDS: Final = Registry(
    "vector index backend",
    {
        "memory": "memos.vec_dbs.memory:build_index",
        "milvus": "memos.vec_dbs.milvus:build_index",
    },
)
RECORD_BACKENDS: Final = Registry(
    "vector index backend",
    {
        "memory": "memos.vec_dbs.memory:build_records",
        "milvus": "memos.vec_dbs.milvus_records:build_records",
    },
)


class VecDBFactory:
    """Makes vector indexes; a backend's packages are imported only when it is chosen."""

    @staticmethod
    def from_config(config: VectorDBConfigFactory) -> VecIndex:
        """The index that ``config`` describes; nothing is connected yet. Raises InvalidConfig."""
        return cast(VecIndex, BACKENDS.load(config.backend)(config.config))

    @staticmethod
    def records_from_config(config: VectorDBConfigFactory) -> RecordIndex:
        """The index of whole memories beside the one that ``config`` describes. Raises InvalidConfig."""
        return cast(RecordIndex, RECORD_BACKENDS.load(config.backend)(config.config))


def build_index(settings: Settings) -> VecIndex:
    """The index that the settings name; nothing is connected yet. ``memory://`` is the twin in RAM."""
    return VecDBFactory.from_config(_named_by(settings))


def build_record_index(settings: Settings) -> RecordIndex:
    """The index of whole memories beside the one that the settings name; nothing is connected yet."""
    return VecDBFactory.records_from_config(_named_by(settings))


def _named_by(settings: Settings) -> VectorDBConfigFactory:
    if settings.milvus_url is None:
        raise InvalidConfig("setting milvus_url is missing: set MEMOS_MILVUS_URL, or start the local stack (memos up)")
    if settings.milvus_url == TWIN_URL:
        return VectorDBConfigFactory.model_validate({"backend": "memory"})
    server = {"url": settings.milvus_url, "token": settings.milvus_token, "collection": settings.milvus_collection}
    return VectorDBConfigFactory.model_validate({"backend": "milvus", "config": server})
