"""How values become properties and back."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from memos.graph_dbs.rows import cube_range, decay_row, memory_row, order_key, read_memory, update_properties
from memos.ids import CubeId, MemoryId, MessageId, SessionId, TenantId, UserId, storage_key
from memos.types import Category, Memory, MemoryStatus, MemoryType

TENANT = TenantId("t")
TEXT = st.text(max_size=20)
AN_ID = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["C"]), min_size=1, max_size=9)

MEMORIES = st.builds(
    Memory,
    id=AN_ID.map(MemoryId),
    cube=AN_ID.map(CubeId),
    user=AN_ID.map(UserId),
    session=AN_ID.map(SessionId),
    text=TEXT,
    memory_type=st.sampled_from(MemoryType),
    category=st.sampled_from(Category),
    status=st.sampled_from(MemoryStatus),
    key=TEXT,
    entities=st.lists(TEXT).map(tuple),
    tags=st.lists(TEXT).map(tuple),
    confidence=st.floats(0, 1),
    importance=st.floats(0, 1),
    importance_at_ms=st.integers(0, 10**14),
    valid_at_ms=st.none() | st.integers(0, 2**62),
    invalid_at_ms=st.none() | st.integers(0, 2**62),
    created_at_ms=st.integers(0, 10**14),
    source_ids=st.lists(AN_ID.map(MessageId)).map(tuple),
)


@given(MEMORIES)
def test_a_memory_survives_the_way_through_its_properties(memory: Memory) -> None:
    properties = memory_row(TENANT, memory)["properties"]
    stored = {name: value for name, value in properties.items() if value is not None}  # as a graph keeps them
    assert read_memory(stored) == memory


@given(MEMORIES)
def test_a_node_from_before_importance_reads_as_the_default(memory: Memory) -> None:
    properties = memory_row(TENANT, memory)["properties"]
    del properties["importance"], properties["importance_at_ms"]
    assert read_memory(properties) == replace(memory, importance=0.5, importance_at_ms=0)


@given(MEMORIES, st.sampled_from(MemoryStatus))
def test_a_row_of_decay_expects_the_time_that_was_read(memory: Memory, status: MemoryStatus) -> None:
    row = decay_row(TENANT, memory, replace(memory, importance=0.1, importance_at_ms=7, status=status))
    assert (row["expected_at_ms"], row["importance"]) == (memory.importance_at_ms, 0.1)
    assert row["archive"] is (status is MemoryStatus.ARCHIVED)
    assert row["key"] == storage_key(TENANT, memory.cube, memory.id)


@given(MEMORIES, MEMORIES)
def test_order_keys_sort_by_creation_then_id_and_stay_in_their_cube(one: Memory, two: Memory) -> None:
    above, below = cube_range(TENANT, one.cube)
    assert above < order_key(TENANT, one) < below
    inside = above < order_key(TENANT, two) < below
    assert inside == (one.cube == two.cube)
    if inside:
        by_key = order_key(TENANT, one) < order_key(TENANT, two)
        assert by_key == ((one.created_at_ms, one.id) < (two.created_at_ms, two.id))


@given(AN_ID, AN_ID, AN_ID)
def test_all_keys_of_a_cube_and_no_others_lie_in_its_range(cube: str, other: str, name: str) -> None:
    above, below = cube_range(TENANT, cube)
    assert above < storage_key(TENANT, cube, name) < below
    assert (above < storage_key(TENANT, other, name) < below) == (cube == other)


@given(MEMORIES)
def test_an_update_never_touches_where_a_memory_came_from(memory: Memory) -> None:
    changed = update_properties(TENANT, memory)
    assert not changed.keys() & {"id", "cube", "tenant", "key", "order_key", "user", "session", "version"}
    assert not changed.keys() & {"created_at_ms", "source_ids", "indexed_version"}
    assert changed["lagging_cube"] == storage_key(TENANT, memory.cube)
