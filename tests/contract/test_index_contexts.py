"""What was said around a memory, as a vector index keeps it; one suite for the twin and for a real Milvus."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from memos.ids import CubeId, MemoryId, SessionId, TenantId, UserId
from memos.settings import Settings
from memos.types import Memory
from memos.vec_dbs.base import IndexFilter, IndexRow, VecIndex
from memos.vec_dbs.factory import build_index

CUBE = CubeId("cube")
HERE = IndexFilter(cubes=(CUBE,))
X = (1.0, 0.0, 0.0)


@pytest.fixture(scope="module", params=["memory", pytest.param("server", marks=pytest.mark.servers)])
def index(request: pytest.FixtureRequest) -> Iterator[VecIndex]:
    settings = Settings(milvus_url="memory://")
    if request.param == "server":
        servers: Settings = request.getfixturevalue("settings")
        settings = servers.model_copy(update={"milvus_collection": f"test_{uuid4().hex}"})
    made = build_index(settings)
    made.ensure(dimension=3, model="test-model")
    yield made
    made.close()


def a_row(*, text: str = "plain words", context: str = "") -> IndexRow:
    memory = Memory(
        id=MemoryId("m"),
        cube=CUBE,
        user=UserId("ann"),
        session=SessionId("monday"),
        text=text,
        speaker="Ann Lee",
    )
    return IndexRow(memory=memory, vector=X, context=context)


def found(index: VecIndex, tenant: TenantId, words: str) -> list[MemoryId]:
    return [hit.memory_id for hit in index.search_text(tenant, words, HERE, limit=5, timeout_s=3)]


class TestContexts:
    def test_a_memory_is_found_by_its_own_words_and_by_those_around_it(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row(text="green tea", context="What do you drink?")])
        assert found(index, tenant, "tea") == found(index, tenant, "drinking") == ["m"]
        assert found(index, tenant, "coffee") == []

    def test_a_hit_says_who_said_it_and_in_which_session(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row(text="tea")])
        [dense] = index.search_dense(tenant, X, HERE, limit=5, timeout_s=3)
        [text] = index.search_text(tenant, "tea", HERE, limit=5, timeout_s=3)
        assert (dense.session, dense.speaker) == (text.session, text.speaker) == ("monday", "Ann Lee")

    def test_a_new_row_replaces_the_context_and_a_deletion_removes_it(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row(text="tea", context="cups")])
        index.upsert(tenant, [a_row(text="milk", context="glasses")])
        assert found(index, tenant, "cups") == []
        assert found(index, tenant, "glass") == ["m"]
        index.delete(tenant, CUBE, [MemoryId("m")])
        assert found(index, tenant, "glass") == []
