"""How rows and filters are made: nothing that a caller wrote may get into an expression."""

import re

from hypothesis import given
from hypothesis import strategies as st

from memos.ids import CubeId, MemoryId, SessionId, TenantId, UserId
from memos.types import Memory, MemoryType
from memos.vec_dbs.base import IndexFilter, IndexRow
from memos.vec_dbs.rows import (
    MAX_WORDS_BYTES,
    PARTITIONS,
    build_row,
    digest,
    partition_names,
    partition_of,
    search_expression,
    searchable,
)

A_KEY = '"[0-9a-f]{32}"'
EXPRESSION = re.compile(
    rf'tenant_key == {A_KEY} and cube_key in \[{A_KEY}(, {A_KEY})*\] and status == "activated"'
    r' and memory_type in \["[A-Za-z]+"(, "[A-Za-z]+")*\]'
)


@given(st.text(), st.lists(st.text(), min_size=1, max_size=3))
def test_an_expression_has_one_shape_whatever_the_ids_are(tenant: str, cubes: list[str]) -> None:
    where = IndexFilter(cubes=tuple(CubeId(cube) for cube in cubes), memory_types=tuple(MemoryType))
    assert EXPRESSION.fullmatch(search_expression(TenantId(tenant), where))


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
