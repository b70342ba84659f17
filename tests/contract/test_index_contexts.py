"""The second view of a vector index: what was said around a memory; one suite for the twin and for a real Milvus."""

from collections.abc import Iterator, Sequence
from uuid import uuid4

import pytest

from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId, SessionId, TenantId, UserId, tenant_id
from memos.settings import Settings
from memos.types import Memory, MemoryType
from memos.vec_dbs.base import IndexFilter, IndexHit, IndexRow, VecIndex, View
from memos.vec_dbs.factory import build_index

CUBE = CubeId("cube")
HERE = IndexFilter(cubes=(CUBE,))
X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


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


def a_row(name: str, vector: Sequence[float] = X, *, text: str = "plain words", **given: object) -> IndexRow:
    memory = Memory(
        id=MemoryId(name),
        cube=CUBE,
        user=UserId("ann"),
        session=SessionId("monday"),
        text=text,
        speaker="Ann Lee",
    )
    return IndexRow(memory=memory, vector=vector, **given)  # type: ignore[arg-type]


def by_meaning(index: VecIndex, tenant: TenantId, vector: Sequence[float], view: View) -> list[IndexHit]:
    return index.search_dense(tenant, vector, HERE, limit=5, timeout_s=3, view=view)


def by_words(index: VecIndex, tenant: TenantId, words: str) -> list[MemoryId]:
    return [hit.memory_id for hit in index.search_text(tenant, words, HERE, limit=5, timeout_s=3)]


class TestContexts:
    def test_a_memory_is_found_by_its_own_words_and_by_those_around_it(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row("m", text="green tea", context="What do you drink?", context_vector=Y)])
        assert by_words(index, tenant, "tea") == by_words(index, tenant, "drinking") == ["m"]
        assert by_words(index, tenant, "coffee") == []

    def test_each_view_is_found_by_its_own_vector(self, index: VecIndex, tenant: TenantId) -> None:
        rows = [a_row("near", X, context="a", context_vector=Z), a_row("far", Y, context="b", context_vector=X)]
        index.upsert(tenant, rows)
        assert [hit.memory_id for hit in by_meaning(index, tenant, X, "memory")] == ["near", "far"]
        assert [hit.memory_id for hit in by_meaning(index, tenant, X, "context")] == ["far", "near"]

    def test_without_a_context_the_memory_stands_for_it(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row("m", Y, text="green tea")])
        assert by_words(index, tenant, "tea") == ["m"]
        assert by_meaning(index, tenant, Y, "context")[0].score == pytest.approx(1.0, abs=1e-5)

    @pytest.mark.parametrize("view", ["memory", "context"])
    def test_a_hit_says_who_said_it_and_in_which_session(self, index: VecIndex, tenant: TenantId, view: View) -> None:
        index.upsert(tenant, [a_row("m")])
        [hit] = by_meaning(index, tenant, X, view)
        assert (hit.session, hit.speaker) == ("monday", "Ann Lee")

    @pytest.mark.parametrize("view", ["memory", "context"])
    def test_both_views_have_the_same_walls_and_filters(self, index: VecIndex, tenant: TenantId, view: View) -> None:
        index.upsert(tenant, [a_row("m", text="tea", context="tea")])
        other = tenant_id(f"t-{uuid4().hex}")
        assert by_meaning(index, other, X, view) == []
        elsewhere = IndexFilter(cubes=(CubeId("elsewhere"),))
        assert index.search_dense(tenant, X, elsewhere, limit=5, timeout_s=3, view=view) == []
        outer = IndexFilter(cubes=(CUBE,), memory_types=(MemoryType.OUTER,))
        assert index.search_dense(tenant, X, outer, limit=5, timeout_s=3, view=view) == []

    def test_a_new_row_replaces_both_views(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row("m", text="tea", context="cups", context_vector=Y)])
        index.upsert(tenant, [a_row("m", text="milk", context="glasses", context_vector=Z)])
        assert by_words(index, tenant, "cups") == []
        assert by_words(index, tenant, "glass") == ["m"]
        index.delete(tenant, CUBE, [MemoryId("m")])
        assert by_words(index, tenant, "glass") == []

    def test_a_context_of_another_dimension_is_refused(self, index: VecIndex, tenant: TenantId) -> None:
        with pytest.raises(InvalidRequest, match="2 dimensions"):
            index.upsert(tenant, [a_row("m", context="a", context_vector=(1.0, 0.0))])
