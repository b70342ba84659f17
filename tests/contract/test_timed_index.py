"""Times and facets, which an index compares itself; one suite for the twin and for a real Milvus."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from memos.ids import CubeId, MemoryId, SessionId, TenantId, UserId, tenant_id
from memos.settings import Settings
from memos.types import Category, Memory, MemoryType
from memos.vec_dbs.base import Facet, IndexFilter, IndexRow, Moment, Period, VecIndex
from memos.vec_dbs.conditions import MAX_FACETS, NEVER_MS
from memos.vec_dbs.factory import build_index

CUBE = CubeId("cube")
X = (1.0, 0.0, 0.0)
KINDS = ["memory", pytest.param("server", marks=pytest.mark.servers)]


@pytest.fixture(scope="module", params=KINDS)
def index(request: pytest.FixtureRequest) -> Iterator[VecIndex]:
    settings = Settings(milvus_url="memory://")
    if request.param == "server":
        servers: Settings = request.getfixturevalue("settings")
        settings = servers.model_copy(update={"milvus_collection": f"test_{uuid4().hex}"})
    made = build_index(settings)
    made.ensure(dimension=3, model="test-model")
    yield made
    made.close()


def a_row(name: str, **fields: Any) -> IndexRow:
    known = {"user": UserId("ann"), "session": SessionId("s"), "text": "green tea", **fields}
    return IndexRow(memory=Memory(id=MemoryId(name), cube=CUBE, **known), vector=X)


def found(index: VecIndex, tenant: TenantId, **where: Any) -> list[str]:
    """The rows that both searches find; they must agree."""
    asked = IndexFilter(cubes=(CUBE,), **where)
    dense = {hit.memory_id for hit in index.search_dense(tenant, X, asked, limit=50, timeout_s=3)}
    text = {hit.memory_id for hit in index.search_text(tenant, "tea", asked, limit=50, timeout_s=3)}
    assert dense == text
    return sorted(dense)


def within(moment: Moment, first_ms: int | None = None, end_ms: int | None = None) -> tuple[Period, ...]:
    return (Period(moment=moment, first_ms=first_ms, end_ms=end_ms),)


def having(*groups: dict[str, str]) -> tuple[tuple[Facet, ...], ...]:
    return tuple(tuple(Facet(field=field, value=value) for field, value in group.items()) for group in groups)


def test_a_period_begins_with_its_first_moment_and_stops_before_its_end(index: VecIndex, tenant: TenantId) -> None:
    index.upsert(tenant, [a_row(f"at {at_ms}", said_at_ms=at_ms) for at_ms in (-5, 0, 1_700_000_000_000)])
    assert found(index, tenant, periods=within(Moment.SAID, 0)) == ["at 0", "at 1700000000000"]
    assert found(index, tenant, periods=within(Moment.SAID, None, 0)) == ["at -5"]
    assert found(index, tenant, periods=within(Moment.SAID, -5, 1_700_000_000_000)) == ["at -5", "at 0"]
    assert found(index, tenant, periods=within(Moment.SAID)) == ["at -5", "at 0", "at 1700000000000"]


def test_a_statement_holds_from_its_day_or_when_it_was_said_until_it_ended(index: VecIndex, tenant: TenantId) -> None:
    rows = [
        a_row("said", said_at_ms=10),
        a_row("dated", said_at_ms=10, valid_at_ms=30),
        a_row("ended", said_at_ms=10, invalid_at_ms=30),
    ]
    index.upsert(tenant, rows)
    on_day = {day: (*within(Moment.FROM, None, day + 1), *within(Moment.UNTIL, day + 1)) for day in (9, 10, 29, 30)}
    asked = {day: found(index, tenant, periods=periods) for day, periods in on_day.items()}
    assert asked == {9: [], 10: ["ended", "said"], 29: ["ended", "said"], 30: ["dated", "said"]}


def test_what_has_no_end_never_ends_nor_expires(index: VecIndex, tenant: TenantId) -> None:
    index.upsert(tenant, [a_row("kept"), a_row("brief", expires_at_ms=50, invalid_at_ms=50)])
    for moment in (Moment.UNTIL, Moment.EXPIRES):
        assert found(index, tenant, periods=within(moment, 50)) == ["brief", "kept"]
        assert found(index, tenant, periods=within(moment, 51)) == ["kept"]
        assert found(index, tenant, periods=within(moment, NEVER_MS)) == ["kept"]


def test_rows_are_told_apart_by_each_facet(index: VecIndex, tenant: TenantId) -> None:
    rows = [
        a_row("plain"),
        a_row("bob's", user=UserId("bob"), session=SessionId("monday"), speaker="Bob", key="tea"),
        a_row("typed", category=Category.PLAN, memory_type=MemoryType.OUTER),
        a_row("marked", entities=("Porto", "Ana"), tags=("travel",)),
    ]
    index.upsert(tenant, rows)
    for field, value in {"user_id": "bob", "session_id": "monday", "speaker": "Bob", "key": "tea"}.items():
        assert found(index, tenant, facets=having({field: value})) == ["bob's"]
    for field, value in {"type": "plan", "memory_type": "OuterMemory"}.items():
        assert found(index, tenant, facets=having({field: value})) == ["typed"]
    for field, value in {"entities": "Ana", "tags": "travel"}.items():
        assert found(index, tenant, facets=having({field: value})) == ["marked"]
    assert found(index, tenant, facets=having({"speaker": "bob"})) == found(index, tenant, facets=having({})) == []


def test_one_facet_of_each_group_is_asked_for(index: VecIndex, tenant: TenantId) -> None:
    index.upsert(tenant, [a_row("a", key="a"), a_row("b", key="b", tags=("red",)), a_row("c", key="c", tags=("red",))])
    assert found(index, tenant, facets=having({"key": "a", "tags": "red"})) == ["a", "b", "c"]
    assert found(index, tenant, facets=having({"key": "b", "user_id": "nobody"}, {"tags": "red"})) == ["b"]
    assert found(index, tenant, facets=having({"key": "a"}, {"tags": "red"})) == []


def test_a_row_with_too_many_facets_is_found_by_all_of_them(index: VecIndex, tenant: TenantId) -> None:
    tags = tuple(f"tag {number}" for number in range(2 * MAX_FACETS))
    index.upsert(tenant, [a_row("many", tags=tags), a_row("few", tags=tags[-1:]), a_row("none")])
    assert found(index, tenant, facets=having({"tags": tags[-1]})) == ["few", "many"]
    assert found(index, tenant, facets=having({"tags": tags[0]})) == ["many"]


@pytest.mark.parametrize("nasty", ['"] or 1 == 1 or cube in ["', "x') or ('1' == '1", "\\", "猫\U0001f408"])
def test_values_full_of_filter_syntax_are_only_values(index: VecIndex, tenant: TenantId, nasty: str) -> None:
    index.upsert(tenant, [a_row("plain", key="x"), a_row("nasty", key=nasty)])
    assert found(index, tenant, facets=having({"key": nasty})) == ["nasty"]


def test_neither_times_nor_facets_reach_another_tenant(index: VecIndex, tenant: TenantId) -> None:
    other = tenant_id(f"t-{uuid4().hex}")
    index.upsert(tenant, [a_row("mine", key="k", said_at_ms=5)])
    index.upsert(other, [a_row("theirs", key="k", said_at_ms=5)])
    asked = {"periods": within(Moment.SAID, 5, 6), "facets": having({"key": "k"})}
    assert found(index, tenant, **asked) == ["mine"]
    assert found(index, other, **asked) == ["theirs"]


def test_a_row_that_is_written_again_has_its_new_times_and_facets(index: VecIndex, tenant: TenantId) -> None:
    index.upsert(tenant, [a_row("m", key="old", invalid_at_ms=9)])
    index.flush()
    index.upsert(tenant, [a_row("m", key="new")])
    assert found(index, tenant, facets=having({"key": "old"})) == []
    assert found(index, tenant, facets=having({"key": "new"}), periods=within(Moment.UNTIL, 10)) == ["m"]
