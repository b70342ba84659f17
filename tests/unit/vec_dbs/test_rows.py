"""How rows and filters are made: nothing that a caller wrote may get into an expression."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId, SessionId, TenantId, UserId
from memos.types import Memory, MemoryType
from memos.vec_dbs.base import Facet, IndexFilter, IndexRow, Moment, Period
from memos.vec_dbs.rows import (
    MAX_WORDS_BYTES,
    PARTITIONS,
    build_chunks,
    build_record_row,
    build_row,
    check_record,
    digest,
    partition_names,
    partition_of,
    record_expression,
    search_expression,
    searchable,
)

A_KEY = '"[0-9a-f]{32}"'
EXPRESSION = re.compile(
    rf'tenant_key == {A_KEY} and cube_key in \[{A_KEY}(, {A_KEY})*\] and status == "activated"'
    r' and memory_type in \["[A-Za-z]+"(, "[A-Za-z]+")*\]'
)


RECORDS = re.compile(rf"tenant_key == {A_KEY} and cube_key in \[{A_KEY}\] and pk in \[({A_KEY}(, {A_KEY})*)?\]")


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_an_expression_for_records_has_one_shape_whatever_the_ids_are(tenant: str, cube: str, names: list[str]) -> None:
    expression = record_expression(TenantId(tenant), CubeId(cube), [MemoryId(name) for name in names])
    assert RECORDS.fullmatch(expression)


@given(st.text(), st.lists(st.text(), min_size=1, max_size=3))
def test_an_expression_has_one_shape_whatever_the_ids_are(tenant: str, cubes: list[str]) -> None:
    where = IndexFilter(cubes=tuple(CubeId(cube) for cube in cubes), memory_types=tuple(MemoryType))
    assert EXPRESSION.fullmatch(search_expression(TenantId(tenant), where))


NUMBERS = r"-?\d+"
NARROWED = re.compile(
    rf'tenant_key == {A_KEY} and cube_key in \[{A_KEY}\] and status == "activated"'
    rf" and said_at_ms >= {NUMBERS} and expires_ms >= {NUMBERS} and expires_ms < {NUMBERS}"
    rf" and array_contains_any\(facets, \[{A_KEY}(, {A_KEY})*\]\)"
)


@given(st.text(), st.text(), st.lists(st.text(), max_size=3), st.integers())
def test_times_and_facets_have_one_shape_whatever_they_are(tenant: str, cube: str, words: list[str], at: int) -> None:
    where = IndexFilter(
        cubes=(CubeId(cube),),
        periods=(
            Period(moment=Moment.SAID, first_ms=at),
            Period(moment=Moment.EXPIRES, first_ms=at, end_ms=at),
            Period(moment=Moment.UNTIL),
        ),
        facets=(tuple(Facet(field="key", value=word) for word in words),),
    )
    assert NARROWED.fullmatch(search_expression(TenantId(tenant), where))


def test_a_bound_that_is_no_number_is_no_expression() -> None:
    nasty: Any = "0 or 1 == 1"
    with pytest.raises(ValueError, match="format code"):
        search_expression(TenantId("t"), IndexFilter(cubes=(), periods=(Period(moment=Moment.SAID, first_ms=nasty),)))


def test_a_digest_depends_on_where_one_id_ends_and_the_next_begins() -> None:
    assert digest(TenantId("a"), "bc") != digest(TenantId("ab"), "c")


def test_tenants_spread_over_all_partitions() -> None:
    used = {partition_of(TenantId(f"tenant {number}")) for number in range(1000)}
    assert used == set(partition_names())
    assert len(used) == PARTITIONS


@given(st.text())
def test_the_words_of_any_text_fit_the_field(text: str) -> None:
    assert len(searchable(text * 50).encode()) <= MAX_WORDS_BYTES


def test_a_text_too_long_for_the_field_is_cut_between_words() -> None:
    words = searchable(" ".join(f"größe{number}" for number in range(20_000)))
    assert MAX_WORDS_BYTES - 20 < len(words.encode()) <= MAX_WORDS_BYTES
    assert words.split() == [f"grosse{number}" for number in range(len(words.split()))]


def test_a_row_names_its_memory_and_keys_of_it() -> None:
    memory = Memory(id=MemoryId("m"), cube=CubeId("c"), user=UserId("u"), session=SessionId("s"), text="Green tea")
    row = build_row(TenantId("t"), IndexRow(memory=memory, vector=(1.0, 0.0)))
    assert row["pk"] == digest(TenantId("t"), "c", "m")
    assert (row["cube"], row["memory_id"], row["words"], row["dense"]) == ("c", "m", "green tea", [1.0, 0.0])


def a_record(record: str) -> IndexRow:
    memory = Memory(id=MemoryId("m"), cube=CubeId("c"), user=UserId("u"), session=SessionId("s"), text="Green tea")
    return IndexRow(memory=memory, vector=(1.0, 0.0), record=record)


def test_a_row_of_records_holds_the_record_and_is_found_by_the_same_keys() -> None:
    row, plain = (build(TenantId("t"), a_record("{}")) for build in (build_record_row, build_row))
    assert row["record"] == "{}"
    assert all(row[name] == plain[name] for name in ("pk", "tenant_key", "cube_key", "words", "dense", "status"))


def test_a_record_is_measured_in_bytes() -> None:
    check_record(a_record("ü" * 5), limit_bytes=10)
    with pytest.raises(InvalidRequest, match=r"'m' takes 12 bytes .* at most 10"):
        check_record(a_record("ü" * 6), limit_bytes=10)


@given(st.lists(st.text(max_size=5)), st.integers(1, 4), st.integers(1, 12))
def test_chunks_keep_the_order_and_both_limits(records: list[str], max_rows: int, max_chars: int) -> None:
    rows = [{"words": "", "record": record} for record in records]
    chunks = list(build_chunks(rows, max_rows=max_rows, max_chars=max_chars))
    assert [row for chunk in chunks for row in chunk] == rows
    for chunk in chunks:
        assert 1 <= len(chunk) <= max_rows
        assert len(chunk) == 1 or sum(len(row["record"]) for row in chunk) <= max_chars


def test_a_chunk_is_filled_before_the_next_is_begun() -> None:
    rows = [{"words": "ab"} for _ in range(5)]
    sizes = [[len(chunk) for chunk in build_chunks(rows, max_rows=rows_, max_chars=chars)] for rows_, chars in LIMITS]
    assert sizes == [[2, 2, 1], [2, 2, 1], [5]]


LIMITS = [(2, 100), (9, 5), (9, 10)]
