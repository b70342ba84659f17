"""What must change in an index for it to be that of its graph."""

from hypothesis import given
from hypothesis import strategies as st

from memos.ids import MemoryId
from memos.memories.textual.difference import compare

IDS = st.lists(st.sampled_from([MemoryId(name) for name in "abcdef"]))


@given(IDS, IDS)
def test_adding_what_is_missing_and_removing_what_is_surplus_makes_them_equal(
    memories: list[MemoryId], rows: list[MemoryId]
) -> None:
    found = compare(memories, rows)
    assert (set(rows) | set(found.missing)) - set(found.surplus) == set(memories)
    assert set(found.missing).isdisjoint(rows)
    assert set(found.surplus) <= set(rows)
    assert found.memories == len(set(memories))
    assert bool(found) == (set(memories) != set(rows))


def test_each_is_named_once_and_in_order() -> None:
    found = compare(map(MemoryId, "zxa"), map(MemoryId, "yyax"))
    assert (found.missing, found.surplus) == (("z",), ("y",))
