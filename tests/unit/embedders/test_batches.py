"""Grouping texts by length."""

from hypothesis import given
from hypothesis import strategies as st

from memos.embedders.batches import build_batches


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 1000))
def test_every_position_comes_once_and_no_group_is_too_wide(lengths: list[int], padded_tokens: int) -> None:
    groups = list(build_batches(lengths, padded_tokens=padded_tokens))
    assert sorted(position for group in groups for position in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[position] for position in group)
        assert len(group) == 1 or longest * len(group) <= padded_tokens


def test_texts_of_one_length_share_a_group() -> None:
    assert list(build_batches([5, 9, 5, 9], padded_tokens=18)) == [[1, 3], [0, 2]]
