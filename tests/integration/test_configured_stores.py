"""Each field of a store's configuration decides whether, and where, a real server answers."""

from typing import Any
from uuid import uuid4

import pytest

from memos.configs.graph_db import GraphDBConfigFactory
from memos.configs.vec_db import VectorDBConfigFactory
from memos.errors import InvalidConfig, Unavailable
from memos.graph_dbs.factory import GraphStoreFactory
from memos.ids import CubeId, TenantId
from memos.settings import Settings
from memos.vec_dbs.factory import VecDBFactory

pytestmark = pytest.mark.servers

CUBE = CubeId("cube")


def graph_config(settings: Settings, **changes: Any) -> GraphDBConfigFactory:
    fields = {
        "url": settings.neo4j_url,
        "user": settings.neo4j_user,
        "password": settings.neo4j_password,
        "database": settings.neo4j_database,
    }
    return GraphDBConfigFactory.model_validate({"backend": "neo4j", "config": {**fields, **changes}})


def test_a_graph_that_is_named_rightly_answers(settings: Settings, tenant: TenantId) -> None:
    graph = GraphStoreFactory.from_config(graph_config(settings))
    graph.ensure_schema()
    assert graph.list_memories(tenant, CUBE, limit=1) == []
    graph.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [("url", "bolt://127.0.0.1:1"), ("user", "nobody"), ("password", "mistaken"), ("database", "elsewhere")],
)
def test_a_graph_with_one_wrong_field_does_not(settings: Settings, tenant: TenantId, field: str, value: str) -> None:
    graph = GraphStoreFactory.from_config(graph_config(settings, **{field: value}))
    with pytest.raises((Unavailable, InvalidConfig), match="neo4j") as refused:
        graph.list_memories(tenant, CUBE, limit=1)
    assert "mistaken" not in str(refused.value)
    graph.close()


def test_a_password_may_be_in_the_environment(
    settings: Settings, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_GRAPH_PASSWORD", settings.neo4j_password.get_secret_value())
    graph = GraphStoreFactory.from_config(graph_config(settings, password="env:TEST_GRAPH_PASSWORD"))
    assert graph.list_memories(tenant, CUBE, limit=1) == []
    graph.close()


def test_collections_of_two_names_are_apart(settings: Settings) -> None:
    for model in ("one", "two"):
        config = {"url": settings.milvus_url, "collection": f"test_{uuid4().hex}"}
        index = VecDBFactory.from_config(VectorDBConfigFactory.model_validate({"backend": "milvus", "config": config}))
        index.ensure(dimension=3, model=model)  # one collection would refuse a second model
        index.close()


def test_an_index_that_is_somewhere_else_is_unavailable() -> None:
    config = {"backend": "milvus", "config": {"url": "http://127.0.0.1:1"}}
    index = VecDBFactory.from_config(VectorDBConfigFactory.model_validate(config))
    with pytest.raises(Unavailable, match="milvus"):
        index.ping()
    index.close()
