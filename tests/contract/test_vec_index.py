"""What every vector index does: one suite for the twin in RAM and for a real Milvus server."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from memos.configs.vec_db import VectorDBConfigFactory
from memos.errors import InvalidConfig, InvalidRequest, Unavailable
from memos.ids import CubeId, MemoryId, SessionId, TenantId, UserId, tenant_id
from memos.settings import Settings
from memos.types import Memory, MemoryStatus, MemoryType
from memos.vec_dbs.base import IndexFilter, IndexHit, IndexRow, RecordIndex, VecIndex
from memos.vec_dbs.factory import VecDBFactory, build_index, build_record_index
from memos.vec_dbs.rows import MAX_RECORD_BYTES

CUBE = CubeId("cube")
HERE = IndexFilter(cubes=(CUBE,))
X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


KINDS = ["memory", pytest.param("server", marks=pytest.mark.servers)]


@pytest.fixture(scope="module", params=KINDS)
def index(request: pytest.FixtureRequest) -> Iterator[VecIndex]:
    made = build_index(settings_for(request))
    made.ensure(dimension=3, model="test-model")
    yield made
    made.close()


@pytest.fixture(scope="module", params=KINDS)
def records(request: pytest.FixtureRequest) -> Iterator[RecordIndex]:
    made = build_record_index(settings_for(request))
    made.ensure(dimension=3, model="test-model")
    yield made
    made.close()


def settings_for(request: pytest.FixtureRequest) -> Settings:
    if request.param == "memory":
        return Settings(milvus_url="memory://")
    return own_collection(request.getfixturevalue("settings"))


@pytest.fixture
def other() -> TenantId:
    return tenant_id(f"t-{uuid4().hex}")


def own_collection(settings: Settings) -> Settings:
    """The same server, with a collection that no other test has."""
    return settings.model_copy(update={"milvus_collection": f"test_{uuid4().hex}"})


def a_row(
    name: str, vector: Sequence[float] = X, *, text: str = "some text", cube: CubeId = CUBE, record: str = ""
) -> IndexRow:
    memory = Memory(id=MemoryId(name), cube=cube, user=UserId("ann"), session=SessionId("s"), text=text)
    return IndexRow(memory=memory, vector=vector, record=record)


def dense(
    index: VecIndex, tenant: TenantId, vector: Sequence[float] = X, where: IndexFilter = HERE, *, limit: int = 10
) -> list[IndexHit]:
    return index.search_dense(tenant, vector, where, limit=limit, timeout_s=3)


def text(
    index: VecIndex, tenant: TenantId, query: str, where: IndexFilter = HERE, *, limit: int = 10
) -> list[IndexHit]:
    return index.search_text(tenant, query, where, limit=limit, timeout_s=3)


def names(hits: Sequence[IndexHit]) -> list[str]:
    return [hit.memory_id for hit in hits]


class TestVecIndex:
    def test_the_nearest_row_comes_first_with_its_cosine(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row("far", (-1.0, 0.0, 0.0)), a_row("near", X), a_row("middle", (0.6, 0.8, 0.0))])
        hits = dense(index, tenant)
        assert names(hits) == ["near", "middle", "far"]
        assert [hit.score for hit in hits] == pytest.approx([1.0, 0.6, -1.0], abs=1e-5)
        assert {hit.cube for hit in hits} == {CUBE}

    def test_no_more_hits_than_the_limit(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row(f"m{number}", text="tea") for number in range(5)])
        assert len(dense(index, tenant, limit=3)) == 3
        assert len(text(index, tenant, "tea", limit=3)) == 3
        assert dense(index, tenant, limit=0) == []
        assert len(dense(index, tenant, limit=1_000_000)) == 5

    def test_text_search_ranks_the_rarer_word_higher(self, index: VecIndex, tenant: TenantId) -> None:
        rows = [a_row(f"common {number}", text=f"Ann likes tea number{number}") for number in range(8)]
        index.upsert(tenant, [*rows, a_row("rare", text="Ann likes saxophones")])
        hits = text(index, tenant, "Who likes the saxophone?", limit=3)
        assert hits[0].memory_id == "rare"
        assert hits[0].score > hits[1].score > 0

    def test_words_match_in_other_forms_and_without_accents(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row("m", text="Caroline was HIKING near a café in the mountains")])
        for query in ("hikes", "hiked", "mountain", "Cafe", "caroline's"):
            assert names(text(index, tenant, query)) == ["m"], query

    def test_chinese_is_found_by_a_part_of_the_sentence(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row("m", text="我喜欢在北京编程"), a_row("n", text="今天天气很好")])
        assert names(text(index, tenant, "北京")) == ["m"]

    @pytest.mark.parametrize("query", ["zebra", "", "  ", "the of and", "?!", '"] or 1 == 1 or cube in ["'])
    def test_no_word_in_common_finds_nothing(self, index: VecIndex, tenant: TenantId, query: str) -> None:
        index.upsert(tenant, [a_row("m", text="Ann likes the tea")])
        assert text(index, tenant, query) == []

    def test_a_row_is_found_by_the_very_next_search(self, index: VecIndex, tenant: TenantId) -> None:
        for number in range(5):
            index.upsert(tenant, [a_row(f"m{number}", text=f"word{number}")])
            assert names(text(index, tenant, f"word{number}")) == [f"m{number}"]
            assert len(dense(index, tenant)) == number + 1

    def test_upsert_replaces_a_row(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row("m", X, text="old words")])
        index.flush()
        index.upsert(tenant, [a_row("m", Y, text="new words")])
        assert names(text(index, tenant, "old")) == []
        assert names(text(index, tenant, "new")) == ["m"]
        assert dense(index, tenant, Y)[0].score == pytest.approx(1.0)
        assert index.list_ids(tenant, CUBE) == ["m"]

    def test_rows_stay_found_after_a_flush(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row("m", text="tea")])
        index.flush()
        index.upsert(tenant, [a_row("n", text="tea")])
        assert sorted(names(dense(index, tenant))) == sorted(names(text(index, tenant, "tea"))) == ["m", "n"]

    def test_only_activated_rows_are_found_but_all_are_listed(self, index: VecIndex, tenant: TenantId) -> None:
        row = a_row("m", text="tea")
        archived = replace(row, memory=replace(row.memory, id=MemoryId("old"), status=MemoryStatus.ARCHIVED))
        index.upsert(tenant, [row, archived])
        assert names(dense(index, tenant)) == names(text(index, tenant, "tea")) == ["m"]
        assert sorted(index.list_ids(tenant, CUBE)) == ["m", "old"]

    def test_a_search_sees_the_named_cubes_and_types_only(self, index: VecIndex, tenant: TenantId) -> None:
        second = CubeId("cube 2")
        working = a_row("w", text="tea", cube=second)
        working = replace(working, memory=replace(working.memory, memory_type=MemoryType.WORKING))
        index.upsert(tenant, [a_row("m", text="tea"), working])
        both = IndexFilter(cubes=(CUBE, second))
        only_working = replace(both, memory_types=(MemoryType.WORKING, MemoryType.OUTER))
        assert sorted(names(dense(index, tenant, X, both))) == ["m", "w"]
        assert sorted(names(text(index, tenant, "tea", both))) == ["m", "w"]
        assert dense(index, tenant, X, only_working) == [
            IndexHit(memory_id=MemoryId("w"), cube=second, score=1.0, session="s")
        ]
        assert names(text(index, tenant, "tea", only_working)) == ["w"]
        assert dense(index, tenant, X, IndexFilter(cubes=())) == text(index, tenant, "tea", IndexFilter(cubes=())) == []

    def test_no_method_reaches_another_tenants_rows(self, index: VecIndex, tenant: TenantId, other: TenantId) -> None:
        index.upsert(tenant, [a_row("m", X, text="tea")])
        index.upsert(other, [a_row("m", Y, text="coffee")])
        assert text(index, other, "tea") == text(index, tenant, "coffee") == []
        assert dense(index, other)[0].score == pytest.approx(0.0, abs=1e-6)
        index.delete(other, CUBE, [MemoryId("m")])
        assert index.list_ids(other, CUBE) == []
        index.delete_cube(other, CUBE)
        assert index.list_ids(tenant, CUBE) == names(dense(index, tenant)) == ["m"]

    def test_many_tenants_share_the_collection_without_meeting(self, index: VecIndex) -> None:
        tenants = [tenant_id(f"t-{uuid4().hex}") for _ in range(40)]
        for number, owner in enumerate(tenants):
            index.upsert(owner, [a_row(f"m{number}", text="tea")])
        for number, owner in enumerate(tenants):
            assert names(dense(index, owner)) == names(text(index, owner, "tea")) == [f"m{number}"]

    def test_ids_full_of_filter_syntax_are_only_ids(self, index: VecIndex, tenant: TenantId) -> None:
        nasty = CubeId('c"] or tenant_key != "" or cube in ["')
        row = a_row('m\' or "1" == "1', text="tea", cube=nasty)
        index.upsert(tenant, [row, a_row("plain", text="tea")])
        assert names(dense(index, tenant, X, IndexFilter(cubes=(nasty,)))) == [row.memory.id]
        index.delete(tenant, nasty, [MemoryId('" or pk != "')])
        assert index.list_ids(tenant, nasty) == [row.memory.id]
        index.delete_cube(tenant, nasty)
        assert index.list_ids(tenant, CUBE) == ["plain"]

    def test_the_longest_ids_fit(self, index: VecIndex, tenant: TenantId) -> None:
        longest = CubeId("\U0001f408" * 128)
        row = a_row("猫" * 128, text="tea", cube=longest)
        index.upsert(tenant, [row])
        assert text(index, tenant, "tea", IndexFilter(cubes=(longest,)))[0].memory_id == row.memory.id

    def test_a_very_long_text_is_found_by_its_beginning(self, index: VecIndex, tenant: TenantId) -> None:
        long_text = "saxophone " + " ".join(f"ünïque{number}" for number in range(20_000))
        index.upsert(tenant, [a_row("m", text=long_text), a_row("empty", text="")])
        assert names(text(index, tenant, "saxophone")) == ["m"]
        assert names(text(index, tenant, long_text)) == ["m"]

    def test_deleted_rows_are_gone_at_once(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row(name, text="tea") for name in ("a", "b", "c")])
        index.flush()
        index.delete(tenant, CUBE, [MemoryId("a"), MemoryId("absent")])
        index.delete(tenant, CUBE, [])
        assert sorted(names(dense(index, tenant))) == sorted(names(text(index, tenant, "tea"))) == ["b", "c"]
        index.delete_cube(tenant, CUBE)
        index.delete_cube(tenant, CUBE)
        assert dense(index, tenant) == text(index, tenant, "tea") == index.list_ids(tenant, CUBE) == []

    def test_all_ids_of_a_large_cube_are_listed(self, index: VecIndex, tenant: TenantId) -> None:
        wanted = {f"m{number}" for number in range(4500)}
        index.upsert(tenant, [a_row(name, text="") for name in wanted])
        listed = index.list_ids(tenant, CUBE)
        assert len(listed) == len(wanted)
        assert set(listed) == wanted
        index.delete_cube(tenant, CUBE)
        assert index.list_ids(tenant, CUBE) == []

    def test_a_vector_of_another_dimension_is_refused(self, index: VecIndex, tenant: TenantId) -> None:
        with pytest.raises(InvalidRequest, match="2 dimensions, the index 3"):
            index.upsert(tenant, [a_row("good"), a_row("bad", (1.0, 0.0))])
        assert index.list_ids(tenant, CUBE) == []

    def test_another_dimension_is_refused_with_both_numbers(self, index: VecIndex) -> None:
        with pytest.raises(InvalidConfig, match=r"3 dimensions .* 5"):
            index.ensure(dimension=5, model="test-model")

    def test_another_model_of_the_same_dimension_is_refused(self, index: VecIndex) -> None:
        with pytest.raises(InvalidConfig, match="another-model"):
            index.ensure(dimension=3, model="another-model")

    def test_several_may_make_the_collection_at_once(self, index: VecIndex) -> None:
        at_once(index, lambda each: each.ensure(dimension=3, model="test-model"))

    def test_dense_and_text_search_may_run_at_once_with_writing(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [a_row("m", X, text="tea")])

        def work(each: VecIndex) -> None:
            own = uuid4().hex
            for number in range(10):
                each.upsert(tenant, [a_row(f"{own}-{number}", Y, text="coffee")])
                assert names(dense(each, tenant, limit=1)) == names(text(each, tenant, "tea")) == ["m"]

        at_once(index, work)
        assert len(index.list_ids(tenant, CUBE)) == 41

    def test_ping_names_the_server(self, index: VecIndex) -> None:
        assert index.ping()

    def test_writing_nothing_is_nothing(self, index: VecIndex, tenant: TenantId) -> None:
        index.upsert(tenant, [])
        assert index.list_ids(tenant, CUBE) == []


class TestDrop:
    @pytest.fixture(params=KINDS)
    def own(self, request: pytest.FixtureRequest) -> Iterator[VecIndex]:
        made = build_index(settings_for(request))
        yield made
        made.close()

    def test_rows_of_all_tenants_go_and_another_model_may_follow(
        self, own: VecIndex, tenant: TenantId, other: TenantId
    ) -> None:
        own.ensure(dimension=3, model="m")
        for owner in (tenant, other):
            own.upsert(owner, [a_row("m", text="tea")])
        own.drop()
        own.ensure(dimension=2, model="another-model")
        for owner in (tenant, other):
            assert own.list_ids(owner, CUBE) == text(own, owner, "tea") == []
        own.upsert(tenant, [a_row("n", (1.0, 0.0), text="tea")])
        assert names(text(own, tenant, "tea")) == names(dense(own, tenant, (1.0, 0.0))) == ["n"]

    def test_what_is_not_there_is_dropped_without_complaint(self, own: VecIndex, tenant: TenantId) -> None:
        own.drop()
        own.ensure(dimension=3, model="m")
        own.drop()
        own.drop()
        with pytest.raises(Unavailable, match="ensure"):
            own.list_ids(tenant, CUBE)

    def test_several_may_drop_at_once(self, own: VecIndex) -> None:
        own.ensure(dimension=3, model="m")
        at_once(own, lambda each: each.drop())


@pytest.mark.servers
class TestDropOnAServer:
    @pytest.fixture
    def own(self, settings: Settings) -> Settings:
        return own_collection(settings)

    def test_an_index_of_an_older_version_is_dropped(self, own: Settings) -> None:
        from pymilvus import MilvusClient

        client = MilvusClient(own.milvus_url or "", dedicated=True)
        stamp = json.dumps({"dimension": 3, "model": "m", "schema": 1}, sort_keys=True)
        client.create_collection(own.milvus_collection, dimension=3, properties={"memos": stamp}, description=stamp)
        index = build_index(own)
        with pytest.raises(InvalidConfig, match=r"schema 1\).*memos index rebuild"):
            index.ensure(dimension=3, model="m")
        index.drop()
        index.ensure(dimension=3, model="m")
        index.close()
        client.close()

    def test_what_memos_did_not_make_stays(self, own: Settings) -> None:
        from pymilvus import MilvusClient

        client = MilvusClient(own.milvus_url or "", dedicated=True)
        client.create_collection(own.milvus_collection, dimension=3)
        index = build_index(own)
        with pytest.raises(InvalidConfig, match="not made by memos"):
            index.drop()
        assert client.has_collection(own.milvus_collection)
        index.close()
        client.close()

    def test_records_are_not_dropped_as_an_index(self, own: Settings, tenant: TenantId) -> None:
        records = build_record_index(own)
        records.ensure(dimension=3, model="m")
        records.upsert(tenant, [a_row("m", record="r")])
        clash = build_index(own.model_copy(update={"milvus_collection": f"{own.milvus_collection}_records"}))
        with pytest.raises(InvalidConfig, match="holds something else"):
            clash.drop()
        assert [each.record for each in records.list_records(tenant, CUBE)] == ["r"]
        records.drop()
        records.ensure(dimension=3, model="another-model")
        assert list(records.list_records(tenant, CUBE)) == []
        for each in (clash, records):
            each.close()

    def test_who_was_connected_before_goes_on_with_the_new_one(self, own: Settings, tenant: TenantId) -> None:
        worker, operator = build_index(own), build_index(own)
        worker.ensure(dimension=3, model="m")
        worker.upsert(tenant, [a_row("m", text="tea")])
        operator.drop()
        with pytest.raises(Unavailable):
            worker.upsert(tenant, [a_row("m", text="tea")])
        operator.ensure(dimension=3, model="m")
        worker.upsert(tenant, [a_row("n", text="tea")])
        assert names(text(worker, tenant, "tea")) == names(dense(operator, tenant)) == ["n"]
        for each in (worker, operator):
            each.close()


class TestRecordIndex:
    def test_a_record_comes_back_as_it_was_written(self, records: RecordIndex, tenant: TenantId) -> None:
        written = '{"memory": "Zoë \U0001f408 said \\"hi\\"\\n", "nul": "\\u0000"}'
        records.upsert(tenant, [a_row("m", record=written), a_row("empty")])
        found = records.find_records(tenant, CUBE, ids("m", "absent", "m", "empty"))
        assert {name: stored.record for name, stored in found.items()} == {"m": written, "empty": ""}
        assert found[MemoryId("m")].memory_id == "m"
        assert records.find_records(tenant, CUBE, []) == {}

    def test_vectors_come_only_when_asked_for_and_bit_by_bit(self, records: RecordIndex, tenant: TenantId) -> None:
        third = (0.33333334, 0.66666669, 0.66666663)
        records.upsert(tenant, [a_row("m", third)])
        [listed] = records.list_records(tenant, CUBE, vectors=True)
        found = records.find_records(tenant, CUBE, ids("m"), vectors=True)[MemoryId("m")]
        assert [float32(value) for value in third] == list(listed.vector) == list(found.vector)
        assert records.find_records(tenant, CUBE, ids("m"))[MemoryId("m")].vector == ()
        assert [each.vector for each in records.list_records(tenant, CUBE)] == [()]

    def test_a_record_is_replaced_with_its_row(self, records: RecordIndex, tenant: TenantId) -> None:
        records.upsert(tenant, [a_row("m", record="old", text="old words")])
        records.flush()
        records.upsert(tenant, [a_row("m", record="new", text="new words")])
        assert [each.record for each in records.list_records(tenant, CUBE)] == ["new"]
        assert records.find_records(tenant, CUBE, ids("m"))[MemoryId("m")].record == "new"
        assert names(text(records, tenant, "old")) == []

    def test_archived_records_are_read_but_not_found(self, records: RecordIndex, tenant: TenantId) -> None:
        row = a_row("m", text="tea", record="r")
        records.upsert(tenant, [replace(row, memory=replace(row.memory, status=MemoryStatus.ARCHIVED))])
        assert dense(records, tenant) == text(records, tenant, "tea") == []
        assert [each.record for each in records.list_records(tenant, CUBE)] == ["r"]
        assert list(records.find_records(tenant, CUBE, ids("m"))) == ["m"]

    def test_both_searches_find_whole_memories(self, records: RecordIndex, tenant: TenantId) -> None:
        working = replace(a_row("w", Y).memory, memory_type=MemoryType.WORKING, text="tea")
        records.upsert(tenant, [a_row("m", text="tea"), IndexRow(memory=working, vector=Y, record="r")])
        only_working = IndexFilter(cubes=(CUBE,), memory_types=(MemoryType.WORKING,))
        assert names(dense(records, tenant, Y)) == ["w", "m"]
        assert names(dense(records, tenant, X, only_working)) == names(text(records, tenant, "tea", only_working))
        assert names(text(records, tenant, "tea", only_working)) == ["w"]

    def test_no_reading_reaches_another_tenants_or_cubes_records(
        self, records: RecordIndex, tenant: TenantId, other: TenantId
    ) -> None:
        second = CubeId("cube 2")
        records.upsert(tenant, [a_row("m", record="mine"), a_row("m", record="of cube 2", cube=second)])
        records.upsert(other, [a_row("m", record="theirs"), a_row("n", record="theirs")])
        for owner, cube, record in ((tenant, CUBE, "mine"), (tenant, second, "of cube 2")):
            assert [each.record for each in records.list_records(owner, cube)] == [record]
            found = records.find_records(owner, cube, ids("m", "n"))
            assert {name: each.record for name, each in found.items()} == {"m": record}
        records.delete(other, CUBE, ids("m", "n"))
        records.delete_cube(tenant, second)
        assert [each.record for each in records.list_records(tenant, CUBE)] == ["mine"]
        assert list(records.list_records(other, CUBE)) == list(records.list_records(tenant, second)) == []

    def test_ids_full_of_filter_syntax_read_only_themselves(self, records: RecordIndex, tenant: TenantId) -> None:
        records.upsert(tenant, [a_row("plain", record="r")])
        assert records.find_records(tenant, CUBE, ids('"] or pk != "', "x' or '1' == '1")) == {}
        assert list(records.list_records(tenant, CubeId('c"] or tenant_key != "'))) == []

    def test_a_record_at_the_limit_fits_and_one_beyond_is_refused(self, records: RecordIndex, tenant: TenantId) -> None:
        longest = "ü" * (MAX_RECORD_BYTES // 2)
        with pytest.raises(InvalidRequest, match=r"65,536 bytes .* 65,535"):
            records.upsert(tenant, [a_row("m", record="fits"), a_row("n", record=longest + "ab")])
        assert list(records.list_records(tenant, CUBE)) == []
        records.upsert(tenant, [a_row("m", record=longest + "a")])
        assert [each.record for each in records.list_records(tenant, CUBE)] == [longest + "a"]

    def test_large_cubes_are_read_in_pages(self, records: RecordIndex, tenant: TenantId) -> None:
        wanted = {f"m{number}": f"record {number}" for number in range(1300)}
        records.upsert(tenant, [a_row(name, text="", record=record) for name, record in wanted.items()])
        listed = list(records.list_records(tenant, CUBE))
        assert len(listed) == len(wanted)
        assert {each.memory_id: each.record for each in listed} == wanted
        found = records.find_records(tenant, CUBE, ids(*wanted))
        assert {name: each.record for name, each in found.items()} == wanted

    def test_another_model_is_refused_with_both_names(self, records: RecordIndex) -> None:
        with pytest.raises(InvalidConfig, match="another-model"):
            records.ensure(dimension=3, model="another-model")


@pytest.mark.servers
def test_records_lie_beside_the_index_and_neither_meets_the_other(settings: Settings, tenant: TenantId) -> None:
    shared = own_collection(settings)
    index, records = build_index(shared), build_record_index(shared)
    for each in (index, records):
        each.ensure(dimension=3, model="m")
    records.upsert(tenant, [a_row("m", record="r")])
    assert dense(index, tenant) == []
    assert names(dense(records, tenant)) == ["m"]
    index.close()
    records.close()
    clash = build_index(shared.model_copy(update={"milvus_collection": f"{shared.milvus_collection}_records"}))
    with pytest.raises(InvalidConfig, match="records 1"):
        clash.ensure(dimension=3, model="m")
    clash.close()


@pytest.mark.servers
def test_records_outlive_the_object_that_wrote_them(settings: Settings, tenant: TenantId) -> None:
    shared = own_collection(settings)
    for attempt in range(2):
        records = build_record_index(shared)
        records.ensure(dimension=3, model="m")
        if attempt == 0:
            records.upsert(tenant, [a_row("m", record="r")])
        assert [each.record for each in records.list_records(tenant, CUBE)] == ["r"]
        records.close()


def ids(*names: str) -> list[MemoryId]:
    return [MemoryId(name) for name in names]


def float32(value: float) -> float:
    return float(np.float32(value))


@pytest.mark.servers
def test_fresh_rows_are_flushed_behind_when_there_are_enough(settings: Settings, tenant: TenantId) -> None:
    own = own_collection(settings)
    server = {"url": own.milvus_url, "collection": own.milvus_collection, "flush_after_rows": 10}
    config = VectorDBConfigFactory.model_validate({"backend": "milvus", "config": server})
    index = VecDBFactory.from_config(config)
    index.ensure(dimension=3, model="m")

    def sealed() -> list[Path]:
        return [path for path in own.data_dir.rglob("data_*.parquet") if own.milvus_collection in path.parts]

    index.upsert(tenant, [a_row(f"m{number}") for number in range(9)])
    index.close()
    assert sealed() == []
    index.upsert(tenant, [a_row("m9")])
    index.close()
    assert len(sealed()) == 1
    assert len(dense(index, tenant)) == 10
    index.close()


def test_the_twin_too_must_be_made_before_it_is_used(tenant: TenantId) -> None:
    with pytest.raises(Unavailable, match="ensure"):
        build_index(Settings(milvus_url="memory://")).upsert(tenant, [a_row("m")])


@pytest.mark.servers
def test_processes_that_start_together_make_one_collection(settings: Settings, tenant: TenantId) -> None:
    shared = own_collection(settings)
    indexes = [build_index(shared) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for started in [pool.submit(each.ensure, dimension=3, model="m") for each in indexes]:
            started.result()
    indexes[0].upsert(tenant, [a_row("m", text="tea")])
    assert [names(dense(each, tenant)) for each in indexes] == [["m"]] * 4
    for each in indexes:
        each.close()


@pytest.mark.servers
def test_a_collection_made_by_somebody_else_is_refused(settings: Settings) -> None:
    from pymilvus import MilvusClient

    foreign = own_collection(settings)
    client = MilvusClient(foreign.milvus_url or "", dedicated=True)
    client.create_collection(foreign.milvus_collection, dimension=3)
    index = build_index(foreign)
    with pytest.raises(InvalidConfig, match="not made by memos"):
        index.ensure(dimension=3, model="m")
    index.close()
    client.close()


@pytest.mark.servers
def test_rows_written_by_one_process_are_found_by_another(settings: Settings, tenant: TenantId) -> None:
    shared = own_collection(settings)
    writer, reader = build_index(shared), build_index(shared)
    for each in (writer, reader):
        each.ensure(dimension=3, model="m")
    writer.upsert(tenant, [a_row("m", text="tea")])
    assert names(text(reader, tenant, "tea")) == ["m"]
    for each in (writer, reader):
        each.close()


def at_once(index: VecIndex, work: Callable[[VecIndex], object], *, threads: int = 4) -> None:
    """Run ``work`` in several threads that start together; re-raises what any of them raised."""
    ready = threading.Barrier(threads)

    def run() -> None:
        ready.wait()
        work(index)

    with ThreadPoolExecutor(threads) as pool:
        for outcome in [pool.submit(run) for _ in range(threads)]:
            outcome.result()
