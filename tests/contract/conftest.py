"""What several contracts hold for: every graph store, and a tenant beside the test's own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from memos.graph_dbs.base import GraphStore
from memos.graph_dbs.factory import build_graph
from memos.ids import TenantId, tenant_id
from memos.settings import Settings


@pytest.fixture(scope="module", params=["memory", pytest.param("server", marks=pytest.mark.servers)])
def graph(request: pytest.FixtureRequest) -> Iterator[GraphStore]:
    """The twin in RAM, and a real server over Bolt."""
    is_twin = request.param == "memory"
    store = build_graph(Settings(neo4j_url="memory://") if is_twin else request.getfixturevalue("neo4j_settings"))
    store.ensure_schema()
    yield store
    store.close()


@pytest.fixture
def other() -> TenantId:
    """Another tenant that no other test has."""
    return tenant_id(f"t-{uuid4().hex}")
