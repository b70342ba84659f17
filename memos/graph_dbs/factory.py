"""From settings or a configuration to a graph store."""

from typing import Final, cast

from memos.configs.graph_db import GraphDBConfigFactory
from memos.errors import InvalidConfig
from memos.graph_dbs.base import GraphStore
from memos.registry import Registry
from memos.settings import Settings

TWIN_URL: Final = "memory://"
BACKENDS: Final = Registry(
    "graph store backend",
    {
        "memory": "memos.graph_dbs.memory:build_graph",
        "neo4j": "memos.graph_dbs.neo4j:build_graph",
    },
)


class GraphStoreFactory:
    """Makes graph stores; a backend's packages are imported only when it is chosen."""

    @staticmethod
    def from_config(config: GraphDBConfigFactory) -> GraphStore:
        """The store that ``config`` describes; nothing is connected yet. Raises InvalidConfig."""
        return cast(GraphStore, BACKENDS.load(config.backend)(config.config))


def build_graph(settings: Settings) -> GraphStore:
    """The store that the settings name; nothing is connected yet. ``memory://`` is the twin in RAM."""
    if settings.neo4j_url is None:
        raise InvalidConfig("setting neo4j_url is missing: set MEMOS_NEO4J_URL, or start the local stack (memos up)")
    if settings.neo4j_url == TWIN_URL:
        return GraphStoreFactory.from_config(GraphDBConfigFactory.model_validate({"backend": "memory"}))
    server = {
        "url": settings.neo4j_url,
        "user": settings.neo4j_user,
        "password": settings.neo4j_password,
        "database": settings.neo4j_database,
    }
    return GraphStoreFactory.from_config(GraphDBConfigFactory.model_validate({"backend": "neo4j", "config": server}))
