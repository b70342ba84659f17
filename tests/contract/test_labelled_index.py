"""What an index of labelled memories adds: one suite for the twin in RAM and for a real Milvus server."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from memos.configs.vec_db import MilvusVecDBConfig
from memos.errors import InvalidConfig, InvalidRequest
from memos.ids import CubeId, MemoryId, SessionId, TenantId, UserId, tenant_id
from memos.settings import Settings
from memos.types import Memory, MemoryStatus
from memos.vec_dbs.base import IndexFilter, IndexRow, LabelledIndex
from memos.vec_dbs.memory import MemoryIndex
from memos.vec_dbs.milvus_records import MilvusRecords, build_labelled, build_records
from memos.vec_dbs.rows import MAX_LABELS

CUBE, OTHER_CUBE = CubeId("cube"), CubeId("cube 2")
X, Y = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


@pytest.fixture(scope="module", params=["memory", pytest.param("server", marks=pytest.mark.servers)])
def index(request: pytest.FixtureRequest) -> Iterator[LabelledIndex]:
    made: LabelledIndex = MemoryIndex()
    if request.param == "server":
        made = build_labelled(own_collection(request.getfixturevalue("settings")))
    made.ensure(dimension=3, model="test-model")
    yield made
    made.close()


def own_collection(settings: Settings) -> MilvusVecDBConfig:
    return MilvusVecDBConfig.model_validate({"url": settings.milvus_url, "collection": f"test_{uuid4().hex}"})


def a_row(name: str, *labels: str, cube: CubeId = CUBE) -> IndexRow:
    memory = Memory(id=MemoryId(name), cube=cube, user=UserId("u"), session=SessionId("s"), text="green tea")
    return IndexRow(memory=memory, vector=X, record=f"record of {name}", labels=labels)


def everywhere(index: LabelledIndex, tenant: TenantId, *labels: str, cube: CubeId = CUBE) -> list[str]:
    """The rows that all three ways of looking find; they must agree."""
    where = IndexFilter(cubes=(cube,), labels=labels)
    dense = {hit.memory_id for hit in index.search_dense(tenant, X, where, limit=50, timeout_s=3)}
    text = {hit.memory_id for hit in index.search_text(tenant, "tea", where, limit=50, timeout_s=3)}
    listed = {row.memory_id for row in index.list_labelled(tenant, cube, labels)}
    assert dense == text == listed
    return sorted(listed)


def test_rows_are_found_by_all_the_labels_that_are_asked_for(index: LabelledIndex, tenant: TenantId) -> None:
    index.upsert(tenant, [a_row("none"), a_row("a", "a"), a_row("b", "b"), a_row("ab", "a", "b"), a_row("c", "c")])
    assert everywhere(index, tenant) == ["a", "ab", "b", "c", "none"]
    assert everywhere(index, tenant, "a") == ["a", "ab"]
    assert everywhere(index, tenant, "b", "a") == ["ab"]
    assert everywhere(index, tenant, "a", "c") == everywhere(index, tenant, "absent") == []


def test_labels_are_compared_whole(index: LabelledIndex, tenant: TenantId) -> None:
    index.upsert(tenant, [a_row("m", "user_id=ana"), a_row("n", "user_id=anabel")])
    assert everywhere(index, tenant, "user_id=ana") == ["m"]
    assert everywhere(index, tenant, "user_id=") == everywhere(index, tenant, "USER_ID=ANA") == []


@pytest.mark.parametrize("nasty", ['a"] or tenant_key != "', "x') or ('1' == '1", "a, b", "\\", "", "猫\U0001f408"])
def test_labels_full_of_filter_syntax_are_only_labels(index: LabelledIndex, tenant: TenantId, nasty: str) -> None:
    index.upsert(tenant, [a_row("plain", "a"), a_row("nasty", nasty)])
    assert everywhere(index, tenant, nasty) == ["nasty"]


def test_no_label_reaches_another_tenant_or_cube(index: LabelledIndex, tenant: TenantId) -> None:
    other = tenant_id(f"t-{uuid4().hex}")
    index.upsert(tenant, [a_row("mine", "a"), a_row("second", "a", cube=OTHER_CUBE)])
    index.upsert(other, [a_row("theirs", "a")])
    assert everywhere(index, tenant, "a") == ["mine"]
    assert everywhere(index, tenant, "a", cube=OTHER_CUBE) == ["second"]
    assert everywhere(index, other, "a") == ["theirs"]


def test_a_row_that_is_written_again_has_its_new_labels(index: LabelledIndex, tenant: TenantId) -> None:
    index.upsert(tenant, [a_row("m", "a")])
    index.flush()
    index.upsert(tenant, [a_row("m", "b")])
    assert everywhere(index, tenant, "a") == []
    assert everywhere(index, tenant, "b") == ["m"]
    index.delete(tenant, CUBE, [MemoryId("m")])
    assert everywhere(index, tenant, "b") == []


def test_listing_reads_records_with_vectors_and_the_archived_too(index: LabelledIndex, tenant: TenantId) -> None:
    row = a_row("m", "a")
    index.upsert(tenant, [replace(row, vector=Y, memory=replace(row.memory, status=MemoryStatus.ARCHIVED))])
    [listed] = index.list_labelled(tenant, CUBE, ["a"], vectors=True)
    assert (listed.record, list(listed.vector)) == ("record of m", list(Y))
    assert [found.vector for found in index.list_labelled(tenant, CUBE, ["a"])] == [()]


def test_too_many_labels_are_refused_before_anything_is_written(index: LabelledIndex, tenant: TenantId) -> None:
    fits = a_row("fits", *(f"l{number}" for number in range(MAX_LABELS)))
    with pytest.raises(InvalidRequest, match="17 labels; the limit is 16"):
        index.upsert(tenant, [fits, replace(fits, labels=(*fits.labels, "more"))])
    assert everywhere(index, tenant) == []
    index.upsert(tenant, [fits])
    assert everywhere(index, tenant, *fits.labels) == ["fits"]


def test_a_label_among_many_rows_is_listed_in_pages(index: LabelledIndex, tenant: TenantId) -> None:
    rows = [a_row(f"m{number}", "even" if number % 2 == 0 else "odd") for number in range(1300)]
    index.upsert(tenant, rows)
    listed = [row.memory_id for row in index.list_labelled(tenant, CUBE, ["even"])]
    assert sorted(listed) == sorted(f"m{number}" for number in range(0, 1300, 2))


@pytest.mark.servers
def test_labelled_memories_lie_beside_those_without_labels(settings: Settings, tenant: TenantId) -> None:
    config = own_collection(settings)
    labelled, plain = build_labelled(config), build_records(config)
    for each in (labelled, plain):
        each.ensure(dimension=3, model="m")
    labelled.upsert(tenant, [a_row("m", "a")])
    assert list(plain.list_records(tenant, CUBE)) == []
    labelled.close()
    plain.close()
    clash = MilvusRecords(config.url, "", f"{config.collection}_labelled")
    with pytest.raises(InvalidConfig, match="was made for"):
        clash.ensure(dimension=3, model="m")
    clash.close()
